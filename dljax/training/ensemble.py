"""Independent members trained side by side on a mapped axis."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dljax.kernels.tracing import convolves_on_cpu
from dljax.training.learner import Learner
from dljax.types import (
    AnyBatch,
    Batch,
    Key,
    Metrics,
    Position,
    PyTree,
    Source,
    State,
    fold,
)

Tree = TypeVar('Tree')

UNROLLED = 16  # at most so many members are compiled one by one
# What is mapped of a state. All members are at the same step; were it mapped as well,
# the condition whether a player moves would become a choice after both were computed.
# Axes stand in the place of arrays.
EACH = State(step=None, params=0, collections=0, opt_state=0)  # pyright: ignore[reportArgumentType]


def ensemble(
    learner: Learner,
    source: Source,
    members: int,
    *,
    hyperparameters: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
) -> tuple[Learner, Source]:
    """Train several independent members at once, by `vmap` over learner and source.

    Member i is, to rounding, the run alone with the root key `fold(key, i)`: its own
    initial parameters, noise and batches. Over a host source the members share their
    batches. Every leaf of the state, the position and the metrics has a first axis of
    [members]; `member` takes one out. On a CPU, where XLA is slow at convolutions with
    mapped kernels, up to 16 members with convolutions are compiled one by one instead.

    Args:
        learner: of one member.
        source: of one member.
        members: how many; at least 1.
        hyperparameters: by player and by name, a value for each member; the player's
            optimizer holds them by `optax.inject_hyperparams`.

    Returns:
        The learner and the source of all members.

    Raises:
        ValueError: for fewer than one member, a wrong number of values, or (at `init`)
            a player or hyperparameter that is not there.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from flax import linen as nn
        >>> from dljax.data import resident
        >>> from dljax.training import Player, fit, learner
        >>> def fit_line(net, batch, step):
        ...     return jnp.mean((net(batch['x']) - 1.) ** 2), {}
        >>> optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=.1)
        >>> train, source = ensemble(
        ...     learner(nn.Dense(1), {'line': Player(optimizer, loss=fit_line)}),
        ...     resident({'x': jnp.ones((4, 1))}, 2),
        ...     members=2,
        ...     hyperparameters={'line': {'learning_rate': [.25, 0.]}},
        ... )
        >>> _, metrics = fit(train, source, steps=2, key=jax.random.key(0))
        >>> (metrics['line/loss'][1] < metrics['line/loss'][0]).tolist()
        [True, False]
    """
    if members < 1:
        raise ValueError(f'members={members}, wanted 1 or more')
    values = {
        player: {name: jnp.asarray(v, jnp.float32) for name, v in settings.items()}
        for player, settings in (hyperparameters or {}).items()
    }
    for player, settings in values.items():
        for name, value in settings.items():
            if value.shape != (members,):
                raise ValueError(
                    f"{player}'s {name} has shape {value.shape}, wanted one value for "
                    f'each of {members} members'
                )
    number = jnp.arange(members)
    batched = None if source.host else 0

    def init(key: Key, batch: Batch) -> State:
        def one(i: jax.Array, settings: dict, batch: Batch) -> State:
            state = learner.init(fold(key, i), batch)
            unknown = settings.keys() - state.opt_state.keys()
            if unknown:
                raise ValueError(
                    f'no player is called {sorted(unknown)}; there are '
                    f'{sorted(state.opt_state)}'
                )
            changed = {}
            for player, chosen in settings.items():
                try:
                    changed[player] = optax.tree.set(state.opt_state[player], **chosen)
                except KeyError as error:
                    raise ValueError(
                        f"the optimizer of '{player}' does not hold {sorted(chosen)}: "
                        'make it by optax.inject_hyperparams'
                    ) from error
            return state.replace(opt_state={**state.opt_state, **changed})

        # One after the other: two mapped decompositions of the orthogonal initialisers
        # at once can wait for each other for ever in the thread pool of a CPU.
        if batched is None:
            return jax.lax.map(
                lambda each: one(each[0], each[1], batch), (number, values)
            )
        return jax.lax.map(lambda each: one(*each), (number, values, batch))

    def update(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        def one(i: jax.Array, state: State, batch: Batch) -> tuple[State, Metrics]:
            return learner.update(fold(key, i), state, batch)

        axes = (0, EACH, batched)
        state = state.replace(step=state.step[0])
        first = _take((number, state, batch), axes, 0)
        if members <= UNROLLED and convolves_on_cpu(one, *first):
            mapped = _unrolled(one, axes, members)
        else:
            mapped = jax.vmap(one, axes, (EACH, 0))
        state, metrics = mapped(number, state, batch)
        return state.replace(step=jnp.broadcast_to(state.step, (members,))), metrics

    def first(key: Key) -> tuple[Position, AnyBatch]:
        return jax.vmap(lambda i: source.init(fold(key, i)))(number)

    def following(
        key: Key, position: Position, state: State
    ) -> tuple[Position, AnyBatch]:
        def one(i: jax.Array, position: Position, state: State) -> tuple:
            return source.next(fold(key, i), position, state)

        return jax.vmap(one)(number, position, state)

    each = source
    if not source.host:
        each = Source(first, following, arrays=source.arrays)
    return Learner(init, update, learner.check), each


def _take(arguments: tuple, axes: tuple, index: int) -> tuple:
    def part(axis: int | None, argument: PyTree) -> PyTree:
        return argument if axis is None else member(argument, index)

    return jax.tree.map(part, axes, arguments, is_leaf=lambda axis: axis is None)


def _unrolled(function: Callable, axes: tuple, members: int) -> Callable:
    """Do what `jax.vmap` does, member by member."""

    def mapped(*arguments: PyTree) -> PyTree:
        outputs = [function(*_take(arguments, axes, i)) for i in range(members)]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *outputs)

    return mapped


def member(state: Tree, index: int) -> Tree:
    """Take one member out of the state of an ensemble; any other tree works as well.

    A position that the members share, as over a host source, stays as it is.

    Example:
        >>> import jax.numpy as jnp
        >>> int(member({'w': jnp.arange(3)}, 1)['w'])
        1
    """
    if isinstance(state, State) and state.position is not None:
        own = jax.tree.map(
            lambda leaf: leaf[index] if np.ndim(leaf) else leaf, state.position
        )
        return member(state.replace(position=None), index).replace(position=own)
    return jax.tree.map(lambda leaf: leaf[index], state)
