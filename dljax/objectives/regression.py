"""Learning and scoring numbers."""

from collections.abc import Callable

from flax import linen as nn

from dljax.losses import quadratic, squared_error
from dljax.objectives.features import Features, given
from dljax.types import Array, Batch, Metrics, Objective


def regress(
    feature: Features = 'features',
    target: str = 'target',
    *,
    loss: Callable[[Array, Array], Array] = quadratic,
) -> Objective:
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
        wanted = batch[target]
        prediction = net(*given(batch, feature), train=True)
        prediction = prediction.reshape(_same_size(prediction, wanted))
        error = squared_error(prediction, wanted).mean()
        return loss(prediction, wanted).mean(), {'squared_error': error}

    return objective


def score_regression(
    feature: Features = 'features', target: str = 'target'
) -> Objective:
    """Scores of a regression: the squared error of each example.

    Args:
        feature: name of the input in the batch, or names of several inputs.
        target: name of what to predict.

    Returns:
        `(net, batch, step) -> {'squared_error': [batch]}`, in evaluation mode.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        prediction = net(*given(batch, feature), train=False)
        prediction = prediction.reshape(_same_size(prediction, batch[target]))
        return {'squared_error': squared_error(prediction, batch[target])}

    return score


def _same_size(prediction: Array, target: Array) -> tuple[int, ...]:
    if prediction.size != target.size:
        raise ValueError(
            f'the net predicts {prediction.shape}, but the targets are {target.shape}: '
            'give it as many outputs as there are targets'
        )
    return target.shape
