"""n-gram models: worked by hand, as distributions, and on the real text."""

import sys

import numpy as np
import pytest

from dljax.data import Vocabulary, load
from dljax.metrics import witten_bell

RNG = np.random.default_rng(0)
TEXT = RNG.choice(5, size=200, p=[0.5, 0.3, 0.1, 0.1, 0.0])


def test_order_one_is_that_of_the_formula() -> None:
    training = np.array([0, 0, 0, 1])  # three, one and none of three symbols
    bits = witten_bell(training, np.array([0, 1, 2]), symbols=3, orders=1)
    expected = [(3 + 2 / 3) / 6, (1 + 2 / 3) / 6, (2 / 3) / 6]
    np.testing.assert_allclose(2.0 ** -bits[0], expected)


def by_counting(training: list, context: list, token: int, symbols: int) -> float:
    """The recursion, as it is written in the paper."""
    probability = 1 / symbols
    for size in range(len(context) + 1):
        h = context[len(context) - size :]
        after = [
            training[i + size]
            for i in range(len(training) - size)
            if training[i : i + size] == h
        ]
        if after:
            kinds = len(set(after))
            mixed = after.count(token) + kinds * probability
            probability = mixed / (len(after) + kinds)
    return probability


def test_all_orders_are_those_of_plain_counting() -> None:
    training, text = TEXT[:150], TEXT[150:]
    bits = witten_bell(training, text, symbols=5, orders=4)
    stream = TEXT.tolist()
    for order in range(1, 5):
        wanted = [
            by_counting(training.tolist(), stream[i - order + 1 : i], stream[i], 5)
            for i in range(150, 200)
        ]
        np.testing.assert_allclose(2.0 ** -bits[order - 1], wanted, rtol=1e-12)


@pytest.mark.parametrize('context', [[0, 0], [1, 2], [4, 4], [0, 4]])
def test_the_probabilities_sum_to_one(context: list) -> None:
    training = np.concatenate([TEXT, context])
    fractions = [
        2.0 ** -witten_bell(training, np.array([c]), symbols=5, orders=3)[:, 0]
        for c in range(5)
    ]
    np.testing.assert_allclose(np.sum(fractions, axis=0), 1.0, rtol=1e-12)
    assert np.min(fractions) > 0  # though 4 never occurs in the text before the context


def test_on_real_text_longer_contexts_help() -> None:
    data = load('python_help')
    training, held_out = (
        '\n'.join(t.decode() for t in data[split]['text'])
        for split in ('train', 'test')
    )
    vocabulary = Vocabulary.of(training)
    bits = witten_bell(
        vocabulary.encode(training),
        vocabulary.encode(held_out),
        symbols=vocabulary.size,
    ).mean(axis=1)
    assert np.all(np.diff(bits) < -0.05) and 1 < bits[-1] < 2.5
    if sys.version_info[:2] == (3, 11):
        np.testing.assert_allclose(bits, [4.67, 3.34, 2.47, 2.03, 1.90], atol=0.01)


@pytest.mark.parametrize(
    ('arguments', 'settings', 'message'),
    [
        ((TEXT, TEXT), {'symbols': 5, 'orders': 0}, 'orders is 0'),
        ((TEXT[:2], TEXT), {'symbols': 5, 'orders': 3}, '2 characters of training'),
        ((TEXT, TEXT), {'symbols': 2**13, 'orders': 5}, 'below 2.63'),
        ((TEXT, TEXT), {'symbols': 2}, r'training has shape \(200,\) .* \[0, 2\)'),
        ((TEXT, -TEXT), {'symbols': 5}, 'text has shape'),
    ],
)
def test_what_cannot_be_counted_is_refused(arguments, settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        witten_bell(*arguments, **settings)
