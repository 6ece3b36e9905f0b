"""Types and checks at the border."""

import numpy as np
import pytest

from dljax.data import batches_per_epoch
from dljax.data.arrays import canonical, check_arrays


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


def test_masked_values_are_refused_and_a_mask_of_nothing_passes():
    masked = np.ma.masked_equal([1.0, -999.0], -999.0)
    with pytest.raises(ValueError, match="'x' masks 1 values.*drop or fill"):
        check_arrays({'x': masked})
    assert check_arrays({'x': np.ma.masked_array([1.0, 2.0])})['x'].tolist() == [1, 2]


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
        check_arrays(arrays)


def test_a_column_that_float32_would_make_constant_is_refused():
    random = np.random.default_rng(0)
    table = random.normal(size=(50, 3)) * [1, 3, 1e-14] + [0, 98_765_432, 1]
    with pytest.raises(ValueError, match=r"column 1 of 'x' .* 9876543.* normalise"):
        check_arrays({'x': table})
    with pytest.raises(ValueError, match="'y' holds .* vary by .*e-06"):
        check_arrays({'x': table[:, :1], 'y': 48.1374 + 5e-6 * table[:, 0]})
    with pytest.raises(ValueError, match="'z' holds"):
        check_arrays({'z': 1e-50 * table[:, 0]})


def test_columns_that_float32_holds_pass_and_so_do_computed_constants():
    random = np.random.default_rng(0)
    table = random.normal(size=(50, 3)) * [1, 3, 1e-14] + [0, 1e5, 1]
    assert check_arrays({'x': table, 'y': np.full(50, 0.1)})['x'].dtype == np.float32
    few = np.array([48.1374, 48.13741])
    assert check_arrays({'x': few})['x'].shape == (2,)


def test_an_epoch_counts_its_full_batches():
    assert batches_per_epoch({'x': np.zeros(10)}, 3) == 3
    assert batches_per_epoch([0] * 10, 10) == 1
    assert batches_per_epoch(10, 1) == 10
    assert batches_per_epoch(10, None) == 1


@pytest.mark.parametrize(
    'arrays, message',
    [
        ([1.0, 2.0], 'the data are a list, wanted arrays by feature'),
        ({'x': [[1.0], [2.0, 3.0]]}, "'x' is no array .*pad or cut"),
    ],
)
def test_what_is_no_set_of_arrays_is_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        check_arrays(arrays)


@pytest.mark.parametrize('batch_size', [0, -1, 11, 8.0, '8'])
def test_a_batch_larger_than_the_set_or_empty_is_refused(batch_size):
    with pytest.raises(ValueError, match=f'is {batch_size!r}, wanted 1 to 10'):
        batches_per_epoch(10, batch_size)
