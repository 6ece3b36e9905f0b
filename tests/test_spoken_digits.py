"""The experiment on speech, with recordings of the user's own."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from rich.console import Console

from dljax import data, run
from dljax.data.speech import text_speech
from tests.test_experiments import ROOT, load

MODULE = load(ROOT / 'speech/spoken_digits.py')
# Without what only the made recordings have.
SETTINGS = {k: v for k, v in MODULE.TINY.items() if k not in ('train', 'test')}


def tone(hertz: float, samples: int) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(samples) / 8000)


def words(folder: Path) -> Path:
    for digit in (4, 7):
        for speaker in ('ann', 'bo', 'cy'):
            for index in range(12):
                name = folder / f'{digit}_{speaker}_{index}.wav'
                data.write_wav(name, tone(100 * digit + index, 900 + 10 * index), 8000)
    return folder


def transcripts(folder: Path) -> Path:
    rows = ['file,text']
    for n in range(20):
        data.write_wav(folder / f'{n}.wav', tone(300 + n, 4000 + 100 * n), 8000)
        rows.append(f'{n}.wav,{"yes " * (n % 3) + "no"}')
    (folder / 'said.csv').write_text('\n'.join(rows))
    return folder


def test_words_of_ones_own_are_composed_and_a_speaker_is_held_out(
    tmp_path: Path,
) -> None:
    made = MODULE.experiment(data=words(tmp_path), **SETTINGS)
    assert 'train 12, validation 30, test 30; 2 words' in made.data_summary
    assert made.net.tokens == 5  # the blank, an end, an unknown word, and two
    assert made.vocabularies['target'].words == ('4', '7')
    test = made.evaluation['test']
    assert len(test['sound']) == 4 and len(made.evaluation['validation']['sound']) == 2
    assert set(test['target'][test['target'] > 0]) <= {3, 4}
    again = MODULE.experiment(data=tmp_path, **SETTINGS).evaluation['test']
    np.testing.assert_array_equal(again['sound'], test['sound'])
    held = MODULE.experiment(data=tmp_path, **SETTINGS, held_out_speaker='bo')
    assert 'bo held out; train 28, validation 20, test 24' in held.data_summary


@pytest.mark.heavy
def test_transcripts_of_ones_own_are_learned(tmp_path: Path) -> None:
    settings = {**SETTINGS, 'data': transcripts(tmp_path), 'tokens': 'letters'}
    with pytest.raises(ValueError, match='held_out_speaker=.ann. with the table said'):
        MODULE.experiment(**settings, held_out_speaker='ann')
    made = MODULE.experiment(**settings)
    assert {name: len(part['target']) for name, part in made.evaluation.items()} == {
        'validation': 2,
        'test': 2,
    }
    report = run(made, tmp_path / 'run', console=Console(file=io.StringIO()))
    assert report.metrics['recognition/greedy_cer'] >= 0
    assert 'recognition/single_greedy_accuracy' not in report.metrics
    kept = json.loads((tmp_path / 'run/config.json').read_text())['vocabularies']
    assert set(kept) == {'target'}
    (tmp_path / 'other.csv').write_text('file,text\n')
    with pytest.raises(ValueError, match='has 2 tables, wanted one that names all'):
        MODULE.experiment(**settings)


def test_error_rates_are_those_of_the_texts(tmp_path: Path) -> None:
    spoken = text_speech(transcripts(tmp_path) / 'said.csv')
    no, yes = (int(spoken.vocabulary.encode(word)[0]) for word in ('no', 'yes'))
    test = {'target': np.array([[yes, no, 0], [no, 0, 0]])}
    answers = {
        'greedy': np.array([[yes, yes, no, 0], [no, 0, 0, 0]]),
        'beam': np.array([[yes, no, 0, 0], [no, 0, 0, 0]]),
    }
    outcome = SimpleNamespace(evaluation={'test': test})
    found = MODULE.recognition(spoken, lambda outcome: answers, 2)(outcome)
    assert found['greedy_wer'] == pytest.approx(1 / 3)
    assert found['greedy_exact'] == 0.5
    assert found['beam_wer'] == 0 and found['beam_exact'] == 1
    text = MODULE.mistakes(spoken, lambda outcome: answers)(outcome)
    assert text.splitlines() == [
        '1 of 2 are not as wanted; the first of them',
        '',
        'target yes no',
        'greedy yes yes no',
        'beam yes no',
    ]


def test_what_is_seen_is_the_best_path_over_its_true_frames(tmp_path: Path) -> None:
    spoken = text_speech(transcripts(tmp_path) / 'said.csv')
    no, yes = (int(spoken.vocabulary.encode(word)[0]) for word in ('no', 'yes'))
    paths = np.zeros((2, 6), int)
    paths[0] = [0, yes, yes, 0, no, 0]
    paths[1] = [no, no, 0, yes, yes, yes]  # of which four frames are true
    features = np.arange(2 * 24 * 3.0).reshape(2, 24, 3)
    test = {
        'target': np.array([[yes, no], [no, 0]]),
        'sound': np.zeros((2, 9)),
        'sound_length': np.array([6, 4]),
    }
    outcome = SimpleNamespace(
        evaluation={'test': test},
        apply=lambda function, batch: (features, np.array([23, 14]), paths),
        net=SimpleNamespace(strides=((2, 2), (2, 1)), frames=lambda length: length),
    )
    first, second = MODULE.looked(spoken)(outcome)
    assert (first.tokens, first.places, first.target) == (
        ['yes', 'no'],
        [4, 16],
        'yes no',
    )
    assert (second.tokens, second.places) == (['no', 'yes'], [0, 12])
    np.testing.assert_array_equal(second.features, features[1, :14])


def test_augmentations_come_one_after_the_other() -> None:
    def times(key, sounds, lengths):
        return 2 * sounds

    def plus(key, sounds, lengths):
        return sounds + lengths

    both = MODULE.after_each_other(times, plus)
    assert both(jax.random.key(0), 3, 1) == 7
