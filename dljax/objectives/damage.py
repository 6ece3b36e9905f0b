"""Nets that see damaged inputs and are compared with whole ones."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import pixel_squared_error
from dljax.metrics import psnr
from dljax.objectives import wanted
from dljax.training import declared
from dljax.training.declaration import check_by
from dljax.types import Array, Batch, Key, Loss, Metrics, Score

Damage = Callable[[Key, Array], Array]


def damaged(objective: Loss, damage: Damage, *, feature: str = 'image') -> Loss:
    """Let an objective see a damaged input, drawn anew in each step.

    Args:
        objective: that compares what the net makes of `feature` with another one.
        damage: `(key, inputs) -> inputs`, such as `data.gaussian_noise(0.1)`; its key
            is of the stream 'damage'.
        feature: of the batch that is damaged.

    Returns:
        `(net, batch, step) -> (loss, metrics)`, whose check is that of the objective,
        on what is not damaged yet.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dljax.data import gaussian_noise
        >>> def gap(net, batch, step):
        ...     return jnp.abs(batch['image'] - batch['target']).mean(), {}
        >>> grey = jnp.full((1, 64, 64, 1), 0.5)
        >>> noisy = damaged(gap, gaussian_noise(0.1))
        >>> batch, rngs = {'image': grey, 'target': grey}, {'damage': jax.random.key(0)}
        >>> loss, _ = nn.apply(noisy, nn.Dense(1))({}, batch, 0, rngs=rngs)
        >>> print(f'{loss:.2f}')
        0.08
    """

    def on_damaged(net: nn.Module, batch: Batch, step: Array) -> tuple:
        seen = damage(net.make_rng('damage'), batch[feature])
        return objective(net, {**batch, feature: seen}, step)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        check_by(objective, net, arrays)

    return declared(on_damaged, check)


def score_repair(feature: str = 'image', target: str = 'target') -> Score:
    """Score what a net makes of damaged inputs.

    Args:
        feature: of the batch, damaged already: any finite numbers.
        target: of the batch, the true pictures in [0, 1].

    Returns:
        `(net, batch, step) -> {'psnr', 'squared_error': [batch]}`, in evaluation mode,
        of all channels of pictures cut off at 0 and 1; the error is a mean.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        made = net(batch[feature], train=False).astype(jnp.float32).clip(0.0, 1.0)
        return {
            'psnr': psnr(made, batch[target]),
            'squared_error': pixel_squared_error(made, batch[target]),
        }

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.finite(arrays, feature)
        wanted.interval(arrays, target, why=' as the pixels of pictures are')

    return declared(score, check)
