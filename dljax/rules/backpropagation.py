"""The four equations of backpropagation, written out for a multilayer perceptron.

Layer l computes z_l = a_{l-1} W_l + b_l and a_l = φ(z_l), with a_0 the inputs; the
activation stands at every layer, the last included. C is the mean cost of the batch.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from dljax.types import Array

Layer = dict[str, Array]


class Backward(NamedTuple):
    """What a backward pass finds.

    Attributes:
        gradients: for each layer `kernel` ∂C/∂W_l [in, out] and `bias` ∂C/∂b_l [out].
        errors: for each layer δ_l [batch, out], the derivative of each example's own
            cost with respect to z_l.
    """

    gradients: list[Layer]
    errors: list[Array]


def _sigmoid_derivative(z: Array) -> Array:
    s = jax.nn.sigmoid(z)
    return s * (1.0 - s)


def forward(
    layers: Sequence[Layer],
    inputs: Array,
    activation: Callable[[Array], Array] = jax.nn.sigmoid,
) -> tuple[list[Array], list[Array]]:
    """Compute all sums and activations of a multilayer perceptron.

    Args:
        layers: for each layer `kernel` [in, out] and `bias` [out].
        inputs: [batch, features].
        activation: φ.

    Returns:
        The sums z_1 ... z_L, and the activations a_0 ... a_L of which the first are the
        inputs and the last the outputs, each [batch, width].

    Example:
        >>> import jax.numpy as jnp
        >>> layers = [{'kernel': jnp.ones((2, 1)), 'bias': jnp.zeros(1)}]
        >>> sums, activations = forward(layers, jnp.array([[1., -1.]]))
        >>> print(sums[0], activations[-1])
        [[0.]] [[0.5]]
    """
    chex.assert_rank(inputs, 2)
    sums, activations = [], [inputs]
    for layer in layers:
        product = _product(activations[-1], layer['kernel'])
        sums.append(product + layer['bias'][None, :])
        activations.append(activation(sums[-1]))
    return sums, activations


def backward(
    layers: Sequence[Layer],
    inputs: Array,
    targets: Array,
    *,
    activation: Callable[[Array], Array] = jax.nn.sigmoid,
    derivative: Callable[[Array], Array] = _sigmoid_derivative,
    cost_derivative: Callable[[Array, Array], Array] = jnp.subtract,
) -> Backward:
    """Compute the gradient of the cost by the four equations, without autodiff.

    1. δ_L = ∂C/∂a_L ⊙ φ'(z_L)
    2. δ_l = (δ_{l+1} W_{l+1}ᵀ) ⊙ φ'(z_l)
    3. ∂C/∂b_l = mean of δ_l over the batch
    4. ∂C/∂W_l = a_{l-1}ᵀ δ_l / batch

    Args:
        layers: for each layer `kernel` [in, out] and `bias` [out].
        inputs: [batch, features].
        targets: [batch, outputs] y.
        activation: φ, element by element.
        derivative: φ' as a function of the sum, as `layers.derivative(activation)`.
        cost_derivative: `(outputs, targets) -> ∂C/∂a_L` of each example's cost; by
            default a - y, that of the quadratic cost ½‖y - a‖².

    Returns:
        The gradients, and the errors δ.

    Raises:
        ValueError: if there is no layer, or the targets do not fit the outputs.

    Reference:
        Nielsen (2015), Neural Networks and Deep Learning, chapter 2,
        http://neuralnetworksanddeeplearning.com/chap2.html; there BP1 to BP4.

    Example:
        >>> import jax.numpy as jnp
        >>> layers = [{'kernel': jnp.ones((1, 1)), 'bias': jnp.zeros(1)}]
        >>> passed = backward(layers, jnp.zeros((1, 1)), jnp.ones((1, 1)))
        >>> print(passed.gradients[0]['bias'])
        [-0.125]
    """
    if not layers:
        raise ValueError('layers is empty, wanted at least one of kernel and bias')
    sums, activations = forward(layers, inputs, activation)
    if targets.shape != activations[-1].shape:
        raise ValueError(
            f'targets have shape {targets.shape}, wanted {activations[-1].shape} like '
            'the outputs: reshape them'
        )
    error = cost_derivative(activations[-1], targets) * derivative(sums[-1])  # (1)
    errors = [error]
    for layer, z in zip(layers[:0:-1], sums[-2::-1], strict=True):
        error = _product(error, layer['kernel'].T) * derivative(z)  # (2)
        errors.insert(0, error)
    gradients = [
        {
            'kernel': _product(a.T, error) / inputs.shape[0],  # (4)
            'bias': error.mean(axis=0),  # (3)
        }
        for a, error in zip(activations, errors, strict=False)
    ]
    return Backward(gradients, errors)


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
