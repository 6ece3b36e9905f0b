"""A player: what moves which parameters, how, and how often."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.core import DenyList

from dljax.types import Array, Direction, Loss, Metrics, Objective, PyTree, State

# What may change as a net is applied. Linen would else give back the parameters, and
# what nets sow, as collections as well.
COLLECTIONS = DenyList(('params', 'intermediates'))


@dataclasses.dataclass(frozen=True)
class Player:
    """An objective, the parameters that it moves, and how.

    Attributes:
        optimizer: turns gradients (or directions) into updates. One that wants the loss
            is told it: Optax's extra arguments `value`, `grad` and `value_fn`, a pure
            function of the trained groups with the batch and the noise of this turn.
        loss: `(net, batch, step) -> (scalar, metrics)`, which the engine
            differentiates.
        direction: `(net, batch, step) -> (tree, metrics)`, a learning rule that
            returns the descent direction itself, as a dictionary of the trained groups.
            Exactly one of `loss` and `direction` is given.
        trains: the parameter groups that move, by name, or by path ('gan/generator')
            where they lie inside another; none named means all of them.
        every: the player moves in every so-many-th update, from the first on. Its
            optimizer, and so its schedule, counts its own moves only.
        during: the updates in which it plays at all, from the first of the two up to
            but not including the second; None for no end. So a training has phases,
            such as layers that are pretrained one after the other.

    Example:
        >>> import optax
        >>> def fool(net, batch, step):
        ...     return -net.discriminator(net.generator(batch['noise'])).mean(), {}
        >>> player = Player(optax.adam(2e-4), loss=fool, trains=('generator',), every=5)
        >>> player.part({'generator': 1, 'discriminator': 2})
        ({'generator': 1}, {'discriminator': 2})
    """

    optimizer: optax.GradientTransformation
    loss: Loss | None = None
    direction: Direction | None = None
    trains: tuple[str, ...] = ()
    every: int = 1
    during: tuple[int, int | None] = (0, None)

    def __post_init__(self) -> None:
        if (self.loss is None) == (self.direction is None):
            raise ValueError('a Player needs exactly one of loss= and direction=')
        if isinstance(self.trains, str):
            raise ValueError(
                f"trains={self.trains!r}, wanted a tuple: ('{self.trains}',)"
            )
        for name in self.trains:
            twice = [n for n in self.trains if f'{n}/'.startswith(f'{name}/')]
            if len(twice) > 1:
                raise ValueError(f'trains names one group twice: {twice}')
        if self.every < 1:
            raise ValueError(f'every={self.every}, wanted 1 or more')
        start, end = self.during
        if start < 0 or (end is not None and end <= start):
            raise ValueError(
                f'during={self.during}, wanted the first update and a later one (or '
                'None) before which it ends'
            )

    @property
    def objective(self) -> Objective:
        """The loss or the direction, whichever was given."""
        objective = self.loss or self.direction
        assert objective is not None  # one of them is given
        return objective

    @property
    def always(self) -> bool:
        """Whether it moves in every update."""
        return self.every == 1 and self.during == (0, None)

    def moves(self, step: Array | np.ndarray) -> Array | np.ndarray:
        """Tell whether it moves in an update, or in each.

        Args:
            step: updates made before it, a scalar or [updates]; it may be traced.

        Returns:
            bool, of the shape of `step`.
        """
        start, end = self.during
        turn = ((step - start) % self.every == 0) & (step >= start)
        return turn if end is None else turn & (step < end)

    def act(
        self, move: Callable[[State], tuple[State, Metrics]], state: State
    ) -> tuple[State, Metrics]:
        """Move in an update, or sit it out and give metrics that are NaN."""
        if self.always:
            return move(state)
        silent = {
            name: jnp.full(metric.shape, metric.dtype == bool or jnp.nan, metric.dtype)
            for name, metric in jax.eval_shape(move, state)[1].items()
        }
        return jax.lax.cond(
            self.moves(state.step), move, lambda state: (state, silent), state
        )

    def part(self, params: PyTree) -> tuple[PyTree, PyTree]:
        """Part the parameters into the groups that move, by name, and the rest."""
        trained, frozen = {}, params
        for name in self.trains or tuple(params):
            path = name.split('/')
            _require(params, path)
            trained[name], frozen = _taken(frozen, path)
        return trained, frozen


def join(frozen: PyTree, trained: PyTree) -> PyTree:
    """Put groups that `Player.part` has taken out back in their places."""
    for name, group in trained.items():
        frozen = _put(frozen, name.split('/'), group)
    return frozen


def _require(params: PyTree, path: list[str]) -> None:
    for depth, head in enumerate(path):
        if not isinstance(params, Mapping) or head not in params:
            groups = sorted(params) if isinstance(params, Mapping) else 'no groups'
            inside = f" of '{'/'.join(path[:depth])}'" if depth else ''
            raise ValueError(
                f"a player trains '{'/'.join(path)}', but the groups{inside} are "
                f'{groups}'
            )
        params = params[head]


def _taken(params: PyTree, path: list[str]) -> tuple[PyTree, PyTree]:
    head, *inner = path
    group, rest = params[head], {k: v for k, v in params.items() if k != head}
    if inner:
        group, rest[head] = _taken(group, inner)
    return group, rest


def _put(params: PyTree, path: list[str], group: PyTree) -> PyTree:
    head, *inner = path
    return {**params, head: _put(params[head], inner, group) if inner else group}
