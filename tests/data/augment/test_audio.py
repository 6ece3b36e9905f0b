"""Noise, shifts and masks of sounds: how much, where, and not in the padding."""

import functools
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from dljax.data import augment
from dljax.data.augment.audio import SoundAugmentation
from dljax.training import data_mesh

KEYS = jnp.stack([jax.random.key(4), jax.random.key(5)])
RANDOM = np.random.default_rng(0)
SOUNDS = RANDOM.normal(size=(8, 60)).astype(np.float32)
SOUNDS[4:] = SOUNDS[4]
FEATURES = RANDOM.normal(size=(8, 30, 12)).astype(np.float32)
FEATURES[4:] = FEATURES[4]
LENGTHS = np.array([1, 10, 20, 29, 25, 25, 25, 25], np.int32)

ALL = {
    'add_noise': (augment.add_noise((0.0, 10.0)), SOUNDS),
    'shift_time': (augment.shift_time(7), SOUNDS),
    'mask_time': (augment.mask_time(9, fraction=0.8, fill=-1.0), FEATURES),
    'mask_bands': (augment.mask_bands(5, fill=-1.0), FEATURES),
}
NOTHING = {
    'add_noise': (augment.add_noise((float('inf'), float('inf'))), SOUNDS),
    'shift_time': (augment.shift_time(0), SOUNDS),
    'mask_time': (augment.mask_time(0), FEATURES),
    'mask_time of no part': (augment.mask_time(9, fraction=0.0), FEATURES),
    'mask_bands': (augment.mask_bands(0), FEATURES),
}


