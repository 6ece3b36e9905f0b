"""Scoring forecasts of several steps."""

import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import sum_squared_error
from dljax.metrics import absolute_error
from dljax.objectives import wanted
from dljax.training import declared
from dljax.types import Array, Batch, Metrics, Score


def score_free_run(history: str = 'history', target: str = 'target') -> Score:
    """Scores of a net that runs freely after a history, in its first and last step.

    The net offers `generate(history, steps)`, and runs as far as the targets reach.

    Args:
        history: name of what it hears, [batch, time, features].
        target: name of what follows, [batch, steps, features].

    Returns:
        `(net, batch, step) -> {'squared_error_1': [batch], 'squared_error_H': [batch]}`
        for H steps, the mean over the features of each.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        truth = batch[target]
        steps = truth.shape[1]
        errors = net.generate(batch[history], steps) - truth
        errors = jnp.square(errors.astype(jnp.float32)).mean(axis=-1)
        return {f'squared_error_{at}': errors[:, at - 1] for at in (1, steps)}

    return declared(score, wanted.all_finite(history, target))


def score_forecast(unit: float = 1.0, scale: float = 1.0) -> Score:
    """Scores of a forecast, averaged over the steps of its horizon.

    The batch holds 'history' and 'target', [batch, horizon], both normalised.

    Args:
        unit: what 1 is in the series itself: the scale of the normaliser.
        scale: mean absolute error, normalised, by which errors are divided into scaled
            ones: that of `metrics.naive_scale`.

    Returns:
        `(net, batch, step) -> {name: [batch]}`: 'absolute_error' and 'squared_error' in
        the units of the series, and 'scaled_error', whose mean is MASE.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        forecast = net(batch['history'], train=False)
        absolute = absolute_error(forecast, batch['target'])
        squared = (
            sum_squared_error(forecast, batch['target']) / batch['target'].shape[1]
        )
        return {
            'absolute_error': unit * absolute,
            'squared_error': unit**2 * squared,
            'scaled_error': absolute / scale,
        }

    return declared(score, wanted.all_finite('history', 'target'))
