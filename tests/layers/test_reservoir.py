"""The reservoir: its radius, its memory, its place among the collections."""

import functools
import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import RecurrentStack, Reservoir, spectral_radius
from dljax.layers.reservoir import _by_powers
from dljax.types import PyTree

X = np.random.default_rng(0).normal(size=(3, 60, 2)).astype(np.float32)


@functools.cache
def initialiser(layer: Reservoir) -> Callable[..., PyTree]:
    return jax.jit(layer.init)


def weights(layer: Reservoir, seed: int = 0) -> dict[str, np.ndarray]:
    made = initialiser(layer)(jax.random.key(seed), X)
    return {k: np.asarray(v, np.float64) for k, v in made['reservoir'].items()}


def largest(matrix: np.ndarray) -> float:
    return np.abs(np.linalg.eigvals(matrix)).max()


RADII = list(itertools.product([7, 1, 120], [0.95, 0.3, 1.4], [1.0, 0.1]))
HEAVY = [(1, 0.95, 1.0), (120, 0.3, 0.1), (120, 1.4, 1.0), (7, 0.3, 0.1)]


@pytest.mark.parametrize(
    ('features', 'radius', 'density'),
    [
        RADII[0],
        *(pytest.param(*case, marks=pytest.mark.heavy) for case in HEAVY),
        *(
            pytest.param(*case, marks=pytest.mark.exhaustive)
            for case in RADII[1:]
            if case not in HEAVY
        ),
    ],
)
def test_the_spectral_radius_is_the_setting(
    features: int, radius: float, density: float
) -> None:
    layer = Reservoir(features, spectral_radius=radius, density=density)
    for seed in range(3):
        got = largest(weights(layer, seed)['recurrent_kernel'])
        assert got == pytest.approx(radius, rel=1e-5)


def test_the_radius_of_known_matrices_is_found() -> None:
    pair = jnp.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [5.0, 5.0, 0.5]])
    assert spectral_radius(pair) == pytest.approx(1.0, rel=1e-5)
    assert spectral_radius(1e15 * pair) == pytest.approx(1e15, rel=1e-5)
    assert spectral_radius(1e-15 * pair) == pytest.approx(1e-15, rel=1e-5)
    nilpotent = jnp.array([[0.0, 3.0], [0.0, 0.0]])
    assert spectral_radius(nilpotent) == 0.0
    signs = jnp.diag(jnp.array([2.0, -2.0, 1.0]))
    assert spectral_radius(signs) == pytest.approx(2.0, rel=1e-5)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('size', [4, 2, 12])
@pytest.mark.parametrize('turned', [True, False])
def test_a_defective_block_has_the_radius_of_its_eigenvalue(
    size: int, turned: bool
) -> None:
    block = 0.7 * np.eye(size) + np.eye(size, k=1)
    if turned:  # a pair of complex eigenvalues, as many times
        turn = np.array([[0.6, -0.8], [0.8, 0.6]])
        block = 0.7 * np.kron(np.eye(size), turn) + np.eye(2 * size, k=2)
    block = jnp.float32(block)
    assert jax.jit(spectral_radius)(block) == pytest.approx(0.7, rel=1e-5)
    with jax.enable_x64(True):  # where there are no eigenvalues
        assert _by_powers(jnp.float64(block)) == pytest.approx(0.7, rel=1e-3)


@pytest.mark.heavy
def test_members_of_an_ensemble_have_reservoirs_of_their_own() -> None:
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    made = jax.jit(jax.vmap(lambda key: Reservoir(30).init(key, X)))(keys)
    matrices = np.asarray(made['reservoir']['recurrent_kernel'], np.float64)
    assert [largest(m) for m in matrices] == pytest.approx([0.9] * 3, rel=1e-5)
    assert np.abs(matrices[0] - matrices[1]).max() > 0.01
    shapes = jax.eval_shape(Reservoir(30).init, jax.random.key(0), X)
    assert shapes['reservoir']['recurrent_kernel'].shape == (30, 30)


