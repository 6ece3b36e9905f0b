"""The smallest nets that compute what one layer cannot: XOR and XNOR (U1.4)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.activations import Activation
from dljax.models.feedforward.mlp import MLP
from dljax.types import PyTree

_WIDE = nn.initializers.normal(1.0)


def xor_2_2_1(
    *,
    activation: Activation = jax.nn.sigmoid,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
    kernel_init: Initializer = _WIDE,
) -> MLP:
    """Make a net of two inputs, two hidden units and one logit: 9 parameters.

    It can compute XOR but need not find it, since its error surface has places where
    gradient descent stays: by 2,000 steps of descent at the rate 1 on the binary
    cross-entropy 45 of 64 starts arrive, against all 64 with four units.

    Args:
        activation: of the hidden units.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights, wide enough to break the symmetry.

    Returns:
        The net; its logit is positive for true.

    Reference:
        Rumelhart et al. (1986), Learning Internal Representations by Error Propagation,
        Parallel Distributed Processing, volume 1, chapter 8

    Example:
        >>> xor_2_2_1().hidden
        (2,)
    """
    return MLP(
        (2,),
        1,
        activation=activation,
        dtype=dtype,
        param_dtype=param_dtype,
        kernel_init=kernel_init,
    )


def xor_2_4_1(
    *,
    activation: Activation = jax.nn.sigmoid,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
    kernel_init: Initializer = _WIDE,
) -> MLP:
    """Make a net of two inputs, four hidden units and one logit: 17 parameters.

    Args:
        activation: of the hidden units.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights, wide enough to break the symmetry.

    Returns:
        The net; its logit is positive for true.

    Example:
        >>> xor_2_4_1().hidden
        (4,)
    """
    return MLP(
        (4,),
        1,
        activation=activation,
        dtype=dtype,
        param_dtype=param_dtype,
        kernel_init=kernel_init,
    )


def xor_weights(*, negated: bool = False) -> PyTree:
    """Give weights with which `xor_2_2_1(activation=jax.nn.relu)` computes XOR.

    h1 = relu(x1 + x2), h2 = relu(x1 + x2 - 1), y = relu(h1 - 2 h2). The net's output
    is the y before its ReLU, which changes nothing at the four corners. It is 0 or
    1, the value itself and no logit: for one, take 0.5 from the bias of the output.

    Args:
        negated: whether to give XNOR, 1 - y, instead.

    Returns:
        The parameters of the net.

    Reference:
        Goodfellow et al. (2016), Deep Learning, section 6.1,
        https://www.deeplearningbook.org

    Example:
        >>> import jax, jax.numpy as jnp
        >>> corners = jnp.array([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
        >>> net = xor_2_2_1(activation=jax.nn.relu)
        >>> print(net.apply({'params': xor_weights()}, corners)[:, 0])
        [0. 1. 1. 0.]
    """
    sign, offset = (-1.0, 1.0) if negated else (1.0, 0.0)
    return {
        'hidden_0': {'kernel': jnp.ones((2, 2)), 'bias': jnp.array([0.0, -1.0])},
        'output': {
            'kernel': sign * jnp.array([[1.0], [-2.0]]),
            'bias': jnp.array([offset]),
        },
    }
