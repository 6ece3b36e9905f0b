"""The train step: players, each with an objective, an optimizer and its turn."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from dljax.training.norm import global_norm
from dljax.training.player import COLLECTIONS, Player, joined
from dljax.training.start import begun
from dljax.types import Array, Batch, Key, Metrics, PyTree, State, fold


class Learner(NamedTuple):
    """A pair of pure functions, as Optax's: all that the training loop knows.

    Attributes:
        init: `(key, batch) -> state`.
        update: `(key, state, batch) -> (state, metrics)`; `key` is the run's root key.
    """

    init: Callable[[Key, Batch], State]
    update: Callable[[Key, State, Batch], tuple[State, Metrics]]


def learner(
    net: nn.Module,
    players: Mapping[str, Player],
    *,
    axis: str | None = None,
    start: PyTree | None = None,
) -> Learner:
    r"""Build the train step of a net from its players.

    In each update the players take their turns in order and each sees the moves made
    before it. A turn applies the objective to the bound net with every collection but
    the parameters mutable, differentiates a loss with respect to the trained groups
    only, averages over `axis`, and lets Optax move. Both functions of the result are
    pure and may be jitted, scanned, mapped and differentiated.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from flax import linen as nn
        >>> def fit_line(net, batch, step):
        ...     return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}
        >>> x = jnp.linspace(-1., 1., 8)[:, None]
        >>> batch = {'x': x, 'y': 3. * x + 1.}
        >>> line = learner(nn.Dense(1), {'line': Player(optax.sgd(.5), loss=fit_line)})
        >>> key = jax.random.key(0)
        >>> state = line.init(key, batch)
        >>> for _ in range(100):
        ...     state, metrics = line.update(key, state, batch)
        >>> f"{state.params['kernel'][0, 0]:.2f} {state.params['bias'][0]:.2f}"
        '3.00 1.00'

    Args:
        net: any Linen module. Several networks are one container with named fields.
        players: by name, in the order of their turns.
        axis: name of the mapped axis to average gradients, metrics and running batch
            statistics over, under `pmap` or `shard_map`. Random streams differ on it.
        start: arrays to begin with, by collection, group and so on as the net has them;
            what it leaves out is drawn. So a head is replaced by leaving it out.

    Returns:
        The learner. Metrics are float32 scalars named 'player/metric'; each player has
        metrics of its own, 'loss' if it has one, 'gradient_norm' (before the optimizer)
        and the flag 'finite', false for the first player of an update to lose it. In a
        turn that it sits out its metrics are NaN.

    Raises:
        ValueError: without players; at `init`, for a group in `trains` that the net
            does not have, a loss that is not a scalar, or a start of another net.
    """
    if not players:
        raise ValueError('a learner needs at least one player')

    def init(key: Key, batch: Batch) -> State:
        def visit(net: nn.Module, batch: Batch) -> None:
            for player in players.values():
                player.rehearse(net, batch)

        drawn = nn.init(visit, net)(fold(key, 'init'), batch)
        collections = dict(begun(drawn, start))
        params = dict(collections.pop('params', {}))
        opt_state = {
            name: player.optimizer.init(player.part(params)[0])
            for name, player in players.items()
        }
        return State(jnp.int32(0), params, collections, opt_state)

    def turn(name: str, key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        player = players[name]
        trained, frozen = player.part(state.params)

        def objective(trained: PyTree) -> tuple[Array, tuple]:
            (value, metrics), collections = nn.apply(
                player.objective, net, mutable=COLLECTIONS
            )(
                {'params': joined(frozen, trained), **state.collections},
                batch,
                state.step,
                rngs={'params': key},  # Linen derives every named stream from it
            )
            return value, (metrics, collections)

        if player.direction is None:
            compute = jax.value_and_grad(objective, has_aux=True)
            (value, (metrics, collections)), gradient = compute(trained)
            metrics = {'loss': value, **metrics}
        else:
            gradient, (metrics, collections) = objective(trained)
        if axis is not None:
            stats = {k: v for k, v in collections.items() if k == 'batch_stats'}
            gradient, metrics, stats = jax.lax.pmean((gradient, metrics, stats), axis)
            collections = {**collections, **stats}
        metrics = {**metrics, 'gradient_norm': global_norm(gradient)}
        metrics = {k: jnp.asarray(v, jnp.float32) for k, v in metrics.items()}
        finite = jnp.isfinite(metrics.get('loss', 0.0) + metrics['gradient_norm'])
        updates, opt_state = player.optimizer.update(
            gradient, state.opt_state[name], trained
        )
        state = state.replace(
            params=joined(frozen, optax.apply_updates(trained, updates)),
            collections={**state.collections, **collections},
            opt_state={**state.opt_state, name: opt_state},
        )
        return state, {**metrics, 'finite': finite}

    def update(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        key = fold(key, 'update', state.step)
        if axis is not None:
            key = fold(key, jax.lax.axis_index(axis))
        report, intact = {}, jnp.bool_(True)
        for index, (name, player) in enumerate(players.items()):

            def move(state: State, name: str = name, index: int = index) -> tuple:
                return turn(name, fold(key, index), state, batch)

            state, metrics = player.act(move, state)
            finite = metrics['finite']
            metrics['finite'], intact = finite | ~intact, finite & intact
            report |= {f'{name}/{k}': v for k, v in metrics.items()}
        return state.replace(step=state.step + 1), report

    return Learner(init, update)
