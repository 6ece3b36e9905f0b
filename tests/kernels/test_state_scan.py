"""The loops of Elman and GRU against plain ones: values, derivatives of every kind."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.kernels.state_scan import DERIVATIVES, elman_scan, gru_scan
from dljax.kernels.unroll import unroll
from dljax.layers import Elman
from dljax.types import Array, PyTree

TIME, BATCH, WIDTH = 5, 3, 4


def plain_elman(
    activation: Callable,
    products: Array,
    recurrent: Array,
    carry: Array,
    lengths: Array,
    reverse: bool,
) -> PyTree:
    def step(state: Array, product: Array) -> tuple[Array, Array]:
        state = activation(product + state @ recurrent)
        return state, state

    carry, states = unroll(step, carry, products, lengths=lengths, reverse=reverse)
    return states, carry


def plain_gru(
    products: Array,
    recurrent: Array,
    bias: Array,
    carry: Array,
    lengths: Array,
    reverse: bool,
) -> PyTree:
    def step(state: Array, product: Array) -> tuple[Array, Array]:
        x_reset, x_keep, x_fresh = jnp.split(product, 3, axis=-1)
        h_reset, h_keep, h_fresh = jnp.split(state @ recurrent, 3, axis=-1)
        reset, keep = jax.nn.sigmoid(x_reset + h_reset), jax.nn.sigmoid(x_keep + h_keep)
        state = keep * state + (1 - keep) * jnp.tanh(
            x_fresh + reset * (h_fresh + bias[None])
        )
        return state, state

    carry, states = unroll(step, carry, products, lengths=lengths, reverse=reverse)
    return states, carry


LOOPS = {
    'gru': (gru_scan, plain_gru),
    **{
        f.__name__: tuple(functools.partial(g, f) for g in (elman_scan, plain_elman))
        for f in DERIVATIVES
    },
}


def drawn(name: str) -> tuple[Array, ...]:
    """Sums and recurrent weights, the bias of a GRU, and the first state."""
    gates = 3 if name == 'gru' else 1
    shapes = [(TIME, BATCH, gates * WIDTH), (WIDTH, gates * WIDTH), (BATCH, WIDTH)]
    if name == 'gru':
        shapes.insert(2, (WIDTH,))
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=shape) for shape in shapes)


def close(got: PyTree, wanted: PyTree, error: float = 1e-5) -> None:
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=error, atol=error),
        got,
        wanted,
    )


@pytest.mark.parametrize('name', LOOPS)
def test_values_and_gradients_equal_those_of_a_plain_loop(name: str) -> None:
    lengths = np.array([5, 3, 1])

    def loss(run: Callable, arguments: tuple) -> tuple[Array, PyTree]:
        states, last = run(*arguments, lengths, True)
        return (states**2).sum() + (last**3).sum(), (states, last)

    gradient = jax.jit(jax.grad(loss, 1, has_aux=True), static_argnums=0)
    with jax.enable_x64(True):
        ours, wanted = (gradient(run, drawn(name)) for run in LOOPS[name])
        close(ours, wanted, 1e-10)


HEAVY, EXHAUSTIVE = pytest.mark.heavy, pytest.mark.exhaustive


@pytest.mark.parametrize(
    ('name', 'lengths', 'reverse'),
    [
        pytest.param('gru', (5, 3, 1), True, marks=HEAVY),
        pytest.param('tanh', (5, 3, 1), True, marks=HEAVY),
        pytest.param('relu', (5, 3, 1), False, marks=HEAVY),
        pytest.param('gru', None, False, marks=EXHAUSTIVE),
        pytest.param('tanh', None, True, marks=EXHAUSTIVE),
        pytest.param('relu', None, False, marks=EXHAUSTIVE),
        pytest.param('relu', None, True, marks=EXHAUSTIVE),
        pytest.param('relu', (5, 3, 1), True, marks=EXHAUSTIVE),
        pytest.param('gru', None, True, marks=EXHAUSTIVE),
        pytest.param('gru', (5, 3, 1), False, marks=EXHAUSTIVE),
        pytest.param('tanh', None, False, marks=EXHAUSTIVE),
        pytest.param('tanh', (5, 3, 1), False, marks=EXHAUSTIVE),
    ],
)
def test_derivatives_of_every_kind_equal_those_of_a_plain_loop(
    name: str, lengths: tuple[int, ...] | None, reverse: bool
) -> None:
    lengths = None if lengths is None else jnp.array(lengths)

    def found(run: Callable) -> list[PyTree]:
        arguments = drawn(name)
        tangents = jax.tree.map(lambda x: jnp.cos(x + 1), arguments)

        def loss(arguments: tuple) -> Array:
            states, last = run(*arguments, lengths, reverse)
            return (states**2).sum() + (last**3).sum()

        gradient = jax.grad(loss)
        return [
            run(*arguments, lengths, reverse),
            gradient(arguments),
            jax.jvp(loss, (arguments,), (tangents,)),
            jax.jvp(gradient, (arguments,), (tangents,))[1],
        ]

    with jax.enable_x64(True):
        ours, plain = (jax.jit(lambda run=run: found(run))() for run in LOOPS[name])
        close(ours, plain, 1e-10)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('name', LOOPS)
def test_it_can_be_mapped(name: str) -> None:
    products, *rest = map(np.float32, drawn(name))

    def total(scale: Array) -> Array:
        return LOOPS[name][0](scale * products, *rest, None, False)[0].sum()

    scales, gradient = np.float32([0.5, 2.0]), jax.jit(jax.grad(total))
    mapped = jax.jit(jax.vmap(jax.grad(total)))(scales)
    close(mapped, np.stack([gradient(scale) for scale in scales]))


@pytest.mark.parametrize('name', LOOPS)
def test_the_gradient_of_the_weights_is_one_product_for_all_steps(name: str) -> None:
    products, recurrent, *rest = map(np.float32, drawn(name))

    def loss(recurrent: Array) -> Array:
        return LOOPS[name][0](products, recurrent, *rest, None, False)[0].sum()

    text = jax.jit(jax.grad(loss)).lower(recurrent).as_text()
    made = [line for line in text.splitlines() if 'stablehlo.dot_general' in line]
    steps = f'tensor<{TIME * BATCH}x'
    # Forwards, backwards through the states, and one for the weights.
    weights = [line for line in made if line.count(steps) == 2]
    assert len(weights) == 1
    form = recurrent.shape[::-1]
    assert f'-> tensor<{form[0]}x{form[1]}xf32>' in weights[0]
    assert len(made) == 3


@pytest.mark.parametrize('name', LOOPS)
def test_half_precision_keeps_its_type_and_its_digits(name: str) -> None:
    half = jax.tree.map(lambda x: x.astype('bfloat16'), drawn(name))
    ours, plain = (
        jax.jit(lambda *x, run=run: run(*x, None, False)) for run in LOOPS[name]
    )
    got = ours(*half)
    wanted = plain(*jax.tree.map(lambda x: x.astype('float32'), half))
    assert {x.dtype.name for x in jax.tree.leaves(got)} == {'bfloat16'}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(np.float32(a), b, rtol=0.03, atol=0.1),
        got,
        wanted,
    )


def test_any_function_may_activate() -> None:
    layer = Elman(4, activation=jnp.sin)
    inputs = np.random.default_rng(1).normal(size=(2, 3, 5)).astype(np.float32)
    (outputs, last), variables = jax.jit(layer.init_with_output)(
        jax.random.key(0), inputs
    )
    weights = jax.tree.map(np.asarray, variables['params'])
    state = np.zeros((2, 4))
    for step in range(3):
        sums = inputs[:, step] @ weights['kernel'] + state @ weights['recurrent_kernel']
        state = np.sin(sums + weights['bias'])
        close(outputs[:, step], state)
    close(last, state)
