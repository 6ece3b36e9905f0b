"""A penalty on weights that are not orthogonal."""

import jax.numpy as jnp

from dljax.types import Array


def orthogonal_penalty(kernel: Array) -> Array:
    r"""Sum the squared products of different units' weights, $\|W^T W ⊙ (1 - I)\|_F^2$.

    The columns of W are the units. Their own lengths are left free, which holds a net
    less tightly than $\|W^T W - I\|_F^2$.

    Args:
        kernel: [..., units] weights, at least two axes; those of a convolution are the
            matrix of one column an output channel.

    Returns:
        float32 scalar, at least 0.

    Raises:
        ValueError: for fewer than two axes.

    Reference:
        Brock et al. (2019), Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, equation 3, https://arxiv.org/abs/1809.11096

    Example:
        >>> print(orthogonal_penalty(jnp.array([[3., 1.], [0., 2.]])))
        18.0
    """
    if kernel.ndim < 2:
        raise ValueError(
            f'the kernel has shape {kernel.shape}, wanted [..., units] of at least two '
            'axes: biases and scales have no columns'
        )
    kind = jnp.promote_types(kernel.dtype, jnp.float32)
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(kind)
    products = matrix.T @ matrix
    return jnp.square(products * (1 - jnp.eye(len(products), dtype=kind))).sum()
