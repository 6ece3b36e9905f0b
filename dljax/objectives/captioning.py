"""Learning and scoring captioners: a sentence about an image."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.decoding.protocol import PADDING
from dljax.metrics import token_accuracy
from dljax.objectives import wanted
from dljax.objectives.outputs import shape_of
from dljax.objectives.steps import within_length
from dljax.objectives.written import forced, or_nan, written
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Score

_FEATURES = ('image', 'caption', 'caption_length')


def caption(*, label_smoothing: float = 0.0) -> Loss:
    """Loss of a captioner under teacher forcing (U3.8).

    The batch holds 'image' [batch, height, width, channel], 'caption' [batch, time]
    tokens with a padding of 0, and 'caption_length' [batch], the end token included.

    Args:
        label_smoothing: in [0, 1], see `losses.cross_entropy`.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'accuracy', the fraction
        of the true tokens that are likeliest where all before them are given.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        target, length = batch['caption'], batch['caption_length']
        logits = net(batch['image'], target, train=True)
        loss, right = forced(logits, target, length, label_smoothing=label_smoothing)
        return loss.mean(), {'accuracy': right.mean()}

    return declared(objective, _captioned)


def score_caption(*, first: int = 1, end: int = 1) -> Score:
    """Scores of a captioner that decodes greedily, by `decoding.greedy`.

    The batch is that of `caption`, and may hold 'references' [batch, references, time],
    the tokens of all true captions of an image with their ends and a padding of 0; rows
    of padding alone stand for none. What is written up to the end token counts.

    Args:
        first: the token that the net reads before it writes the first one.
        end: the token that ends a caption.

    Returns:
        `(net, batch, step) -> scores` of [batch] in evaluation mode: 'exact', 1 where
        the output is one of the references, or the caption where there are none,
        'accuracy', the greatest fraction of the places of one of them at which the
        right token stands, and 'loss' in nats a token of 'caption' under teacher
        forcing.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        image, target = batch['image'], batch['caption']
        references = batch.get('references', target[:, None])
        steps = max(target.shape[1], references.shape[2])
        tokens = written(
            net, image, steps=steps, first=first, end=end, examples=len(image)
        )
        exact, right = match(tokens, references, end)
        logits = net(image, target, train=False)
        loss, _ = forced(logits, target, batch['caption_length'])
        known = jnp.where(jnp.isnan(loss), jnp.nan, 1.0)
        return {'exact': or_nan(known, exact), 'accuracy': right * known, 'loss': loss}

    return declared(score, _scored)


def match(tokens: Array, references: Array, end: int = 1) -> tuple[Array, Array]:
    """Compare what was written with each reference, and take the best of them.

    Args:
        tokens: [batch, steps] integers.
        references: [batch, references, time] integers with their ends, time at most
            the steps; what follows an end is of no effect, and a row that begins with
            padding stands for no reference.
        end: the token that ends a reference.

    Returns:
        [batch] bool, whether one of them was written up to its end; and [batch] float32
        in [0, 1], the greatest fraction of the places of one at which the right token
        stands.

    Example:
        >>> references = jnp.array([[[5, 6, 1], [7, 1, 0]]])
        >>> exact, right = match(jnp.array([[5, 1, 0]]), references)
        >>> print(exact, right.round(2))
        [False] [0.5]
    """
    batch, several, time = references.shape
    ended = jnp.cumsum(references == end, axis=-1)
    length = jnp.minimum((ended == 0).sum(axis=-1) + 1, time)
    where = within_length(length.ravel(), time)
    rows = jnp.repeat(tokens[:, :time], several, axis=0)
    flat = references.reshape(-1, time)
    real = references[:, :, 0] != PADDING
    equal = ((rows == flat) | ~where).all(axis=1).reshape(batch, several)
    right = token_accuracy(rows, flat, where=where).reshape(batch, several)
    return (equal & real).any(axis=1), jnp.where(real, right, 0.0).max(axis=1)


def _logits(net: nn.Module, batch: Batch) -> Array:
    return net(batch['image'], batch['caption'], train=False)


def _captioned(net: nn.Module, arrays: Mapping[str, Any]) -> None:
    """Refuse images that are not finite, and tokens and lengths that are none."""
    wanted.take(arrays, *_FEATURES)
    wanted.finite(arrays, 'image')
    count = _tokens(net, arrays)
    wanted.classes(arrays, 'caption', count, shape=(None,), what='token')
    wanted.lengths(arrays, 'caption_length', 'caption')


def _tokens(net: nn.Module, arrays: Mapping[str, Any]) -> int | None:
    shape = shape_of(_logits, net, {name: arrays[name] for name in _FEATURES})
    return shape[-1] if shape else None


def _scored(net: nn.Module, arrays: Mapping[str, Any]) -> None:
    """Refuse references that are none as well."""
    _captioned(net, arrays)
    if 'references' not in arrays:
        return
    wanted.take(arrays, 'image', 'references')
    count = _tokens(net, arrays)
    wanted.classes(arrays, 'references', count, shape=(None, None), what='token')
    empty = ~(np.asarray(arrays['references'])[:, :, 0] != PADDING).any(axis=1)
    if empty.any():
        raise ValueError(
            f"'references' of example {int(empty.argmax())} are padding alone, wanted "
            'one caption or more of each image: fill it, or leave the image out'
        )
