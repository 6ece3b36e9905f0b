"""Learning to act: values from experience, actions from values."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.environments import Environment, episode_return
from dljax.losses import action_values, huber, q_target
from dljax.objectives import wanted
from dljax.objectives.outputs import shape_of
from dljax.training import declared
from dljax.types import Array, Batch, Key, Loss, Metrics, Score, State, fold


def temporal_difference(
    discount: float = 0.99,
    *,
    double: bool = False,
    loss: Callable[[Array, Array], Array] = huber,
    online: str = 'online',
    target: str = 'target',
) -> Loss:
    """Loss of a deep Q-network on transitions that were replayed.

    The net holds two of one form. The online one, called in train mode, learns; the
    target one judges what follows, and its player moves it by `follow`. In double
    Q-learning the online one chooses the action that the target one judges.

    Args:
        discount: γ in [0, 1].
        double: whether choosing and judging are parted.
        loss: `(prediction, target) -> [batch]`; the Huber loss by default, which is the
            paper's clipping of the error to ±1.
        online: the field of the net that learns; the player trains it.
        target: the field of the net that judges.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'value', the mean of
        Q(s, a). The batch is that of `dljax.data.replay`.

    Reference:
        Mnih et al. (2015), Human-Level Control through Deep Reinforcement Learning,
        https://doi.org/10.1038/nature14236
        van Hasselt et al. (2016), Deep Reinforcement Learning with Double Q-Learning,
        https://arxiv.org/abs/1509.06461
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        learns, judges = getattr(net, online), getattr(net, target)
        values = learns(batch['observation'], train=True)
        following = batch['following']
        aim = q_target(
            batch['reward'],
            batch['terminated'],
            judges(following, train=False),
            discount=discount,
            choice=learns(following, train=False) if double else None,
        )
        taken = action_values(values, batch['action'])
        return loss(taken, aim).mean(), {'value': taken.mean()}

    def values_of(net: nn.Module, batch: Batch) -> Array:
        return getattr(net, online)(batch['observation'], train=False)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        numbers = 'observation', 'following', 'reward'
        wanted.take(arrays, *numbers, 'action', 'terminated')
        wanted.finite(arrays, *numbers)
        shape = shape_of(values_of, net, {'observation': arrays['observation']})
        count = shape[-1] if shape else None
        wanted.classes(arrays, 'action', count, shape=(), what='action')
        wanted.interval(arrays, 'terminated', why=': 1 where the task ended')

    return declared(objective, check)


def epsilon_greedy(
    net: nn.Module, epsilon: Callable[[Array], Array], *, online: str = 'online'
) -> Callable[[State, Array, Key], Array]:
    """Act at random now and then, and else by the largest value.

    Args:
        net: whose field `online` values actions.
        epsilon: `(step) -> probability` of a uniformly random action, such as an Optax
            schedule; `step` counts the updates.
        online: the field that values actions.

    Returns:
        The policy for `dljax.data.replay`, `(state, observation, key) -> action`, with
        the state of the training, [actors, ...] and [actors] int32.
    """

    def value(net: nn.Module, observation: Array) -> Array:
        return getattr(net, online)(observation, train=False)

    def policy(state: State, observation: Array, key: Key) -> Array:
        variables = {'params': state.params, **state.collections}
        values = nn.apply(value, net)(variables, observation)
        actors, actions = values.shape
        chance = jax.random.uniform(fold(key, 'whether'), (actors,))
        other = jax.random.randint(fold(key, 'which'), (actors,), 0, actions)
        return jnp.where(chance < epsilon(state.step), other, greedy(values))

    return policy


def greedy(values: Array) -> Array:
    """Choose the action of the largest value.

    Args:
        values: [..., actions].

    Returns:
        [...] int32.
    """
    return values.argmax(axis=-1).astype(jnp.int32)


def score_return(environment: Environment, *, online: str = 'online') -> Score:
    """Score a net by whole episodes under its greedy policy.

    Args:
        environment: the task.
        online: the field that values actions.

    Returns:
        `(net, batch, step) -> {'return': [batch]}`, the undiscounted return of the
        episodes whose numbers are batch['episode'], [batch] int32. A number stands for
        one start, whatever the net and whatever the other numbers.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        # Linen's modules must not be called inside the transformations below
        module, variables = getattr(net, online).unbind()

        def policy(observation: Array, key: Key) -> Array:
            values = module.apply(variables, observation[None], train=False)
            return greedy(values[0])

        def play(number: Array) -> Array:
            key = fold(jax.random.key(0), 'episode', number)
            return episode_return(environment, policy, key)

        return {'return': jax.vmap(play)(batch['episode'])}

    return score
