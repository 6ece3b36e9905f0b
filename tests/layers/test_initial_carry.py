"""The learned first carry: its form, its values, and that a stack takes it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import GRU, LSTM, Elman, InitialCarry, RecurrentStack, in_types

X = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)


@pytest.mark.parametrize('bidirectional', [False, True])
@pytest.mark.parametrize('cell', [Elman(4), LSTM(4), GRU(4)], ids=['e', 'l', 'g'])
def test_its_form_is_that_of_the_carry_which_a_stack_returns(
    cell: object, bidirectional: bool
) -> None:
    stack = RecurrentStack(cell, layers=2, bidirectional=bidirectional)
    key, inputs = jax.random.key(0), X[:, None]
    first, _ = jax.eval_shape(InitialCarry(stack).init_with_output, key, X)
    (_, last), variables = jax.eval_shape(stack.init_with_output, key, inputs)
    assert jax.tree.map(np.shape, first) == jax.tree.map(np.shape, last)
    _, moved = jax.eval_shape(stack.apply, variables, inputs, first)
    assert jax.tree.structure(moved) == jax.tree.structure(first)


def test_its_values_are_the_parts_of_one_product() -> None:
    layer = InitialCarry(RecurrentStack(LSTM(4), layers=2))
    carry, variables = jax.jit(layer.init_with_output)(jax.random.key(0), X)
    params = jax.tree.map(np.asarray, variables['params']['states'])
    wanted = np.tanh(X @ params['kernel'] + params['bias'])
    joined = np.concatenate(jax.tree.leaves(carry), axis=1)
    np.testing.assert_allclose(joined, wanted, atol=1e-6)


def test_a_stack_keeps_its_own_type_where_the_model_names_none() -> None:
    stack = RecurrentStack(LSTM(4), dtype=jnp.bfloat16)
    assert in_types(stack, None, jnp.float16).dtype == jnp.bfloat16
    assert in_types(stack, jnp.float32, jnp.float16).dtype == jnp.float32
    assert in_types(stack, None, jnp.float16).param_dtype == jnp.float16
