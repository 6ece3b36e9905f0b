"""Transposed convolutions, normalisation as a setting, and spectral norms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.test_util import check_grads

from dljax.layers import (
    NormalisedConv,
    TransposedConv,
    batch_norm,
    constrained,
    doublings,
    layer_norm,
)
from dljax.types import Array, PyTree

MAPS = np.random.default_rng(0).normal(size=(3, 5, 4, 2)).astype(np.float32)
FORMS = [(4, 2, (2, 2)), (3, 2, (1, 2)), (5, 2, (2, 3)), (3, 1, (1, 1)), (4, 1, (3, 3))]


@pytest.mark.others('heavy')
@pytest.mark.parametrize(('kernel', 'stride', 'padding'), FORMS)
def test_a_transposed_convolution_and_its_gradients_are_those_of_linen(
    kernel: int, stride: int, padding: tuple[int, int]
) -> None:
    ours = TransposedConv(3, kernel, stride, padding)
    theirs = nn.ConvTranspose(3, (kernel, kernel), (stride, stride), (padding, padding))
    made, variables = jax.jit(theirs.init_with_output)(jax.random.key(1), MAPS)
    weight = np.random.default_rng(2).normal(size=made.shape).astype(np.float32)

    def gradients(net: nn.Module) -> PyTree:
        def loss(variables: PyTree, maps: Array) -> tuple[Array, Array]:
            outputs = net.apply(variables, maps)
            return (weight * outputs).sum(), outputs

        return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(variables, MAPS)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        gradients(ours),
        gradients(theirs),
    )


def test_the_gradient_of_a_transposed_convolution_stretches_no_maps() -> None:
    layer = TransposedConv(3)
    variables = jax.eval_shape(layer.init, jax.random.key(1), MAPS)

    def stretched(net: nn.Module) -> int:
        def loss(variables: PyTree) -> Array:
            return net.apply(variables, MAPS).sum()

        equations = jax.make_jaxpr(jax.grad(loss))(variables).jaxpr.eqns
        return sum('lhs_dilation=(2, 2)' in str(one) for one in equations)

    linen = nn.ConvTranspose(3, (4, 4), (2, 2), ((2, 2), (2, 2)))
    assert stretched(linen) > stretched(layer)


@pytest.mark.heavy
def test_a_transposed_convolution_is_differentiated_twice() -> None:
    layer = TransposedConv(2, kernel_size=3, padding=(1, 2))
    with jax.enable_x64(True):
        maps = np.random.default_rng(0).normal(size=(1, 2, 2, 1))
        kernel = np.random.default_rng(1).normal(size=(3, 3, 1, 2))

        def outputs(maps: Array, kernel: Array) -> Array:
            params = {'kernel': kernel, 'bias': jnp.zeros(2)}
            return jnp.tanh(layer.apply({'params': params}, maps))

        check_grads(outputs, (maps, kernel), order=2, modes=['rev'])


def test_a_layer_norm_loses_no_digits_where_the_mean_is_large() -> None:
    class Net(nn.Module):
        """The norm alone."""

        @nn.compact
        def __call__(self, x: Array) -> Array:
            """Normalise."""
            return layer_norm(x)

    x = np.float32(10_000 + np.random.default_rng(0).normal(size=(2, 500)))
    exact = x - x.mean(1, keepdims=True, dtype=np.float64)
    wanted = exact / exact.std(1, keepdims=True)
    got, _ = jax.jit(Net().init_with_output)(jax.random.key(0), x)
    np.testing.assert_allclose(got, wanted, atol=2e-3)


def test_a_layer_norm_ties_no_two_examples_together() -> None:
    def change(normalise) -> float:
        net = NormalisedConv(3, normalise=normalise)
        variables = jax.jit(net.init)(jax.random.key(1), MAPS)

        @jax.jit
        def first(maps: Array) -> Array:
            outputs, _ = net.apply(variables, maps, train=True, mutable='batch_stats')
            return outputs[0]

        other = MAPS.copy()
        other[1] *= 9
        return float(np.abs(np.asarray(first(MAPS)) - first(other)).max())

    assert change(layer_norm) == 0.0
    assert change(batch_norm) > 0.01


def test_batch_statistics_move_by_a_tenth_in_training_and_not_in_evaluation() -> None:
    net = NormalisedConv(3)
    variables = jax.jit(net.init)(jax.random.key(1), MAPS)
    plain = nn.Conv(3, (4, 4), (2, 2), 1, use_bias=False)

    @jax.jit
    def run(variables: PyTree) -> tuple:
        moved, still = (
            net.apply(variables, MAPS, train=train, mutable='batch_stats')[1]
            for train in (True, False)
        )
        maps = plain.apply({'params': variables['params']['conv']}, MAPS)
        return moved, still, maps.mean((0, 1, 2))

    moved, still, means = run(variables)
    mean = moved['batch_stats']['norm']['mean']
    np.testing.assert_allclose(mean, 0.1 * np.asarray(means), atol=1e-6)
    jax.tree.map(
        np.testing.assert_array_equal, still['batch_stats'], variables['batch_stats']
    )


def test_the_epsilon_of_a_batch_norm_is_added_to_the_variance() -> None:
    net = NormalisedConv(
        1,
        kernel_size=1,
        stride=1,
        normalise=functools.partial(batch_norm, epsilon=3.0),
        activation=jax.nn.identity,
        kernel_init=nn.initializers.ones,
    )
    maps = np.float32([1, 3])[:, None, None, None]  # of variance 1
    init = jax.jit(functools.partial(net.init_with_output, train=True))
    outputs, _ = init(jax.random.key(0), maps)
    np.testing.assert_allclose(outputs.ravel(), [-0.5, 0.5], atol=1e-6)


def test_a_spectral_norm_comes_to_be_one_by_training_steps_alone() -> None:
    net = NormalisedConv(3, spectral=True, normalise=None, activation=jax.nn.identity)
    variables = jax.jit(net.init)(jax.random.key(1), MAPS)
    kernel = np.asarray(variables['params']['conv']['kernel']).reshape(-1, 3)
    largest = np.linalg.norm(kernel, 2)
    plain = nn.Conv(3, (4, 4), (2, 2), 1, use_bias=False)
    wanted = jax.jit(plain.apply)({'params': variables['params']['conv']}, MAPS)
    wanted = np.asarray(wanted) / largest

    def steps(train: bool) -> float:
        state = variables
        apply = functools.partial(net.apply, train=train, mutable='batch_stats')
        apply = jax.jit(apply)
        for _ in range(30):
            outputs, moved = apply(state, MAPS)
            state = {**state, **moved}
        return float(np.abs(outputs - wanted).max() / np.abs(wanted).max())

    assert steps(train=True) < 1e-3 < steps(train=False)


def test_without_the_wish_a_layer_is_left_alone() -> None:
    layer = nn.Dense(2)
    assert constrained(layer, spectral=False, train=True) is layer


@pytest.mark.parametrize(('size', 'first'), [(8, 3), (8, 8), (0, 2), (8, 0), (12, 4)])
def test_sizes_that_no_doubling_reaches_are_refused(size: int, first: int) -> None:
    with pytest.raises(ValueError, match='power of two'):
        doublings(size, first)
