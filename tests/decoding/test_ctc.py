"""Decoding of frames against the enumeration of all alignments."""

import functools

import jax
import numpy as np
import pytest

from dljax.decoding import ctc_beam, ctc_greedy
from dljax.losses import ctc_loss
from tests.decoding.alignments import enumerated, merged
from tests.decoding.nets import as_numpy

RNG = np.random.default_rng(0)
LOGITS = 2 * RNG.normal(size=(4, 5, 3)).astype(np.float32)
LENGTHS = np.array([5, 4, 1, 0], np.int32)
WIDE = 60  # at most 1 + 2 + 4 + 8 + 16 + 32 labels of 5 frames and two labels


@functools.cache
def compiled(function, **settings):
    return jax.jit(functools.partial(function, **settings))


@pytest.mark.others('heavy')
@pytest.mark.parametrize('blank', [0, 2])
def test_greedy_merges_repeats_and_drops_blanks_of_the_likeliest_alignment(
    blank: int,
) -> None:
    found = compiled(ctc_greedy, blank=blank)(LOGITS, LENGTHS)
    tokens, lengths, logs = as_numpy(found)
    said = np.asarray(jax.nn.log_softmax(LOGITS))
    for n, frames in enumerate(LENGTHS):
        wanted = merged(tuple(LOGITS[n, :frames].argmax(axis=-1).tolist()), blank)
        assert tokens[n].tolist() == [*wanted] + [0] * (5 - len(wanted))
        assert lengths[n] == len(wanted)
        np.testing.assert_allclose(logs[n], said[n, :frames].max(axis=-1).sum())
    assert max(lengths) > 1 and tokens.dtype == lengths.dtype == np.int32


def test_a_repeat_counts_twice_only_with_a_blank_between() -> None:
    frames = np.array([[1, 1, 0, 1, 2], [2, 2, 2, 2, 2], [0, 0, 0, 0, 0]])
    sure = 20 * np.eye(3, dtype=np.float32)[frames]
    for function, pick in ((ctc_greedy, ...), (ctc_beam, 0)):
        tokens, lengths, logs = as_numpy(compiled(function)(sure))
        if pick == 0:
            tokens, lengths, logs = tokens[:, 0], lengths[:, 0], logs[:, 0]
        assert tokens.tolist() == [[1, 1, 2, 0, 0], [2, 0, 0, 0, 0], [0] * 5]
        assert lengths.tolist() == [3, 1, 0]
        np.testing.assert_allclose(logs, 0, atol=1e-5)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('blank', [0, 2])
def test_a_search_that_keeps_every_prefix_is_the_enumeration(blank: int) -> None:
    search = compiled(ctc_beam, blank=blank, width=WIDE)
    tokens, lengths, logs = as_numpy(search(LOGITS, LENGTHS))
    assert (np.diff(np.where(logs == -np.inf, -1e9, logs)) <= 0).all()
    for n, frames in enumerate(LENGTHS):
        wanted = enumerated(LOGITS[n, :frames], blank)
        alive = logs[n] > -np.inf
        found = {
            tuple(row[:size].tolist()): np.exp(log)
            for row, size, log in zip(
                tokens[n][alive], lengths[n][alive], logs[n][alive], strict=True
            )
        }
        assert alive.sum() == len(found) == len(wanted)  # none of them twice
        assert found.keys() == wanted.keys()
        for labels, chance in wanted.items():
            np.testing.assert_allclose(found[labels], chance, rtol=1e-4)
        for row, size in zip(tokens[n], lengths[n], strict=True):
            assert not row[size:].any()
        assert not lengths[n][~alive].any()


def test_the_probability_of_labels_is_that_of_the_loss() -> None:
    tokens, lengths, logs = as_numpy(compiled(ctc_beam, width=WIDE)(LOGITS, LENGTHS))
    loss = jax.jit(
        lambda labels, size: ctc_loss(
            LOGITS, labels, lengths=LENGTHS, label_lengths=size
        )
    )
    for place in (0, 1):
        found = -np.asarray(loss(tokens[:, place], lengths[:, place]))
        # Without a frame there are no labels but none.
        rows = slice(4 - place)
        np.testing.assert_allclose(found[rows], logs[rows, place], rtol=1e-4)


