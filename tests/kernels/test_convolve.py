"""Convolutions equal those of JAX, with all derivatives, wherever they are run."""

import functools
import itertools
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from dljax.kernels.convolve import convolve
from dljax.layers import convolve_transposed
from dljax.training import data_mesh
from dljax.types import Array, PyTree

LAYOUT = ('NHWC', 'HWIO', 'NHWC')
THEIRS = jax.lax.conv_general_dilated
PADDINGS = ['SAME', 'VALID', ((1, 1), (2, 0)), ((3, 2), (4, 4))]
SIZES = [
    ((7, 9), (1, 1)),
    ((8, 8), (3, 3)),
    ((5, 12), (4, 4)),
    ((7, 6), (3, 2)),
]


def arrays(
    sides: tuple[int, int] = (6, 7), window: tuple[int, int] = (3, 3), *lead: int
) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(*lead, 2, *sides, 3))
    return jnp.asarray(images), jnp.asarray(rng.normal(size=(*lead, *window, 3, 4)))


def assert_close(ours: PyTree, theirs: PyTree) -> None:
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9),
        ours,
        theirs,
    )


def derivatives(function: Callable, images: Array, kernel: Array) -> PyTree:
    """Value, gradient, tangent, and a gradient of the gradient."""

    def loss(images: Array, kernel: Array) -> Array:
        return jnp.sin(function(images, kernel)).sum()

    def squared(images: Array, kernel: Array) -> Array:
        return sum((g**2).sum() for g in jax.grad(loss, (0, 1))(images, kernel))

    tangents = jnp.cos(images), jnp.cos(kernel)
    return (
        function(images, kernel),
        jax.grad(loss, (0, 1))(images, kernel),
        jax.jvp(loss, (images, kernel), tangents)[1],
        jax.grad(squared, (0, 1))(images, kernel),
    )


STRIDES = [(1, 1), (2, 2), (3, 1)]
# Places of size, stride and padding: each of them is in the quick or heavy suite.
QUICK = {(1, 1, 2), (3, 2, 0)}
HEAVY = {(0, 0, 1), (0, 1, 3), (1, 0, 0), (2, 2, 3), (2, 0, 2), (3, 1, 3)}


def suite(*case: int) -> tuple | pytest.MarkDecorator:
    if case in QUICK:
        return ()
    return pytest.mark.heavy if case in HEAVY else pytest.mark.exhaustive


@pytest.mark.parametrize(
    ('sides', 'window', 'stride', 'padding'),
    [
        pytest.param(
            *SIZES[size],
            STRIDES[stride],
            PADDINGS[padding],
            marks=suite(size, stride, padding),
        )
        for size, stride, padding in itertools.product(range(4), range(3), range(4))
    ],
    ids=str,
)
def test_values_and_derivatives_are_those_of_jax(sides, window, stride, padding):
    def computed(f: Callable) -> Callable:
        def convolved(images: Array, kernel: Array) -> Array:
            return f(images, kernel, stride, padding, dimension_numbers=LAYOUT)

        return jax.jit(lambda *given: derivatives(convolved, *given))

    with jax.enable_x64(True):
        given = arrays(sides, window)
        ours, theirs = (computed(f)(*given) for f in (convolve, THEIRS))
        assert_close(ours, theirs)


@pytest.mark.parametrize(
    ('widths', 'stride'),
    [
        pytest.param((1, 4), (2, 2), marks=pytest.mark.heavy),
        pytest.param((20, 3), (1, 1), marks=pytest.mark.heavy),
        *(
            pytest.param(*case, marks=pytest.mark.exhaustive)
            for case in [
                ((1, 4), (1, 1)),
                ((20, 3), (2, 2)),
                ((12, 14), (1, 1)),
                ((12, 14), (2, 2)),
            ]
        ),
    ],
    ids=str,
)
def test_no_number_of_channels_changes_the_values(widths, stride):
    rng = np.random.default_rng(0)
    given = rng.normal(size=(2, 6, 7, widths[0])), rng.normal(size=(4, 4, *widths))

    def computed(f: Callable) -> Callable:
        def convolved(images: Array, kernel: Array) -> Array:
            return f(images, kernel, stride, 'SAME', dimension_numbers=LAYOUT)

        return jax.jit(lambda *given: derivatives(convolved, *given))

    with jax.enable_x64(True):
        ours, theirs = (
            computed(f)(*map(jnp.asarray, given)) for f in (convolve, THEIRS)
        )
        assert_close(ours, theirs)


