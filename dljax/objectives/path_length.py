"""Even steps of a generator: equal changes of a style change an image equally."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.objectives.adversarial import Task
from dljax.objectives.unmoved import unmoved
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics


def even_paths(
    weight: float = 2.0, *, decay: float = 0.99, feature: str = 'image'
) -> Loss:
    r"""Hold the length of a generator's gradient by its styles near to its mean.

    $E (\|J_w^T y\|_2 - a)^2$ with images y of normal noise, divided by the root of the
    number of pixels, and $J_w$ the Jacobian of an image by the styles of its layers,
    whose squares are averaged over the layers. a is the moving mean of the lengths, in
    the collection 'path_length', and no gradient goes through it. No other collection
    moves.

    For a player of its own, that moves every so many updates: multiply the weight by
    its `every`, and give it an optimizer that heeds the size of a gradient. Adam does
    not, and would let this small penalty move the generator as far as the game does:
    there `hold_paths` belongs into the loss of the generator itself.

    Args:
        weight: of the penalty.
        decay: of the mean, a turn.
        feature: of the batch that holds real samples, of which the number alone counts.

    Returns:
        `(net, batch, step) -> (loss, metrics)` of a net whose part 'generator' has
        `styles` and `synthesise`, such as `models.adversarial.stylegan_small`; the
        player should train that group. Metrics: 'length', and its moving 'mean'.

    Raises:
        ValueError: for a weight that is not positive or a decay out of range; before
            the training, for a generator without styles.

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN,
        section 3.2, https://arxiv.org/abs/1912.04958
    """
    _check(weight, decay)

    def objective(net: Any, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        return _unevenness(net, len(batch[feature]), weight, decay)

    return declared(objective, _check_styles)


def hold_paths(weight: float = 2.0, *, decay: float = 0.99) -> Task:
    """Let the generator pay for uneven steps in its own turn, see `even_paths`.

    The paper does so every so many updates only, to save time.

    Args:
        weight: of the penalty.
        decay: of the mean, a turn.

    Returns:
        The task, for `fool`. Metrics: 'length', and its moving 'mean'.

    Raises:
        ValueError: for a weight that is not positive or a decay out of range.

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN,
        section 3.2, https://arxiv.org/abs/1912.04958
    """
    _check(weight, decay)

    def task(
        net: nn.Module,
        real: tuple[Array, ...] | None,
        fake: tuple[Array, ...],
        noise: Array,
        batch: Batch,
    ) -> tuple[Array, Metrics]:
        del real, fake, batch
        return _unevenness(net, len(noise), weight, decay)

    return declared(task, _check_styles)


def _unevenness(
    net: Any, count: int, weight: float, decay: float
) -> tuple[Array, Metrics]:
    noise = net.noise(count)
    old = net.get_variable('path_length', 'mean', jnp.zeros(()))
    if net.is_initializing():
        image = net.generator(noise, train=True)
        net.put_variable('path_length', 'mean', old)
        # Linen cannot be initialised inside `jax.grad`.
        return 0 * image.astype(jnp.float32).mean(), {'length': old, 'mean': old}
    generator = unmoved(net.generator)
    styles = generator(noise, train=True, method='styles')
    key = net.make_rng('path_length')

    def shadow(styles: Array) -> Array:
        images = generator(styles, train=True, method='synthesise')
        pixels = images.shape[1] * images.shape[2]
        direction = jax.random.normal(key, images.shape) / pixels**0.5
        return (images.astype(jnp.float32) * direction).sum()

    lengths = path_lengths(jax.grad(shadow)(styles))
    mean = decay * old + (1 - decay) * jax.lax.stop_gradient(lengths.mean())
    net.put_variable('path_length', 'mean', mean)
    penalty = jnp.square(lengths - mean).mean()
    return weight * penalty, {'length': lengths.mean(), 'mean': mean}


def _check(weight: float, decay: float) -> None:
    if not weight > 0 or not 0 <= decay < 1:
        raise ValueError(
            f'weight is {weight} and decay {decay}, wanted a positive number and one '
            'in [0, 1): 2 and 0.99 are usual'
        )


def _check_styles(net: nn.Module, arrays: Mapping[str, Any]) -> None:
    del arrays
    generator = getattr(net, 'generator', None)
    lacking = [
        name for name in ('styles', 'synthesise') if not hasattr(generator, name)
    ]
    if lacking:
        raise ValueError(
            f'{type(generator).__name__} has no {lacking}, wanted a generator with '
            'styles(noise) and synthesise(styles), such as that of stylegan_small'
        )


def path_lengths(gradient: Array) -> Array:
    """Measure the gradient of an image's scalar by its styles.

    Args:
        gradient: [batch, layers, style].

    Returns:
        [batch] float32: the root of the mean over layers of the squared lengths; its
        gradient is 0 where all is 0.

    Example:
        >>> print(path_lengths(jnp.array([[[3., 4.], [0., 0.]], [[0., 0.], [0., 0.]]])))
        [3.535534 0.      ]
    """
    squares = jnp.square(gradient.astype(jnp.float32)).sum(2).mean(1)
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)
