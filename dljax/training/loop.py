"""The training loop: compiled rounds of updates, as a generator."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from dljax.training.compiled import beside, compile_with, copy_unbound, on_host
from dljax.training.declaration import bordered, check_first, of_one_net, with_inputs
from dljax.training.guard import require_finite
from dljax.training.learner import Learner
from dljax.training.position import begin_at
from dljax.training.skipping import Skips, passing_over, skipping, well
from dljax.training.stopping import Stop, require_metric
from dljax.training.summary import spread, summary
from dljax.types import Key, Metrics, Position, Source, Spec, State, require_key


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
    revise: Callable[[State], State] | None = None,
    skip: bool = False,
) -> Iterator[Round]:
    """Train, one compiled call of `chunk` updates after the other.

    Everything is a pure function of `key`, `state` and `position`: passing on those of
    an earlier round continues exactly as if there had been no break. Batches of a
    traced source are drawn inside the compiled call, those of a host source before.
    What the learner checks of its data is checked first: all the arrays of a source
    that holds them, each batch of a host source, else the batch to begin with.

    Args:
        learner: what to train.
        source: where batches come from.
        key: the root key of the run, typed (`jax.random.key`).
        state: where to start; `learner.init` by default. It is copied, not donated.
        position: where the source starts; by default where `state` says, if `fit` or
            `run` returned it, else at its own first position.
        steps: the number of updates to make; unlimited by default.
        chunk: updates in one compiled `lax.scan`; the last round may be shorter.
        revise: gives, of the state of the last round, that to go on with, such as one
            with another learning rate; of the same form.
        skip: whether to pass over updates that are not finite, see `skipping`.

    Yields:
        A `Round` after each call. The loop does not wait for the device, reading a
        metric does; only over several devices of a CPU it waits for each call.

    Raises:
        ValueError: for a chunk below 1, negative steps, what is no key, a position of
            another source, a state of another net, or data that an objective has no
            meaning for.

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
    """
    _require_count('chunk', chunk, 1)
    if steps is not None:
        _require_count('steps', steps, 0)
    require_key(key)
    first, batch = source.init(key)
    position = begin_at(position, state, first)
    source = bordered(source, learner, batch)
    now: State = jax.jit(learner.init)(key, batch) if state is None else state
    check_first(source, learner, batch, now)
    now, position = copy_unbound((now.replace(position=None), position))
    key = beside(now, key)
    position = position if source.host else beside(now, position)
    compiled = on_host if source.host else compile_with
    train = compiled(learner, source, well if skip else None)
    if skip:
        train = passing_over(train, compiled(skipping(learner), source))
    done = 0
    while steps is None or done < steps:
        length = chunk if steps is None else min(chunk, steps - done)
        with of_one_net():
            now, position, metrics = train(key, now, position, length)
        done += length
        if _on_several_of_a_cpu(now):
            # A device takes 32 programs at once, counting those that are made of the
            # metrics; the launch of another keeps a thread waiting, of which there are
            # as few as devices, and jax 0.10 then has none left for the one that all
            # the others wait for. One call at a time costs nothing that was measured.
            jax.block_until_ready(metrics)
        yield Round(now, position, metrics)
        now = revise(now) if revise else now


def _on_several_of_a_cpu(state: State) -> bool:
    devices = state.step.sharding.device_set
    return len(devices) > 1 and next(iter(devices)).platform == 'cpu'


def fit(
    learner: Learner,
    source: Source,
    *,
    steps: int,
    key: Key,
    state: State | None = None,
    position: Position | None = None,
    chunk: int = 1,
    stop: Stop | None = None,
    window: int = 1,
    skip: int = 0,
    inputs: Mapping[str, Spec] | None = None,
) -> tuple[State, dict[str, np.ndarray]]:
    """Train for a number of updates, or until `stop` says why not to go on.

    The short way for scripts and tests, which looks at every round's metrics;
    `dljax.run` adds checkpoints, records and pictures round the same
    `rounds`. What it returns goes on with the next batches: with the same key, source
    and chunk, ten calls of 20 updates are one of 200, bit for bit.

    Args:
        learner: what to train.
        source: where batches come from.
        steps: the largest number of updates.
        key: the root key of the run; to go on, that of the first call.
        state: where to start, with the position in it; `learner.init` by default. To
            begin another source at its beginning, `state.replace(position=None)`.
        position: where the source starts, if not where the state says.
        chunk: updates in one compiled call.
        stop: a rule of `dljax.training.stopping`, asked after each `window`. It sees
            the windows of this call only.
        window: updates averaged into one row of what `stop` sees, such as an epoch.
            With `stop`, a multiple of `chunk`.
        skip: how many updates in a row may be passed over where they are not finite,
            see `skipping`; by default the first one raises.
        inputs: the form of each feature, checked beside what the objectives declare of
            their data; `dljax.zoo.inputs(name)` tells it of a model of the zoo.

    Returns:
        The last state, with the position of the source, and the metrics of each update:
        [updates, ...] NumPy arrays.

    Raises:
        NonFiniteError: as soon as a loss or a gradient is not finite.
        ValueError: where `window` is no multiple of `chunk`, `steps` is below 1, `key`
            is none, the position is that of another source or the state that of another
            net, `stop` is of no metric that there is, or for data that are not as
            declared.

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
        >>> state, _ = fit(line, source, steps=9, key=jax.random.key(0), state=state)
        >>> int(state.step), int(state.position)
        (18, 18)
    """
    _require_count('steps', steps, 1)
    _require_count('chunk', chunk, 1)
    if stop is not None and window % chunk:
        raise ValueError(f'window={window} is no multiple of chunk={chunk}')
    if inputs:
        learner = with_inputs(learner, inputs)
    history, rows, done, skips = [], [], 0, Skips(skip)
    start = {'key': key, 'state': state, 'position': position}
    for turn in rounds(
        learner, source, steps=steps, chunk=chunk, skip=skip > 0, **start
    ):
        metrics = {name: np.asarray(value) for name, value in turn.metrics.items()}
        require_finite(metrics, turn.state, source.arrays)
        if not history:
            require_metric(stop, metrics)
        history.append(metrics)
        if skip:
            skips.count(metrics, int(np.max(turn.state.step)))
        done += len(next(iter(metrics.values())))
        if stop is not None and done % window == 0:
            row = spread(summary(_joined(history[-(window // chunk) :])))
            rows.append(_of_turns(row))
            if stop(rows):
                break
    return turn.state.replace(position=turn.position), _joined(history)


def _require_count(name: str, value: int, least: int) -> None:
    if not hasattr(value, '__index__') or value < least:
        raise ValueError(f'{name}={value!r}, wanted an integer of {least} or more')


def _of_turns(row: dict[str, float]) -> dict[str, float]:
    """Leave out the metrics of players that sat out all turns; other NaN is a gap."""
    norms = [name for name in row if name.endswith('/gradient_norm')]
    silent = tuple(n.removesuffix('gradient_norm') for n in norms if row[n] != row[n])
    return {name: v for name, v in row.items() if not name.startswith(silent)}


def _joined(history: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {
        name: np.concatenate([part[name] for part in history]) for name in history[0]
    }
