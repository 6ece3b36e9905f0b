"""Learning rules on bound nets: directions where others have a loss."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax import rules
from dljax.losses import sum_squared_error
from dljax.losses.meaning import nan_beyond
from dljax.objectives import wanted
from dljax.training import declared
from dljax.types import Array, Batch, Direction, Metrics, PyTree


def perceptron(feature: str = 'features') -> Direction:
    """Rosenblatt's rule for a `Perceptron`: only mistakes move the weights (U1.1).

    A unit fires where its sum is at least 0, here as in `layers.binary_step` and in
    `metrics.accuracy`: where a weighted sum reaches its threshold, as McCulloch and
    Pitts, and Rosenblatt after them, have it. A sum of 0 is then one output and not
    two, so that weights which the rule leaves alone are right. (scikit-learn takes a
    sum of 0 for class 0 where it predicts, and for a mistake of either class where it
    learns; from zero weights it makes one move more.)

    Args:
        feature: name of the input in the batch; 'label' is [batch] of 0 or 1.

    Returns:
        `(net, batch, step) -> (direction, metrics)` with the metric 'accuracy', before
        the move.

    Reference:
        Rosenblatt (1958), The Perceptron: A Probabilistic Model for Information Storage
        and Organization in the Brain, https://doi.org/10.1037/h0042519
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        outputs = jnp.where(net(batch[feature], train=False) >= 0, 1.0, -1.0)
        targets = 2.0 * batch['label'].astype(jnp.float32) - 1.0
        targets = jnp.where(jnp.abs(targets) == 1.0, targets, jnp.nan).reshape(-1, 1)
        outputs = outputs.reshape(-1, 1)
        direction = rules.perceptron(batch[feature], targets, outputs)
        right = jnp.where(jnp.isnan(targets), jnp.nan, outputs == targets)
        return direction, {'accuracy': right.mean()}

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.finite(arrays, feature)
        wanted.take(arrays, feature, 'label')
        wanted.classes(arrays, 'label', 2, single=True)

    return declared(objective, check)


def place_centres(feature: str = 'features', group: str = 'radial') -> Direction:
    """Radial units by k-means: centres to their clusters, widths to the gaps (U1.11).

    With `optax.sgd(1.)` and the whole set as the batch a move is one round of Lloyd's
    algorithm.

    Args:
        feature: name of the input in the batch; all but its batch axis is flattened.
        group: the parameters with 'centres' and 'log_width'; the player trains it.

    Returns:
        `(net, batch, step) -> (direction, metrics)` with the metric 'distortion', the
        mean squared distance to the nearest centre.

    Reference:
        Moody, Darken (1989), Fast Learning in Networks of Locally-Tuned Processing
        Units, https://doi.org/10.1162/neco.1989.1.2.281
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        _initialise(net, batch[feature])
        points = batch[feature].reshape(len(batch[feature]), -1)
        units = net.variables['params'][group]
        centres = units['centres']
        nearest = centres[rules.assign(centres, points)]
        gaps = rules.spread(centres)
        # Centres that coincide get a thousandth of the widest gap, in whatever unit.
        least = 1e-3 * jnp.where(gaps.max() > 0, gaps.max(), 1.0)
        wide = jnp.log(jnp.maximum(gaps, least))
        direction = {
            'centres': rules.kmeans(centres, points),
            'log_width': units['log_width'] - wide,
        }
        distortion = jnp.square(points - nearest).sum(1).mean()
        return {group: direction}, {'distortion': distortion}

    return declared(objective, wanted.all_finite(feature))


def solve_readout(
    feature: str = 'features',
    *,
    classes: int | None = None,
    group: str = 'output',
    ridge: float = 0.0,
    washout: int = 0,
) -> Direction:
    """Output layer by least squares, all at once (U1.11, U3.7).

    The direction leads from the weights to the solution on this batch, so that
    `optax.sgd(1.)` arrives in one move. The net offers `hidden(inputs)`, the input of
    that layer: [batch, units], or [batch, time, units] of a net with outputs in each
    step of a sequence, where the target is [batch, time] or [batch, time, outputs].

    Args:
        feature: name of the input in the batch.
        classes: makes targets of -1 and 1 from 'label'; by default 'target' is used.
        group: the parameters of the output layer; the player trains it.
        ridge: of the squared weights, at least 0.
        washout: first steps of each sequence that do not count, in which the state
            still shows where it began.

    Returns:
        `(net, batch, step) -> (direction, metrics)` with the metric 'squared_error' of
        the solution.

    Raises:
        ValueError: for a negative washout; when it is played, for a washout without a
            sequence or that leaves no step of one.
    """
    if washout < 0:
        raise ValueError(f'washout is {washout}, wanted 0 or more steps')

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        _initialise(net, batch[feature])
        if classes is None:
            targets = batch['target'].reshape(len(batch['target']), -1)
        else:
            known = nan_beyond(batch['label'], classes)
            targets = 2.0 * jax.nn.one_hot(batch['label'], classes) - 1.0
            targets = targets * known[..., None]
        hidden = net.hidden(batch[feature])
        if hidden.ndim == 3:
            targets = targets.reshape(*hidden.shape[:2], -1)
        if washout and (hidden.ndim != 3 or washout >= hidden.shape[1]):
            raise ValueError(
                f'washout is {washout}, but the states have shape {hidden.shape}, '
                'wanted [batch, time, units] with more steps than that'
            )
        if hidden.ndim == 3:
            hidden, targets = (
                values[:, washout:].reshape(-1, values.shape[-1])
                for values in (hidden, targets)
            )
        solution = rules.least_squares_solution(hidden, targets, ridge=ridge)
        direction = jax.tree.map(
            lambda w, best: w - best, net.variables['params'][group], dict(solution)
        )
        fit = jnp.matmul(
            hidden, solution['kernel'], precision=jax.lax.Precision.HIGHEST
        )
        fit = fit + solution['bias'][None, :]
        return {group: direction}, {
            'squared_error': sum_squared_error(fit, targets).mean()
        }

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.finite(arrays, feature)
        if classes is None:
            wanted.take(arrays, feature, 'target')
            wanted.finite(arrays, 'target')
        else:
            wanted.take(arrays, feature, 'label')
            wanted.classes(arrays, 'label', classes)

    return declared(objective, check)


def follow(online: str, target: str = 'target') -> Direction:
    """Move one group towards another: a target network, or a weight average.

    With `optax.sgd(tau)` a move is `target += tau * (online - target)`.

    Args:
        online: the group that leads.
        target: the group of the same form that follows; the player trains it.

    Returns:
        `(net, batch, step) -> (direction, metrics)`.

    Reference:
        Lillicrap et al. (2016), Continuous Control with Deep Reinforcement Learning,
        https://arxiv.org/abs/1509.02971
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        params = net.variables['params']
        gap = jax.tree.map(lambda t, o: t - o, params[target], params[online])
        return {target: gap}, {}

    return objective


def _initialise(net: nn.Module, inputs: Array) -> None:
    """Make all parameters, of which a rule reads more than its own calls would make."""
    if net.is_initializing():
        net(inputs, train=False)
