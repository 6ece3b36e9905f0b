"""Bits of rounded codes: against entropies, and by hand."""

import jax
import numpy as np
import pytest

from dljax import metrics

RNG = np.random.default_rng(0)
quantise = jax.jit(metrics.quantise)


def test_the_probabilities_of_all_multiples_sum_to_one() -> None:
    training = RNG.normal(size=(50, 1)).astype(np.float32)
    low, high = np.round(training.min() / 0.5), np.round(training.max() / 0.5)
    every = 0.5 * np.arange(low, high + 1)[:, None]
    values, bits = map(np.asarray, quantise(every, training, 0.5))
    np.testing.assert_array_equal(values, every)
    np.testing.assert_allclose((2.0**-bits).sum(), 1, rtol=1e-5)
    # What lies beyond is moved to the ends.
    beyond = quantise(np.array([[-99.0], [99.0]]), training, 0.5)
    np.testing.assert_array_equal(beyond.values, every[[0, -1]])
    np.testing.assert_array_equal(beyond.bits, bits[np.array([0, -1])])


def test_the_mean_of_many_is_the_entropy_of_a_rounded_gaussian() -> None:
    deviations = np.array([1.0, 8.0])
    codes = (RNG.normal(size=(40_000, 2)) * deviations).astype(np.float32)
    bits = np.mean(quantise(codes[:20_000], codes[20_000:], 0.25).bits)
    entropies = np.log2(deviations * np.sqrt(2 * np.pi * np.e) / 0.25)
    np.testing.assert_allclose(bits, entropies.sum(), rtol=0.003)
    # A step of its own for each unit, in its own measure, costs the same in both.
    bits = np.mean(quantise(codes[:20_000], codes[20_000:], 0.25 * deviations).bits)
    np.testing.assert_allclose(bits, 2 * entropies[0], rtol=0.003)


def test_half_the_step_costs_a_bit_a_unit_and_halves_the_error() -> None:
    codes = RNG.normal(size=(20_000, 3)).astype(np.float32)
    coarse, fine = (quantise(codes, codes, step) for step in (0.2, 0.1))
    costs = np.mean(fine.bits) - np.mean(coarse.bits)
    np.testing.assert_allclose(costs, 3, rtol=0.02)
    errors = [np.abs(np.asarray(each.values) - codes).max() for each in (coarse, fine)]
    np.testing.assert_allclose(errors, [0.1, 0.05], rtol=0.01)


def test_a_unit_that_never_changes_costs_nothing() -> None:
    codes = np.stack([np.zeros(30), RNG.normal(size=30)], axis=1)
    both = quantise(codes, codes, 0.5).bits
    np.testing.assert_allclose(both, quantise(codes[:, 1:], codes[:, 1:], 0.5).bits)


def test_codes_of_other_units_are_refused() -> None:
    with pytest.raises(ValueError, match='wanted .batch, units. and'):
        quantise(np.zeros((2, 3)), np.zeros((4, 2)), 1.0)
