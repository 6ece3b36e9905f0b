"""What a CPU stores: the same numbers, and where the compiler is told so."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.kernels.barrier import barrier
from dljax.kernels.convolution_form import BARRIERS_HOLD
from dljax.kernels.convolve import convolve
from dljax.layers import BatchNorm, NormalisedConv
from dljax.layers.residual import ResidualBlock
from dljax.types import Array

BARRIER = 'stablehlo.optimization_barrier'


@pytest.mark.others('heavy')
@pytest.mark.parametrize('ahead', [True, False])
def test_it_changes_no_number_nor_derivative(ahead: bool) -> None:
    x = np.array([0.5, -1.0, 2.0], np.float32)

    def kept(x: Array) -> Array:
        return jnp.sin(barrier(x**2, ahead=ahead)).sum()

    def plain(x: Array) -> Array:
        return jnp.sin(x**2).sum()

    for derived in (
        lambda f: f,
        jax.grad,
        jax.hessian,
        lambda f: lambda x: jax.jvp(jax.grad(f), (x,), (x + 1,))[1],
        lambda f: lambda x: jax.vmap(jax.grad(f), 1, 1)(jnp.outer(x, x)),
    ):
        ours, wanted = (jax.jit(derived(f))(x) for f in (kept, plain))
        np.testing.assert_array_equal(ours, wanted)


def texts(platform: str) -> list[int]:
    """Count the barriers of both kinds, ahead and in the gradient."""

    def counted(ahead: bool, back: bool) -> int:
        def kept(x: Array) -> Array:
            return jnp.sin(barrier(x * 2, ahead=ahead)).sum()

        traced = jax.jit(jax.grad(kept) if back else kept).trace(jnp.ones(3))
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        return text.count(BARRIER)

    return [counted(True, False), counted(False, False), counted(False, True)]


@pytest.mark.skipif(not BARRIERS_HOLD, reason='this jax fuses across barriers')
def test_a_cpu_stores_the_array_or_only_its_gradient() -> None:
    assert texts('cpu') == [1, 0, 1]


def test_other_backends_are_left_alone() -> None:
    assert texts('cuda') == texts('tpu') == [0, 0, 0]


@pytest.mark.skipif(not BARRIERS_HOLD, reason='this jax fuses across barriers')
@pytest.mark.parametrize(
    ('layer', 'barriers'),
    [
        (BatchNorm(use_running_average=True), 0),
        (BatchNorm(use_running_average=False), 1),  # what it sums up
        (NormalisedConv(3, 3, 1), 1),  # its end
        (NormalisedConv(3, 3, 1, activation=jax.nn.identity), 0),
        (ResidualBlock(3), 2),  # the end of its first convolution, and its own
    ],
    ids=str,
)
def test_layers_store_what_several_read(layer, barriers) -> None:
    x = jnp.ones((2, 4, 4, 3))
    variables = jax.eval_shape(layer.init, jax.random.key(0), x)
    applied = jax.jit(lambda v, x: layer.apply(v, x, mutable='batch_stats')[0])
    assert applied.lower(variables, x).as_text().count(BARRIER) == barriers


def test_the_gradient_of_a_1x1_kernel_is_one_product_of_tables() -> None:
    x, kernel = jnp.ones((2, 4, 4, 3)), jnp.ones((1, 1, 3, 5))

    def loss(kernel: Array) -> Array:
        return (convolve(x, kernel, (2, 2), 'VALID') ** 2).sum()

    text = jax.jit(jax.grad(loss)).lower(kernel).as_text()
    assert '(tensor<8x3xf32>, tensor<8x5xf32>) -> tensor<3x5xf32>' in text
