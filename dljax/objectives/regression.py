"""Learning and scoring numbers."""

from collections.abc import Callable, Mapping
from typing import Any

from flax import linen as nn

from dljax.losses import quadratic, sum_squared_error
from dljax.objectives import wanted
from dljax.objectives.features import Features, inputs_of, names
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Score


def regress(
    feature: Features = 'features',
    target: str = 'target',
    *,
    loss: Callable[[Array, Array], Array] = quadratic,
) -> Loss:
    """Loss of a regression, averaged over the batch.

    A target of [batch] belongs to a net with one output. The net is called in train
    mode, so it moves its own batch statistics.

    Args:
        feature: name of the input in the batch, or names of several inputs.
        target: name of what to predict.
        loss: `(prediction, target) -> [batch]`; half the squared distance by default,
            whose mean is the quadratic cost of the textbooks.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'squared_error'.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        truth = batch[target]
        prediction = net(*inputs_of(batch, feature), train=True)
        prediction = prediction.reshape(_same_size(prediction, truth))
        error = sum_squared_error(prediction, truth).mean()
        return loss(prediction, truth).mean(), {'squared_error': error}

    return declared(objective, _finite(feature, target, loss))


def score_regression(feature: Features = 'features', target: str = 'target') -> Score:
    """Scores of a regression: the squared error of each example.

    Args:
        feature: name of the input in the batch, or names of several inputs.
        target: name of what to predict.

    Returns:
        `(net, batch, step) -> {'squared_error': [batch]}`, in evaluation mode.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        prediction = net(*inputs_of(batch, feature), train=False)
        prediction = prediction.reshape(_same_size(prediction, batch[target]))
        return {'squared_error': sum_squared_error(prediction, batch[target])}

    return declared(score, _finite(feature, target, sum_squared_error))


def _finite(
    feature: Features, target: str, loss: Callable[[Array, Array], Array]
) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.take(arrays, *names(feature), target)
        wanted.finite(arrays, *names(feature))
        wanted.target_of(loss, arrays, target)

    return check


def _same_size(prediction: Array, target: Array) -> tuple[int, ...]:
    if prediction.size != target.size:
        raise ValueError(
            f'the net predicts {prediction.shape}, but the targets are {target.shape}: '
            'give it as many outputs as there are targets'
        )
    return target.shape