def test_the_likeliest_labels_need_not_be_those_of_the_likeliest_alignment() -> None:
    logits = np.log(np.float32([[[0.6, 0.4], [0.6, 0.4]]]))
    assert compiled(ctc_greedy)(logits).lengths.tolist() == [0]
    tokens, lengths, logs = as_numpy(compiled(ctc_beam)(logits))
    assert lengths[0, :2].tolist() == [1, 0] and tokens[0, 0].tolist() == [1, 0]
    np.testing.assert_allclose(np.exp(logs[0, :2]), [0.64, 0.36], rtol=1e-5)


def by_hand(logits: np.ndarray, width: int) -> list[tuple[int, ...]]:
    """The search as it is told, with dictionaries of prefixes."""
    x = np.asarray(logits, float)
    chances = np.exp(x - np.logaddexp.reduce(x, axis=-1, keepdims=True))
    beams = {(): (1.0, 0.0)}
    for frame in chances:
        after: dict[tuple[int, ...], tuple[float, float]] = {}

        def add(prefix: tuple, blank: float, label: float, after: dict = after) -> None:
            b, p = after.get(prefix, (0.0, 0.0))
            after[prefix] = b + blank, p + label

        for prefix, (blank, label) in beams.items():
            add(prefix, (blank + label) * frame[0], 0.0)
            for token in range(1, len(frame)):
                if prefix and prefix[-1] == token:
                    add(prefix, 0.0, label * frame[token])
                    add((*prefix, token), 0.0, blank * frame[token])
                else:
                    add((*prefix, token), 0.0, (blank + label) * frame[token])
        beams = dict(sorted(after.items(), key=lambda item: -sum(item[1]))[:width])
    return list(beams)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('width', [3, 1, 6])
def test_a_narrow_search_is_that_of_dictionaries(width: int) -> None:
    logits = RNG.normal(size=(6, 12, 4)).astype(np.float32)
    tokens, lengths, logs = as_numpy(compiled(ctc_beam, width=width)(logits))
    for n in range(6):
        wanted = by_hand(logits[n], width)
        got = [
            tuple(row[:size].tolist())
            for row, size in zip(tokens[n], lengths[n], strict=True)
        ]
        assert got == wanted and np.isfinite(logs[n]).all()


def test_a_batch_is_decoded_as_each_row_alone_whatever_is_in_the_padding() -> None:
    real = np.arange(5)[None, :, None] < LENGTHS[:, None, None]
    wild = np.where(real, LOGITS, np.float32(50))
    for function in (ctc_greedy, ctc_beam):
        together = as_numpy(compiled(function)(LOGITS, LENGTHS))
        for got, wanted in zip(
            compiled(function)(wild, LENGTHS), together, strict=True
        ):
            np.testing.assert_allclose(got, wanted, rtol=1e-6)
        for n in range(4):
            one = slice(n, n + 1)
            rows = compiled(function)(LOGITS[one], LENGTHS[one])
            for got, wanted in zip(rows, together, strict=True):
                np.testing.assert_allclose(got[0], wanted[n], rtol=1e-6)


def test_what_cannot_be_decoded_is_refused() -> None:
    for function in (ctc_greedy, ctc_beam):
        with pytest.raises(ValueError, match=r'logits have shape \(5, 3\)'):
            function(LOGITS[0])
        with pytest.raises(ValueError, match=r'lengths are \(\(3,\)'):
            function(LOGITS, LENGTHS[:3])
        with pytest.raises(ValueError, match="'float32'"):
            function(LOGITS, LENGTHS.astype(np.float32))
        with pytest.raises(ValueError, match=r'blank is 3, wanted a class in \[0, 3\)'):
            function(LOGITS, blank=3)
    with pytest.raises(ValueError, match='width is 0'):
        ctc_beam(LOGITS, width=0)
