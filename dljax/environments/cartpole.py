"""CartPole: to balance a pole on a cart by pushing left or right."""

import math

import jax
import jax.numpy as jnp

from dljax.environments.environment import Environment, TimeStep
from dljax.types import Array, Key, Spec

GRAVITY = 9.8  # m/s²
CART, POLE = 1.0, 0.1  # masses in kg
HALF_LENGTH = 0.5  # of the pole, in m
FORCE = 10.0  # N
INTERVAL = 0.02  # s
EDGE = 2.4  # m from the middle
ANGLE = 12 * 2 * math.pi / 360  # rad from upright


def cartpole(limit: int = 500) -> Environment:
    r"""Make the cart-pole task, the same as CartPole-v1 of gymnasium.

    With the push $F = \pm 10$ N, the total mass $m = m_c + m_p$ and half the length of
    the pole $l$, Euler's method takes steps of 0.02 s of

    $$b = (F + m_p l \dot\theta^2 \sin\theta) / m, \quad
    \ddot\theta = \frac{g \sin\theta - b \cos\theta}
    {l (4/3 - m_p \cos^2\theta / m)}, \quad
    \ddot x = b - m_p l \ddot\theta \cos\theta / m.$$

    The state, [4], is what is observed: place, speed, angle and angular speed. Each
    step earns 1. The task ends more than 2.4 m off the middle or 12 degrees off the
    upright, and every episode starts within 0.05 of zero.

    Args:
        limit: the most steps of an episode: 500 for version 1, 200 for version 0.

    Returns:
        The environment. Action 0 pushes to the left, 1 to the right.

    Raises:
        ValueError: for a limit below 1.

    Reference:
        Barto et al. (1983), Neuronlike Adaptive Elements That Can Solve Difficult
        Learning Control Problems, https://doi.org/10.1109/TSMC.1983.6313077

    Example:
        >>> import jax.numpy as jnp
        >>> task = cartpole()
        >>> state, outcome = task.step(jax.random.key(0), jnp.zeros(4), 1)
        >>> [f'{value:.3f}' for value in state], bool(outcome.terminated)
        (['0.000', '0.195', '0.000', '-0.293'], False)
    """
    if limit < 1:
        raise ValueError(f'limit={limit}, wanted 1 step or more')
    return Environment(
        reset=_reset,
        step=_step,
        observe=lambda state: state,
        observation=Spec((4,)),
        action=Spec((), 'int32', 0, 1),
        limit=limit,
    )


def _reset(key: Key) -> Array:
    return jax.random.uniform(key, (4,), minval=-0.05, maxval=0.05)


def _step(key: Key, state: Array, action: Array) -> tuple[Array, TimeStep]:
    del key  # chance takes no part after the start
    place, speed, angle, turning = state
    mass, moment = CART + POLE, POLE * HALF_LENGTH
    force = jnp.where(action == 1, FORCE, -FORCE).astype(state.dtype)
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    base = (force + moment * jnp.square(turning) * sine) / mass
    lever = HALF_LENGTH * (4.0 / 3.0 - POLE * jnp.square(cosine) / mass)
    turn = (GRAVITY * sine - cosine * base) / lever
    push = base - moment * turn * cosine / mass
    change = jnp.stack([speed, push, turning, turn])
    state = state + INTERVAL * change
    terminated = (jnp.abs(state[0]) > EDGE) | (jnp.abs(state[2]) > ANGLE)
    return state, TimeStep(state, jnp.float32(1.0), terminated)
