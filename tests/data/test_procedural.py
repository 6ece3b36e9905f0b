"""Problems drawn by rule, and the source that draws them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import adding_problem, procedural, sum_problem
from dljax.types import State

KEY = jax.random.key(0)


def test_the_batch_is_a_function_of_key_and_position() -> None:
    source = procedural(lambda key, n: {'x': jax.random.normal(key, (n, 2))}, 4)
    state = State(jnp.int32(0), {}, {}, {})
    position, shape = source.init(KEY)
    drawn = []
    for _ in range(3):
        position, batch = source.next(KEY, position, state)
        drawn.append(np.asarray(batch['x']))
    again, batch = jax.jit(source.next)(KEY, jnp.int32(2), state)
    np.testing.assert_array_equal(batch['x'], drawn[2])
    assert int(again) == int(position) == 3
    assert shape['x'].shape == drawn[0].shape == (4, 2)
    assert np.abs(drawn[0] - drawn[1]).min() > 0
    other = source.next(jax.random.key(1), jnp.int32(2), state)[1]['x']
    assert np.abs(other - drawn[2]).min() > 0


@pytest.mark.parametrize('length', [2, 7, 100])
def test_the_target_is_the_sum_of_the_two_marked_numbers(length: int) -> None:
    batch = jax.jit(adding_problem, static_argnums=(1, 2))(KEY, 5000, length)
    values, marks = np.moveaxis(np.asarray(batch['sequence']), -1, 0)
    assert set(np.unique(marks)) <= {0.0, 1.0}
    halves = marks[:, : length // 2].sum(1), marks[:, length // 2 :].sum(1)
    np.testing.assert_array_equal(halves, 1.0)
    np.testing.assert_allclose(batch['target'], (values * marks).sum(1), rtol=1e-6)
    assert abs(np.var(batch['target']) - 1 / 6) < 0.01
    assert marks.any(0).all()  # every step is marked some time


def test_the_sum_is_that_of_the_whole_sequence() -> None:
    batch = sum_problem(KEY, 5000, 24)
    assert batch['sequence'].shape == (5000, 24, 1)
    sums = np.asarray(batch['sequence']).sum((1, 2))
    np.testing.assert_allclose(batch['target'], sums, rtol=1e-5)
    assert abs(np.var(batch['target']) - 24 / 12) < 0.15


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match='length is 0'):
        sum_problem(KEY, 3, 0)
    with pytest.raises(ValueError, match='length is 1'):
        adding_problem(KEY, 3, 1)
    with pytest.raises(ValueError, match='batch_size is 0'):
        procedural(lambda key, n: {}, 0)
