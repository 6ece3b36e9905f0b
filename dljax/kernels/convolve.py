"""Convolutions whose derivatives of every order are fast, inside of loops too."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from dljax.kernels.convolution_form import LAYOUT, Pair, convolve_p, images_p
from dljax.types import Array

SERIES = ('NWC', 'WIO', 'NWC')
FEW = 4  # groups up to which each is convolved by itself on a CPU


def convolve(
    lhs: Array,
    rhs: Array,
    window_strides: Sequence[int],
    padding: str | Sequence[Pair],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    precision: Any = None,
) -> Array:
    """Convolve as `jax.lax.conv_general_dilated`; `layers.Conv` is its layer.

    Images [batch, height, width, channel] and kernels [height, width, channel,
    features], or series without the height, without dilation, a precision of their own
    and more than four groups, take the way that `convolution_form` describes; all
    others `jax.lax.conv_general_dilated`.

    Args:
        lhs: images [batch, height, width, channel] or series [batch, width, channel].
        rhs: kernels [height, width, channel, features] or [width, channel, features],
            with the channels of one group.
        window_strides: places from a window to the next.
        padding: 'SAME', 'VALID' or (before, after) of each axis.
        lhs_dilation: as there.
        rhs_dilation: as there.
        dimension_numbers: as there; None for the layouts above.
        feature_group_count: as there.
        precision: as there.

    Returns:
        [batch, height', width', features], or [batch, width', features].

    Example:
        >>> import jax.numpy as jnp
        >>> image, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 4))
        >>> convolve(image, kernel, (1, 1), 'SAME').shape
        (2, 8, 8, 4)
    """
    layout = {3: SERIES, 4: LAYOUT}.get(lhs.ndim)
    if dimension_numbers is None:
        dimension_numbers = layout
    plain = layout is not None and feature_group_count <= FEW and precision is None
    plain = plain and all(
        dilation is None or set(dilation) == {1}
        for dilation in (lhs_dilation, rhs_dilation)
    )
    if plain:
        wanted, given = (
            jax.lax.conv_dimension_numbers(lhs.shape, rhs.shape, form)
            for form in (layout, dimension_numbers)
        )
        plain = wanted == given and lhs.dtype == rhs.dtype
    if not plain:
        return jax.lax.conv_general_dilated(
            lhs,
            rhs,
            window_strides,
            padding,
            lhs_dilation,
            rhs_dilation,
            dimension_numbers,
            feature_group_count,
            precision=precision,
        )
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(
            lhs.shape[1:-1], rhs.shape[:-2], window_strides, padding
        )
    if lhs.ndim == 3:  # an image of one line
        stride, around = (1, *window_strides), ((0, 0), *padding)
        made = convolve(
            lhs[:, None],
            rhs[None],
            stride,
            around,
            feature_group_count=feature_group_count,
        )
        return made[:, 0]
    settings = {
        'stride': tuple(window_strides),
        'padding': tuple((low, high) for low, high in padding),
    }
    if feature_group_count > 1:
        return _grouped(lhs, rhs, feature_group_count, **settings)
    return _convolved(lhs, rhs, **settings)


def _convolved(images: Array, kernel: Array, **settings: Any) -> Array:
    sides, window = images.shape[1:3], kernel.shape[:2]
    return convolve_p.bind(images, kernel, sides=sides, window=window, **settings)


def _grouped(
    images: Array, kernel: Array, groups: int, stride: Pair, padding: tuple[Pair, Pair]
) -> Array:
    """Convolve each group of channels: on a CPU by itself."""

    def parted(images: Array, kernel: Array) -> Array:
        pairs = zip(
            jnp.split(images, groups, axis=3),
            jnp.split(kernel, groups, axis=3),
            strict=True,
        )
        made = [_convolved(*pair, stride=stride, padding=padding) for pair in pairs]
        return jnp.concatenate(made, axis=3)

    def whole(images: Array, kernel: Array) -> Array:
        return jax.lax.conv_general_dilated(
            images,
            kernel,
            stride,
            padding,
            dimension_numbers=LAYOUT,
            feature_group_count=groups,
        )

    return jax.lax.platform_dependent(images, kernel, cpu=parted, default=whole)


def convolve_transposed(
    maps: Array, kernel: Array, sides: Pair, stride: Pair, padding: tuple[Pair, Pair]
) -> Array:
    """Compute the gradient of a convolution's images, which is a larger image.

    Args:
        maps: [batch, height, width, features], the gradient of what it gave.
        kernel: [height, width, channel, features] of the convolution.
        sides: height' and width' of its images.
        stride: of the convolution.
        padding: of the convolution, (before, after) of each axis.

    Returns:
        [batch, height', width', channel].

    Raises:
        ValueError: where the convolution would give feature maps of another size.

    Example:
        >>> import jax.numpy as jnp
        >>> maps, kernel = jnp.ones((1, 4, 4, 3)), jnp.ones((2, 2, 5, 3))
        >>> convolve_transposed(maps, kernel, (8, 8), (2, 2), ((0, 0), (0, 0))).shape
        (1, 8, 8, 5)
    """
    window, size = tuple(kernel.shape[:2]), tuple(maps.shape[1:3])
    wanted = tuple(
        (sides[a] + sum(padding[a]) - window[a]) // stride[a] + 1 for a in range(2)
    )
    if size != wanted:
        raise ValueError(
            f'the feature maps have {size} places, and the convolution gives {wanted} '
            f'images with sides {sides}: give the sides that it came from'
        )
    settings = {'stride': stride, 'padding': padding, 'sides': sides, 'window': window}
    return images_p.bind(maps, kernel, **settings)
