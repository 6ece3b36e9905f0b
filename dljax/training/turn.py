"""One player's turn: objective, gradient, optimizer, new state."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from dljax.training.norm import global_norm
from dljax.training.player import COLLECTIONS, Player, join
from dljax.types import Array, Batch, Key, Metrics, PyTree, State

# Collections of means over the batch, and so over all devices.
AVERAGED = ('batch_stats', 'codebook')


def turn(
    net: nn.Module,
    name: str,
    player: Player,
    axis: str | None,
    key: Key,
    state: State,
    batch: Batch,
) -> tuple[State, Metrics]:
    """Let a player move, see `learner`.

    Args:
        net: the module.
        name: the player's, by which the state holds that of its optimizer.
        player: whose turn it is.
        axis: the mapped axis to average over, or None.
        key: of this turn.
        state: before it.
        batch: of this update.

    Returns:
        The state after it, and float32 metrics with the flag 'finite'.

    Raises:
        ValueError: for an optimizer that wants more than there is.
    """
    trained, frozen = player.part(state.params)

    def objective(trained: PyTree) -> tuple[PyTree, tuple]:
        (value, metrics), collections = nn.apply(
            player.objective, net, mutable=COLLECTIONS
        )(
            {'params': join(frozen, trained), **state.collections},
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
        stats = {k: v for k, v in collections.items() if k in AVERAGED}
        gradient, metrics, stats = jax.lax.pmean((gradient, metrics, stats), axis)
        collections = {**collections, **stats}
    told = {}
    if player.direction is None:
        told = {'value': metrics['loss'], 'grad': gradient}
        told['value_fn'] = _value_function(objective, trained, axis)
    metrics = {**metrics, 'gradient_norm': global_norm(gradient)}
    metrics = {k: jnp.asarray(v, jnp.float32) for k, v in metrics.items()}
    finite = jnp.isfinite(metrics.get('loss', 0.0) + metrics['gradient_norm'])
    updates, opt_state = compute_updates(
        name, player, gradient, state.opt_state[name], trained, **told
    )
    state = state.replace(
        params=join(frozen, optax.apply_updates(trained, updates)),
        collections={**state.collections, **collections},
        opt_state={**state.opt_state, name: opt_state},
    )
    return state, {**metrics, 'finite': finite}


def compute_updates(
    name: str,
    player: Player,
    gradient: PyTree,
    opt_state: PyTree,
    trained: PyTree,
    **told: PyTree,
) -> tuple[PyTree, PyTree]:
    """Ask a player's optimizer for its updates.

    Args:
        name: the player's, for the message.
        player: whose optimizer it is.
        gradient: of the trained groups.
        opt_state: the optimizer's state.
        trained: the trained groups.
        **told: what Optax's extra arguments may be: 'value' of the loss, its gradient
            'grad' and the function 'value_fn' of the trained groups.

    Returns:
        Updates and the optimizer's new state.

    Raises:
        ValueError: for an optimizer that wants an argument that is not among them.
    """
    optimizer = optax.with_extra_args_support(player.optimizer)
    try:
        return optimizer.update(gradient, opt_state, trained, **told)
    except TypeError as error:
        if 'required keyword-only argument' not in str(error):
            raise
        wanted = str(error).rpartition(': ')[2]
        has = 'value, grad and value_fn of its loss'
        if player.direction is not None:
            has = 'nothing but the direction, as there is no loss: give it a loss='
            has += ', or another optimizer'
        raise ValueError(
            f"the optimizer of player '{name}' wants {wanted}, but is told {has}"
        ) from error


def require_told(name: str, player: Player, trained: PyTree, opt_state: PyTree) -> None:
    """Refuse an optimizer that wants the loss where there is only a direction.

    Args:
        name: the player's, for the message.
        player: whose optimizer it is.
        trained: the trained groups.
        opt_state: the optimizer's first state.

    Raises:
        ValueError: for such an optimizer.
    """
    if player.direction is not None:
        jax.eval_shape(
            partial(compute_updates, name, player), trained, opt_state, trained
        )


def _value_function(
    objective: Callable, trained: PyTree, axis: str | None
) -> Callable[[PyTree], Array]:
    """Make the loss a function of the trained groups alone, for searches along a line.

    Over an axis it is the mean of the devices' losses, and so is its gradient.
    """

    @jax.custom_jvp
    def same(moved: PyTree) -> PyTree:
        return moved

    @same.defjvp
    def same_jvp(moved: tuple, tangents: tuple) -> tuple[PyTree, PyTree]:
        # The tangents are the same on all devices, so their mean is themselves; but
        # transposed it takes the mean of the gradients.
        return moved[0], jax.lax.pmean(tangents[0], axis)

    def value(moved: PyTree) -> Array:
        moved = jax.tree.map(
            # An optimizer of some leaves sees nothing in the place of the others.
            lambda new, old: old if isinstance(new, optax.MaskedNode) else new,
            moved,
            trained,
            is_leaf=lambda leaf: isinstance(leaf, optax.MaskedNode),
        )
        if axis is None:
            return objective(moved)[0]
        return jax.lax.pmean(objective(same(moved))[0], axis)

    return value
