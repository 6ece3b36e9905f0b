"""The training loop: compiled rounds of updates, as a generator."""

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jax.sharding import NamedSharding

from dljax.training.guard import require_finite
from dljax.training.hosts import everywhere
from dljax.training.learner import Learner
from dljax.training.record import spread, summary
from dljax.training.small import is_small, jit_small
from dljax.training.stopping import Stop
from dljax.types import Array, Key, Metrics, Position, PyTree, Source, State

# Calls under way at once over several devices of a CPU. Those that exchange what they
# computed wait for each other for ever in jax 0.10.2 where 100 are; 30 are no trouble.
UNDER_WAY = 16


class Round(NamedTuple):
    """What a compiled call of a few updates leaves.

    Attributes:
        state: the state after it. The next round donates it: keep `jax.device_get` of
            it, or a copy, not the thing itself.
        position: where the source goes on.
        metrics: of each update, stacked: [updates, ...], on the device.
    """

    state: State
    position: Position
    metrics: Metrics


def rounds(
    learner: Learner,
    source: Source,
    *,
    key: Key,
    state: State | None = None,
    position: Position | None = None,
    steps: int | None = None,
    chunk: int = 1,
) -> Iterator[Round]:
    """Train, one compiled call of `chunk` updates after the other.

    Everything is a pure function of `key`, `state` and `position`: passing on those of
    an earlier round continues exactly as if there had been no break. Batches of a
    traced source are drawn inside the compiled call, those of a host source before.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from flax import linen as nn
        >>> from dljax.data import resident
        >>> from dljax.training import Player, learner
        >>> def fit_line(net, batch, step):
        ...     return jnp.mean((net(batch['x']) - 1.) ** 2), {}
        >>> line = learner(nn.Dense(1), {'line': Player(optax.sgd(.5), loss=fit_line)})
        >>> source = resident({'x': jnp.ones((4, 1))}, 2)
        >>> for turn in rounds(line, source, key=jax.random.key(0), steps=6, chunk=3):
        ...     print(int(turn.state.step), turn.metrics['line/loss'].shape)
        3 (3,)
        6 (3,)

    Args:
        learner: what to train.
        source: where batches come from.
        key: the root key of the run, typed (`jax.random.key`).
        state: where to start; `learner.init` by default. It is copied, not donated.
        position: where the source starts; its own first position by default.
        steps: the number of updates to make; unlimited by default.
        chunk: updates in one compiled `lax.scan`; the last round may be shorter.

    Yields:
        A `Round` after each call. The loop does not wait for the device, reading a
        metric does; only over several devices of a CPU it stays a few calls ahead.

    Raises:
        ValueError: for a chunk below 1 or negative steps.
    """
    if chunk < 1:
        raise ValueError(f'chunk={chunk}, wanted 1 or more')
    if steps is not None and steps < 0:
        raise ValueError(f'steps={steps}, wanted 0 or more')
    first, batch = source.init(key)
    if state is None:
        state = jax.jit(learner.init)(key, batch)
    position = first if position is None else position
    state, position = jax.tree.map(jnp.copy, (state, position))
    key = _beside(state, key)
    position = position if source.host else _beside(state, position)
    train = _host(learner, source) if source.host else _traced(learner, source)
    done, under_way = 0, deque()
    while steps is None or done < steps:
        length = chunk if steps is None else min(chunk, steps - done)
        state, position, metrics = train(key, state, position, length)
        done += length
        if _on_several_of_a_cpu(state):
            under_way.append(metrics)
            if len(under_way) > UNDER_WAY:
                jax.block_until_ready(under_way.popleft())
        yield Round(state, position, metrics)


def _traced(learner: Learner, source: Source) -> Callable:
    """Compile drawing and training together, the source's arrays as arguments.

    Arrays that `source.next` closes over would become constants of the program, copied
    into each compilation; here they are lifted out of it.
    """
    lifted, compiled = None, {}

    def train(
        key: Key, state: State, position: Position, length: int
    ) -> tuple[State, Position, Metrics]:
        nonlocal lifted
        lifted = lifted or _lift(source.next, key, position, state)
        arguments = lifted[1], key, state, position
        if length not in compiled:
            compiled[length] = compile_(length, *arguments)
        return compiled[length](*arguments)

    def one(
        constants: list[Array], key: Key, state: State, position: Position
    ) -> tuple[State, Position, Metrics]:
        position, batch = lifted[0](constants, key, position, state)
        state, metrics = learner.update(key, state, batch)
        return state, position, metrics

    def compile_(length: int, constants: list[Array], *carried: PyTree) -> Callable:
        def many(
            constants: list[Array], key: Key, state: State, position: Position
        ) -> tuple[State, Position, Metrics]:
            def body(carry: tuple, _: None) -> tuple:
                *carry, metrics = one(constants, key, *carry)
                return tuple(carry), metrics

            (state, position), metrics = _repeat(body, (state, position), None, length)
            return state, position, metrics

        body = functools.partial(one, constants)
        if length > 1 and is_small(body, *carried):
            return jit_small(many, donate=(2, 3))
        return jax.jit(many, donate_argnums=(2, 3))

    return train


