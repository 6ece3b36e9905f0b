"""Targets of values that are learned from the values that follow."""

import jax
import jax.numpy as jnp

from dljax.losses.meaning import nan_beyond
from dljax.losses.reduction import pair
from dljax.types import Array


def q_target(
    rewards: Array,
    terminated: Array,
    following: Array,
    *,
    discount: float = 0.99,
    choice: Array | None = None,
) -> Array:
    r"""Target of a temporal difference, $r + \gamma\, Q'(s', a')$, or $r$ at the end.

    In Q-learning $a'$ is the action with the largest $Q'$. The maximum of noisy values
    is too high on average; double Q-learning lets other values choose the action that
    $Q'$ then judges: $a' = \arg\max_a Q(s', a)$.

    Args:
        rewards: [batch] r.
        terminated: [batch] bool, where the task ended with this step. An episode that
            a limit on the time cut off has not ended.
        following: [batch, actions] Q', the values of the state after the step.
        discount: γ in [0, 1].
        choice: [batch, actions] Q, the values that choose; `following` by default.

    Returns:
        [batch] float32, through which no gradient flows.

    Raises:
        ValueError: for shapes that do not fit, or a discount out of range.

    Reference:
        Watkins, Dayan (1992), Q-Learning, https://doi.org/10.1007/BF00992698
        van Hasselt et al. (2016), Deep Reinforcement Learning with Double Q-Learning,
        https://arxiv.org/abs/1509.06461

    Example:
        >>> import jax.numpy as jnp
        >>> rewards, ended = jnp.ones(2), jnp.array([False, True])
        >>> values = jnp.array([[2., 4.], [2., 4.]])
        >>> print(q_target(rewards, ended, values, discount=.5))
        [3. 1.]
        >>> print(q_target(rewards, ended, values, discount=.5, choice=-values))
        [2. 1.]
    """
    if not 0 <= discount <= 1:
        raise ValueError(f'discount is {discount}, wanted a number in [0, 1]')
    choice = following if choice is None else choice
    following, choice = pair(following, choice, 'following and choice')
    if following.ndim != 2 or not (
        rewards.shape == terminated.shape == following.shape[:1]
    ):
        raise ValueError(
            f'rewards {rewards.shape}, terminated {terminated.shape} and following '
            f'{following.shape}, wanted [batch], [batch] and [batch, actions]'
        )
    ahead = action_values(following, choice.argmax(axis=1))
    # where, not a product: what follows an end may be anything
    target = rewards + discount * jnp.where(terminated, 0.0, ahead)
    return jax.lax.stop_gradient(target.astype(jnp.float32))


def action_values(values: Array, actions: Array) -> Array:
    """Take the value of the action that was chosen, Q(s, a).

    Args:
        values: [batch, actions] of every action.
        actions: [batch] integers in [0, actions); one out of range gives NaN.

    Returns:
        [batch] float32.

    Raises:
        ValueError: for shapes that do not fit, or actions that are no integers.

    Example:
        >>> import jax.numpy as jnp
        >>> print(action_values(jnp.array([[1., 2.], [3., 4.]]), jnp.array([1, 0])))
        [2. 3.]
    """
    if values.ndim != 2 or actions.shape != values.shape[:1]:
        raise ValueError(
            f'values {values.shape} and actions {actions.shape}, wanted '
            '[batch, actions] and [batch]'
        )
    if not jnp.issubdtype(actions.dtype, jnp.integer):
        raise ValueError(
            f'actions have type {actions.dtype}, wanted integers: the number of the '
            'action that was chosen'
        )
    known = nan_beyond(actions, values.shape[1])
    actions = jnp.where(known == 1, actions, 0)  # an index out of range has no gradient
    chosen = jnp.take_along_axis(values, actions[:, None], axis=1)[:, 0]
    return chosen.astype(jnp.float32) * known
