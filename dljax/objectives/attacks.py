"""Inputs moved a little to mislead a net, and learning in spite of it (D19)."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.objectives.classification import label_cross_entropy
from dljax.objectives.unmoved import unmoved
from dljax.training import declared
from dljax.training.declaration import check_by
from dljax.types import Array, Batch, Key, Loss, Metrics, Score

# (net, batch, key) -> the batch with another input of the same shape.
Attack = Callable[[nn.Module, Batch, Key], Batch]


def fast_gradient_sign(
    epsilon: float | Array,
    *,
    feature: str = 'image',
    limits: tuple[float, float] = (0.0, 1.0),
) -> Attack:
    """Move each number of the input by ε to where the cross-entropy grows.

    x' = clip(x + ε sign(∂L/∂x)), L that of the true label, in evaluation mode.

    Args:
        epsilon: ε, a scalar of at least 0, which may be traced.
        feature: of the input, float.
        limits: of the input's numbers.

    Returns:
        The attack. No gradient flows through it, and nothing in the net moves.

    Raises:
        ValueError: for a negative ε.

    Reference:
        Goodfellow et al. (2015), Explaining and Harnessing Adversarial Examples,
        https://arxiv.org/abs/1412.6572

    Example:
        >>> from dljax import create_model
        >>> net = create_model('mlp', hidden=(), outputs=2)
        >>> batch = {'image': jnp.full((1, 1, 1, 1), 0.5), 'label': jnp.array([1])}
        >>> layer = {'kernel': jnp.array([[-1., 1.]]), 'bias': jnp.zeros(2)}
        >>> attack = nn.apply(fast_gradient_sign(0.25), net)
        >>> print(attack({'params': {'output': layer}}, batch, None)['image'].ravel())
        [0.25]
    """
    return projected_gradient(
        epsilon, moves=1, size=epsilon, random=False, feature=feature, limits=limits
    )


def projected_gradient(
    epsilon: float | Array,
    *,
    moves: int = 10,
    size: float | Array | None = None,
    random: bool = True,
    feature: str = 'image',
    limits: tuple[float, float] = (0.0, 1.0),
) -> Attack:
    """Move the input several times to where the cross-entropy grows, within ±ε.

    x ← clip(x + s sign(∂L/∂x)) to [x_0 - ε, x_0 + ε] and to the limits.

    Args:
        epsilon: ε, a scalar of at least 0, which may be traced.
        moves: how often, at least 1.
        size: s, a scalar of at least 0; None for 2.5 ε / moves, by which the border
            can be reached and left.
        random: whether it begins at random within ±ε, by the key.
        feature: of the input, float.
        limits: of the input's numbers.

    Returns:
        The attack. No gradient flows through it, and nothing in the net moves.

    Raises:
        ValueError: for a number out of range.

    Reference:
        Madry et al. (2018), Towards Deep Learning Models Resistant to Adversarial
        Attacks, https://arxiv.org/abs/1706.06083
    """
    for name, value in (('epsilon', epsilon), ('size', size)):
        if isinstance(value, int | float) and not value >= 0:
            raise ValueError(f'{name}={value}, wanted 0 or more')
    if moves < 1:
        raise ValueError(f'moves={moves}, wanted 1 or more')
    if size is None:
        size = 2.5 * epsilon / moves

    def attack(net: nn.Module, batch: Batch, key: Key) -> Batch:
        given, call = jnp.asarray(batch[feature]), unmoved(net)
        low = jnp.maximum(given - epsilon, limits[0])
        high = jnp.minimum(given + epsilon, limits[1])

        def cost(inputs: Array) -> Array:
            logits = call(inputs, train=False)
            return label_cross_entropy(logits, batch['label']).sum()

        def move(_: Array, inputs: Array) -> Array:
            return jnp.clip(inputs + size * jnp.sign(jax.grad(cost)(inputs)), low, high)

        begin = given
        if random:
            drawn = jax.random.uniform(key, given.shape, given.dtype, -1.0, 1.0)
            begin = jnp.clip(given + epsilon * drawn, low, high)
        moved = jax.lax.fori_loop(0, moves, move, begin)
        return {**batch, feature: jax.lax.stop_gradient(moved)}

    return attack


def learn_under(attack: Attack, loss: Loss) -> Loss:
    """Let a loss see inputs that are moved against the net as it stands.

    Args:
        attack: as `projected_gradient` makes it; its draws are the step's.
        loss: such as `classify()`, whose augmentation comes after the attack.

    Returns:
        `(net, batch, step) -> (loss, metrics)`, those of the moved inputs.

    Reference:
        Madry et al. (2018), Towards Deep Learning Models Resistant to Adversarial
        Attacks, https://arxiv.org/abs/1706.06083
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        if not net.is_initializing():
            batch = attack(net, batch, net.make_rng('attack'))
        return loss(net, batch, step)

    return declared(objective, _check(loss))


def score_under(attack: Attack, score: Score, *, seed: int = 0) -> Score:
    """Score inputs that are moved against the net.

    Args:
        attack: as `projected_gradient` makes it.
        score: such as `score_classes()`.
        seed: of the attack's draws, which are the same in each batch.

    Returns:
        `(net, batch, step) -> {metric: [batch]}`, those of the moved inputs.
    """

    def under(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        return score(net, attack(net, batch, jax.random.key(seed)), step)

    return declared(under, _check(score))


def _check(inner: Loss | Score) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    return lambda net, arrays: check_by(inner, net, arrays)
