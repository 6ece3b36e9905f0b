"""Convolutions of series and of groups of channels: JAX's numbers, our own way."""

import itertools
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.kernels.convolve import convolve
from dljax.layers import Conv
from dljax.types import Array, PyTree

THEIRS = jax.lax.conv_general_dilated
LAYOUTS = {3: ('NWC', 'WIO', 'NWC'), 4: ('NHWC', 'HWIO', 'NHWC')}
CASES = [  # places of the input, channels, groups
    ((9,), 3, 1),
    ((8,), 6, 3),
    ((7, 6), 4, 2),
    ((5, 8), 8, 4),
]


def arrays(
    places: tuple[int, ...], channels: int, groups: int, dtype: type = np.float64
) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    window = (3,) * len(places)
    kernel = rng.normal(size=(*window, channels // groups, 3 * groups))
    images = rng.normal(size=(2, *places, channels))
    return jnp.asarray(images, dtype), jnp.asarray(kernel, dtype)


def derived(f: Callable, groups: int, stride: int, padding: str) -> Callable:
    """Make the function of value, gradients, and a gradient of these."""

    def made(images: Array, kernel: Array) -> Array:
        return f(
            images,
            kernel,
            (stride,) * (images.ndim - 2),
            padding,
            dimension_numbers=LAYOUTS[images.ndim],
            feature_group_count=groups,
        )

    def loss(*given: Array) -> Array:
        return jnp.sin(made(*given)).sum()

    def squared(*given: Array) -> Array:
        return sum((g**2).sum() for g in jax.grad(loss, (0, 1))(*given))

    def all_of_them(*given: Array) -> PyTree:
        return [f(*given) for f in (made, jax.grad(loss, (0, 1)), jax.grad(squared))]

    return jax.jit(all_of_them)


# Place of the case, stride and padding: of the quick and of the heavy suite.
QUICK = {(0, 1, 'SAME'), (2, 2, 'VALID')}
HEAVY = {(1, 1, 'VALID'), (3, 2, 'SAME')}


def suite(*case: object) -> tuple | pytest.MarkDecorator:
    if case in QUICK:
        return ()
    return pytest.mark.heavy if case in HEAVY else pytest.mark.exhaustive


@pytest.mark.parametrize(
    ('places', 'channels', 'groups', 'stride', 'padding'),
    [
        pytest.param(*CASES[case], stride, padding, marks=suite(case, stride, padding))
        for case, stride, padding in itertools.product(
            range(4), (1, 2), ('SAME', 'VALID')
        )
    ],
    ids=str,
)
def test_values_and_derivatives_are_those_of_jax(
    places, channels, groups, stride, padding
):
    with jax.enable_x64(True):
        given = arrays(places, channels, groups)
        ours, theirs = (
            derived(f, groups, stride, padding)(*given) for f in (convolve, THEIRS)
        )
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9),
            ours,
            theirs,
        )


def text(groups: int, platform: str, places: tuple[int, ...] = (8, 8)) -> str:
    """Lower the gradient inside a loop."""
    images, kernel = arrays(places, 8, groups, np.float32)
    gradients = derived(convolve, groups, 2, 'SAME')

    def loop(images: Array, kernel: Array) -> PyTree:
        def body(given: PyTree, _: None) -> tuple[PyTree, None]:
            return gradients(*given)[1], None

        return jax.lax.scan(body, (images, kernel), None, length=2)[0]

    traced = jax.jit(loop).trace(images, kernel)
    return traced.lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize(('places', 'groups'), [((8,), 1), ((8, 8), 2)], ids=str)
def test_a_cpu_meets_its_own_layout_without_groups(places, groups):
    found = re.findall(r'stablehlo\.convolution.*', text(groups, 'cpu', places))
    assert found
    for one in found:
        assert 'dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]' in one
        assert 'feature_group_count = 1 ' in one and 'batch_group_count = 1 ' in one


def test_other_backends_and_many_groups_are_left_to_jax():
    assert 'feature_group_count = 2 ' in text(2, 'cuda')
    assert 'feature_group_count = 8 ' in text(8, 'cpu')


def test_a_layer_of_series_computes_what_linens_does():
    x = np.random.default_rng(0).normal(size=(2, 7, 4)).astype(np.float32)
    theirs, ours = (
        layer(6, (3,), feature_group_count=2, padding='CAUSAL')
        for layer in (nn.Conv, Conv)
    )
    a, variables = jax.jit(theirs.init_with_output)(jax.random.key(1), x)
    b = jax.jit(ours.apply)(variables, x)
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
