"""Judges of sets of any size and channels: what they see, say and refuse."""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import data, metrics
from dljax.experiment import Outcome
from dljax.measures.judge import (
    Judge,
    Recipe,
    agreement,
    classifier,
    compare,
    diversity,
    judge_of,
    looks_apart,
    make_anchors,
    quality,
    quality_by_setting,
    sample_quality,
    train_judge,
)
from dljax.types import Array, Key, State
from tests.data.builders.test_idx import write

NAMES = ('dark', 'red', 'bright')
SMALL = Recipe(
    steps=60,
    channels=(3, 4),
    features=8,
    dropout=0.0,
    batch_size=16,
    learning_rate=0.02,
)
RNG = np.random.default_rng(0)


def coloured(examples: int) -> dict[str, np.ndarray]:
    """Images of 9x7 whose class is their colour."""
    label = np.arange(examples) % 3
    colour = np.array([[0.1, 0.1, 0.1], [0.8, 0.1, 0.1], [0.9, 0.9, 0.9]])[label]
    noise = RNG.uniform(-0.1, 0.1, (examples, 9, 7, 3))
    return {
        'image': (colour[:, None, None, :] + noise).astype(np.float32).clip(0, 1),
        'label': label,
    }


TRAIN, TEST = coloured(60), coloured(30)


@pytest.fixture(scope='module')
def judge() -> Judge:
    return train_judge(TRAIN, TEST, NAMES, SMALL, noun='tiles')


def test_a_judge_learns_images_of_any_size_and_channels(judge: Judge) -> None:
    assert judge.shape == (9, 7, 3) and judge.classes == 3
    assert judge.accuracy > 0.9 and judge.recalls.shape == (3,)
    assert (
        judge.accuracy == (judge.logits(judge.test).argmax(1) == TEST['label']).mean()
    )
    features = judge.features(judge.test)
    output = judge.params['output']
    wanted = features @ np.asarray(output['kernel']) + np.asarray(output['bias'])
    np.testing.assert_allclose(judge.logits(judge.test), wanted, rtol=1e-4, atol=1e-5)


def test_a_judge_says_what_its_distances_depend_on(judge: Judge) -> None:
    said = judge.describe(made=12)
    for words in (
        '8 features of a TutorialCNN (3, 4)-8 of (3, 3) kernels',
        'trained on 60 tiles: 60 updates of 16',
        f'sha256 {judge.fingerprint}',
        '60 real training tiles, 12 samples a member',
        '9x7x3 without a resize filter',
    ):
        assert words in said, said


def test_what_is_seen_does_not_depend_on_the_parts(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = judge.features(judge.test), judge.logits(judge.test), judge.maps(judge.test)
    monkeypatch.setattr(classifier, 'PIXELS', 7 * 63)  # the last of 30 is a part of 2
    parts = judge.features(judge.test), judge.logits(judge.test), judge.maps(judge.test)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        whole,
        parts,
    )
    assert [layer.shape for layer in whole[2]] == [(30, 9, 7, 3), (30, 4, 3, 4)]


def test_maps_are_what_the_next_layer_sees(judge: Judge) -> None:
    first, _ = judge.maps(judge.test[:4])
    kernel = judge.params['conv_0']
    padded = np.pad(judge.test[:4], ((0, 0), (1, 1), (1, 1), (0, 0)))
    wanted = np.einsum('bijc,ijco->bo', padded[:, 2:5, 3:6], np.array(kernel['kernel']))
    wanted = np.maximum(wanted + np.array(kernel['bias']), 0)
    np.testing.assert_allclose(first[:, 2, 3], wanted, rtol=1e-4, atol=1e-5)


class Colour(nn.Module):
    """A generator of one shade."""

    @nn.compact
    def __call__(self, count: int) -> Array:
        """Give so many images."""
        shade = self.param('shade', nn.initializers.constant(0.5), ())
        return jnp.full((count, 9, 7, 3), 1.0) * shade


def outcome(*shades: float) -> Outcome:
    shade = jnp.array(shades)
    state = State(jnp.zeros_like(shade, jnp.int32), {'shade': shade}, {}, {})
    return Outcome(Colour(), state, state, {}, [])


def noisy(net: nn.Module, key: Key, count: int) -> Array:
    return net(count) + 0.05 * jax.random.uniform(key, (count, 9, 7, 3))


def test_quality_of_own_images_ranks_what_is_near_first(judge: Judge) -> None:
    found = sample_quality(noisy, judge, count=20)(outcome(0.85, 0.4))
    names = {name.split('/')[0] for name in found if '/' in name}
    assert names == {'fid', 'test_tiles', 'gaussian_pixels'}
    real = compare(make_anchors(judge, 20)['test_tiles'], judge)
    assert found['test_tiles/fid'] == real['fid'] < np.min(found['fid'])
    with pytest.raises(ValueError, match='count=31, wanted 5 to 30: .* real tiles'):
        sample_quality(noisy, judge, count=31)
    with pytest.raises(ValueError, match='4 images, wanted 5 to 60'):
        compare(judge.test[:4], judge)


def test_each_way_to_make_samples_is_measured_by_itself(judge: Judge) -> None:
    def dark(net: nn.Module, key: Key, count: int) -> Array:
        return noisy(net, key, count) / 2

    members = outcome(0.85, 0.4, 0.6)
    found = quality_by_setting({'bright': noisy, 'dark': dark}, judge)(members)
    assert len(found) == 6
    for name, draw in (('bright', noisy), ('dark', dark)):
        alone = sample_quality(draw, judge, anchors=False)(members)
        for metric in ('fid', 'precision', 'recall'):
            assert found[f'{name}/{metric}'] == np.median(alone[metric])
    assert found['bright/fid'] != found['dark/fid']


