"""The source whose data lie on the device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import resident

KEY = jax.random.key(0)


def numbered(examples):
    return {'x': np.arange(examples, dtype=np.float64), 'label': np.arange(examples)}


def positions(source, key, start, count):
    """Take the labels of some batches, one call a batch."""
    position, taken, take = jnp.int32(start), [], jax.jit(source.next)
    for _ in range(count):
        position, batch = take(key, position, None)
        taken.append(np.asarray(batch['label']))
    return taken


def test_an_epoch_visits_every_example_once_and_epochs_differ():
    source = resident(numbered(12), 3)
    taken = positions(source, KEY, 0, 8)
    first, second = np.concatenate(taken[:4]), np.concatenate(taken[4:])
    np.testing.assert_array_equal(np.sort(first), np.arange(12))
    np.testing.assert_array_equal(np.sort(second), np.arange(12))
    assert (first != second).any()


def test_the_last_partial_batch_is_dropped():
    source = resident(numbered(11), 4)
    taken = positions(source, KEY, 0, 4)
    assert all(len(batch) == 4 for batch in taken)
    assert len(np.unique(np.concatenate(taken[:2]))) == 8
    assert len(np.unique(np.concatenate(taken[2:]))) == 8


def test_features_of_an_example_stay_together():
    _, batch = jax.jit(resident(numbered(50), 20).next)(KEY, np.int32(1), None)
    np.testing.assert_array_equal(np.asarray(batch['x']), np.asarray(batch['label']))
    assert batch['x'].dtype == jnp.float32 and batch['label'].dtype == jnp.int32


def test_no_batch_size_gives_the_whole_set_in_order():
    source = resident(numbered(5))
    position, batch = source.next(KEY, jnp.int32(7), None)
    assert position == 8
    np.testing.assert_array_equal(np.asarray(batch['label']), np.arange(5))


def test_batch_size_one_is_stochastic_descent():
    taken = positions(resident(numbered(6), 1), KEY, 0, 6)
    assert {batch.shape for batch in taken} == {(1,)}
    assert set(np.concatenate(taken).tolist()) == set(range(6))


def test_starting_later_equals_going_on():
    source = resident(numbered(30), 7)
    whole = positions(source, KEY, 0, 12)
    for late, batch in zip(positions(source, KEY, 9, 3), whole[9:], strict=True):
        np.testing.assert_array_equal(late, batch)


def test_a_compiled_scan_takes_the_batches_of_single_calls():
    source = resident(numbered(30), 7)

    @jax.jit
    def run(key, position):
        def turn(position, _):
            position, batch = source.next(key, position, None)
            return position, batch['label']

        return jax.lax.scan(turn, position, None, length=6)

    position, labels = run(KEY, jnp.int32(2))
    assert position == 8 and position.dtype == jnp.int32
    np.testing.assert_array_equal(
        np.asarray(labels), np.stack(positions(source, KEY, 2, 6))
    )


@pytest.mark.heavy
def test_members_with_their_own_keys_take_their_own_batches():
    source = resident(numbered(30), 5)
    keys = jax.random.split(KEY, 3)
    mapped = jax.jit(jax.vmap(source.next, (0, None, None)))
    labels = np.asarray(mapped(keys, np.int32(1), None)[1]['label'])
    for key, row in zip(keys, labels, strict=True):
        np.testing.assert_array_equal(row, positions(source, key, 1, 1)[0])
    assert (labels[0] != labels[1]).any()


def test_init_shows_the_form_of_a_batch_without_consuming_it():
    source = resident(numbered(9), 4)
    assert not source.host
    position, batch = jax.jit(source.init)(KEY)
    _, first = jax.jit(source.next)(KEY, position, None)
    assert position == 0 and position.dtype == jnp.int32
    assert jax.tree.map(jnp.shape, batch) == jax.tree.map(jnp.shape, first)


@pytest.mark.parametrize('batch_size', [0, 13])
def test_a_batch_beyond_the_set_is_refused_at_construction(batch_size):
    with pytest.raises(ValueError, match='wanted 1 to 12'):
        resident(numbered(12), batch_size)


def test_missing_values_are_refused_at_construction():
    with pytest.raises(ValueError, match='wanted finite'):
        resident({'x': np.array([1.0, np.nan])}, 1)
