"""Learning to fill gaps in sequences of tokens, and scoring it (U3.9)."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.losses.meaning import nan_beyond
from dljax.metrics import accuracy
from dljax.objectives import wanted
from dljax.objectives.steps import per_step, within_length
from dljax.training import declared
from dljax.types import Array, Batch, Key, Loss, Metrics, Score


def hide(
    key: Key,
    tokens: Array,
    where: Array,
    vocabulary: int,
    *,
    mask: int,
    fraction: float = 0.15,
) -> tuple[Array, Array]:
    """Choose places, and hide most of what stands there.

    Each place is chosen with the same probability, at least one of a sequence. Of those
    80 % get the mask, 10 % a token by chance and 10 % keep theirs, so that the net
    cannot tell which tokens to trust.

    Args:
        key: of the draws.
        tokens: [batch, time] int32.
        where: [batch, time] bool, places that may be chosen.
        vocabulary: the number of tokens, of which the others are drawn.
        mask: the token that hides.
        fraction: the probability of a place to be chosen, in (0, 1].

    Returns:
        What is left to see, [batch, time] int32, and the places chosen, [batch, time]
        bool.

    Reference:
        Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for
        Language Understanding, https://arxiv.org/abs/1810.04805; its appendix A.1.

    Example:
        >>> tokens, true = jnp.full((1, 4), 7), jnp.array([[True, True, True, False]])
        >>> key = jax.random.key(0)
        >>> seen, chosen = hide(key, tokens, true, 9, mask=2, fraction=1.0)
        >>> print(chosen.astype(int), seen[0, 3])
        [[1 1 1 0]] 7
    """
    choose, fate, other = jax.random.split(key, 3)
    lot = jnp.where(where, jax.random.uniform(choose, tokens.shape), jnp.inf)
    chosen = where & ((lot < fraction) | (lot == lot.min(axis=1, keepdims=True)))
    drawn = jax.random.uniform(fate, tokens.shape)
    others = jax.random.randint(other, tokens.shape, 0, vocabulary, tokens.dtype)
    hidden = jnp.where(drawn < 0.8, jnp.asarray(mask, tokens.dtype), others)
    return jnp.where(chosen & (drawn < 0.9), hidden, tokens), chosen


def predict_masked(
    mask: int, *, fraction: float = 0.15, specials: tuple[int, ...] = (0,)
) -> Loss:
    """Loss of a net that fills gaps: cross-entropy of the tokens that were chosen.

    The batch holds 'tokens' [batch, time] and 'length' [batch]. The net offers
    `fill(tokens, length, train=True) -> [batch, time, vocabulary]` logits. Places are
    chosen anew in each step, see `hide`, from the stream 'mask'. The loss is a mean
    over the examples of the mean over an example's chosen places. The second task of
    the paper, whether two sentences follow each other, is left out.

    Args:
        mask: the token that hides.
        fraction: of the places that is chosen, in (0, 1].
        specials: tokens that are never chosen, such as padding and separators.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'accuracy', the fraction
        of an example's chosen tokens that are likeliest.

    Raises:
        ValueError: for a fraction out of range.

    Reference:
        Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for
        Language Understanding, https://arxiv.org/abs/1810.04805
    """
    _check_fraction(fraction)

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        logits, chosen = _filled(
            net, batch, net.make_rng('mask'), mask, fraction, specials, train=True
        )
        loss, right = _judged(logits, batch['tokens'], chosen)
        return loss.mean(), {'accuracy': right.mean()}

    return declared(objective, _checked(mask))


def score_masked(
    mask: int,
    *,
    fraction: float = 0.15,
    specials: tuple[int, ...] = (0,),
    seed: int = 0,
) -> Score:
    """Scores of a net that fills gaps, on places that are the same each time.

    The batch is that of `predict_masked`.

    Args:
        mask: as for `predict_masked`.
        fraction: as for `predict_masked`.
        specials: as for `predict_masked`.
        seed: of the draw of the places, which is one for all batches of a shape.

    Returns:
        `(net, batch, step) -> scores` of [batch] in evaluation mode: 'loss' in nats a
        chosen token, and 'accuracy', the fraction of these that are likeliest.

    Raises:
        ValueError: for a fraction out of range.
    """
    _check_fraction(fraction)

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        logits, chosen = _filled(
            net, batch, jax.random.key(seed), mask, fraction, specials, train=False
        )
        loss, right = _judged(logits, batch['tokens'], chosen)
        return {'loss': loss, 'accuracy': right}

    return declared(score, _checked(mask))


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise ValueError(f'fraction is {fraction}, wanted a number in (0, 1]')


def _filled(
    net: nn.Module,
    batch: Batch,
    key: Key,
    mask: int,
    fraction: float,
    specials: tuple[int, ...],
    train: bool,
) -> tuple[Array, Array]:
    """Hide some tokens, and let the net tell which they were."""
    tokens, length = batch['tokens'], batch['length']
    where = within_length(length, tokens.shape[1])
    for special in specials:
        where = where & (tokens != special)
    seen, chosen = hide(
        key, tokens, where, net.vocabulary, mask=mask, fraction=fraction
    )
    return net.fill(seen, length, train=train), chosen


def _judged(logits: Array, tokens: Array, chosen: Array) -> tuple[Array, Array]:
    read = nan_beyond(tokens, logits.shape[-1]).min(axis=1)
    loss = per_step(logits, tokens, chosen) * read
    return loss, accuracy(logits, tokens, where=chosen) * read


def _checked(mask: int) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        if not 0 <= mask < net.vocabulary:
            raise ValueError(
                f'mask is {mask}, wanted a token in [0, {net.vocabulary}) of the net'
            )
        wanted.take(arrays, 'tokens', 'length')
        wanted.lengths(arrays, 'length', 'tokens')
        wanted.classes(arrays, 'tokens', net.vocabulary, shape=(None,), what='token')

    return check
