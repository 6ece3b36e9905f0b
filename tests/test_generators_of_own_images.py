"""Experiments of generators take images of the user's own, of any even size."""

from pathlib import Path

import jax
import numpy as np
import pytest
from flax import linen as nn

from dljax.measures.judge import training
from dljax.training import Learner, learner
from dljax.types import Key, Source
from tests.data.builders.test_idx import write
from tests.test_experiments import ROOT, load

TAKE = (
    'adversarial/acgan_digits',
    'adversarial/biggan_digits',
    'adversarial/dcgan_digits',
    'adversarial/wgan_gp_digits',
    'autoencoders/vae_samples',
)
SIDE, CLASSES = 12, 3


def untrained(train: Learner, source: Source, *, steps: int, key: Key) -> tuple:
    """Stand for `fit`, at a fraction of its seconds."""
    _, batch = jax.eval_shape(source.init, key)
    state = jax.eval_shape(train.init, key, batch)
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), state), {}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random, root = np.random.default_rng(0), tmp_path_factory.mktemp('own') / 'files'
    sets = {
        split: (
            random.integers(0, 256, (count, SIDE, SIDE), np.uint8),
            (np.arange(count) % CLASSES).astype(np.uint8),
        )
        for split, count in (('train', 90), ('test', 12))
    }
    write(root, sets)
    return root


@pytest.mark.heavy
@pytest.mark.parametrize('name', TAKE)
def test_an_experiment_takes_idx_files(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, 'fit', untrained)
    module = load(ROOT / f'{name}.py')
    made = module.experiment(**module.TINY, data=folder)
    assert 'files (files of the user): 81 train, 9 validation, 12 test' in (
        made.data_summary
    )
    assert f'81 real training images, 12 samples a member, {SIDE}x{SIDE} without' in (
        made.data_summary
    )
    train, key = learner(made.net, made.players), jax.random.key(0)
    _, batch = jax.eval_shape(made.source.init, key)
    assert batch['image'].shape[1:] == (SIDE, SIDE, 1)
    state = jax.eval_shape(train.init, key, batch)
    variables = {'params': state.params, **state.collections}

    def draw(net: nn.Module) -> jax.Array:
        return module.draw(net, key, 5)

    if name == 'adversarial/biggan_digits':

        def draw(net: nn.Module) -> jax.Array:
            return module.draw_classes(net, key, 5, classes=CLASSES)

    images = jax.eval_shape(nn.apply(draw, made.net), variables)
    assert images.shape == (5, SIDE, SIDE, 1)
    if 'label' in batch:
        assert made.class_names == ('0', '1', '2')
        assert made.net.generator.classes == CLASSES


@pytest.mark.parametrize('name', TAKE)
def test_nothing_is_said_to_be_there_that_is_not(name: str, tmp_path: Path) -> None:
    module = load(ROOT / f'{name}.py')
    with pytest.raises(FileNotFoundError, match='is not there, wanted a folder of IDX'):
        module.experiment(**module.TINY, data=tmp_path / 'none')