@functools.cache
def mapped(name: str) -> tuple[np.ndarray, np.ndarray]:
    change, sounds = ALL[name]

    def total(sounds: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        out = change(key, sounds, jnp.asarray(LENGTHS))
        return (out**2).sum(), out

    compute = jax.vmap(jax.grad(total, has_aux=True), (None, 0))
    gradient, out = jax.jit(compute)(sounds, KEYS)
    return np.asarray(out), np.asarray(gradient)


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('name', ALL)
def test_two_devices_give_what_one_does(name: str) -> None:
    change, sounds = ALL[name]
    split = NamedSharding(data_mesh(jax.devices()[:2]), PartitionSpec('data'))
    compiled = jax.jit(chex.assert_max_traces(change, n=1))
    there = [compiled(key, *jax.device_put((sounds, LENGTHS), split)) for key in KEYS]
    assert len(there[0].sharding.device_set) == 2
    np.testing.assert_allclose(np.stack(there), mapped(name)[0], atol=1e-6)


@pytest.mark.parametrize('name', ALL)
def test_keys_and_examples_draw_differently_and_padding_stays(name: str) -> None:
    out, gradient = mapped(name)
    sounds = ALL[name][1]
    assert np.abs(out[0] - out[1]).max() > 1e-3
    assert all(len(np.unique(alike.round(4), axis=0)) > 1 for alike in out[:, 4:])
    for index, length in enumerate(LENGTHS):
        for one in out:
            np.testing.assert_array_equal(one[index, length:], sounds[index, length:])
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0.1


@pytest.mark.parametrize('name', ALL)
def test_the_type_is_kept(name: str) -> None:
    change, sounds = ALL[name]
    half = jax.ShapeDtypeStruct(sounds.shape, jnp.bfloat16)
    assert jax.eval_shape(change, KEYS[0], half).dtype == jnp.bfloat16


@pytest.mark.parametrize('name', NOTHING)
def test_nothing_asked_is_nothing_done(name: str) -> None:
    change, sounds = NOTHING[name]
    out = jax.jit(change)(KEYS[0], sounds, LENGTHS)
    np.testing.assert_array_equal(np.asarray(out), sounds)


def test_noise_has_its_ratio_up_to_the_end() -> None:
    scale = np.geomspace(0.01, 10, 6)[:, None]
    sounds = (scale * np.sin(np.arange(20_000) / 7)[None]).astype(np.float32)
    lengths = np.full(6, 15_000)
    change = jax.jit(augment.add_noise((12.0, 12.0)))
    noise = np.asarray(change(KEYS[0], sounds, lengths)) - sounds
    assert not noise[:, 15_000:].any()
    signal = np.square(sounds[:, :15_000]).mean(1)
    ratio = 10 * np.log10(signal / np.square(noise[:, :15_000]).mean(1))
    np.testing.assert_allclose(ratio, 12.0, atol=0.2)
    assert abs(np.corrcoef(noise[0, :15_000], noise[1, :15_000])[0, 1]) < 0.05
    silent = change(KEYS[0], np.zeros((6, 20_000), np.float32), lengths)
    assert not np.asarray(silent).any()


def test_ratios_are_uniform() -> None:
    sounds = np.ones((2000, 500), np.float32)
    noise = np.asarray(jax.jit(augment.add_noise((0.0, 20.0)))(KEYS[0], sounds)) - 1
    level = -10 * np.log10(np.square(noise).mean(1))
    assert level.min() > -1 and level.max() < 21
    assert level.mean() == pytest.approx(10, abs=0.5)
    assert level.std() == pytest.approx(20 / np.sqrt(12), abs=0.3)


def test_shifts_move_what_is_there_and_let_silence_in() -> None:
    sounds = np.broadcast_to(np.arange(1.0, 41.0, dtype=np.float32), (3000, 40))
    lengths = np.full(3000, 30)
    sounds = np.where(np.arange(40)[None] < 30, sounds, 0).astype(np.float32)
    out = np.asarray(jax.jit(augment.shift_time(5))(KEYS[0], sounds, lengths))
    shift = 21 - out[:, 20].astype(int)
    assert set(shift) == set(range(-5, 6))
    assert np.bincount(shift + 5).min() > 3000 / 11 * 0.7
    for row, by in zip(out[:50], shift, strict=False):
        wanted = np.zeros(40)
        wanted[max(by, 0) : 30 + min(by, 0)] = sounds[0, max(-by, 0) : 30 - max(by, 0)]
        np.testing.assert_array_equal(row, wanted)


def test_masks_have_their_width_and_lie_inside() -> None:
    features = np.ones((3000, 40, 6), np.float32)
    lengths = np.full(3000, 25)
    out = np.asarray(jax.jit(augment.mask_time(8, masks=1))(KEYS[0], features, lengths))
    covered = out[:, :, 0] == 0
    assert (covered[:, :, None] == (out == 0)).all() and not covered[:, 25:].any()
    width = covered.sum(1)
    assert set(width) == set(range(9))
    assert np.bincount(width).min() > 3000 / 9 * 0.75
    starts = covered.argmax(1)[width == 4]
    assert starts.min() == 0 and starts.max() == 21
    edges = np.abs(np.diff(covered.astype(int), axis=1)).sum(1)
    assert edges.max() <= 2
    few = jax.jit(augment.mask_time(8, masks=1, fraction=0.1))
    assert (np.asarray(few(KEYS[0], features, lengths))[..., 0] == 0).sum(1).max() == 2
    bands = np.asarray(jax.jit(augment.mask_bands(3))(KEYS[0], features))
    assert (bands[:, :1] == bands).all()
    assert set((bands[:, 0] == 0).sum(1)) == set(range(7))


@pytest.mark.parametrize(
    'build, message',
    [
        (lambda: augment.add_noise((9.0, 3.0)), 'snr is'),
        (lambda: augment.add_noise((float('nan'), 3.0)), 'snr is'),
        (lambda: augment.add_noise((3.0, float('inf'))), 'snr is'),
        (lambda: augment.shift_time(-1), 'most is -1'),
        (lambda: augment.shift_time(0.5), 'most is 0.5'),
        (lambda: augment.mask_time(-1), 'longest is -1'),
        (lambda: augment.mask_time(3, masks=0), 'masks is 0'),
        (lambda: augment.mask_time(3, fraction=1.5), 'fraction is 1.5'),
        (lambda: augment.mask_bands(2.5), 'widest is 2.5'),
    ],
)
def test_settings_out_of_range_are_refused(
    build: Callable[[], SoundAugmentation], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize('name', ALL)
def test_what_is_no_batch_of_sounds_is_refused(name: str) -> None:
    change, sounds = ALL[name]
    for wrong in (sounds[0], sounds.astype(np.int32)):
        with pytest.raises(ValueError, match='masks for their features'):
            jax.eval_shape(change, KEYS[0], wrong)
