"""Text: files, vocabularies, windows that tile it, rows that score it once."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import Vocabulary, batches, read_text, scored_windows, text_windows

KEY = jax.random.key(0)


def test_a_vocabulary_takes_a_text_there_and_back() -> None:
    text = 'naïve — 日本\n😀'
    vocabulary = Vocabulary.of(text + 'zz')
    tokens = vocabulary.encode(text)
    assert tokens.dtype == np.int32 and tokens.min() >= 1
    assert vocabulary.decode(tokens) == text
    assert vocabulary.size == len(set(text + 'z')) + 1
    assert vocabulary.encode('').shape == (0,)


def test_unknown_characters_are_one_token_that_can_be_counted() -> None:
    vocabulary = Vocabulary.of('bdf')
    tokens = vocabulary.encode('abcdefg')  # before, between and after those known
    assert tokens.tolist() == [0, 1, 0, 2, 0, 3, 0]
    assert vocabulary.decode(tokens) == '\ufffdb\ufffdd\ufffdf\ufffd'


@pytest.mark.parametrize('token', [-1, 4])
def test_a_token_of_another_vocabulary_is_not_decoded(token: int) -> None:
    with pytest.raises(ValueError, match='wanted 0 to 3'):
        Vocabulary.of('bdf').decode(np.array([1, token]))


def read(source, batches: int, position: int = 0) -> list:
    position, taken = jnp.int32(position), []
    for _ in range(batches):
        position, batch = jax.jit(source.next)(KEY, position, None)
        taken.append(jax.tree.map(np.asarray, dict(batch)))
    return taken


@pytest.mark.parametrize(
    ('length', 'readers', 'window'), [(60, 3, 5), (61, 4, 7), (10, 3, 9), (7, 9, 2)]
)
def test_each_reader_reads_the_whole_text_and_nothing_is_left_out(
    length: int, readers: int, window: int
) -> None:
    text = np.arange(length)
    taken = read(text_windows(text, readers, window), 2 * length)
    rows = np.concatenate([batch['tokens'] for batch in taken], axis=1)
    for reader, row in enumerate(rows):
        # The number of a character is its place: each follows upon the one before.
        np.testing.assert_array_equal(row[0], reader * length // readers)
        np.testing.assert_array_equal(row[1:], (row[:-1] + 1) % length)
    for batch in taken:
        np.testing.assert_array_equal(batch['target'], (batch['tokens'] + 1) % length)
        assert batch['tokens'].dtype == np.int32


def test_in_the_time_of_a_pass_the_readers_tile_the_text() -> None:
    taken = read(text_windows(np.arange(60), 3, 5), 4)
    places = np.concatenate([batch['tokens'].ravel() for batch in taken])
    np.testing.assert_array_equal(np.sort(places), np.arange(60))


def test_starting_at_a_position_equals_going_on() -> None:
    source = text_windows(np.arange(50), 3, 8)
    whole = read(source, 9)
    position = jnp.int32(0)
    for _ in range(4):
        position, _ = source.next(KEY, position, None)
    assert position.shape == () and position.dtype == jnp.int32
    for late, batch in zip(read(source, 5, int(position)), whole[4:], strict=True):
        np.testing.assert_array_equal(late['tokens'], batch['tokens'])


def test_the_whole_text_is_shown_to_the_checks() -> None:
    source = text_windows(np.array([3, 1, 2]), 1, 2)
    assert source.arrays['tokens'].tolist() == [[3, 1, 2]]
    assert source.arrays['target'].tolist() == [[1, 2, 3]]
    assert jax.eval_shape(source.init, KEY)[1]['tokens'].shape == (1, 2)


@pytest.mark.parametrize('first', [1, 5, 30, 99])
@pytest.mark.parametrize(('window', 'context'), [(10, 7), (1, 3), (200, 4)])
def test_every_character_is_scored_once_and_with_its_context(
    first: int, window: int, context: int
) -> None:
    text = np.arange(100)
    rows = scored_windows(text, first, window=window, context=context)
    counts = np.zeros(100, int)
    for tokens, target, weight in zip(*rows.values(), strict=True):
        scored = np.flatnonzero(weight)
        np.add.at(counts, target[scored], 1)
        for place in scored:
            assert target[place] == tokens[place] + 1  # the numbers are the places
            known = target[place] - tokens[0]
            assert known >= min(context, target[place])
            assert tokens[: place + 1].tolist() == list(range(tokens[0], target[place]))
    np.testing.assert_array_equal(counts[:first], 0)
    np.testing.assert_array_equal(counts[first:], 1)


def test_the_mean_over_rows_is_the_mean_over_characters() -> None:
    values = np.random.default_rng(0).normal(size=53)
    rows = scored_windows(np.arange(53), 11, window=8, context=3)
    total = count = 0.0
    for batch in batches(rows, 4):  # as an evaluation does, with its padding
        scores = (batch['weight'] * values[batch['target']]).sum(axis=1)
        total += (scores * batch['mask']).sum()
        count += batch['mask'].sum()
    np.testing.assert_allclose(total / count, values[11:].mean(), rtol=1e-5)


def test_a_file_is_read_with_its_newlines(tmp_path: Path) -> None:
    path = tmp_path / 'text.txt'
    path.write_bytes('\ufeffgrüße\r\nzwei\n'.encode())
    assert read_text(path) == 'grüße\nzwei\n'


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'there is no file'),
        (b'', 'has 0 characters, wanted 5 or more'),
        (b'abc', 'has 3 characters, wanted 5 or more'),
        (b'ab\xff\xfecdef', 'is not UTF-8 .byte 2.*iconv'),
    ],
)
def test_a_file_that_is_no_text_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / 'text.txt'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((FileNotFoundError, ValueError), match=message) as failure:
        read_text(path, shortest=5)
    assert str(path) in str(failure.value)


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: text_windows(np.arange(6), 0, 2), 'batch_size is 0'),
        (lambda: text_windows(np.arange(6), 2, 6), 'window of 1 to 5'),
        (lambda: text_windows(np.arange(6.0), 2, 2), 'have type float64'),
        (lambda: text_windows(np.array([1, -1, 2]), 1, 1), 'tokens are -1 to 2'),
        (lambda: scored_windows(np.arange(6), 0, window=2, context=2), 'first is 0'),
        (lambda: scored_windows(np.arange(6), 2, window=0, context=2), 'window 0'),
        (lambda: scored_windows(np.arange(6), 2, window=1, context=0), 'context 0'),
    ],
)
def test_what_cannot_be_cut_is_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