def test_many_samples_are_made_in_parts_that_differ(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, 'PART', 8)
    sets = []

    def kept(images: np.ndarray, judge: Judge) -> dict[str, float]:
        sets.append(images)
        return {'fid': 0.0}

    monkeypatch.setattr(quality, 'compare', kept)
    sample_quality(noisy, judge, count=20, anchors=False)(outcome(0.5, 0.2))
    assert [images.shape for images in sets] == [(20, 9, 7, 3)] * 2
    for images in sets:
        assert len(np.unique(images.reshape(20, -1), axis=0)) == 20


def test_kernel_distance_of_many_is_taken_by_subsets(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def distance(real: np.ndarray, made: np.ndarray, *, size: int) -> np.ndarray:
        sizes.append(size)
        return np.zeros(1)

    monkeypatch.setattr(metrics, 'kernel_distance', distance)
    for whole in (60, 59):
        monkeypatch.setattr(quality, 'WHOLE', whole)
        compare(judge.test, judge)
    assert sizes == [60, 1000]


def test_agreement_asks_for_each_of_the_classes_in_turn(judge: Judge) -> None:
    asked = []

    def draw(net: nn.Module, key: Key, labels: Array) -> Array:
        asked.append(labels.shape)
        return jnp.asarray(judge.test)[labels]  # the first three are of classes 0, 1, 2

    found = agreement(draw, judge, count=7)(outcome(0.5))
    said = judge.logits(judge.test[:3]).argmax(1) == np.arange(3)
    assert found['agreement'] == said[[0, 1, 2, 0, 1, 2, 0]].mean()
    assert asked == [(7,)] and found['test_tiles'] == judge.accuracy


def test_equal_images_look_alike_and_diversity_is_that_of_pairs(judge: Judge) -> None:
    same = looks_apart(judge.test[:6], judge.test[:6], judge)
    np.testing.assert_array_equal(same, 0)
    other = looks_apart(judge.test[:6], judge.test[1:7], judge)
    assert other.min() > 0 and other.max() <= 4

    def draw(net: nn.Module, key: Key, labels: Array) -> Array:
        # Of each pair the second is darker by what the member's parameter says.
        second = (jnp.arange(len(labels)) % 2)[:, None, None, None]
        image = jnp.asarray(judge.test)[labels]
        return image * (1 - second * net(1)[0, 0, 0, 0])

    found = diversity(draw, judge, pairs=2)(outcome(0.0, 0.7))
    pairs = looks_apart(judge.test[:3], judge.test[:3] * np.float32(0.3), judge)
    np.testing.assert_allclose(found['diversity'], [0, pairs.mean()], rtol=1e-4)
    assert 0 < found['test_tiles'] < 4
    with pytest.raises(ValueError, match='pairs=0'):
        diversity(draw, judge, pairs=0)


@pytest.mark.parametrize(
    ('change', 'says'),
    [
        (lambda a: {'image': a['image']}, r"lack \['label'\]"),
        (lambda a: {**a, 'image': 2 * a['image']}, 'range from'),
        (lambda a: {**a, 'image': a['image'][..., 0]}, r'shape \(60, 9, 7\)'),
        (lambda a: {**a, 'image': a['image'][:, :3]}, 'at least 4'),
        (lambda a: {**a, 'label': a['label'] + 1}, 'labels range from 1 to 3'),
        (lambda a: {**a, 'label': a['label'][:, None]}, r'shape \(60, 1\)'),
        (lambda a: {**a, 'label': a['label'] * 1.0}, 'labels are float'),
        (lambda a: {**a, 'label': a['label'] // 2}, "no training image is of 'bright'"),
        (lambda a: {n: v[:15] for n, v in a.items()}, '15 training and 30 test'),
        (
            lambda a: {**a, 'image': a['image'][:, :8]},
            r'shape \(8, 7, 3\) and test images \(9, 7, 3\)',
        ),
    ],
)
def test_a_set_that_makes_no_judge_is_refused(
    change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        train_judge(change(TRAIN), TEST, NAMES, SMALL)


def test_too_few_classes_tests_and_updates_are_refused() -> None:
    with pytest.raises(ValueError, match='1 classes'):
        train_judge(TRAIN, TEST, ('all',), SMALL)
    few = {name: values[:4] for name, values in TEST.items()}
    with pytest.raises(ValueError, match='4 test images'):
        train_judge(TRAIN, few, NAMES, SMALL)
    with pytest.raises(ValueError, match='steps=0'):
        Recipe(steps=0)


@pytest.mark.heavy
def test_a_judge_of_idx_files_knows_their_size_and_says_where_it_was_changed(
    tmp_path: Path,
) -> None:
    sets = {
        split: (
            RNG.integers(0, 256, (examples, 6, 5), np.uint8),
            (np.arange(examples) % 2).astype(np.uint8),
        )
        for split, examples in (('train', 40), ('test', 8))
    }
    write(tmp_path / 'files', sets)
    own = data.idx(tmp_path / 'files', data_dir=tmp_path / 'prepared')
    recipe = Recipe(steps=1, channels=(2, 2), features=3, batch_size=8)
    judge = judge_of(own, recipe, noun='letters')
    assert judge.shape == (6, 5, 1) and judge.class_names == ('0', '1')
    assert '6x5 without a resize filter' in judge.describe()
    assert f'{len(judge.real)} real training letters' in judge.describe()
    smaller = judge_of(own, recipe, size=(4, 4))
    assert '4x4 resized bilinearly' in smaller.describe()
    assert smaller.shape == (4, 4, 1)
    with pytest.raises(ValueError, match="'iris'.* wanted train and test, images"):
        judge_of(data.load('iris'))
