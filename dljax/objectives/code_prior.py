"""A prior over the codes of an autoencoder: learned, scored, drawn from (U5.1).

The net has two fields: `autoencoder`, with a codebook of K codes, and `prior`, a net
that predicts the next token. The tokens of an image are its codes in raster order,
after one that they begin with: K, or, on condition of a class, K + class.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.decoding import sample
from dljax.losses import cross_entropy
from dljax.losses.meaning import nan_beyond
from dljax.objectives import wanted
from dljax.training import declared
from dljax.types import Array, Batch, Key, Loss, Metrics, Score

NAT = 1 / math.log(2.0)  # in bits


def predict_codes(feature: str = 'image', condition: str | None = None) -> Loss:
    """Learn the prior: the mean cross-entropy of the next code of an image.

    The autoencoder is called in evaluation mode and its codes are integers, so that
    nothing of it moves, whatever the player trains. The prior is called in train mode.

    Args:
        feature: name of the images in the batch.
        condition: name of the class that the codes depend on; None for none.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'bits_per_code'.

    Reference:
        Oord et al. (2017), Neural Discrete Representation Learning, section 3.3,
        https://arxiv.org/abs/1711.00937; with another prior, a PixelCNN.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        nats = _nats(net, batch, feature, condition, train=True)
        loss = nats.mean()
        return loss, {'bits_per_code': loss * NAT}

    return declared(objective, _check(feature, condition))


def score_codes(feature: str = 'image', condition: str | None = None) -> Score:
    """Score the prior by what codes cost under it.

    An arithmetic coder that is told the prior's probabilities comes within two bits of
    the bits of a whole image.

    Args:
        feature: name of the images in the batch.
        condition: name of the class that the codes depend on; None for none.

    Returns:
        `(net, batch, step) -> scores` in evaluation mode, each [batch]: 'bits' of an
        image, and 'bits_per_code'.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        nats = _nats(net, batch, feature, condition, train=False)
        return {
            'bits': nats.sum(axis=1) * NAT,
            'bits_per_code': nats.mean(axis=1) * NAT,
        }

    return declared(score, _check(feature, condition))


def draw_codes(
    net: nn.Module,
    key: Key,
    shape: tuple[int, int, int],
    label: Array | None = None,
    *,
    temperature: float = 1.0,
) -> Array:
    """Draw maps of codes from the prior.

    Args:
        net: bound, with `autoencoder` and `prior`.
        key: of the draws.
        shape: (images, rows, columns) of the maps.
        label: [images] integers, for a prior that was learned on a condition.
        temperature: at least 0; below 1 likely codes become likelier.

    Returns:
        [images, rows, columns] int32 in [0, K), for the autoencoder's `images`.
    """
    count, rows, columns = shape
    codes = net.autoencoder.quantiser.codes
    prompt = _first(codes, label, count)
    made = sample(
        net.prior,
        key,
        prompt,
        steps=rows * columns,
        temperature=temperature,
        symbols=codes,  # not those that an image begins with
    )
    return made.tokens.reshape(count, rows, columns)


def surprise_of_codes(
    net: nn.Module, maps: Array, label: Array | None = None, *, train: bool = False
) -> Array:
    """Compute what each code costs under the prior, given those before it.

    Args:
        net: bound, with `autoencoder` and `prior`.
        maps: [images, rows, columns] integers in [0, K).
        label: [images] integers, for a prior on a condition.
        train: whether the prior is called in train mode.

    Returns:
        [images, rows · columns] float32 in nats.
    """
    flat = jax.lax.stop_gradient(maps.reshape(len(maps), -1))
    first = _first(net.autoencoder.quantiser.codes, label, len(flat))
    tokens = jnp.concatenate([first, flat[:, :-1]], axis=1)
    logits = net.prior(tokens, train=train)
    symbols = logits.shape[-1]
    nats = cross_entropy(logits.reshape(-1, symbols), flat.reshape(-1))
    known = nan_beyond(tokens, symbols).min(axis=1, keepdims=True)
    return nats.reshape(flat.shape) * known


def _nats(
    net: nn.Module, batch: Batch, feature: str, condition: str | None, *, train: bool
) -> Array:
    label = None if condition is None else batch[condition]
    maps = net.autoencoder.encode(batch[feature])
    return surprise_of_codes(net, maps, label, train=train)


def _first(codes: int, label: Array | None, count: int) -> Array:
    """Give the token that the codes of each image begin with, [count, 1] int32."""
    label = jnp.zeros(count, jnp.int32) if label is None else label
    return (codes + label.astype(jnp.int32))[:, None]


def _check(feature: str, condition: str | None) -> Any:
    """Check the images, and that the prior has a token for each code and class."""

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.take(arrays, feature)
        wanted.finite(arrays, feature)
        codes = net.autoencoder.quantiser.codes
        classes = net.prior.vocabulary - codes
        if classes < 1:
            raise ValueError(
                f'the prior has a vocabulary of {net.prior.vocabulary}, wanted more '
                f'than the {codes} codes: one token, or one for each class, that the '
                'codes begin with'
            )
        if condition is not None:
            wanted.classes(arrays, condition, classes, shape=())

    return check
