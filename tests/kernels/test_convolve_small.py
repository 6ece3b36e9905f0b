"""Small, deep feature maps: the numbers of JAX, without products with padding."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.kernels.convolve import convolve
from dljax.types import Array

LAYOUT = ('NHWC', 'HWIO', 'NHWC')
CHANNELS = 512
CASES = [
    ((2, 3), (3, 2), ((1, 1), (2, 0))),
    ((4, 4), (3, 3), 'SAME'),
    ((1, 1), (3, 3), 'SAME'),  # of the window only its middle meets a place
    ((2, 2), (5, 5), ((4, 4), (3, 2))),
]


def given(sides: tuple[int, int], window: tuple[int, int]) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(*window, CHANNELS, CHANNELS))
    return jnp.asarray(rng.normal(size=(2, *sides, CHANNELS))), jnp.asarray(kernel)


def both(f: Callable, padding: str | tuple) -> Callable:
    """Make the function of value and gradients."""

    def loss(images: Array, kernel: Array) -> tuple[Array, Array]:
        made = f(images, kernel, (1, 1), padding, dimension_numbers=LAYOUT)
        return jnp.sin(made / CHANNELS).sum(), made

    return jax.jit(jax.grad(loss, (0, 1), has_aux=True))


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize(('sides', 'window', 'padding'), CASES, ids=str)
def test_values_and_gradients_are_those_of_jax(sides, window, padding):
    with jax.enable_x64(True):
        arrays = given(sides, window)
        ours, theirs = (
            both(f, padding)(*arrays) for f in (convolve, jax.lax.conv_general_dilated)
        )
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9),
            ours,
            theirs,
        )


def test_a_cpu_multiplies_no_padding():
    arrays = given((4, 4), (3, 3))
    lowered = both(convolve, 'SAME').lower(*arrays)
    assert 'stablehlo.convolution' not in lowered.as_text()
    # Along an axis of 4 the three entries of the window meet 3, 4 and 3 places.
    products = 3 * 2 * 2 * (3 + 4 + 3) ** 2 * CHANNELS**2
    counted = lowered.compile().cost_analysis()['flops']
    assert products <= counted < 1.02 * products


@pytest.mark.parametrize(('sides', 'channels'), [((9, 9), 512), ((4, 4), 256)], ids=str)
def test_larger_maps_and_fewer_channels_are_convolved(sides, channels):
    shapes = ((2, *sides, channels), (3, 3, channels, 512))
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    assert 'stablehlo.convolution' in both(convolve, 'SAME').lower(*arrays).as_text()
