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

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from dljax.types import Array

Pair = tuple[int, int]
LAYOUT = ('NHWC', 'HWIO', 'NHWC')


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


def _images(slope: Array, kernel: Array, *, sides: Pair, **settings: Any) -> Array:
    shape = (slope.shape[0], *sides, kernel.shape[2])
    images = jax.ShapeDtypeStruct(shape, slope.dtype)
    back = jax.linear_transpose(lambda x: _convolved(x, kernel, **settings), images)
    return back(slope)[0]


def _kernels(slope: Array, images: Array, *, window: Pair, **settings: Any) -> Array:
    shape = (*window, images.shape[-1], slope.shape[-1])
    kernel = jax.ShapeDtypeStruct(shape, slope.dtype)
    back = jax.linear_transpose(lambda w: _convolved(images, w, **settings), kernel)
    return back(slope)[0]


def _images_by_phase(
    slope: Array,
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
        product = slope @ kernel[0, 0].T
        gaps = [
            (0, sides[a] - (slope.shape[1 + a] - 1) * stride[a] - 1, stride[a] - 1)
            for a in axes
        ]
        zero = jnp.zeros((), product.dtype)
        return jax.lax.pad(product, zero, [(0, 0, 0), *gaps, (0, 0, 0)])
    first = [low[a] // stride[a] for a in axes]
    count = [(low[a] + sides[a] - 1) // stride[a] - first[a] + 1 for a in axes]

    def phase(row: int, column: int) -> Array:
        part = kernel[row :: stride[0], column :: stride[1]]
        if not part.size:
            return jnp.zeros((slope.shape[0], *count, kernel.shape[2]), slope.dtype)
        edges = [
            (part.shape[a] - 1 - first[a], count[a] - slope.shape[1 + a] + first[a])
            for a in axes
        ]
        turned = part[::-1, ::-1].swapaxes(2, 3)
        return _convolved(slope, turned, padding=edges)

    if stride == (1, 1):
        return phase(0, 0)
    rows = [
        jnp.stack([phase(i, j) for j in range(stride[1])], axis=3)
        for i in range(stride[0])
    ]
    high, wide = (count[a] * stride[a] for a in axes)
    whole = jnp.stack(rows, axis=2).reshape(slope.shape[0], high, wide, kernel.shape[2])
    top, left = (low[a] - first[a] * stride[a] for a in axes)
    return whole[:, top : top + sides[0], left : left + sides[1]]


def _kernels_by_windows(
    slope: Array,
    images: Array,
    *,
    stride: Pair,
    padding: tuple[Pair, Pair],
    sides: Pair,
    window: Pair,
) -> Array:
    """W on the CPU.

    It is a convolution of the images by the slope, whose places lie as far apart as the
    windows did, with the batch in the part of the channels.
    """
    if window == (1, 1) and padding == ((0, 0), (0, 0)):
        seen = images[:, :: stride[0], :: stride[1]]
        return jnp.einsum('bhwi,bhwo->io', seen, slope)[None, None]
    edges = []
    for a in range(2):
        low, spread = padding[a][0], (slope.shape[1 + a] - 1) * stride[a]
        edges.append((low, window[a] + spread - sides[a] - low))
    found = _convolved(
        images.transpose(3, 1, 2, 0),
        slope.transpose(1, 2, 0, 3),
        padding=edges,
        dilation=stride,
    )
    return found.transpose(1, 2, 0, 3)


def _primitive(
    name: str,
    plain: Callable[..., Array],
    on_cpu: Callable[..., Array],
    *,
    merges: bool,
) -> Primitive:
    """Make a primitive of two arrays.

    Args:
        name: of it.
        plain: computes it.
        on_cpu: computes it on the CPU.
        merges: whether the first axis of the first array and of the result is a batch,
            into which an axis that is mapped can be merged.
    """
    primitive = Primitive(name)

    @functools.cache
    def compiled(**settings: Any) -> Callable[..., Array]:
        return jax.jit(functools.partial(primitive.bind, **settings))

    def shape(*arrays: Any, **settings: Any) -> Any:
        shapes = (jax.ShapeDtypeStruct(x.shape, x.dtype) for x in arrays)
        made = jax.eval_shape(functools.partial(plain, **settings), *shapes)
        return jax.core.ShapedArray(made.shape, made.dtype)

    def batched(
        arrays: Sequence[Array], axes: Sequence[int | None], **settings: Any
    ) -> tuple[Array, int]:
        if not merges or axes[1] is not None:
            mapped = jax.vmap(functools.partial(plain, **settings), axes)
            return mapped(*arrays), 0
        first = jnp.moveaxis(arrays[0], axes[0], 0)
        merged = first.reshape(-1, *first.shape[2:])
        made = primitive.bind(merged, arrays[1], **settings)
        return made.reshape(*first.shape[:2], *made.shape[1:]), 0

    primitive.def_impl(lambda *arrays, **settings: compiled(**settings)(*arrays))
    primitive.def_abstract_eval(shape)
    batching.primitive_batchers[primitive] = batched
    for function, platform in ((plain, None), (on_cpu, 'cpu')):
        rule = mlir.lower_fun(function, multiple_results=False)
        mlir.register_lowering(primitive, rule, platform=platform)
    return primitive


convolve_p = _primitive('convolve', _convolved, _convolved, merges=True)
images_p = _primitive('convolve_images', _images, _images_by_phase, merges=True)
kernels_p = _primitive('convolve_kernels', _kernels, _kernels_by_windows, merges=False)


def _transpose(
    primitive: Primitive,
    to_first: tuple[Primitive, bool],
    to_second: tuple[Primitive, bool],
) -> None:
    """Say what is the transpose of a primitive to each of its arrays.

    Args:
        primitive: of two arrays.
        to_first: the primitive of the slope and the second array that it is to the
            first, and whether it takes them the other way round.
        to_second: that of the slope and the first array.
    """

    def rule(made: Primitive, turned: bool, kept: int) -> Callable[..., Array]:
        def transpose(slope: Array, *arrays: Any, **settings: Any) -> Array:
            pair = (arrays[kept], slope) if turned else (slope, arrays[kept])
            return made.bind(*pair, **settings)

        return transpose

    ad.defbilinear(primitive, rule(*to_first, kept=1), rule(*to_second, kept=0))


# Of C(x, w): X(g, w) and W(g, x). Of X(g, w): C(x', w) and W(g, x').
# Of W(g, x): C(x, w') and X(g, w').
_transpose(convolve_p, (images_p, False), (kernels_p, False))
_transpose(images_p, (convolve_p, False), (kernels_p, True))
_transpose(kernels_p, (convolve_p, True), (images_p, True))
