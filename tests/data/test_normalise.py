"""Normalisation fitted on the training split."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import Normalizer, min_max, z_score

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


def test_another_split_is_mapped_by_the_training_split():
    normalizer = min_max(np.array([[0.0], [10.0]]))
    other = normalizer(np.array([[20.0], [-5.0]]))
    np.testing.assert_allclose(other, [[2.0], [-0.5]])


@pytest.mark.parametrize('fit', [min_max, z_score])
def test_a_constant_column_goes_to_zero(fit):
    train = np.stack([np.full(7, 0.1), np.arange(7.0), np.zeros(7)], axis=1)
    values = fit(train)(train)
    np.testing.assert_allclose(values[:, [0, 2]], 0, atol=1e-7)
    assert np.ptp(values[:, 1]) >= 1


@pytest.mark.parametrize('fit', [min_max, z_score])
def test_the_inverse_returns_and_text_keeps_every_digit(fit):
    normalizer = fit(TRAIN)
    back = normalizer.inverse(normalizer(TRAIN))
    np.testing.assert_allclose(back, TRAIN, rtol=1e-6, atol=1e-6)
    assert Normalizer.from_json(normalizer.to_json()) == normalizer


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
