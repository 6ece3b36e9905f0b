"""Activations that `jax.nn` lacks, and one way to apply a function or a module."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.types import Array

Activation = Callable[[Array], Array] | type[nn.Module]


def binary_step(x: Array, *, low: float = 0.0, high: float = 1.0) -> Array:
    """Threshold at zero: `high` where x >= 0, else `low`.

    Its derivative is zero wherever it has one, so no gradient passes it: the
    perceptron's rule does without.

    Args:
        x: [...] any real numbers.
        low: the value below zero; -1 for Rosenblatt's perceptron.
        high: the value from zero on.

    Returns:
        [...] of the type of `x`.

    Reference:
        McCulloch, Pitts (1943), A Logical Calculus of the Ideas Immanent in Nervous
        Activity, https://doi.org/10.1007/BF02478259

    Example:
        >>> import jax.numpy as jnp
        >>> print(binary_step(jnp.array([-2., 0., 3.]), low=-1.))
        [-1.  1.  1.]
    """
    x = jnp.asarray(x)
    dtype = jnp.promote_types(x.dtype, jnp.bfloat16)
    return jnp.where(x >= 0, jnp.asarray(high, dtype), jnp.asarray(low, dtype))


def leaky_relu_tenth(x: Array) -> Array:
    """Leaky ReLU with the negative slope .1: max(.1 x, x).

    `jax.nn.leaky_relu` has the negative slope .01 of the paper by default.

    Args:
        x: [...] any real numbers.

    Returns:
        [...] of the type of `x`.

    Reference:
        Maas et al. (2013), Rectifier Nonlinearities Improve Neural Network Acoustic
        Models, https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf

    Example:
        >>> import jax.numpy as jnp
        >>> print(leaky_relu_tenth(jnp.array([-2., 3.])))
        [-0.2  3. ]
    """
    return jax.nn.leaky_relu(x, negative_slope=0.1)


def leaky_relu_fifth(x: Array) -> Array:
    """Leaky ReLU with the negative slope .2, as most discriminators have it.

    Args:
        x: [...] any real numbers.

    Returns:
        [...] of the type of `x`.

    Reference:
        Radford et al. (2016), Unsupervised Representation Learning with Deep
        Convolutional Generative Adversarial Networks, https://arxiv.org/abs/1511.06434

    Example:
        >>> import jax.numpy as jnp
        >>> print(leaky_relu_fifth(jnp.array([-2., 3.])))
        [-0.4  3. ]
    """
    return jax.nn.leaky_relu(x, negative_slope=0.2)


def rectify_evenly(x: Array) -> Array:
    """Leaky ReLU with the negative slope .2, times √2: outputs as large as inputs.

    Args:
        x: [...] any real numbers.

    Returns:
        [...] of the type of `x`.

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN,
        https://arxiv.org/abs/1912.04958

    Example:
        >>> import jax.numpy as jnp
        >>> print(rectify_evenly(jnp.array([-2., 3.])).round(2))
        [-0.57  4.24]
    """
    return leaky_relu_fifth(x) * jnp.asarray(2**0.5, x.dtype)


def prelu(x: Array, slope: Array | float = 0.25) -> Array:
    """Rectifier whose negative slope is learned: x if x >= 0, else slope * x.

    `flax.linen.PReLU` is the layer that owns the slope.

    Args:
        x: [...] any real numbers.
        slope: a scalar, or [...] that broadcasts against `x`.

    Returns:
        [...] of the type of `x`.

    Reference:
        He et al. (2015), Delving Deep into Rectifiers: Surpassing Human-Level
        Performance on ImageNet Classification, https://arxiv.org/abs/1502.01852

    Example:
        >>> import jax.numpy as jnp
        >>> print(prelu(jnp.array([-2., 3.]), .5))
        [-1.  3.]
    """
    return jnp.where(x >= 0, x, jnp.asarray(slope, x.dtype) * x)


def scaled_tanh(x: Array) -> Array:
    """LeCun's squashing function 1.7159 tanh(2x/3).

    It maps ±1 to ±1, where its curvature is largest, and its gain is close to one, so
    that the usual inputs and targets lie in the part that can learn.

    Args:
        x: [...] any real numbers.

    Returns:
        [...] of the type of `x`, within ±1.7159.

    Reference:
        LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition,
        appendix A, https://doi.org/10.1109/5.726791

    Example:
        >>> import jax.numpy as jnp
        >>> print(scaled_tanh(jnp.array([-1., 0., 1.])).round(2))
        [-1.  0.  1.]
    """
    return 1.7159 * jnp.tanh(x * (2.0 / 3.0))


def activate(activation: Activation, x: Array) -> Array:
    """Apply an activation inside a module: a function, or a module with parameters.

    Args:
        activation: a function such as `jax.nn.relu`, or a Linen module class such as
            `nn.PReLU`, of which each call makes its own instance with its own
            parameters (call it inside `nn.compact` then).
        x: [...] any real numbers.

    Returns:
        [...] of the type of `x`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> print(activate(jax.nn.relu, jnp.array([-1., 1.])))
        [0. 1.]
    """
    if isinstance(activation, type):
        return activation()(x)
    return activation(x)
