"""The train step: players, each with an objective, an optimizer and its turn."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.training.declaration import border
from dljax.training.pair import Learner
from dljax.training.player import Player
from dljax.training.rehearsal import NotYetError, rehearse, require_like
from dljax.training.start import begin
from dljax.training.turn import require_told, turn
from dljax.types import Batch, Key, Metrics, PyTree, State, fold


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

    Args:
        net: any Linen module. Several networks are one container with named fields.
        players: by name, in the order of their turns.
        axis: name of the mapped axis to average gradients, metrics, running batch
            statistics and codebooks over, under `pmap` or `shard_map`. Random streams
            differ on it.
        start: arrays to begin with, by collection, group and so on as the net has them;
            what it leaves out is drawn. So a head is replaced by leaving it out.

    Returns:
        The learner. Metrics are float32 scalars named 'player/metric'; each player has
        metrics of its own, 'loss' if it has one, 'gradient_norm' (before the optimizer)
        and the flag 'finite', false for the first player of an update to lose it. In a
        turn that it sits out its metrics are NaN. Its check is made of what the
        objectives have `declared`.

    Raises:
        ValueError: without players; at `init`, for a group in `trains` that the net
            does not have, an objective that gives no (scalar, metrics) or no direction
            formed as the trained groups, a start of another net, or an optimizer that
            wants the loss where there is a direction.

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
    """
    if not players:
        raise ValueError('a learner needs at least one player')

    def init(key: Key, batch: Batch) -> State:
        def visit(net: nn.Module, batch: Batch) -> None:
            late = []
            for name, player in players.items():
                try:
                    forms[name] = rehearse(name, player, net, batch)
                except NotYetError:  # it may read what the objectives of others make
                    late.append(name)
            for name in late:
                forms[name] = rehearse(name, players[name], net, batch)

        forms: dict[str, PyTree] = {}
        drawn = nn.init(visit, net)(fold(key, 'init'), batch)
        collections = dict(begin(drawn, start))
        params = dict(collections.pop('params', {}))
        opt_state = {}
        for name, player in players.items():
            trained, _ = player.part(params)
            require_like(name, forms[name], trained)
            opt_state[name] = player.optimizer.init(trained)
            require_told(name, player, trained, opt_state[name])
        return State(jnp.int32(0), params, collections, opt_state)

    def update(key: Key, state: State, batch: Batch) -> tuple[State, Metrics]:
        key = fold(key, 'update', state.step)
        if axis is not None:
            key = fold(key, jax.lax.axis_index(axis))
        report, intact = {}, jnp.bool_(True)
        for index, (name, player) in enumerate(players.items()):
            own = fold(key, index)
            move = partial(turn, net, name, player, axis, own, batch=batch)
            state, metrics = player.act(move, state)
            finite = metrics['finite']
            metrics = {**metrics, 'finite': finite | ~intact}
            intact = finite & intact
            report |= {f'{name}/{k}': v for k, v in metrics.items()}
        return state.replace(step=state.step + 1), report

    return Learner(init, update, border(net, players))
