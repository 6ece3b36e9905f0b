"""What a control task is: pure functions of a state."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from dljax.types import Array, Key, PyTree, Spec


class TimeStep(NamedTuple):
    """What a step of an environment shows.

    Attributes:
        observation: *shape of what can be seen of the state after the step.
        reward: float32 scalar.
        terminated: bool scalar, whether the task itself has ended: nothing is earned
            from that state on. A limit on the time does not end the task.
    """

    observation: Array
    reward: Array
    terminated: Array


class Environment(NamedTuple):
    """A control task, of one actor; `jax.vmap` makes it several.

    Whoever steps it counts the time and begins anew after `limit` steps. That cuts an
    episode off without ending the task, so a value learned from it looks beyond the
    cut: an outcome is never `terminated` because of the limit.

    Attributes:
        reset: `(key) -> state`, the first state of an episode, any tree of arrays.
        step: `(key, state, action) -> (state, outcome)`. The key is for tasks in which
            chance takes part.
        observe: `(state) -> observation`, what can be seen of a state.
        observation: its form.
        action: the form of an action: a scalar 'int32' from 0 on for a choice, a
            'float32' with bounds for a continuous one.
        limit: the most steps of an episode, at least 1.

    Reference:
        Pardo et al. (2018), Time Limits in Reinforcement Learning,
        https://arxiv.org/abs/1712.00378

    Example:
        >>> import jax
        >>> from dljax.environments import cartpole
        >>> task, key = cartpole(), jax.random.key(0)
        >>> state = task.reset(key)
        >>> state, outcome = task.step(key, state, 1)
        >>> outcome.observation.shape, float(outcome.reward), task.actions
        ((4,), 1.0, 2)
    """

    reset: Callable[[Key], PyTree]
    step: Callable[[Key, PyTree, Array], tuple[PyTree, TimeStep]]
    observe: Callable[[PyTree], Array]
    observation: Spec
    action: Spec
    limit: int

    @property
    def actions(self) -> int:
        """The number of actions to choose from.

        Raises:
            ValueError: where the action is continuous, or without an upper bound.
        """
        if not self.discrete:
            raise ValueError(
                f'actions are {self.action}, wanted a choice (a scalar integer): a '
                'continuous action needs another method'
            )
        if self.action.high is None:
            raise ValueError(f'actions are {self.action}, wanted the largest: high=')
        return int(self.action.high) + 1

    @property
    def discrete(self) -> bool:
        """Whether an action is a choice from a list."""
        return self.action.shape == () and np.dtype(self.action.dtype).kind == 'i'

    def random_action(self, key: Key, count: int) -> Array:
        """Draw actions uniformly.

        Args:
            key: of the draw.
            count: how many.

        Returns:
            [count, *shape] of the action's form.

        Raises:
            ValueError: for an action without bounds, or of an open shape.
        """
        shape, dtype = (count, *self.action.sizes), self.action.dtype
        if self.discrete:
            return jax.random.randint(key, shape, 0, self.actions, dtype)
        low, high = self.action.low, self.action.high
        if low is None or high is None:
            raise ValueError(
                f'actions are {self.action}, wanted bounds: without low and high there '
                'is nothing to draw uniformly from'
            )
        return jax.random.uniform(key, shape, dtype, low, high)
