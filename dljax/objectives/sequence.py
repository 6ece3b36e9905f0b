"""Learning and scoring sequences: a label at each step, or a sequence from a class.

Losses are means over the examples of the mean over an example's true steps, so that a
batch may be parted among devices without a change of the loss.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import cross_entropy
from dljax.losses.meaning import nan_beyond
from dljax.metrics import accuracy
from dljax.objectives import wanted
from dljax.objectives.features import Features, inputs_of, names
from dljax.objectives.outputs import shape_of
from dljax.objectives.steps import per_step, within_length
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Score


def tag(feature: Features = ('sequence', 'length')) -> Loss:
    """Loss of a tagger: cross-entropy of the label at each true step (U3.1).

    Args:
        feature: names of the sequence and, where lengths vary, of the length, as the
            net takes them; 'label' is [batch, time].

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'accuracy', the fraction
        of an example's true steps that are right.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        logits = net(*inputs_of(batch, feature), train=True)
        where = _true(batch, feature)
        loss = per_step(logits, batch['label'], where).mean()
        return loss, {'accuracy': accuracy(logits, batch['label'], where=where).mean()}

    return declared(objective, _tagged(feature))


def score_tags(feature: Features = ('sequence', 'length')) -> Score:
    """Scores of a tagger, over the true steps of each example.

    Args:
        feature: as for `tag`.

    Returns:
        `(net, batch, step) -> scores` of [batch] in evaluation mode: 'accuracy', the
        fraction of the steps that are right, 'exact', 1 where all of them are, and
        'loss' in nats a step.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        logits = net(*inputs_of(batch, feature), train=False)
        where = _true(batch, feature)
        right = accuracy(logits, batch['label'], where=where)
        return {
            'accuracy': right,
            'exact': jnp.where(jnp.isnan(right), jnp.nan, right == 1),
            'loss': per_step(logits, batch['label'], where),
        }

    return declared(score, _tagged(feature))


def _tagged(feature: Features) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    """Check a label at each true step of a sequence."""

    def outputs(net: nn.Module, batch: Batch) -> Array:
        return net(*inputs_of(batch, feature), train=False)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        sequence, *length = names(feature)
        wanted.take(arrays, sequence, *length, 'label')
        wanted.finite(arrays, sequence)
        where = wanted.lengths(arrays, length[0], sequence) if length else None
        inputs = {name: arrays[name] for name in names(feature)}
        shape = shape_of(outputs, net, inputs)
        count = max(shape[-1], 2) if shape else None
        wanted.classes(
            arrays, 'label', count, shape=shape and shape[1:-1], where=where, what='tag'
        )

    return check


def generate(
    condition: str = 'label',
    target: str = 'sequence',
    *,
    loss: Callable[[Array, Array], Array] = cross_entropy,
) -> Loss:
    """Loss of a generator under teacher forcing (U3.1).

    Args:
        condition: name of the class or vector that the sequence comes from.
        target: name of the sequence.
        loss: `(outputs, target) -> [batch]`, summed over the steps: `cross_entropy`
            for classes, `binary_cross_entropy` for zeros and ones, `quadratic` for real
            numbers.

    Returns:
        `(net, batch, step) -> (loss, metrics)`; the loss is that of one step.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        outputs = net(batch[condition], batch[target], train=True)
        told = _known(net, batch[condition])
        return (loss(outputs, batch[target]) * told).mean() / outputs.shape[1], {}

    return declared(objective, _generated(condition, target, loss))


def score_generation(
    condition: str = 'label',
    target: str = 'sequence',
    *,
    loss: Callable[[Array, Array], Array] = cross_entropy,
) -> Score:
    """Score a generator by what it says of true sequences.

    Args:
        condition: as for `generate`.
        target: as for `generate`.
        loss: as for `generate`.

    Returns:
        `(net, batch, step) -> {'nll': [batch]}`, in evaluation mode: the loss of the
        whole sequence, for classes its negative log-likelihood in nats.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        outputs = net(batch[condition], batch[target], train=False)
        told = _known(net, batch[condition])
        return {'nll': loss(outputs, batch[target]) * told}

    return declared(score, _generated(condition, target, loss))


def _known(net: nn.Module, condition: Array) -> Array | float:
    """Mark classes that the net has none of by NaN; a vector passes."""
    count = getattr(net, 'classes', None)
    return nan_beyond(condition, count) if count and condition.ndim == 1 else 1.0


def _generated(
    condition: str, target: str, loss: Callable[[Array, Array], Array]
) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    """Check a condition, and the sequence that comes from it."""

    def outputs(net: nn.Module, batch: Batch) -> Array:
        return net(batch[condition], batch[target], train=False)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        pair = {name: arrays[name] for name in (condition, target) if name in arrays}
        values, _ = wanted.take(arrays, condition, target)
        if (count := getattr(net, 'classes', None)) and values.ndim == 1:
            wanted.classes(arrays, condition, count)
        else:
            wanted.finite(arrays, condition)
        shape = shape_of(outputs, net, pair)
        wanted.target_of(loss, arrays, target, shape[-1] if shape else None)

    return check


def _true(batch: Batch, feature: Features) -> Array | None:
    """Find the true steps, where a length is among the features of the net."""
    sequence, *length = inputs_of(batch, feature)
    return within_length(length[0], sequence.shape[1]) if length else None