def _host(learner: Learner, source: Source) -> Callable:
    """Draw batches on the host, then run them in one compiled call."""

    def train(
        key: Key, state: State, position: Position, length: int
    ) -> tuple[State, Position, Metrics]:
        batches = []
        for _ in range(length):
            position, batch = source.next(key, position, state)
            batches.append(batch)
        stacked = jax.tree.map(_stacked, *batches)
        state, metrics = many(key, state, stacked)
        return state, position, metrics

    def many(key: Key, state: State, batches: PyTree) -> tuple[State, Metrics]:
        length = jax.tree.leaves(batches)[0].shape[0]
        return _repeat(
            lambda state, batch: learner.update(key, state, batch),
            state,
            batches,
            length,
        )

    many = jax.jit(many, donate_argnums=1)
    return train


def _stacked(*leaves: np.ndarray | Array) -> np.ndarray | Array:
    """Stack arrays where they are; those of several processes are on devices."""
    stack = jnp.stack if isinstance(leaves[0], jax.Array) else np.stack
    return stack(leaves)


def _repeat(body: Callable, carry: PyTree, inputs: PyTree, length: int) -> tuple:
    """Scan, but without a loop around a single pass: XLA optimises that better."""
    if length > 1:
        return jax.lax.scan(body, carry, inputs, length=length)
    carry, output = body(carry, jax.tree.map(lambda x: x[0], inputs))
    return carry, jax.tree.map(lambda x: x[None], output)


def _lift(function: Callable, *example: PyTree) -> tuple[Callable, list[Array]]:
    """Turn the arrays that a function closes over into its first argument."""
    closed, shape = jax.make_jaxpr(function, return_shape=True)(*example)
    treedef = jax.tree.structure(shape)
    constants = _beside(example[-1], closed.consts)

    def lifted(constants: list[Array], *arguments: PyTree) -> PyTree:
        flat = jaxpr_as_fun(closed.replace(consts=constants))(
            *jax.tree.leaves(arguments)
        )
        return treedef.unflatten(flat)

    return lifted, constants


def _on_several_of_a_cpu(state: State) -> bool:
    devices = state.step.sharding.device_set
    return len(devices) > 1 and next(iter(devices)).platform == 'cpu'


def _beside(state: State, tree: PyTree) -> PyTree:
    """Put what every device needs on every device that holds a part of the state."""
    sharding = state.step.sharding
    if isinstance(sharding, NamedSharding):
        return everywhere(tree, sharding.mesh)
    return tree


def fit(
    learner: Learner,
    source: Source,
    *,
    steps: int,
    key: Key,
    state: State | None = None,
    chunk: int = 1,
    stop: Stop | None = None,
    window: int = 1,
) -> tuple[State, dict[str, np.ndarray]]:
    """Train for a number of updates, or until `stop` says why not to go on.

    The short way for scripts and tests, which looks at every round's metrics;
    `dljax.experiment.run` adds checkpoints, records and pictures round the same
    `rounds`.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from flax import linen as nn
        >>> from dljax.data import resident
        >>> from dljax.training import Player, learner
        >>> def fit_line(net, batch, step):
        ...     return jnp.mean((net(batch['x']) - 1.) ** 2), {}
        >>> line = learner(nn.Dense(1), {'line': Player(optax.sgd(.25), loss=fit_line)})
        >>> source = resident({'x': jnp.ones((4, 1))})
        >>> state, metrics = fit(line, source, steps=9, key=jax.random.key(0))
        >>> metrics['line/loss'].shape, bool(metrics['line/loss'][-1] < 1e-6)
        ((9,), True)

    Args:
        learner: what to train.
        source: where batches come from.
        steps: the largest number of updates.
        key: the root key of the run.
        state: where to start; `learner.init` by default.
        chunk: updates in one compiled call.
        stop: a rule of `dljax.training.stopping`, asked after each `window`.
        window: updates averaged into one row of what `stop` sees, such as an epoch.
            With `stop`, a multiple of `chunk`.

    Returns:
        The last state, and the metrics of each update: [updates, ...] NumPy arrays.

    Raises:
        NonFiniteError: as soon as a loss or a gradient is not finite.
        ValueError: where `window` is no multiple of `chunk`, or `steps` is below 1.
    """
    if steps < 1:
        raise ValueError(f'steps={steps}, wanted 1 or more')
    if stop is not None and window % chunk:
        raise ValueError(f'window={window} is no multiple of chunk={chunk}')
    history, rows, done = [], [], 0
    for turn in rounds(learner, source, key=key, state=state, steps=steps, chunk=chunk):
        metrics = {name: np.asarray(value) for name, value in turn.metrics.items()}
        require_finite(metrics, turn.state)
        history.append(metrics)
        done += len(next(iter(metrics.values())))
        if stop is not None and done % window == 0:
            rows.append(spread(summary(_joined(history[-(window // chunk) :]))))
            if stop(rows):
                break
    return turn.state, _joined(history)


def _joined(history: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {
        name: np.concatenate([part[name] for part in history]) for name in history[0]
    }
