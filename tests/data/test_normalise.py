"""Normalisation fitted on the training split."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import Normalizer, mean_range, min_max, z_score

RANDOM = np.random.default_rng(0)
TRAIN = RANDOM.normal(size=(50, 3)) * [1, 100, 1e-3] + [0, 1e3, 5]


def test_min_max_brings_the_training_split_to_the_unit_interval():
    values = min_max(TRAIN)(TRAIN)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.min(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(values.max(axis=0), 1, atol=1e-3)


def test_z_score_gives_mean_zero_and_deviation_one():
    values = z_score(TRAIN)(TRAIN.astype(np.float64))
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-3)


def test_mean_range_gives_mean_zero_and_range_one():
    values = mean_range(TRAIN)(TRAIN.astype(np.float64))
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.ptp(values, axis=0), 1, atol=1e-3)


def test_another_split_is_mapped_by_the_training_split():
    normalizer = min_max(np.array([[0.0], [10.0]]))
    other = normalizer(np.array([[20.0], [-5.0]]))
    np.testing.assert_allclose(other, [[2.0], [-0.5]])


@pytest.mark.parametrize('fit', [min_max, mean_range, z_score])
def test_a_constant_column_goes_to_zero(fit):
    train = np.stack([np.full(7, 0.1), np.arange(7.0), np.zeros(7)], axis=1)
    values = fit(train)(train)
    np.testing.assert_allclose(values[:, [0, 2]], 0, atol=1e-7)
    assert np.ptp(values[:, 1]) >= 1 - 1e-6


@pytest.mark.parametrize('fit', [min_max, mean_range, z_score])
def test_the_inverse_returns_and_text_keeps_every_digit(fit):
    normalizer = fit(TRAIN)
    back = normalizer.inverse(normalizer(TRAIN))
    np.testing.assert_allclose(back, TRAIN, rtol=1e-6, atol=1e-6)
    assert Normalizer.from_json(normalizer.to_json()) == normalizer


@pytest.mark.parametrize(
    ('offset', 'deviation'),
    [
        (48.1374, 2e-5),
        (5.4e6, 10.0),
        (1.2e7, 5.0),
        (1.7e9, 1000.0),
        (98_765_432.0, 3.0),
        (2.0e9, 50.0),
        (-1e15, 3.0),
        (1e9, 1e-3),
        (0.0, 1e-200),
        (0.0, 1e200),
    ],
)
@pytest.mark.parametrize('fit', [min_max, mean_range, z_score])
def test_what_is_small_beside_its_offset_is_kept(fit, offset, deviation):
    column = offset + deviation * RANDOM.normal(size=(1000, 1))
    normalizer = fit(column)
    first = column - column[0]  # exact, as Python's fractions would have it
    zero = first.min() if fit is min_max else first.mean()
    one = np.std(first / deviation) * deviation if fit is z_score else np.ptp(first)
    atol = 1e-6 + 2e-16 * abs(offset) / deviation  # the offset's last digit
    np.testing.assert_allclose(normalizer(column), (first - zero) / one, atol=atol)
    # The inverse is float64, and so differs by what normalised float32 lost.
    back = normalizer.inverse(normalizer(column))
    np.testing.assert_allclose(back, column, rtol=4e-16, atol=1e-6 * deviation)


@pytest.mark.parametrize('fit', [min_max, mean_range, z_score])
def test_a_last_digit_alone_does_not_make_a_column(fit):
    computed = np.array([[0.3], [0.1 + 0.2], [0.3]])  # 0.30000000000000004
    np.testing.assert_allclose(fit(computed)(computed), 0, atol=1e-12)
    counter = np.array([[10**12], [10**12 + 1]])
    assert np.ptp(fit(counter)(counter)) >= 1 - 1e-6


def test_constant_columns_of_any_length_have_no_spread():
    column = np.full((100_001, 1), 0.1) * [1.0, 1e7]
    assert z_score(column).scale == (1.0, 1.0)
    assert z_score(column).offset == (0.1, 0.1 * 1e7)


@pytest.mark.parametrize('dtype', [np.int32, np.float32])
def test_compiled_arrays_lose_nothing_beyond_their_own_rounding(dtype):
    column = (98_765_432 + np.arange(-400, 400, 8))[:, None]
    normalizer = Normalizer((98_765_432.3,), (3.0,), 'z_score')
    got = jax.jit(normalizer)(jnp.asarray(column, dtype))
    np.testing.assert_allclose(got, normalizer(column), rtol=1e-5, atol=1e-5)
    back = jax.jit(normalizer.inverse)(got)
    np.testing.assert_allclose(back, column, atol=4)  # half the step of float32 there


def test_wide_jax_arrays_are_mapped_wide():
    with jax.enable_x64(True):
        column = jnp.asarray([[98_765_431.0], [98_765_432.0]], jnp.float64)
        got = Normalizer((98_765_432.0,), (0.5,), 'z_score')(column)
    np.testing.assert_array_equal(got, [[-2], [0]])


def test_jax_arrays_of_any_rank_compile():
    normalizer = z_score(TRAIN)
    values = jnp.asarray(TRAIN, jnp.float32).reshape(5, 10, 3)
    got = jax.jit(normalizer)(values)
    assert isinstance(got, jax.Array)
    expected = normalizer(np.asarray(values))
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    'train', [np.zeros((0, 3)), np.zeros(3), np.array([[np.nan, 1.0]])]
)
def test_what_cannot_be_fitted_is_refused(train):
    with pytest.raises(ValueError, match='cannot be fitted, wanted finite'):
        min_max(train)


@pytest.mark.parametrize(
    'values, message',
    [
        (np.array([[1j], [2.0]]), 'complex128, wanted real'),
        (np.array([['1'], ['1_0']]), 'wanted real numbers'),
        (np.array([['a'], [1]], object), 'values are no numbers'),
        (np.array([['2024-01-01'], ['2024-01-02']], 'datetime64[D]'), 'wanted real'),
        (np.ma.masked_equal([[1.0], [-999.0]], -999.0), 'masks 1 values'),
    ],
)
@pytest.mark.parametrize(
    'use', [mean_range, min_max, z_score, Normalizer((0.0,), (1.0,), 'own')]
)
def test_what_are_no_numbers_or_masked_is_refused(use, values, message):
    with pytest.raises(ValueError, match=message):
        use(values)


def test_integers_that_float64_would_make_constant_are_refused():
    with pytest.raises(ValueError, match='column 0 holds integers.*subtract a const'):
        z_score(2**60 + np.arange(200)[:, None])
    nanoseconds = 1_700_000_000 * 10**9 + 3_600 * 10**9 * np.arange(50)[:, None]
    np.testing.assert_allclose(z_score(nanoseconds)(nanoseconds).std(), 1, rtol=1e-6)


def test_another_number_of_columns_is_refused():
    with pytest.raises(ValueError, match=r'wanted \[\.\.\., 3\]'):
        min_max(TRAIN)(np.zeros((4, 2)))


@pytest.mark.parametrize('text', ['', '{}', '[1]', '{"offset": [0], "scale": [0]}'])
def test_text_that_is_no_normalizer_is_refused(text):
    with pytest.raises(ValueError, match='fit it again'):
        Normalizer.from_json(text)


def test_a_scale_of_zero_is_refused():
    with pytest.raises(ValueError, match='scale is'):
        Normalizer((0.0,), (0.0,), 'z_score')
