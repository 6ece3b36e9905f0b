"""Fitting generative classifiers."""

import jax
from flax import linen as nn

from dljax import rules
from dljax.losses import cross_entropy
from dljax.losses.meaning import nan_beyond
from dljax.objectives.classification import label_check
from dljax.training import declared
from dljax.types import Array, Batch, Direction, Metrics, PyTree


def fit_classes(
    feature: str = 'features', *, shrinkage: float = 0.0, floor: float | None = None
) -> Direction:
    """Fit a `GaussianClassifier` to a batch, all at once (U4.5).

    The direction leads from the parameters to the maximum of the joint likelihood of
    inputs and labels, so that `optax.sgd(1.)` arrives in one move, with the whole set
    as the batch.

    Args:
        feature: name of the input in the batch; all but its batch axis is flattened.
        shrinkage: of the covariances, see `rules.gaussian_classes`.
        floor: of the variances, see there.

    Returns:
        `(net, batch, step) -> (direction, metrics)` with the metric 'cross_entropy' of
        the labels in nats, before the move.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        logits = net(batch[feature], train=False)
        solution = rules.gaussian_classes(
            batch[feature].reshape(len(batch[feature]), -1),
            batch['label'],
            classes=net.classes,
            shared=net.shared,
            diagonal=net.diagonal,
            shrinkage=shrinkage,
            floor=floor,
        )
        params = dict(net.variables['params'])
        known = nan_beyond(batch['label'], net.classes).min()
        direction = jax.tree.map(lambda w, best: (w - best) * known, params, solution)
        return direction, {
            'cross_entropy': cross_entropy(logits, batch['label']).mean()
        }

    def outputs(net: nn.Module, batch: Batch) -> Array:
        return net(batch[feature], train=False)

    return declared(objective, label_check(outputs, feature))
