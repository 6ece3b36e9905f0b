"""Speech recognition: CTC over true frames, scores by hand, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import resident
from dljax.data.augment import mask_time
from dljax.layers import GRU, RecurrentStack
from dljax.losses import ctc_loss
from dljax.metrics import edit_distance
from dljax.models.recurrent import SpeechCTC
from dljax.objectives import score_transcription, transcribe
from dljax.training import Player, evaluate, fit, learner
from dljax.training.declaration import check_by
from dljax.types import HostBatch

KEY = jax.random.key(0)
NET = SpeechCTC(
    tokens=5,
    bands=12,
    features=(4,),
    kernel_sizes=((5, 5),),
    strides=((2, 2),),
    stack=RecurrentStack(GRU(8), bidirectional=True),
)
TONES = 300.0, 700.0, 1400.0, 2800.0


def tones(count: int, most: int = 3, seed: int = 0) -> HostBatch:
    """Strings of tones of a tenth of a second, with silence between, in noise."""
    random = np.random.default_rng(seed)
    step = 800
    sound = 0.01 * random.normal(size=(count, 2 * step * most))
    length = random.integers(1, most, count, endpoint=True)
    target = random.integers(1, 5, (count, most)) * (
        np.arange(most)[None] < length[:, None]
    )
    time = np.arange(step) / 8000
    for row, named in zip(sound, target, strict=True):
        for place, token in enumerate(named[named > 0]):
            tone = np.sin(2 * np.pi * TONES[token - 1] * time)
            row[2 * place * step : (2 * place + 1) * step] += 0.5 * tone
    return {
        'sound': sound.astype(np.float32),
        'sound_length': (2 * step * length).astype(np.int32),
        'target': target.astype(np.int32),
        'target_length': length.astype(np.int32),
    }


BATCH = tones(6)
VARIABLES = jax.jit(NET.init)(KEY, BATCH['sound'], BATCH['sound_length'])
SCORE = jax.jit(nn.apply(score_transcription(), NET))
LOSS = jax.jit(nn.apply(transcribe(), NET))
CALL = jax.jit(NET.apply)


def test_the_loss_is_that_of_the_true_frames_and_tokens() -> None:
    found, metrics = LOSS(VARIABLES, BATCH, 0)
    each = []
    for n in range(6):
        sound = BATCH['sound'][n : n + 1, : BATCH['sound_length'][n]]
        target = BATCH['target'][n : n + 1, : BATCH['target_length'][n]]
        each.append(jax.jit(ctc_loss)(CALL(VARIABLES, sound), target)[0])
    np.testing.assert_allclose(found, np.mean(each), rtol=1e-4)
    tokens = BATCH['target_length'].sum()
    np.testing.assert_allclose(
        metrics['nats_per_token'], np.sum(each) / tokens, rtol=1e-4
    )
    scores = SCORE(VARIABLES, BATCH, 0)
    np.testing.assert_allclose(scores['loss'], each, rtol=1e-4)


def test_scores_compare_the_best_path_with_the_target() -> None:
    logits = np.asarray(CALL(VARIABLES, BATCH['sound'], BATCH['sound_length'])).argmax(
        -1
    )
    frames = np.asarray(NET.frames(BATCH['sound_length']))
    scores = SCORE(VARIABLES, BATCH, 0)
    rates = []
    for n in range(6):
        path = [0, *logits[n, : frames[n]]]
        said = [b for a, b in zip(path, path[1:], strict=False) if b != a and b]
        target = BATCH['target'][n, : BATCH['target_length'][n]]
        rates.append(edit_distance(said, list(target)) / len(target))
    np.testing.assert_allclose(scores['error_rate'], rates, rtol=1e-6)
    np.testing.assert_array_equal(scores['exact'], np.array(rates) == 0)


@pytest.mark.heavy
def test_strings_of_tones_are_learned_and_masks_hinder_little() -> None:
    data, fresh = tones(300), tones(100, seed=1)
    loss = transcribe(
        augment=lambda key, sound, length: (
            sound * jax.random.uniform(key, (), minval=1) + 0.0 * length[:, None]
        ),
        mask=mask_time(2, masks=1),
    )
    train = learner(NET, {'listener': Player(optax.adam(0.01), loss=loss)})
    state, _ = fit(train, resident(data, 32), steps=200, key=KEY, chunk=50)
    scores = evaluate(NET, score_transcription(), state, [fresh])
    # Whoever guesses one tone is right in 1 of 12.
    assert scores['exact'] > 0.9 and scores['error_rate'] < 0.05
    assert scores['loss'] < 1  # one tone of four costs 1.4 alone


@pytest.mark.heavy
def test_augmentations_and_masks_act_on_sounds_and_on_features() -> None:
    rngs = {'augment': jax.random.key(1), 'mask': jax.random.key(2)}
    plain, _ = LOSS(VARIABLES, BATCH, 0)
    seen = {}

    def augment(key, sound, length):
        seen['sound'] = sound.shape, length.shape
        return jnp.zeros_like(sound)

    def mask(key, features, frames):
        seen['features'] = features.shape, frames.shape
        return features

    objective = transcribe(augment=augment, mask=mask)
    silent, _ = nn.apply(objective, NET)(VARIABLES, BATCH, 0, rngs=rngs)
    assert seen == {'sound': ((6, 4800), (6,)), 'features': ((6, 61, 12), (6,))}
    nothing = {**BATCH, 'sound': np.zeros_like(BATCH['sound'])}
    wanted, _ = LOSS(VARIABLES, nothing, 0)
    np.testing.assert_allclose(silent, wanted, rtol=1e-5)
    assert abs(float(silent - plain)) > 1e-3


def changed(name: str, place: tuple, value: float) -> HostBatch:
    values = BATCH[name].copy()
    values[place] = value
    return {**BATCH, name: values}


# Two equal tokens, and a sound of two frames.
SHORT = changed('sound_length', 2, 200)
SHORT |= {
    'target': changed('target', (2, slice(None)), 1)['target'],
    'target_length': changed('target_length', 2, 2)['target_length'],
}


@pytest.mark.parametrize(
    ('batch', 'words'),
    [
        (changed('target', (0, 0), 5), r"'target' of example 0 is 5, wanted integers"),
        (changed('target', (1, 0), -1), "'target' of example 1 is -1"),
        (changed('target', (2, 0), 0), "'target' of example 2 holds 0, wanted tokens"),
        (changed('target_length', 3, 4), "'target_length' of example 3 is 4"),
        (changed('sound_length', 4, 0), "'sound_length' of example 4 is 0"),
        (changed('sound_length', 4, 9999), "'sound_length' of example 4 is 9999"),
        (changed('sound', (5, 3), np.nan), "'sound' of example 5 is nan"),
        (SHORT, r'has 2 tokens, 1 of them like .* its .sound. 2 frames, wanted one'),
        ({'sound': BATCH['sound']}, "no feature 'sound_length'"),
    ],
)
def test_what_has_no_meaning_is_refused(batch: HostBatch, words: str) -> None:
    for objective in (transcribe(), score_transcription()):
        with pytest.raises(ValueError, match=words):
            check_by(objective, NET, batch)


def test_what_is_allowed_passes() -> None:
    padded = changed('target', (BATCH['target_length'].argmin(), -1), 4)
    check_by(transcribe(), NET, BATCH)
    check_by(transcribe(), NET, padded)  # a token in the padding is of no effect
    check_by(transcribe(skip_impossible=True), NET, SHORT)


@pytest.mark.parametrize(
    ('name', 'place', 'value'),
    [
        ('target', (2, 0), 5),
        ('target', (2, 0), 0),
        ('target_length', 2, 4),
        ('sound_length', 2, 0),
        ('sound_length', 2, 5600),
        ('sound', (2, 3), np.inf),
    ],
)
def test_traced_it_spoils_its_example_alone(
    name: str, place: tuple | int, value: float
) -> None:
    scores = SCORE(VARIABLES, changed(name, place, value), 0)
    plain = SCORE(VARIABLES, BATCH, 0)
    others = [0, 1, 3, 4, 5]
    for metric, values in scores.items():
        assert np.isnan(values[2]), metric
        np.testing.assert_allclose(
            np.asarray(values)[others], np.asarray(plain[metric])[others], rtol=1e-5
        )


def test_too_many_tokens_cost_infinitely_much() -> None:
    assert float(LOSS(VARIABLES, SHORT, 0)[0]) == np.inf
    scores = SCORE(VARIABLES, SHORT, 0)
    assert np.isinf(scores['loss']).tolist() == [n == 2 for n in range(6)]


@pytest.mark.heavy
def test_too_many_tokens_cost_nothing_where_they_are_skipped() -> None:
    skipping = nn.apply(transcribe(skip_impossible=True), NET)
    found, _ = jax.jit(skipping)(VARIABLES, SHORT, 0)
    each = np.asarray(SCORE(VARIABLES, BATCH, 0)['loss'])
    np.testing.assert_allclose(found, np.delete(each, 2).sum() / 6, rtol=1e-5)
