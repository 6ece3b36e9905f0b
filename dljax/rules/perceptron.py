"""Rosenblatt's rule, also called the delta rule (U1.1)."""

import jax
import jax.numpy as jnp

from dljax.types import Array


def perceptron(inputs: Array, targets: Array, outputs: Array) -> dict[str, Array]:
    """Direction of the perceptron's rule, w += rate (t - y) x.

    Only mistakes move the weights. With one example a batch this is the rule itself;
    with more it is the mean over them, as a gradient would be. On separable classes it
    stops after finitely many mistakes, on others never.

    Args:
        inputs: [batch, features] x.
        targets: [batch, units] t, -1 or +1 (or 0 or 1).
        outputs: [batch, units] y, of the same two values: what the units gave, such as
            `layers.binary_step(logits, low=-1.)`.

    Returns:
        `kernel` [features, units] and `bias` [units], float32: -(t - y) x and -(t - y).

    Raises:
        ValueError: if the shapes do not belong together.

    Reference:
        Rosenblatt (1958), The Perceptron: A Probabilistic Model for Information Storage
        and Organization in the Brain, https://doi.org/10.1037/h0042519
        Novikoff (1962), On Convergence Proofs on Perceptrons; convergence.

    Example:
        >>> import jax.numpy as jnp
        >>> one = jnp.ones((1, 1))
        >>> direction = perceptron(jnp.array([[2., 3.]]), one, -one)
        >>> print(direction['kernel'][:, 0], direction['bias'])
        [-4. -6.] [-2.]
    """
    shapes = inputs.shape, targets.shape, outputs.shape
    fitting = inputs.ndim == 2 and targets.ndim == 2 and shapes[1] == shapes[2]
    if not fitting or inputs.shape[0] != targets.shape[0]:
        raise ValueError(
            f'inputs, targets and outputs have shapes {shapes}, wanted [batch, '
            'features], [batch, units] and [batch, units]: add the missing axis, for '
            'instance targets[:, None]'
        )
    delta = targets.astype(jnp.float32) - outputs.astype(jnp.float32)
    kernel = jnp.matmul(
        inputs.astype(jnp.float32).T, delta, precision=jax.lax.Precision.HIGHEST
    )
    return {'kernel': -kernel / inputs.shape[0], 'bias': -delta.mean(axis=0)}
