"""Maps from the gradient of a logit with respect to the image (U1.16)."""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.explain.target import choose_label, evidence, pure
from dljax.types import Array, Key, fold


def gradient(net: nn.Module, image: Array, label: Array | None = None) -> Array:
    """Show how the logit of a class would change with each pixel: ∂z_c / ∂x.

    Args:
        net: a bound module, `(image, train) -> [batch, classes]` logits.
        image: [batch, height, width, channel].
        label: [batch] int32, the class explained; None for the one predicted.

    Returns:
        [batch, height, width, channel] float32.

    Raises:
        ValueError: for what are no images of floats, or a net without logits.

    Reference:
        Simonyan et al. (2014), Deep Inside Convolutional Networks: Visualising Image
        Classification Models and Saliency Maps, https://arxiv.org/abs/1312.6034; it
        shows the largest size over the channels.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dljax import create_model
        >>> net, image = create_model('mlp', hidden=(5,)), jnp.ones((2, 4, 4, 1))
        >>> variables = net.init(jax.random.key(0), image)
        >>> nn.apply(gradient, net)(variables, image).shape
        (2, 4, 4, 1)
    """
    return _gradient(net, image, label)(image)


def gradient_times_input(
    net: nn.Module, image: Array, label: Array | None = None
) -> Array:
    """Show what each pixel adds to the logit, if the net were linear: x ∂z_c / ∂x.

    Args:
        net: a bound module, `(image, train) -> [batch, classes]` logits.
        image: [batch, height, width, channel].
        label: [batch] int32, the class explained; None for the one predicted.

    Returns:
        [batch, height, width, channel] float32; a pixel of 0 has no part.

    Raises:
        ValueError: for what are no images of floats, or a net without logits.

    Reference:
        Shrikumar et al. (2016), Not Just a Black Box: Learning Important Features
        through Propagating Activation Differences, https://arxiv.org/abs/1605.01713
    """
    return image * gradient(net, image, label)


def smooth_gradient(
    net: nn.Module,
    image: Array,
    label: Array | None = None,
    *,
    samples: int = 32,
    noise: float = 0.15,
    key: Key | None = None,
) -> Array:
    """Average the gradient over noisy copies of the image (SmoothGrad).

    Args:
        net: a bound module, `(image, train) -> [batch, classes]` logits.
        image: [batch, height, width, channel].
        label: [batch] int32, the class explained; None for the one predicted for the
            image without noise.
        samples: copies, which are all computed at once.
        noise: standard deviation, as a fraction of each image's range.
        key: of the noise; None for a fixed one.

    Returns:
        [batch, height, width, channel] float32.

    Raises:
        ValueError: for what are no images of floats, a net without logits, no sample,
            or a negative noise.

    Reference:
        Smilkov et al. (2017), SmoothGrad: Removing Noise by Adding Noise,
        https://arxiv.org/abs/1706.03825
    """
    if samples < 1 or noise < 0:
        raise ValueError(
            f'samples is {samples} and noise {noise}, wanted at least 1 and at least 0'
        )
    differentiate = _gradient(net, image, label)
    key = fold(jax.random.key(0) if key is None else key, 'smooth_gradient')
    axes = tuple(range(1, image.ndim))
    width = noise * (image.max(axes, keepdims=True) - image.min(axes, keepdims=True))

    def noisy(index: Array) -> Array:
        draw = jax.random.normal(fold(key, index), image.shape, image.dtype)
        return differentiate(image + width * draw)

    return jax.vmap(noisy)(jnp.arange(samples)).mean(0)


def integrated_gradients(
    net: nn.Module,
    image: Array,
    label: Array | None = None,
    *,
    baseline: float | Array = 0.0,
    steps: int = 32,
    rule: Literal['gauss', 'trapezoid'] = 'gauss',
) -> Array:
    r"""Add the gradient up on the straight way from a baseline b to the image.

    (x - b) ∫₀¹ ∂z_c / ∂x (b + t (x - b)) dt. The sum over the pixels is the difference
    of the logits, z_c(x) - z_c(b), but for the error of the sum that stands for the
    integral.

    Args:
        net: a bound module, `(image, train) -> [batch, classes]` logits.
        image: [batch, height, width, channel].
        label: [batch] int32, the class explained; None for the one predicted.
        baseline: what stands for "nothing there": a scalar (0: black), or images [...]
            that broadcast against `image`. Pixels that equal it get 0.
        steps: points on the way, which are all computed at once.
        rule: of the sum: Gauss-Legendre, exact for gradients that are polynomials of
            degree 2 steps - 1, or the trapezoid rule with both ends.

    Returns:
        [batch, height, width, channel] float32.

    Raises:
        ValueError: for what are no images of floats, a net without logits, an unknown
            rule, or fewer steps than it needs: 1, or 2 for the trapezoids.

    Reference:
        Sundararajan et al. (2017), Axiomatic Attribution for Deep Networks,
        https://arxiv.org/abs/1703.01365; it uses a Riemann sum of 20 to 300 steps.
    """
    points, weights = _rule(rule, steps)
    differentiate = _gradient(net, image, label)
    way = image - jnp.broadcast_to(jnp.asarray(baseline, image.dtype), image.shape)
    gradients = jax.vmap(lambda back: differentiate(image - back * way))(1.0 - points)
    return way * jnp.tensordot(weights, gradients, 1)


def _rule(rule: str, steps: int) -> tuple[Array, Array]:
    """Give points in [0, 1] and weights that add up to 1: [steps] each."""
    fewest = {'gauss': 1, 'trapezoid': 2}
    if rule not in fewest:
        raise ValueError(f'rule is {rule!r}, wanted one of {sorted(fewest)}')
    if steps < fewest[rule]:
        raise ValueError(f'steps is {steps}, wanted at least {fewest[rule]}')
    if rule == 'gauss':
        points, weights = np.polynomial.legendre.leggauss(steps)
        points, weights = (points + 1) / 2, weights / 2
    else:
        points = np.linspace(0, 1, steps)
        weights = np.full(steps, 1 / (steps - 1))
        weights[[0, -1]] /= 2
    return jnp.asarray(points, jnp.float32), jnp.asarray(weights, jnp.float32)


def _gradient(
    net: nn.Module, image: Array, label: Array | None
) -> Callable[[Array], Array]:
    """Give the gradient of the evidence as a function of the images."""
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise ValueError(
            f'image has type {image.dtype}, wanted floats, since there is no gradient '
            'with respect to integers: data.as_float brings them to [0, 1]'
        )
    predict = pure(net, image)
    label = choose_label(predict(image), label)

    def total(image: Array) -> Array:
        return evidence(predict(image), label).sum()  # the examples do not meet

    return lambda image: jax.grad(total)(image).astype(jnp.float32)
