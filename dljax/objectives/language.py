"""Learning to predict text, and scoring it."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.losses import cross_entropy
from dljax.losses.meaning import nan_beyond
from dljax.objectives import wanted
from dljax.objectives.outputs import shape_of
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Score

NAT = 1 / math.log(2.0)  # in bits


def predict_next(parts: int = 1) -> Loss:
    """Loss of a model of text: the mean cross-entropy of the next character, in nats.

    The net is called in train mode, and keeps its carry where it is stateful. Parts are
    read one after the other within the same loss: from part to part a stateful net
    hands on its carry but no gradient, another one nothing at all. So the gradient is
    truncated to a part, whatever the length of the window (U3.4).

    Args:
        parts: into how many equal pieces the window is cut; 1 leaves it whole.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'bits_per_character'.
        The batch has 'tokens' and 'target', [batch, time] int32 each.

    Raises:
        ValueError: for fewer than one part, or a window that does not divide.

    Reference:
        Williams, Peng (1990), An Efficient Gradient-Based Algorithm for On-Line
        Training of Recurrent Network Trajectories,
        https://doi.org/10.1162/neco.1990.2.4.490
    """
    if parts < 1:
        raise ValueError(f'parts={parts}, wanted 1 or more')

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        pieces = _pieces(batch['tokens'], parts), _pieces(batch['target'], parts)

        def one(net: nn.Module, _: None, piece: tuple[Array, Array]) -> tuple:
            tokens, target = piece
            logits = net(tokens, train=True)
            read = nan_beyond(tokens, logits.shape[-1]).min(axis=1)
            return None, (cross_entropy(logits, target) * read).mean()

        # At the first call of all the carry is made, which a loop could not do.
        if parts == 1 or net.is_initializing():
            loss = one(net, None, jax.tree.map(lambda piece: piece[0], pieces))[1]
        else:
            loop = nn.scan(
                one,
                variable_broadcast='params',
                variable_carry='carry',
                split_rngs={'params': False, 'dropout': True},
            )
            loss = loop(net, None, pieces)[1].mean()
        loss = loss / pieces[0].shape[2]
        return loss, {'bits_per_character': loss * NAT}

    return declared(objective, _check)


def score_next() -> Score:
    """Score of a model of text: bits per character, on `dljax.data.scored_windows`.

    Returns:
        `(net, batch, step) -> {'bits_per_character': [batch]}`, in evaluation mode, for
        batches of 'tokens', 'target' and 'weight', [batch, time] each. The mean over
        the rows of a set is that over its characters.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        logits = net(batch['tokens'], train=False)
        rows, time, symbols = logits.shape
        nats = cross_entropy(
            logits.reshape(-1, symbols), batch['target'].reshape(-1)
        ).reshape(rows, time)
        nats = nats * nan_beyond(batch['tokens'], symbols)
        # where, not a product: what does not count may be of no symbol
        weighed = jnp.where(batch['weight'] != 0, nats * batch['weight'], 0.0)
        return {'bits_per_character': weighed.sum(axis=1) * NAT}

    return declared(score, _check)


def _outputs(net: nn.Module, batch: Batch) -> Array:
    return net(batch['tokens'], train=False)


def _check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
    """Refuse tokens that stand for no symbol of the net."""
    tokens, _ = wanted.take(arrays, 'tokens', 'target')
    shape = shape_of(_outputs, net, {'tokens': tokens[:, :1]})
    symbols = shape[-1] if shape else None
    wanted.classes(arrays, 'tokens', symbols, shape=(None,), what='symbol')
    where = np.asarray(arrays['weight']) != 0 if 'weight' in arrays else None
    wanted.classes(arrays, 'target', symbols, shape=(None,), where=where, what='symbol')


def _pieces(tokens: Array, parts: int) -> Array:
    """Cut windows: [batch, time] to [part, batch, time / parts]."""
    batch, time = tokens.shape
    if time % parts:
        raise ValueError(
            f'a window of {time} characters does not divide into {parts} parts: choose '
            'another window, or other parts'
        )
    return jnp.swapaxes(tokens.reshape(batch, parts, -1), 0, 1)
