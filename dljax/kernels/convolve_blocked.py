"""Convolutions of large maps to few channels, as those of small maps to many."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from dljax.kernels.convolve import convolve
from dljax.types import Array


def convolve_blocked(block: int) -> Callable[..., Array]:
    r"""Make a convolution that computes squares of b x b places at once.

    A kernel of k x k from many channels to three, at the end of a net that makes
    pictures, leaves most of a processor idle: it takes matrix products of three
    columns. The same numbers are those of a convolution of maps whose sides are b times
    smaller, which have b² times the channels, by a kernel that holds the first one b²
    times, each time moved by a place, between zeros.

    Measured on a CPU of 2 cores for 16 maps of 96x96 places and 32 channels, 9x9 and
    three channels of the result, b = 4: 234 ms of processor time instead of 626, with
    both gradients.

    Args:
        block: b, which has to divide the sides of the maps; 1 for plain convolutions.

    Returns:
        A function for `nn.Conv(conv_general_dilated=...)`, of stride 1, an odd kernel
        and the padding 'SAME'.

    Raises:
        ValueError: for a block below 1; later, for another stride, kernel, padding or
            groups, or sides that are no multiples of the block.

    Example:
        >>> maps, kernel = jnp.ones((1, 4, 6, 2)), jnp.ones((3, 3, 2, 1))
        >>> y = convolve_blocked(2)(maps, kernel, (1, 1), 'SAME')
        >>> bool((y == convolve(maps, kernel, (1, 1), 'SAME')).all())
        True
    """
    if block < 1:
        raise ValueError(f'block is {block}, wanted at least 1')

    def blocked(
        lhs: Array,
        rhs: Array,
        window_strides: Sequence[int],
        padding: str | Sequence[tuple[int, int]],
        lhs_dilation: Sequence[int] | None = None,
        rhs_dilation: Sequence[int] | None = None,
        feature_group_count: int = 1,
        **settings: Any,
    ) -> Array:
        given = (*window_strides, *(lhs_dilation or ()), *(rhs_dilation or ()))
        plain = {*given} == {1} and feature_group_count == 1 and padding == 'SAME'
        odd = rhs.shape[0] % 2 and rhs.shape[1] % 2
        if not (plain and odd) or any(side % block for side in lhs.shape[1:3]):
            raise ValueError(
                f'maps have shape {lhs.shape} and the kernel {rhs.shape}, strides, '
                f'dilations and groups are {(*given, feature_group_count)} and padding '
                f"{padding}, wanted ones alone, 'SAME', an odd kernel, and sides that "
                f'are multiples of {block}'
            )
        if block == 1:
            return convolve(lhs, rhs, window_strides, padding)
        # Each time the axis of the kernel stands second: columns, then rows.
        wide, beside = _moved(rhs, block)
        wide, above = _moved(wide, block)
        edges = (above, beside)
        # [row, column in blocks; of the block and the channel; likewise of the result].
        *_, channels, features = rhs.shape
        rows, columns = (wide.shape[axis] // block for axis in (2, 3))
        wide = wide.reshape(
            block, block, rows, block, columns, block, channels, features
        )
        wide = wide.transpose(2, 4, 3, 5, 6, 0, 1, 7)
        wide = wide.reshape(rows, columns, block**2 * channels, block**2 * features)
        batch, height, width, _ = lhs.shape
        high, broad = height // block, width // block
        maps = lhs.reshape(batch, high, block, broad, block, channels)
        maps = maps.transpose(0, 1, 3, 2, 4, 5).reshape(batch, high, broad, -1)
        made = convolve(maps, wide, (1, 1), edges)
        made = made.reshape(batch, high, broad, block, block, features)
        return made.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height, width, features)

    return blocked


def _moved(kernel: Array, block: int) -> tuple[Array, tuple[int, int]]:
    """Stack copies of a kernel, each moved by a place along its second axis.

    That axis is filled up to whole blocks. With them come the blocks before and behind
    the maps that it reads.
    """
    size = kernel.shape[1]
    before, behind = -(-(size // 2) // block), (block - 1 + size // 2) // block
    spare = (before + 1 + behind) * block - size
    others = [(0, 0)] * (kernel.ndim - 2)
    copies = []
    for place in range(block):
        first = before * block - size // 2 + place
        copies.append(jnp.pad(kernel, [(0, 0), (first, spare - first), *others]))
    return jnp.stack(copies), (before, behind)
