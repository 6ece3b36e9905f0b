"""Maps from the gradient of a logit with respect to the inputs (U1.16)."""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.explain.target import choose_label, evidence, pure
from dljax.types import Array, Key, fold


def gradient(net: nn.Module, inputs: Array, label: Array | None = None) -> Array:
    """Show how the logit of a class would change with each input: ∂z_c / ∂x.

    Args:
        net: a bound module, `(inputs, train) -> [batch, classes]` logits.
        inputs: [batch, ...] float, of any rank: a table, a series, images.
        label: [batch] int32, the class explained; None for the one predicted.

    Returns:
        [batch, ...] float32, of the inputs' shape.

    Raises:
        ValueError: for what is no batch of floats, or a net without logits.

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
    return _gradient(net, inputs, label)(inputs)


def gradient_times_input(
    net: nn.Module, inputs: Array, label: Array | None = None
) -> Array:
    """Show what each input adds to the logit, if the net were linear: x ∂z_c / ∂x.

    Args:
        net: a bound module, `(inputs, train) -> [batch, classes]` logits.
        inputs: [batch, ...] float, of any rank: a table, a series, images.
        label: [batch] int32, the class explained; None for the one predicted.

    Returns:
        [batch, ...] float32, of the inputs' shape; an input of 0 has no part.

    Raises:
        ValueError: for what is no batch of floats, or a net without logits.

    Reference:
        Shrikumar et al. (2016), Not Just a Black Box: Learning Important Features
        through Propagating Activation Differences, https://arxiv.org/abs/1605.01713
    """
    return inputs * gradient(net, inputs, label)


def smooth_gradient(
    net: nn.Module,
    inputs: Array,
    label: Array | None = None,
    *,
    samples: int = 32,
    noise: float = 0.15,
    key: Key | None = None,
) -> Array:
    """Average the gradient over noisy copies of the inputs (SmoothGrad).

    Args:
        net: a bound module, `(inputs, train) -> [batch, classes]` logits.
        inputs: [batch, ...] float, of any rank: a table, a series, images.
        label: [batch] int32, the class explained; None for the one predicted for the
            inputs without noise.
        samples: copies, which are all computed at once.
        noise: standard deviation, as a fraction of each example's range;
            scale the columns of a table before.
        key: of the noise; None for a fixed one.

    Returns:
        [batch, ...] float32, of the inputs' shape.

    Raises:
        ValueError: for what is no batch of floats, a net without logits, no sample,
            or a negative noise.

    Reference:
        Smilkov et al. (2017), SmoothGrad: Removing Noise by Adding Noise,
        https://arxiv.org/abs/1706.03825
    """
    if samples < 1 or noise < 0:
        raise ValueError(
            f'samples is {samples} and noise {noise}, wanted at least 1 and at least 0'
        )
    differentiate = _gradient(net, inputs, label)
    key = fold(jax.random.key(0) if key is None else key, 'smooth_gradient')
    axes = tuple(range(1, inputs.ndim))
    width = inputs.max(axes, keepdims=True) - inputs.min(axes, keepdims=True)

    def noisy(index: Array) -> Array:
        draw = jax.random.normal(fold(key, index), inputs.shape, inputs.dtype)
        return differentiate(inputs + noise * width * draw)

    return jax.vmap(noisy)(jnp.arange(samples)).mean(0)


def integrated_gradients(
    net: nn.Module,
    inputs: Array,
    label: Array | None = None,
    *,
    baseline: float | Array = 0.0,
    steps: int = 32,
    rule: Literal['gauss', 'trapezoid'] = 'gauss',
) -> Array:
    r"""Add the gradient up on the straight way from a baseline b to the inputs.

    (x - b) ∫₀¹ ∂z_c / ∂x (b + t (x - b)) dt. The sum over the inputs is the difference
    of the logits, z_c(x) - z_c(b), but for the error of the sum that stands for the
    integral.

    Args:
        net: a bound module, `(inputs, train) -> [batch, classes]` logits.
        inputs: [batch, ...] float, of any rank: a table, a series, images.
        label: [batch] int32, the class explained; None for the one predicted.
        baseline: what stands for "nothing there": a scalar (0: black), or what
            broadcasts against the inputs, such as means [1, ...]. Inputs that equal it
            get 0.
        steps: points on the way, which are all computed at once.
        rule: of the sum: Gauss-Legendre, exact for gradients that are polynomials of
            degree 2 steps - 1, or the trapezoid rule with both ends.

    Returns:
        [batch, ...] float32, of the inputs' shape.

    Raises:
        ValueError: for what is no batch of floats, a net without logits, an unknown
            rule, or fewer steps than it needs: 1, or 2 for the trapezoids.

    Reference:
        Sundararajan et al. (2017), Axiomatic Attribution for Deep Networks,
        https://arxiv.org/abs/1703.01365; it uses a Riemann sum of 20 to 300 steps.
    """
    points, weights = _rule(rule, steps)
    differentiate = _gradient(net, inputs, label)
    way = inputs - jnp.broadcast_to(jnp.asarray(baseline, inputs.dtype), inputs.shape)
    gradients = jax.vmap(lambda back: differentiate(inputs - back * way))(1.0 - points)
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
    net: nn.Module, inputs: Array, label: Array | None
) -> Callable[[Array], Array]:
    """Give the gradient of the evidence as a function of the inputs."""
    if not jnp.issubdtype(inputs.dtype, jnp.floating):
        raise ValueError(
            f'the inputs have type {inputs.dtype}, wanted floats, since there is no '
            'gradient with respect to integers: data.as_float brings those of images '
            'to [0, 1]; shapley_values explains tokens'
        )
    predict = pure(net, inputs)
    label = choose_label(predict(inputs), label)

    def total(inputs: Array) -> Array:
        return evidence(predict(inputs), label).sum()  # the examples do not meet

    return lambda inputs: jax.grad(total)(inputs).astype(jnp.float32)
