"""Learning and scoring forecasts of several steps."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from dljax.data import count_windows, cut_windows
from dljax.losses import sum_squared_error
from dljax.metrics import absolute_error
from dljax.objectives import wanted
from dljax.objectives.within import within
from dljax.training import declared
from dljax.types import Array, Batch, Direction, Metrics, PyTree, Score


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
    """Scores of a forecast, averaged over the steps of its horizon and its channels.

    The batch holds 'history' and 'target', [batch, horizon] or [batch, horizon,
    channel], both normalised: with the unit 1 and each channel standardised, the means
    of the errors over all windows are what publications compare.

    Args:
        unit: what 1 is in the series itself: the scale of the normaliser.
        scale: mean absolute error, normalised, by which errors are divided into scaled
            ones: that of `metrics.naive_scale`.

    Returns:
        `(net, batch, step) -> {name: [batch]}`: 'absolute_error' and 'squared_error' in
        the units of the series, and 'scaled_error', whose mean is MASE.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        truth = batch['target']
        forecast = net(batch['history'], train=False)
        absolute = absolute_error(forecast, truth)
        squared = sum_squared_error(forecast, truth) * len(truth) / truth.size
        return {
            'absolute_error': unit * absolute,
            'squared_error': unit**2 * squared,
            'scaled_error': absolute / scale,
        }

    return declared(score, wanted.all_finite('history', 'target'))


def each_channel(rule: Direction) -> Direction:
    """Let a rule for nets of one channel move the net of an `EachChannel`.

    It sees each channel of each window as an example of its own, normalised as the net
    normalises it: a solution in closed form is then shared by the channels.

    Args:
        rule: `(net, batch, step) -> (direction, metrics)` of 'history' [batch, time, 1]
            and 'target' [batch, horizon], such as `solve_readout('history')`.

    Returns:
        The same for 'history' [batch, time, channel] and 'target' [batch, horizon,
        channel]; a player with it trains the group `net`.
    """
    inner = within('net', rule)

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        return inner(net, net.examples(batch['history'], batch['target']), step)

    return declared(objective, wanted.all_finite('history', 'target'))


def on_all_windows(rule: Direction, history: int, horizon: int) -> Direction:
    """Let a rule see every window of a series at once.

    Args:
        rule: `(net, batch, step) -> (direction, metrics)` of windows, as
            `data.cut_windows` gives them.
        history: values that a window gives, 1 or more.
        horizon: values after them, 1 or more.

    Returns:
        The same for a batch with one 'series', [1, time] or [1, time, channel].
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        series = batch['series'][0]
        starts = jnp.arange(count_windows(len(series), history, horizon))
        return rule(net, cut_windows(series, starts, history, horizon), step)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.finite(arrays, 'series')

    return declared(objective, check)