def test_a_single_place_becomes_the_whole_window():
    maps, kernel = jnp.ones((2, 1, 1, 4)), arrays()[1]
    made = convolve_transposed(maps, kernel, (3, 3), (1, 1), ((0, 0), (0, 0)))
    wanted = np.broadcast_to(np.asarray(kernel).sum(3), (2, 3, 3, 3))
    np.testing.assert_allclose(made, wanted, rtol=1e-5)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('axes', [(1, 2), (0, None), (None, 0), (0, 0)], ids=str)
@pytest.mark.parametrize('order', [1, 0])
def test_it_can_be_mapped_over_images_and_kernels(axes, order):
    def loss(convolve: Callable, images: Array, kernel: Array) -> Array:
        made = convolve(images, kernel, (2, 2), 'SAME', dimension_numbers=LAYOUT)
        return jnp.sin(made).sum()

    with jax.enable_x64(True):
        images, kernel = arrays((5, 6), (3, 3), 3)
        given = tuple(
            x[0] if axis is None else jnp.moveaxis(x, 0, axis)
            for x, axis in zip((images, kernel), axes, strict=True)
        )
        ours, theirs = (
            jax.jit(
                jax.vmap(
                    jax.grad(lambda *x, f=f: loss(f, *x), (0, 1))
                    if order
                    else lambda *x, f=f: loss(f, *x),
                    axes,
                )
            )(*given)
            for f in (convolve, THEIRS)
        )
        assert_close(ours, theirs)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('axes', [(0, 0), (0, None)], ids=str)
def test_gradients_of_what_is_mapped_are_those_of_jax(axes):
    def loss(f: Callable, images: Array, kernel: Array) -> Array:
        def convolved(images: Array, kernel: Array) -> Array:
            return f(images, kernel, (1, 1), 'SAME', dimension_numbers=LAYOUT)

        return jnp.sin(jax.vmap(convolved, axes)(images, kernel)).sum()

    with jax.enable_x64(True):
        images, kernel = arrays((5, 6), (3, 3), 3)
        kernel = kernel if axes[1] == 0 else kernel[0]
        ours, theirs = (
            jax.jit(jax.grad(functools.partial(loss, f), (0, 1)))(images, kernel)
            for f in (convolve, THEIRS)
        )
        assert_close(ours, theirs)


@pytest.mark.parametrize(
    'settings',
    [
        {'rhs_dilation': (2, 1)},
        {'lhs_dilation': (1, 2)},
        {'precision': 'highest'},
        {'dimension_numbers': ('NHWC', 'HWOI', 'NHWC')},
    ],
    ids=str,
)
def test_other_convolutions_are_those_of_jax(settings):
    settings = {'dimension_numbers': LAYOUT, **settings}
    images, kernel = arrays()
    if settings['dimension_numbers'] != LAYOUT:
        kernel = kernel.swapaxes(2, 3)
    ours, theirs = (
        f(images, kernel, (1, 1), ((1, 1), (2, 0)), **settings)
        for f in (convolve, THEIRS)
    )
    np.testing.assert_array_equal(ours, theirs)


