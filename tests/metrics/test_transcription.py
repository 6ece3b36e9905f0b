"""Edit distances against their recursive definition; tests/parity has jiwer."""

import functools

import jax
import numpy as np
import pytest

from dljax.metrics import (
    character_error_rate,
    edit_distance,
    edit_distances,
    word_error_rate,
)

RNG = np.random.default_rng(0)
compiled = jax.jit(edit_distances)


@functools.cache
def recursive(a: tuple, b: tuple) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(
        recursive(a[1:], b) + 1,
        recursive(a, b[1:]) + 1,
        recursive(a[1:], b[1:]) + (a[0] != b[0]),
    )


def drawn(count: int, longest: int) -> list[tuple[int, ...]]:
    sizes = RNG.integers(0, longest, count, endpoint=True)
    return [tuple(RNG.integers(1, 4, size).tolist()) for size in sizes]


def padded(sequences: list, width: int, filling: int) -> tuple:
    rows = [[*each] + [filling] * (width - len(each)) for each in sequences]
    return np.array(rows, np.int32), np.array([len(each) for each in sequences])


FIRST, SECOND = [(), (1, 2), (), *drawn(40, 7)], [(), (), (2, 1, 3), *drawn(40, 6)]


def test_the_distance_is_that_of_the_recursive_definition() -> None:
    wanted = [recursive(a, b) for a, b in zip(FIRST, SECOND, strict=True)]
    assert [edit_distance(a, b) for a, b in zip(FIRST, SECOND, strict=True)] == wanted
    assert [edit_distance(b, a) for a, b in zip(FIRST, SECOND, strict=True)] == wanted
    # What is in the padding, here the same on both sides, does not count.
    (first, sizes), (second, others) = padded(FIRST, 7, 3), padded(SECOND, 8, 3)
    np.testing.assert_array_equal(compiled(first, second, sizes, others), wanted)
    assert len(set(wanted)) > 5


def test_a_batch_without_lengths_is_compared_as_a_whole() -> None:
    a, b = RNG.integers(0, 3, (2, 6, 5))
    wanted = [edit_distance(*pair) for pair in zip(a.tolist(), b.tolist(), strict=True)]
    np.testing.assert_array_equal(compiled(a, b), wanted)
    np.testing.assert_array_equal(compiled(a, a), 0)
    np.testing.assert_array_equal(compiled(a[:, :0], b), 5)
    np.testing.assert_array_equal(compiled(a, b[:, :0]), 5)


def test_known_pairs_have_known_distances() -> None:
    assert edit_distance('kitten', 'sitting') == 3
    assert edit_distance('saturday', 'sunday') == 3
    assert edit_distance(['a', 'b'], ['b', 'a']) == 2


SAID = ['the cat sat', 'so it is', '', 'one two three four']
TRUE = ['the cat sat down', 'it is so', 'well', 'five']


def test_rates_are_edits_over_all_the_words_and_not_means_of_sentences() -> None:
    assert word_error_rate(SAID, TRUE) == (1 + 2 + 1 + 4) / (4 + 3 + 1 + 1)
    assert word_error_rate(['  a  b '], ['a b']) == 0
    edits = [recursive(tuple(a), tuple(b)) for a, b in zip(SAID, TRUE, strict=True)]
    assert character_error_rate(SAID, TRUE) == sum(edits) / sum(map(len, TRUE))
    assert character_error_rate(['a b'], ['ab']) == 0.5
    assert word_error_rate(['a b c'], ['x']) == 3


@pytest.mark.parametrize('rate', [word_error_rate, character_error_rate])
def test_what_is_no_list_of_texts_is_refused(rate) -> None:
    with pytest.raises(ValueError, match='1 predictions and 2 targets'):
        rate(['a'], ['a', 'b'])
    with pytest.raises(ValueError, match='wanted a list of texts each'):
        rate('abc', 'abd')
    with pytest.raises(ValueError, match=r"example 0 is \(\['a'\], \['b'\]\)"):
        rate([['a']], [['b']])
    with pytest.raises(ValueError, match='the targets are empty'):
        rate(['a'], [''])
    with pytest.raises(ValueError, match=r'shape \(2,\) and targets \(2, 3\)'):
        edit_distances(np.ones(2), np.ones((2, 3)))