def test_the_weights_are_no_parameters() -> None:
    made = jax.eval_shape(Reservoir(5).init, jax.random.key(0), X)
    assert list(made) == ['reservoir']
    assert set(made['reservoir']) == {'kernel', 'recurrent_kernel', 'bias'}


def test_each_unit_hears_its_fraction_of_the_others() -> None:
    matrix = weights(Reservoir(40, density=0.2))['recurrent_kernel']
    np.testing.assert_array_equal((matrix != 0).sum(axis=0), np.full(40, 8))
    assert ((matrix != 0).sum(axis=1) != 8).any()  # at places of their own


@pytest.mark.heavy
def test_input_weights_and_biases_fill_their_ranges() -> None:
    made = weights(Reservoir(400, input_scale=0.5, bias_scale=0.1))
    for name, limit in (('kernel', 0.5), ('bias', 0.1)):
        assert 0.95 * limit < np.abs(made[name]).max() <= limit
        assert abs(made[name].mean()) < 0.15 * limit


def states(layer: Reservoir, variables: PyTree, first: float = 0.0) -> np.ndarray:
    carry = np.full((3, layer.features), first, np.float32)
    return np.asarray(jax.jit(layer.apply)(variables, X, carry)[0])


@pytest.mark.others('heavy')
@pytest.mark.parametrize('leak', [0.3, 1.0])
def test_the_states_equal_a_loop_over_the_equation(leak: float) -> None:
    layer = Reservoir(6, leak=leak, bias_scale=0.5)
    made = weights(layer)
    x = np.full((3, 6), 0.2)
    for t in range(X.shape[1]):
        drive = X[:, t] @ made['kernel'] + x @ made['recurrent_kernel'] + made['bias']
        x = (1 - leak) * x + leak * np.tanh(drive)
    variables = {'reservoir': {k: np.float32(v) for k, v in made.items()}}
    np.testing.assert_allclose(states(layer, variables, 0.2)[:, -1], x, atol=1e-5)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ('radius', 'forgets'), [(0.5, True), (0.9, True), (3.0, False)]
)
def test_two_beginnings_are_forgotten_below_a_radius_of_one(
    radius: float, forgets: bool
) -> None:
    layer = Reservoir(100, spectral_radius=radius, input_scale=0.1)
    variables = initialiser(layer)(jax.random.key(0), X)
    gap = states(layer, variables, 0.5) - states(layer, variables, -0.5)
    distance = np.linalg.norm(gap, axis=-1)
    assert (distance[:, 0] > 1.0).all()
    assert (distance[:, -1] < 1e-2).all() == forgets
    if radius == 0.5:
        assert (distance[:, -1] < 1e-6).all()


@pytest.mark.heavy
def test_a_stack_of_reservoirs_is_deep_and_knows_padding() -> None:
    net = RecurrentStack(Reservoir(8), layers=2, bidirectional=True)
    lengths = np.array([60, 1, 30])
    variables = jax.jit(net.init)(jax.random.key(0), X)
    apply = jax.jit(net.apply)
    outputs, _ = apply(variables, X, lengths=lengths)
    assert outputs.shape == (3, 60, 16)
    alone, _ = apply(variables, X[2:, :30])
    np.testing.assert_allclose(outputs[2:, :30], alone, atol=1e-6)
    assert not np.any(outputs[1, 1:])


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'features': 0}, 'features is 0'),
        ({'spectral_radius': 0.0}, 'spectral_radius is 0.0'),
        ({'density': 0.0}, 'density is 0.0'),
        ({'leak': 1.5}, 'leak is 1.5'),
        ({'input_scale': -1.0}, 'input_scale is -1.0'),
        ({'bias_scale': float('nan')}, 'bias_scale is nan'),
    ],
)
def test_a_setting_out_of_range_is_named(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reservoir(**{'features': 5, **settings})


def test_inputs_without_a_time_axis_are_refused() -> None:
    with pytest.raises(ValueError, match=r'wanted \[batch, time'):
        Reservoir(5).init(jax.random.key(0), X[0])