def test_kernels_of_another_type_are_refused_as_by_jax():
    images, kernel = arrays()
    halves = images.astype(jnp.bfloat16)
    with pytest.raises(TypeError, match='same dtypes'):
        convolve(halves, kernel.astype(jnp.float32), (1, 1), 'SAME')


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('stride', [3, 2, 1])
@pytest.mark.parametrize('edge', [1, 0, 3])
def test_the_transposed_one_convolves_stretched_maps(stride, edge):
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        maps, kernel = rng.normal(size=(2, 4, 5, 4)), rng.normal(size=(3, 3, 3, 4))
        over = stride - 1  # places that the last window leaves
        sides = tuple((n - 1) * stride + 3 - 2 * edge + over for n in (4, 5))
        ours = convolve_transposed(
            maps, kernel, sides, (stride, stride), ((edge, edge),) * 2
        )
        theirs = THEIRS(
            maps,
            kernel[::-1, ::-1].swapaxes(2, 3),
            (1, 1),
            ((2 - edge, 2 - edge + over),) * 2,
            (stride, stride),
            dimension_numbers=LAYOUT,
        )
        assert_close(ours, theirs)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('stride', [2, 1])
@pytest.mark.parametrize('window', [4, 3, 1])
def test_inside_a_loop_the_cpu_meets_its_own_layout_only(window, stride):
    images, kernel = (x.astype(jnp.float32) for x in arrays((8, 8), (window, window)))

    strides = (stride, stride)
    padding = tuple(jax.lax.padtype_to_pads((8, 8), (window, window), strides, 'SAME'))

    def loss(images: Array, kernel: Array) -> Array:
        hidden = convolve(images, kernel, strides, padding)
        back = convolve_transposed(hidden, kernel, (8, 8), strides, padding)
        return (back**2).sum()

    def loop(images: Array, kernel: Array) -> PyTree:
        def body(carry: PyTree, _: None) -> tuple[PyTree, None]:
            gradients = jax.grad(loss, (0, 1))(*carry)
            return jax.tree.map(lambda x, g: x - 0.01 * g, carry, gradients), None

        return jax.lax.scan(body, (images, kernel), None, length=3)[0]

    text = jax.jit(loop).lower(images, kernel).compile().as_text()
    layouts = set(re.findall(r'dim_labels=(\w+->\w+)', text))
    assert layouts <= {'b01f_01io->b01f'}
    assert layouts or window == 1


def test_other_backends_compile_the_gradient_of_jax():
    images, kernel = arrays()

    def gradient(f: Callable) -> str:
        def loss(images: Array, kernel: Array) -> Array:
            made = f(images, kernel, (2, 2), 'SAME', dimension_numbers=LAYOUT)
            return (made**2).sum()

        traced = jax.jit(jax.grad(loss, (0, 1))).trace(images, kernel)
        text = traced.lower(lowering_platforms=('cuda',)).as_text()
        return sorted(re.findall(r'stablehlo.convolution.*window = {[^}]*}', text))

    def forms(found: list[str]) -> list[str]:
        return [re.sub(r'%\w+', '%', one) for one in found]

    assert forms(gradient(convolve)) == forms(gradient(THEIRS))


@pytest.mark.heavy
def test_a_batch_over_devices_gives_the_same():
    images, kernel = arrays()

    def loss(images: Array, kernel: Array) -> Array:
        return (convolve(images, kernel, (2, 2), 'SAME') ** 2).sum()

    compute = jax.jit(jax.grad(loss, (0, 1)))
    mesh = data_mesh(jax.devices()[:2])
    split = jax.device_put(images, NamedSharding(mesh, PartitionSpec('data')))
    for ours, theirs in zip(
        compute(split, kernel), compute(images, kernel), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_it_runs_outside_of_jit_as_well():
    images, kernel = arrays()
    for stride, padding in itertools.product([(1, 1), (2, 2)], ['SAME', 'VALID']):
        ours = convolve(images, kernel, stride, padding)
        theirs = THEIRS(images, kernel, stride, padding, dimension_numbers=LAYOUT)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_maps_of_another_size_are_refused():
    maps, kernel = np.ones((1, 4, 4, 3)), np.ones((3, 3, 2, 3))
    with pytest.raises(ValueError, match=r'\(4, 4\).* \(3, 4\).*sides'):
        convolve_transposed(maps, kernel, (6, 8), (2, 2), ((1, 1), (1, 1)))
