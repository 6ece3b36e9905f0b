"""Types and checks at the border."""

import numpy as np
import pytest

from dljax.data import batches_per_epoch
from dljax.data.arrays import canonical, checked


@pytest.mark.parametrize(
    'given, wanted',
    [
        ('int64', 'int32'),
        ('uint32', 'int32'),
        ('int8', 'int32'),
        ('float64', 'float32'),
        ('float32', 'float32'),
        ('uint8', 'uint8'),
        ('uint16', 'uint16'),
        ('bool', 'bool'),
    ],
)
def test_types_become_those_of_jax_and_values_stay(given, wanted):
    values = canonical('x', np.array([0, 1], given))
    assert values.dtype == wanted
    np.testing.assert_array_equal(values, [0, 1])


def test_text_is_refused():
    with pytest.raises(ValueError, match="'name' has type .*, wanted numbers"):
        canonical('name', np.array(['a', 'b']))


def test_integers_beyond_32_bits_are_refused():
    with pytest.raises(ValueError, match='wanted 32-bit integers'):
        canonical('label', np.array([0, 2**31]))


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_with_their_place(bad):
    values = np.zeros((3, 2))
    values[1, 0] = bad
    with pytest.raises(ValueError, match=r'\[1, 0\], wanted finite'):
        canonical('x', values)


@pytest.mark.filterwarnings('ignore:overflow encountered')
def test_a_double_too_large_for_float32_is_refused():
    with pytest.raises(ValueError, match='rescale those beyond float32'):
        canonical('x', np.array([1e300]))


@pytest.mark.parametrize(
    'arrays, message',
    [
        ({}, 'wanted one or more of equal length'),
        ({'x': np.zeros(3), 'y': np.zeros(2)}, "lengths {'x': 3, 'y': 2}"),
        ({'x': np.zeros((0, 4))}, 'hold 0 examples'),
        ({'x': np.zeros(())}, 'have no axis'),
    ],
)
def test_a_set_that_does_not_fit_together_is_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        checked(arrays)


def test_an_epoch_counts_its_full_batches():
    assert batches_per_epoch({'x': np.zeros(10)}, 3) == 3
    assert batches_per_epoch([0] * 10, 10) == 1
    assert batches_per_epoch(10, 1) == 10
    assert batches_per_epoch(10, None) == 1


@pytest.mark.parametrize('batch_size', [0, -1, 11])
def test_a_batch_larger_than_the_set_or_empty_is_refused(batch_size):
    with pytest.raises(ValueError, match=f'is {batch_size}, wanted 1 to 10'):
        batches_per_epoch(10, batch_size)
