"""Competition between the channels of one place, from before batch normalisation."""

import jax.numpy as jnp

from dljax.types import Array


def local_response_norm(
    inputs: Array,
    *,
    window: int = 5,
    k: float = 2.0,
    alpha: float = 1e-4,
    beta: float = 0.75,
) -> Array:
    r"""Divide each channel by what its neighbours at the same place are worth.

    $$y_i = x_i \Big/ \Big(k + \alpha \sum_{j = i - \lfloor n/2 \rfloor}^{i +
    \lfloor (n-1)/2 \rfloor} x_j^2\Big)^{\beta}$$

    with the channels that there are. torch and Caffe average over the window where the
    paper sums: their alpha is n times ours. Computed in float32 at least.

    Args:
        inputs: [..., channel].
        window: n, neighbouring channels, the channel itself among them.
        k: what is added, above 0.
        alpha: of the squares.
        beta: the exponent.

    Returns:
        The shape and type of the inputs.

    Raises:
        ValueError: for a window below 1 or a k that is not above 0.

    Reference:
        Krizhevsky et al. (2012), ImageNet Classification with Deep Convolutional Neural
        Networks, section 3.3,
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks

    Example:
        >>> x = jnp.array([1., 2., 0., 0.])
        >>> y = local_response_norm(x, window=3, k=1., alpha=1., beta=1.)
        >>> print((x[:2] / y[:2]).round(4))  # 1 + 1 + 4 for both
        [6. 6.]
    """
    if window < 1 or not k > 0:
        raise ValueError(
            f'window is {window} and k {k}, wanted at least 1 channel and a number '
            'above 0, such as 5 and 2.0'
        )
    x = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
    channels = x.shape[-1]
    edges = [(0, 0)] * (x.ndim - 1) + [(window // 2, (window - 1) // 2)]
    squares = jnp.pad(x * x, edges)
    total = sum(squares[..., i : i + channels] for i in range(window))
    return (x * (k + alpha * total) ** -beta).astype(inputs.dtype)
