"""The keyed bijection of indices."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import permute

WORDS = np.array([123, 4567890123], np.uint64).astype(np.uint32)


@pytest.mark.parametrize('size', [1, 2, 3, 5, 7, 8, 9, 100, 1000, 1024, 1025])
def test_every_index_comes_exactly_once(size):
    for epoch in range(5):
        order = permute(np.arange(size), size, WORDS, epoch)
        np.testing.assert_array_equal(np.sort(order), np.arange(size))


@pytest.mark.parametrize('size', [60_000, 2**31 - 1])
def test_a_sample_of_a_large_set_has_no_duplicates_and_stays_in_range(size):
    index = np.random.default_rng(0).choice(min(size, 10**6), 2000, replace=False)
    places = permute(index % size, size, WORDS, 3)
    assert len(np.unique(places)) == len(np.unique(index % size))
    assert places.min() >= 0 and places.max() < size


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('size', [1000, 1, 2, 3, 7, 8, 9, 60_000])
def test_numpy_and_jax_give_equal_orders(size):
    index = np.arange(min(size, 500), dtype=np.int32)
    expected = permute(index, size, WORDS, 2)
    compiled = jax.jit(lambda i, w, e: permute(i, size, w, e))
    got = compiled(jnp.asarray(index), jnp.asarray(WORDS), jnp.int32(2))
    assert got.dtype == expected.dtype == np.int32
    np.testing.assert_array_equal(np.asarray(got), expected)


def test_scan_and_vmap_give_the_orders_of_single_calls():
    index = jnp.arange(10, dtype=jnp.int32)
    words = jnp.asarray(np.stack([WORDS, WORDS + np.uint32(1), WORDS[::-1]]))

    def epochs(word):
        def turn(carry, epoch):
            return carry, permute(index, 10, word, epoch)

        return jax.lax.scan(turn, 0, jnp.arange(4))[1]

    got = jax.vmap(epochs)(words)
    for i, word in enumerate(words):
        for epoch in range(4):
            one = permute(np.arange(10), 10, np.asarray(word), epoch)
            np.testing.assert_array_equal(np.asarray(got[i, epoch]), one)


def test_orders_differ_between_epochs_and_keys():
    index = np.arange(1000)
    base = permute(index, 1000, WORDS, 0)
    others = [
        permute(index, 1000, WORDS, 1),
        permute(index, 1000, WORDS + np.array([1, 0], np.uint32), 0),
        permute(index, 1000, WORDS + np.array([0, 1], np.uint32), 0),
        index,
    ]
    for other in others:
        # Two independent orders of n agree in one place on average.
        assert (base == other).sum() < 10


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('size', [5, 4, 10, 64])
def test_each_index_lands_everywhere_equally_often(size):
    epochs = 2000
    counts = np.zeros((size, size))
    for epoch in range(epochs):
        counts[np.arange(size), permute(np.arange(size), size, WORDS, epoch)] += 1
    expected = epochs / size
    chi2 = ((counts - expected) ** 2 / expected).sum()
    freedom = (size - 1) ** 2
    assert abs(chi2 - freedom) < 5 * np.sqrt(2 * freedom)


def test_neighbours_do_not_stay_neighbours():
    # The gap between the places of i and i+1: uniform for a random order.
    gaps = np.diff(permute(np.arange(4096), 4096, WORDS, 0)) % 4096
    counts = np.histogram(gaps, bins=16, range=(0, 4096))[0]
    assert ((counts - 256) ** 2 / 256).sum() < 45  # 15 degrees of freedom


def test_four_examples_meet_all_24_orders():
    orders = [tuple(permute(np.arange(4), 4, WORDS, e)) for e in range(2400)]
    counts = collections.Counter(orders)
    assert len(counts) == 24
    assert min(counts.values()) > 50


@pytest.mark.parametrize('size', [0, -1, 2**31])
def test_a_size_out_of_range_is_refused(size):
    with pytest.raises(ValueError, match=f'shuffle is {size}, wanted 1 to'):
        permute(np.arange(1), size, WORDS, 0)
