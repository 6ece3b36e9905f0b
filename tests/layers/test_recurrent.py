"""Recurrent layers: loops, limits, padding, directions, carries, gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.test_util import check_grads

from dljax.layers import GRU, LSTM, Elman, RecurrentStack
from dljax.types import Array, PyTree
from tests.layers.by_hand import run, run_stack

CELLS = {
    'elman': Elman(4),
    'rectified': Elman(4, activation=jax.nn.relu),
    'lstm': LSTM(4),
    'gru': GRU(4),
    'gru_2014': GRU(4, reset_after=False),
}
X = np.random.default_rng(0).normal(size=(3, 6, 5)).astype(np.float32)
LENGTHS = np.array([6, 1, 4])


def drawn(net: nn.Module, inputs: np.ndarray = X) -> PyTree:
    """Random parameters everywhere, biases included."""
    shapes = jax.eval_shape(net.init, jax.random.key(0), inputs)['params']
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda s: np.asarray(0.5 * rng.normal(size=s.shape), s.dtype), shapes
    )


@pytest.mark.parametrize('name', CELLS)
def test_the_scan_equals_a_loop_over_the_textbooks_equations(name: str) -> None:
    params = drawn(CELLS[name])
    outputs, carry = jax.jit(CELLS[name].apply)({'params': params}, X)
    np.testing.assert_allclose(outputs, run(CELLS[name], params, X)[0], atol=2e-6)
    last = carry[0] if name == 'lstm' else carry
    np.testing.assert_array_equal(outputs[:, -1], last)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('name', CELLS)
def test_two_windows_with_the_carry_equal_one_pass(name: str) -> None:
    net = RecurrentStack(CELLS[name], layers=2)
    variables = {'params': drawn(net)}

    @jax.jit
    def both(variables: PyTree) -> PyTree:
        first, carry = net.apply(variables, X[:, :2])
        return net.apply(variables, X), first, net.apply(variables, X[:, 2:], carry)

    (whole, end), first, (second, carry) = both(variables)
    joined = np.concatenate([first, second], axis=1)
    np.testing.assert_allclose(joined, whole, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), carry, end)


@pytest.mark.parametrize(
    ('name', 'bidirectional'),
    [
        ('elman', True),
        pytest.param('lstm', True, marks=pytest.mark.heavy),
        pytest.param('gru', True, marks=pytest.mark.heavy),
        pytest.param('gru_2014', False, marks=pytest.mark.heavy),
        pytest.param('rectified', True, marks=pytest.mark.exhaustive),
        pytest.param('gru_2014', True, marks=pytest.mark.exhaustive),
        *(
            pytest.param(name, False, marks=pytest.mark.exhaustive)
            for name in ('elman', 'rectified', 'lstm', 'gru')
        ),
    ],
)
def test_padding_changes_nothing(name: str, bidirectional: bool) -> None:
    net = RecurrentStack(CELLS[name], layers=2, bidirectional=bidirectional)
    variables = {'params': drawn(net)}
    apply = jax.jit(net.apply)
    outputs, carry = apply(variables, X, lengths=LENGTHS)
    valid = np.arange(6)[None, :, None] < LENGTHS[:, None, None]
    filled = np.where(valid, X, np.float32(1e3))
    again, _ = apply(variables, filled, lengths=LENGTHS)
    np.testing.assert_array_equal(outputs, again)

    @jax.jit
    def each(variables: PyTree) -> list[PyTree]:
        return [
            net.apply(variables, X[index : index + 1, :length])
            for index, length in enumerate(LENGTHS)
        ]

    for index, (alone, end) in enumerate(each(variables)):
        length = LENGTHS[index]
        np.testing.assert_allclose(outputs[index, :length], alone[0], atol=1e-6)
        assert not np.any(outputs[index, length:])
        jax.tree.map(
            lambda a, b, i=index: np.testing.assert_allclose(a[i], b[0], atol=1e-6),
            carry,
            end,
        )


@pytest.mark.others('heavy')
@pytest.mark.parametrize('name', CELLS)
def test_reversed_inputs_equal_the_backward_direction(name: str) -> None:
    cell, params = CELLS[name], drawn(CELLS[name])
    apply = jax.jit(cell.apply, static_argnames='reverse')
    backward, end = apply({'params': params}, X, reverse=True)
    forward, last = apply({'params': params}, X[:, ::-1])
    np.testing.assert_allclose(backward, forward[:, ::-1], atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), end, last)


def test_both_directions_stand_side_by_side() -> None:
    net = RecurrentStack(LSTM(4), bidirectional=True)
    params = drawn(net)
    outputs, (carry,) = jax.jit(net.apply)({'params': params}, X, lengths=LENGTHS)
    apply = jax.jit(LSTM(4).apply, static_argnames='reverse')
    for part, name, reverse in ((0, 'forward_0', False), (1, 'backward_0', True)):
        alone, end = apply(
            {'params': params[name]}, X, lengths=LENGTHS, reverse=reverse
        )
        np.testing.assert_allclose(
            outputs[..., 4 * part : 4 * part + 4], alone, atol=1e-6
        )
        np.testing.assert_allclose(carry[part][0], end[0], atol=1e-6)


@pytest.mark.parametrize(
    'name',
    [
        pytest.param('gru_2014', marks=pytest.mark.heavy),
        *(
            pytest.param(name, marks=pytest.mark.exhaustive)
            for name in ('elman', 'rectified', 'lstm', 'gru')
        ),
    ],
)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    net = RecurrentStack(CELLS[name], layers=2, bidirectional=True)
    params = drawn(net)

    @jax.jit
    def loss(params: PyTree, inputs: Array) -> Array:
        outputs, _ = net.apply({'params': params}, inputs, lengths=LENGTHS)
        return jnp.sum(outputs**2)

    with jax.enable_x64(True):
        wide = jax.tree.map(np.float64, params)
        inputs = np.float64(X)
        check_grads(loss, (wide, inputs), order=1, modes=['rev'])
        assert not np.any(jax.jit(jax.grad(loss, 1))(wide, inputs)[1, 1:])  # padding


def test_a_residual_adds_the_input_where_the_widths_agree() -> None:
    plain, residual = (RecurrentStack(GRU(4), 2, residual=r) for r in (False, True))
    params = drawn(plain)
    first, _ = run(GRU(4), params['forward_0'], X)
    without, with_it = (
        np.asarray(jax.jit(net.apply)({'params': params}, X, lengths=LENGTHS)[0])
        for net in (plain, residual)
    )
    valid = np.arange(6)[None, :] < LENGTHS[:, None]
    np.testing.assert_allclose(with_it[valid], (without + first)[valid], atol=1e-6)
    assert not np.any(with_it[~valid])


def test_dropout_acts_between_the_layers_in_training_only() -> None:
    net = RecurrentStack(Elman(4), layers=2, dropout=0.5)
    variables = {'params': drawn(net)}

    @functools.partial(jax.jit, static_argnums=(0, 1))
    def applied(net: nn.Module, train: bool, seed: int = 0) -> Array:
        rngs = {'dropout': jax.random.key(seed)}
        return net.apply(variables, X, train=train, rngs=rngs)[0]

    calm = np.asarray(applied(net, False))
    np.testing.assert_array_equal(calm, applied(net.clone(dropout=0.0), True))
    dropped = np.asarray(applied(net, True))
    assert np.any(dropped != calm)
    assert np.any(dropped != applied(net, True, 1))
    variables = {'params': {'forward_0': variables['params']['forward_0']}}
    one = RecurrentStack(Elman(4), layers=1, dropout=0.5)
    np.testing.assert_array_equal(applied(one, True), applied(one, False))


@pytest.mark.heavy
def test_the_carry_is_kept_and_no_gradient_crosses_it() -> None:
    net = RecurrentStack(LSTM(4), layers=2, stateful=True)
    made = jax.jit(net.init)(jax.random.key(0), X)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(made['carry']))
    params = drawn(net)

    def windows(first: Array) -> tuple[Array, Array]:
        variables = {'params': params, 'carry': made['carry']}
        _, kept = net.apply(variables, first, mutable='carry')
        again, _ = net.apply({'params': params, **kept}, X[:, 2:], mutable='carry')
        return again[0].sum(), again[0]

    # Without the collection, as in evaluation, a call begins at zero.
    apply = jax.jit(net.apply)
    whole, alone = (np.asarray(apply({'params': params}, X)[0]) for _ in range(2))
    gradient, second = jax.jit(jax.grad(windows, has_aux=True))(X[:, :2])
    np.testing.assert_allclose(second, whole[:, 2:], atol=1e-6)
    assert not np.any(gradient)
    np.testing.assert_array_equal(alone, whole)
    np.testing.assert_allclose(whole, run_stack(net, params, X)[0], atol=2e-6)


@pytest.mark.parametrize(
    ('cell', 'parameters'),
    [
        (Elman(128), 24_704),
        (LSTM(128), 98_816),
        (GRU(128), 74_240),
        (GRU(128, reset_after=False), 74_112),
    ],
)
def test_the_parameters_are_as_many_as_they_should(
    cell: nn.Module, parameters: int
) -> None:
    shapes = jax.eval_shape(cell.init, jax.random.key(0), np.ones((1, 2, 64)))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == parameters


def test_an_lstm_starts_with_open_memory_and_orthogonal_recurrence() -> None:
    params = jax.jit(LSTM(4).init)(jax.random.key(0), X)['params']
    np.testing.assert_array_equal(params['bias'], np.repeat([0, 1, 0, 0], 4))
    for gate in np.split(np.asarray(params['recurrent_kernel']), 4, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-6)


def test_the_input_product_stands_outside_the_loop() -> None:
    net = LSTM(4)
    variables = jax.eval_shape(net.init, jax.random.key(0), X)
    text = jax.jit(net.apply).lower(variables, X).as_text()
    assert '6x3x5xf32' in text  # all six steps in one product
    loop = text[text.index('stablehlo.while') :]
    assert '3x5xf32>, tensor<5x16xf32>' not in loop


def test_bfloat16_reaches_outputs_and_carry() -> None:
    net = RecurrentStack(GRU(4), layers=2, dtype=jnp.bfloat16)
    init = net.init_with_output
    (outputs, carry), variables = jax.eval_shape(init, jax.random.key(0), X)
    assert {leaf.dtype for leaf in jax.tree.leaves((outputs, carry))} == {
        jnp.dtype('bfloat16')
    }
    assert {p.dtype for p in jax.tree.leaves(variables)} == {np.dtype('float32')}


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: Elman(0), 'features is 0'),
        (lambda: LSTM(-1), 'features is -1'),
        (lambda: GRU(0), 'features is 0'),
        (lambda: RecurrentStack(layers=0), 'layers is 0'),
        (lambda: RecurrentStack(dropout=1.0), 'dropout is 1.0'),
        (lambda: RecurrentStack(stateful=True, bidirectional=True), 'stateful and'),
        (lambda: LSTM(4).init(jax.random.key(0), X[0]), r'wanted \[batch, time'),
        (
            lambda: jax.eval_shape(
                GRU(4).init, jax.random.key(0), X, np.zeros((2, 4), np.float32)
            ),
            r'the carry has shape \(2, 4\), wanted \(3, 4\)',
        ),
    ],
)
def test_a_wrong_setting_or_input_is_named(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
