"""The worked example of backpropagation that every course computes by hand (U1.5).

Two inputs, two hidden and two output sigmoid units, the cost ½ Σ (t - o)², one example,
a learning rate of .5. The biases stay as they are.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dljax.rules.backpropagation import Layer, backward, forward
from dljax.types import Array

RATE = 0.5


class WorkedExample(NamedTuple):
    """The net after some updates, with its next forward and backward pass.

    Attributes:
        weights: [8] w1 ... w8: w1, w2 lead to h1, w3, w4 to h2, w5, w6 to o1, w7, w8
            to o2.
        hidden_sums: [2] the sums of h1 and h2.
        hidden: [2] the outputs of h1 and h2.
        outputs: [2] o1 and o2.
        error: the cost, a scalar.
        gradient: [8] ∂E/∂w1 ... ∂E/∂w8.
        hidden_gradient: [2] ∂E/∂h1 and ∂E/∂h2, with respect to their outputs.
    """

    weights: Array
    hidden_sums: Array
    hidden: Array
    outputs: Array
    error: Array
    gradient: Array
    hidden_gradient: Array


def _layers(weights: Array) -> list[Layer]:
    # A unit's weights stand in a row of the example, in a column of a kernel.
    kernels = weights[:4].reshape(2, 2).T, weights[4:].reshape(2, 2).T
    biases = 0.35, 0.60
    return [
        {'kernel': kernel, 'bias': jnp.full(2, bias)}
        for kernel, bias in zip(kernels, biases, strict=True)
    ]


def worked_example(updates: int = 0) -> WorkedExample:
    """Compute the example from its start, after a number of updates.

    Args:
        updates: how many times the weights have moved, at least 0.

    Returns:
        All that the example asks for, float32.

    Raises:
        ValueError: for a negative number of updates.

    Reference:
        Mazur (2015), A Step by Step Backpropagation Example,
        https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example

    Example:
        >>> print(f'{worked_example().error:.4f}, {worked_example(1).error:.4f}')
        0.2984, 0.2910
    """
    if updates < 0:
        raise ValueError(f'updates is {updates}, wanted at least 0')
    inputs, targets = jnp.array([[0.05, 0.10]]), jnp.array([[0.01, 0.99]])

    def descend(_: int, weights: Array) -> Array:
        passed = backward(_layers(weights), inputs, targets)
        return weights - RATE * _eight(passed.gradients)

    start = jnp.array([0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55])
    weights = jax.lax.fori_loop(0, updates, descend, start)
    layers = _layers(weights)
    sums, activations = forward(layers, inputs)
    gradients, errors = backward(layers, inputs, targets)
    return WorkedExample(
        weights=weights,
        hidden_sums=sums[0][0],
        hidden=activations[1][0],
        outputs=activations[2][0],
        error=0.5 * jnp.square(targets - activations[2]).sum(),
        gradient=_eight(gradients),
        hidden_gradient=layers[1]['kernel'] @ errors[1][0],
    )


def _eight(layers: list[Layer]) -> Array:
    return jnp.concatenate([layer['kernel'].T.ravel() for layer in layers])
