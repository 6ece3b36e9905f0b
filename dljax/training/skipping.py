"""Updates that would leave the finite numbers, passed over as a whole."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from dljax.training.guard import NonFiniteError
from dljax.training.norm import all_finite
from dljax.training.pair import Learner
from dljax.types import Array, Batch, Key, Metrics, Position, State

SKIPPED = 'skipped/updates'  # of the metrics, and of the records
FEW = 2**20  # numbers of a state that a cache holds, so that to choose costs little


def skipping(learner: Learner) -> Learner:
    """Keep the state of before an update that would make it, or a loss, not finite.

    All of it is kept: parameters, optimizers, batch statistics, carries. (A guard in
    the optimizer, as `optax.apply_if_finite`, has no say in batch statistics.) The step
    goes on, so that the next update has another batch and other noise. Wrap it round
    what is divided over devices, and round an `ensemble`: each member skips its own.
    To choose costs a copy of the state in each update, which `rounds` spares itself
    where all is well.

    Args:
        learner: any.

    Returns:
        The learner, with the metric 'skipped/updates': 1 for an update that was passed
        over, whose other metrics are NaN and whose flags are true, else 0.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np, optax
        >>> from flax import linen as nn
        >>> from dljax.data import resident
        >>> from dljax.training import Player, fit, learner
        >>> def loss(net, batch, step):
        ...     return net(batch['x']).mean() / (step != 1), {}
        >>> line = learner(nn.Dense(1), {'line': Player(optax.sgd(.1), loss=loss)})
        >>> source = resident({'x': np.ones((4, 1))})
        >>> _, metrics = fit(skipping(line), source, steps=3, key=jax.random.key(0))
        >>> metrics['skipped/updates'].tolist()
        [0.0, 1.0, 0.0]
    """

    def update(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        moved, metrics = learner.update(key, state, batch)
        good = sound(moved) & flags_finite(metrics)

        def chosen(new: Array, old: Array | float) -> Array:
            shape = good.shape + (1,) * (new.ndim - good.ndim)
            return jnp.where(good.reshape(shape), new, old)

        kept = jax.tree.map(chosen, moved, state).replace(step=moved.step)
        told = {
            name: value | ~good if name.endswith('/finite') else chosen(value, jnp.nan)
            for name, value in metrics.items()
        }
        return kept, {**told, SKIPPED: 1.0 - good.astype(jnp.float32)}

    return learner._replace(update=update)


def flags_finite(metrics: Metrics) -> Array:
    """Tell whether all losses and gradients were finite: [...] as the flags are."""
    flags = [value for name, value in metrics.items() if name.endswith('/finite')]
    return jnp.stack(flags).all(0)


def sound(state: State) -> Array:
    """Tell whether all numbers of a state are finite: a scalar, or [members]."""
    leaves = [
        leaf
        for leaf in jax.tree.leaves(state.replace(position=None))
        if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    judge = jax.vmap(all_finite) if state.step.ndim else all_finite
    return judge(leaves) if leaves else jnp.ones(state.step.shape, bool)


def well(state: State, metrics: Metrics) -> Array:
    """Tell whether all is finite after some updates: a scalar."""
    return sound(state).all() & flags_finite(metrics).all()


def passing_over(train: Callable, one_by_one: Callable) -> Callable:
    """Train as ever, and again from where it began where that is not finite.

    A single update of a small state is chosen or passed over within its program, which
    is then quicker than to wait for the verdict.

    Args:
        train: `(key, state, position, length) -> (state, position, (metrics, good))`,
            judged by `well`: a call that `rounds` compiles.
        one_by_one: the same without a judge, of the learner that is `skipping`.

    Returns:
        Such a function of metrics alone, with 'skipped/updates' among them. It waits
        for the device where it has to judge.
    """

    def run(
        key: Key, state: State, position: Position, length: int
    ) -> tuple[State, Position, Mapping[str, Array | np.ndarray]]:
        if length == 1 and _numbers(state) <= FEW:
            return one_by_one(key, state, position, length)
        moved, after, (metrics, good) = train(key, state, position, length)
        if not good:
            return one_by_one(key, state, position, length)
        flags = next(v for k, v in metrics.items() if k.endswith('/finite'))
        return moved, after, {**metrics, SKIPPED: np.zeros(flags.shape, np.float32)}

    return run


def _numbers(state: State) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(state))


class Skips:
    """How many updates in a row were passed over, of each member.

    Attributes:
        limit: the most that are.
        row: how many there are now: [members], or a scalar.
    """

    def __init__(self, limit: int) -> None:
        """Begin with none."""
        self.limit, self.row = limit, np.zeros(())

    def count(self, metrics: Mapping[str, Array | np.ndarray], step: int) -> None:
        """Count those of successive updates.

        Args:
            metrics: [updates, ...] arrays.
            step: the update after the last of them.

        Raises:
            NonFiniteError: for more than `limit` in a row.
        """
        skipped = np.asarray(metrics[SKIPPED])
        for index, flags in enumerate(skipped):
            self.row = np.where(flags > 0, self.row + 1, 0)
            if (self.row > self.limit).any():
                last = step - len(skipped) + index
                error = NonFiniteError(last, None, None)
                error.args = (
                    f'{int(self.row.max())} updates in a row, up to update {last}, '
                    'were not finite and were passed over, wanted at most '
                    f'{self.limit}: {error.advice}',
                )
                raise error


def total(metrics: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add up what was passed over in successive updates, where anything may be.

    Args:
        metrics: [updates, ...] arrays.

    Returns:
        The count by name, [...]; of a learner that passes over nothing no entry.
    """
    return {name: v.sum(0) for name, v in metrics.items() if name == SKIPPED}
