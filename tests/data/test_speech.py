"""Recordings to learn speech from: splits that share nothing, words by their tokens."""

from pathlib import Path

import numpy as np
import pytest

from dljax import data
from dljax.data.speech import digit_speech, text_speech, word_speech


def named(folder: Path, indices: range | list, speakers: tuple = ('ann', 'bo')) -> Path:
    """Write a tiny recording for each word, speaker and index; its level tells all."""
    for w, word in enumerate(('no', 'yes')):
        for s, speaker in enumerate(speakers):
            for i, index in enumerate(indices):
                level = 0.1 + 0.4 * w + 0.2 * s + 0.005 * i
                sound = np.full(40 + 10 * w, level)
                data.write_wav(folder / f'{word}_{speaker}_{index}.wav', sound, 8000)
    return folder


def levels(split: dict[str, np.ndarray]) -> set[float]:
    return {round(float(row[0]), 3) for row in split['audio']}


def test_indices_part_the_recordings(tmp_path: Path) -> None:
    made = word_speech(named(tmp_path, range(13)))
    sizes = {split: len(rows['label']) for split, rows in made.splits.items()}
    assert sizes == {'train': 12, 'validation': 20, 'test': 20}
    steps = {  # of the index, in the level of each word and speaker
        split: {round((value - 0.1) / 0.005) % 40 for value in levels(rows)}
        for split, rows in made.splits.items()
    }
    assert steps['test'] == set(range(5)) and steps['validation'] == set(range(5, 10))
    assert steps['train'] == {10, 11, 12}
    assert made.vocabulary.words == ('no', 'yes') and made.tokens.tolist() == [3, 4]
    for rows in made.splits.values():
        np.testing.assert_array_equal(rows['label'], rows['length'] == 50)
        assert set(rows['speaker']) == {0, 1}
    assert 'train 12, validation 20, test 20; 2 words' in made.summary


def test_a_speaker_is_held_out(tmp_path: Path) -> None:
    made = word_speech(named(tmp_path, range(7)), held_out_speaker='bo')
    assert set(made.splits['test']['speaker']) == {1}
    assert len(made.splits['test']['label']) == 14
    for split, size in (('train', 4), ('validation', 10)):
        assert len(made.splits[split]['label']) == size
        assert set(made.splits[split]['speaker']) == {0}
    assert 'bo held out' in made.summary
    with pytest.raises(ValueError, match="held_out_speaker is 'cy', wanted one of ann"):
        word_speech(tmp_path, held_out_speaker='cy')


def test_without_indices_a_tenth_each_is_held_out_by_lot(tmp_path: Path) -> None:
    made = word_speech(named(tmp_path, [f'take{n}' for n in range(10)]))
    sizes = {split: len(rows['label']) for split, rows in made.splits.items()}
    assert sizes == {'train': 32, 'validation': 4, 'test': 4}
    together = [levels(rows) for rows in made.splits.values()]
    assert len(set.union(*together)) == 40
    held = word_speech(tmp_path, held_out_speaker='ann')
    sizes = {split: len(rows['label']) for split, rows in held.splits.items()}
    assert sizes == {'train': 18, 'validation': 2, 'test': 20}
    few = tmp_path / 'few'
    few.mkdir()
    with pytest.raises(ValueError, match='the recordings has 4 examples'):
        word_speech(named(few, ['a'], ('x', 'y')))


def test_transcripts_are_tokens_without_an_end(tmp_path: Path) -> None:
    rows = ['file,text']
    for n in range(20):
        data.write_wav(tmp_path / f'{n}.wav', np.full(50 + n, 0.02 * (n + 1)), 8000)
        rows.append(f'{n}.wav,{"yes " * (n % 3) + "no"}')
    table = tmp_path / 'said.csv'
    table.write_text('\n'.join(rows))
    made = text_speech(table)
    sizes = {split: len(rows['target']) for split, rows in made.splits.items()}
    assert sizes == {'test': 2, 'validation': 2, 'train': 16}
    for split in made.splits.values():
        number = np.round(split['sound'][:, 0] / 0.02).astype(int) - 1
        np.testing.assert_array_equal(split['sound_length'], 50 + number)
        np.testing.assert_array_equal(split['target_length'], 1 + number % 3)
        for row, many, n in zip(
            split['target'], split['target_length'], number, strict=True
        ):
            assert made.vocabulary.decode(row) == 'yes ' * (n % 3) + 'no'
            assert (row[:many] >= 3).all() and not row[many:].any()
    letters = text_speech(table, units='letters')
    assert set(letters.vocabulary.words) == set('yesno ')
    assert not len(letters.tokens)


def test_made_digits_share_no_speaker() -> None:
    made = digit_speech(6, 4)
    sizes = {split: len(rows['label']) for split, rows in made.splits.items()}
    assert sizes == {'train': 6, 'validation': 2, 'test': 4}
    speakers = [set(rows['speaker']) for rows in made.splits.values()]
    assert len(set.union(*speakers)) == sum(map(len, speakers))
    assert made.vocabulary.decode(made.tokens[[3, 0]]) == 'three zero'
