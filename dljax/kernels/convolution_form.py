"""Convolutions whose derivatives of every order are fast, inside of loops too.

A convolution y = C(x, w) of images x and kernels w belongs to a form that is linear in
each of three arrays, <g, C(x, w)>. Its other two halves are the gradient of the images,
X(g, w), which is a transposed convolution, and that of the kernels, W(g, x). Each is a
primitive here, and the transposes of each are the other two.

On the CPU, XLA calls its fast kernels for convolutions of one layout only; it brings
others to that layout, but not inside a loop or a condition. There X and W are made of
convolutions of that layout and of matrix products, one for each phase of the stride, so
that no product with a zero is computed. On other backends they are JAX's own gradients.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad

from dljax.kernels import convolution_small
from dljax.kernels.primitive import primitive
from dljax.types import Array

Pair = tuple[int, int]
LAYOUT = ('NHWC', 'HWIO', 'NHWC')
# Before, the compiler fused across barriers.
BARRIERS_HOLD = jax.__version_info__ >= (0, 11)


def _convolved(
    images: Array,
    kernel: Array,
    stride: Pair = (1, 1),
    padding: Sequence[Pair] = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1),
    **_: Pair,
) -> Array:
    return jax.lax.conv_general_dilated(
        images,
        kernel,
        stride,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=LAYOUT,
    )


def _convolved_on_cpu(
    images: Array,
    kernel: Array,
    *,
    stride: Pair,
    padding: tuple[Pair, Pair],
    sides: Pair,
    window: Pair,
) -> Array:
    """C on the CPU.

    A 1x1 convolution is a matrix product. One of a single channel, for which XLA has no
    fast kernel, is a sum over the places of the window.
    """
    if window == (1, 1) and padding == ((0, 0), (0, 0)):
        return images[:, :: stride[0], :: stride[1]] @ kernel[0, 0]
    if images.shape[3] == 1 and stride == (1, 1) and BARRIERS_HOLD:
        # Between barriers, or whatever comes next would recompute padding and sum.
        images, kernel = jax.lax.optimization_barrier(
            (jnp.pad(images, ((0, 0), *padding, (0, 0))), kernel)
        )
        high, wide = (sides[a] + sum(padding[a]) - window[a] + 1 for a in range(2))
        total = sum(
            images[:, i : i + high, j : j + wide] * kernel[None, None, i, j]
            for i in range(window[0])
            for j in range(window[1])
        )
        return jax.lax.optimization_barrier(total)
    if convolution_small.pays(kernel.shape, stride, padding, sides):
        return convolution_small.convolve(images, kernel, padding, sides, window)
    return _widened(images, kernel, stride, padding)


def _widened(
    images: Array, kernel: Array, stride: Pair, padding: Sequence[Pair]
) -> Array:
    """Convolve with 9 to 15 channels as with 16, for which XLA has faster kernels."""

    def missing(width: int) -> int:
        return 16 - width if 8 < width < 16 else 0

    more, outputs = missing(kernel.shape[2]), kernel.shape[3]
    kernel = jnp.pad(kernel, ((0, 0), (0, 0), (0, more), (0, missing(outputs))))
    images = jnp.pad(images, ((0, 0), (0, 0), (0, 0), (0, more)))
    return _convolved(images, kernel, stride, padding)[..., :outputs]


def _images(cotangent: Array, kernel: Array, *, sides: Pair, **settings: Any) -> Array:
    shape = (cotangent.shape[0], *sides, kernel.shape[2])
    images = jax.ShapeDtypeStruct(shape, cotangent.dtype)
    back = jax.linear_transpose(lambda x: _convolved(x, kernel, **settings), images)
    return back(cotangent)[0]


def _kernels(
    cotangent: Array, images: Array, *, window: Pair, **settings: Any
) -> Array:
    shape = (*window, images.shape[-1], cotangent.shape[-1])
    kernel = jax.ShapeDtypeStruct(shape, cotangent.dtype)
    back = jax.linear_transpose(lambda w: _convolved(images, w, **settings), kernel)
    return back(cotangent)[0]


def _images_by_phase(
    cotangent: Array,
    kernel: Array,
    *,
    stride: Pair,
    padding: tuple[Pair, Pair],
    sides: Pair,
    window: Pair,
) -> Array:
    """X on the CPU.

    Place i of the images has met entry h of the kernel in window o if i + low is
    o · stride + h. So the places of one phase, (i + low) mod stride, have met every
    stride-th entry only, and are a convolution of stride 1 with those.
    """
    axes = range(2)
    low = [padding[a][0] for a in axes]
    if window == (1, 1) and low == [0, 0]:
        product = cotangent @ kernel[0, 0].T
        gaps = [
            (0, sides[a] - (cotangent.shape[1 + a] - 1) * stride[a] - 1, stride[a] - 1)
            for a in axes
        ]
        zero = jnp.zeros((), product.dtype)
        return jax.lax.pad(product, zero, [(0, 0, 0), *gaps, (0, 0, 0)])
    if cotangent.shape[1:3] == (1, 1) and sides == window and low == [0, 0]:
        return jnp.einsum('bf,hwcf->bhwc', cotangent[:, 0, 0], kernel)
    if convolution_small.pays(kernel.shape, stride, padding, sides):
        return convolution_small.images(cotangent, kernel, padding, sides, window)
    first = [low[a] // stride[a] for a in axes]
    count = [(low[a] + sides[a] - 1) // stride[a] - first[a] + 1 for a in axes]

    def convolved(part: Array) -> Array:
        edges = [
            (part.shape[a] - 1 - first[a], count[a] - cotangent.shape[1 + a] + first[a])
            for a in axes
        ]
        turned = part[::-1, ::-1].swapaxes(2, 3)
        return _widened(cotangent, turned, (1, 1), edges)

    if stride == (1, 1):
        return convolved(kernel)
    shape = (cotangent.shape[0], count[0], count[1])
    whole = _joined(convolved, kernel, stride, shape, cotangent.dtype)
    high, wide = (count[a] * stride[a] for a in axes)
    whole = whole.reshape(cotangent.shape[0], high, wide, kernel.shape[2])
    top, left = (low[a] - first[a] * stride[a] for a in axes)
    return whole[:, top : top + sides[0], left : left + sides[1]]


def _joined(
    convolved: Callable[[Array], Array],
    kernel: Array,
    stride: Pair,
    shape: tuple[int, int, int],
    dtype: Any,
) -> Array:
    """Convolve with the kernels of all phases: [batch, height, s, width, s, c]."""
    (high, wide), (*_, channels, features) = stride, kernel.shape
    if kernel.shape[0] % high == kernel.shape[1] % wide == 0 and channels <= 16:
        # Few channels: as those of one convolution they fill its registers better.
        parts = kernel.reshape(
            -1, high, kernel.shape[1] // wide, wide, *kernel.shape[2:]
        )
        parts = parts.transpose(0, 2, 1, 3, 4, 5)
        together = convolved(parts.reshape(*parts.shape[:2], -1, features))
        batch, rows, columns = shape
        together = together.reshape(batch, rows, columns, high, wide, channels)
        return together.transpose(0, 1, 3, 2, 4, 5)

    def phase(row: int, column: int) -> Array:
        part = kernel[row::high, column::wide]
        if not part.size:
            return jnp.zeros((*shape, channels), dtype)
        return convolved(part)

    rows = [jnp.stack([phase(i, j) for j in range(wide)], axis=3) for i in range(high)]
    return jnp.stack(rows, axis=2)


def _kernels_by_windows(
    cotangent: Array,
    images: Array,
    *,
    stride: Pair,
    padding: tuple[Pair, Pair],
    sides: Pair,
    window: Pair,
) -> Array:
    """W on the CPU.

    It is a convolution of the images by the cotangent, whose places lie as far apart as
    the windows did, with the batch in the part of the channels.
    """
    if BARRIERS_HOLD:
        # Else what made them is recomputed, in the order of the transposes.
        images, cotangent = jax.lax.optimization_barrier((images, cotangent))
    if window == (1, 1) and padding == ((0, 0), (0, 0)):
        seen = images[:, :: stride[0], :: stride[1]]
        rows = [x.reshape(-1, x.shape[-1]) for x in (seen, cotangent)]
        return jnp.einsum('ri,ro->io', *rows)[None, None]
    shape = (*window, images.shape[-1], cotangent.shape[-1])
    if convolution_small.pays(shape, stride, padding, sides):
        return convolution_small.kernels(cotangent, images, padding, sides, window)
    edges = []
    for a in range(2):
        low, spread = padding[a][0], (cotangent.shape[1 + a] - 1) * stride[a]
        edges.append((low, window[a] + spread - sides[a] - low))
    found = _convolved(
        images.transpose(3, 1, 2, 0),
        cotangent.transpose(1, 2, 0, 3),
        padding=edges,
        dilation=stride,
    )
    return found.transpose(1, 2, 0, 3)


def _in_single(form: Callable[..., Array]) -> Callable[..., Array]:
    """Compute in float32 what is given in half precision, which is faster on a CPU."""

    def computed(*arrays: Array, **settings: Any) -> Array:
        kept = jnp.result_type(*arrays)
        used = jnp.promote_types(kept, jnp.float32)
        return form(*(x.astype(used) for x in arrays), **settings).astype(kept)

    return computed


convolve_p = primitive(
    'convolve', _convolved, _in_single(_convolved_on_cpu), merges='first'
)
images_p = primitive(
    'convolve_images', _images, _in_single(_images_by_phase), merges='first'
)
kernels_p = primitive(
    'convolve_kernels', _kernels, _in_single(_kernels_by_windows), merges='never'
)


def _transpose(
    one: Primitive,
    to_first: tuple[Primitive, bool],
    to_second: tuple[Primitive, bool],
) -> None:
    """Say what is the transpose of a primitive to each of its arrays.

    Args:
        one: of two arrays.
        to_first: the primitive of the cotangent and the second array that it is to the
            first, and whether it takes them the other way round.
        to_second: that of the cotangent and the first array.
    """

    def rule(made: Primitive, turned: bool, kept: int) -> Callable[..., Array]:
        def transpose(cotangent: Array, *arrays: Any, **settings: Any) -> Array:
            pair = (arrays[kept], cotangent) if turned else (cotangent, arrays[kept])
            return made.bind(*pair, **settings)

        return transpose

    ad.defbilinear(one, rule(*to_first, kept=1), rule(*to_second, kept=0))


# Of C(x, w): X(g, w) and W(g, x). Of X(g, w): C(x', w) and W(g, x').
# Of W(g, x): C(x, w') and X(g, w').
_transpose(convolve_p, (images_p, False), (kernels_p, False))
_transpose(images_p, (convolve_p, False), (kernels_p, True))
_transpose(kernels_p, (convolve_p, True), (images_p, True))
