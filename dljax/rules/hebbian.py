"""Rules that look at no target: Hebb and Oja."""

import jax
import jax.numpy as jnp

from dljax.types import Array


def hebb(inputs: Array, outputs: Array) -> Array:
    """Direction of Hebb's rule, w += rate x y: what fires together wires together.

    Nothing bounds the weights; Oja's rule does.

    Args:
        inputs: [batch, features] x.
        outputs: [batch, units] y.

    Returns:
        [features, units] float32, -x y as the mean over the batch.

    Raises:
        ValueError: if the shapes do not belong together.

    Reference:
        Hebb (1949), The Organization of Behavior

    Example:
        >>> import jax.numpy as jnp
        >>> print(hebb(jnp.array([[1., 2.]]), jnp.array([[3.]])).ravel())
        [-3. -6.]
    """
    if inputs.ndim != 2 or outputs.ndim != 2 or len(inputs) != len(outputs):
        raise ValueError(
            f'inputs and outputs have shapes {inputs.shape} and {outputs.shape}, '
            'wanted [batch, features] and [batch, units]'
        )
    inputs, outputs = inputs.astype(jnp.float32), outputs.astype(jnp.float32)
    return -_product(inputs.T, outputs) / len(inputs)


def oja(kernel: Array, inputs: Array) -> Array:
    """Direction of Oja's rule, which finds the principal components of the inputs.

    y = x W; unit j moves by y_j (x - Σ_{k ≤ j} y_k w_k). The first unit comes to the
    first eigenvector of the covariance with length 1, each further one to the next
    (Sanger's form for several units; for one unit it is Oja's).

    Args:
        kernel: [features, units] W.
        inputs: [batch, features] x, centred.

    Returns:
        [features, units] float32, the mean over the batch with the sign of a gradient.

    Raises:
        ValueError: if the shapes do not belong together.

    Reference:
        Oja (1982), A Simplified Neuron Model as a Principal Component Analyzer,
        https://doi.org/10.1007/BF00275687
        Sanger (1989), Optimal Unsupervised Learning in a Single-Layer Linear
        Feedforward Neural Network, https://doi.org/10.1016/0893-6080(89)90044-0;
        several units.

    Example:
        >>> import jax.numpy as jnp
        >>> unit = jnp.array([[1.], [0.]])
        >>> print(oja(unit, jnp.array([[2., 0.], [-2., 0.]])).ravel())
        [0. 0.]
    """
    if kernel.ndim != 2 or inputs.ndim != 2 or len(kernel) != inputs.shape[1]:
        raise ValueError(
            f'kernel and inputs have shapes {kernel.shape} and {inputs.shape}, wanted '
            '[features, units] and [batch, features]'
        )
    kernel, inputs = kernel.astype(jnp.float32), inputs.astype(jnp.float32)
    outputs = _product(inputs, kernel)
    overlap = jnp.triu(_product(outputs.T, outputs)) / len(inputs)
    return hebb(inputs, outputs) + _product(kernel, overlap)


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
