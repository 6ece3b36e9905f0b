"""Learning and scoring encoder-decoders: a sequence out of a sequence."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from dljax.losses.meaning import nan_beyond
from dljax.metrics import token_accuracy
from dljax.objectives import wanted
from dljax.objectives.outputs import shape_of
from dljax.objectives.steps import within_length
from dljax.objectives.written import forced, or_nan, written
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Score


def translate(*, label_smoothing: float = 0.0) -> Loss:
    """Loss of an encoder-decoder under teacher forcing (U3.1).

    The batch holds 'source' and 'target', [batch, time] tokens each with a padding of
    0, and 'source_length' and 'target_length' [batch], the end token included.

    Args:
        label_smoothing: in [0, 1], see `losses.cross_entropy`.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'accuracy', the fraction
        of the true tokens that are likeliest where all before them are given.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        target, length = batch['target'], batch['target_length']
        logits = net(batch['source'], target, batch['source_length'], train=True)
        loss, right = forced(logits, target, length, label_smoothing=label_smoothing)
        return loss.mean() * _read(net, batch).mean(), {'accuracy': right.mean()}

    return declared(objective, _translated)


def score_translation(*, first: int = 1, end: int = 1) -> Score:
    """Scores of an encoder-decoder that decodes greedily, by `decoding.greedy`.

    The batch is that of `translate`. What is written before the end token and the end
    token itself are compared with the target.

    Args:
        first: the token that the net reads before it writes the first one.
        end: the token that ends a target.

    Returns:
        `(net, batch, step) -> scores` of [batch] in evaluation mode: 'exact', 1 where
        the output is the target, 'accuracy', the fraction of the target's places at
        which the right token stands, and 'loss' in nats a token under teacher forcing.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        source, target = batch['source'], batch['target']
        given, sizes = (source, batch['source_length']), target.shape
        tokens = written(
            net, *given, steps=sizes[1], first=first, end=end, examples=sizes[0]
        )
        logits = net(source, target, batch['source_length'], train=False)
        loss, _ = forced(logits, target, batch['target_length'])
        known = _read(net, batch) * jnp.where(jnp.isnan(loss), jnp.nan, 1.0)
        where = within_length(batch['target_length'], target.shape[1])
        return {
            'exact': or_nan(known, ((tokens == target) | ~where).all(axis=1)),
            'accuracy': token_accuracy(tokens, target, where=where) * known,
            'loss': loss * known,
        }

    return declared(score, _translated)


def _read(net: nn.Module, batch: Batch) -> Array:
    """Mark sources with a token that the net has none of by NaN: [batch]."""
    count = getattr(net, 'source_tokens', None)
    source = batch['source']
    if count is None:
        return jnp.ones(len(source))
    return nan_beyond(source, count).min(axis=1)


def _decoded(net: nn.Module, batch: Batch) -> Array:
    return net(batch['source'], batch['target'], batch['source_length'], train=False)


def _translated(net: nn.Module, arrays: Mapping[str, Any]) -> None:
    """Refuse tokens and lengths that are none."""
    features = 'source', 'target', 'source_length', 'target_length'
    wanted.take(arrays, *features)
    shape = shape_of(_decoded, net, {name: arrays[name] for name in features})
    symbols = {
        'source': getattr(net, 'source_tokens', None),
        'target': shape[-1] if shape else None,
    }
    for name, count in symbols.items():
        wanted.lengths(arrays, f'{name}_length', name)
        wanted.classes(arrays, name, count, shape=(None,), what='token')
