"""The experiment on super-resolution: with the user's own pictures, and as a game."""

import io
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from dljax import create_model, run, weights
from dljax.training import fit, learner
from tests.test_experiments import ROOT, load

MODULE = load(ROOT / 'restoration/super_resolution.py')
GAME = {**MODULE.TINY, 'game': True, 'game_steps': 2, 'width': 2, 'scale': 2}
RNG = np.random.default_rng(0)


def photographs(folder: Path) -> Path:
    for n, size in enumerate([(50, 64), (64, 50), (57, 49), (48, 70), (66, 66)]):
        place = folder / ('train' if n < 3 else 'test')
        place.mkdir(exist_ok=True)
        pixels = RNG.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(place / f'{n}.png')
    return folder


def test_pictures_of_ones_own_are_read_with_their_splits(tmp_path: Path) -> None:
    made = MODULE.experiment(data=photographs(tmp_path), **MODULE.TINY)
    assert made.data_summary.startswith(
        'pictures of the user: 2 train, 1 validation, 2 test; 4 times smaller'
    )
    validation = made.evaluation['validation']
    side = validation['image'].shape[1]
    assert validation['target'].shape == (1, 4 * side, 4 * side, 3)
    grey = MODULE.experiment(data=tmp_path, channels=1, **MODULE.TINY)
    assert grey.evaluation['validation']['image'].shape[-1] == 1


def test_pictures_that_are_too_small_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='wanted at least 52 along each side'):
        MODULE.experiment(data=photographs(tmp_path), **{**MODULE.TINY, 'patch': 13})


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'content': 'vgg19'}, 'wanted --game'),
        ({'game': True, 'content_weights': Path('x')}, 'wanted the name of the model'),
        ({'scale': 5}, 'product of 2 and 3'),
        ({'game': True, 'content': 'vgg18'}, "no model 'vgg18'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODULE.experiment(**{**MODULE.TINY, **settings})


def test_random_features_are_said_to_be_random() -> None:
    made = MODULE.experiment(**GAME, content='vgg11', content_layer='conv1_1')
    assert made.data_summary.endswith('content by vgg11 with RANDOM weights')
    assert made.start is None and made.best is None
    assert made.steps == GAME['steps'] + 2
    assert list(made.players) == ['pretraining', 'discriminator', 'generator']


@pytest.mark.heavy
def test_a_judge_keeps_the_weights_of_its_file(tmp_path: Path) -> None:
    net = create_model('resnet20_cifar')
    variables = net.init(jax.random.key(5), jnp.ones((1, 16, 16, 3)))
    path = tmp_path / 'resnet.npz'
    weights.save(path, variables)
    made = MODULE.experiment(
        **GAME,
        content='resnet20_cifar',
        content_layer='layer1_0',
        content_weights=path,
    )
    assert made.data_summary.endswith('content by resnet20_cifar of resnet.npz')
    train = learner(made.net, made.players, start=made.start)
    state, _ = fit(train, made.source, steps=made.steps, key=jax.random.key(0))
    for name, group in (
        ('params', state.params['judge']),
        ('batch_stats', state.collections['batch_stats']['judge']),
    ):
        for layer, wanted in variables[name].items():
            if layer != 'output':
                jax.tree.map(np.testing.assert_array_equal, group[layer], wanted)


@pytest.mark.heavy
def test_a_game_runs_and_leaves_its_page(tmp_path: Path) -> None:
    report = run(
        MODULE.experiment(**GAME),
        tmp_path,
        name='game',
        console=Console(file=io.StringIO()),
    )
    assert report.ended and report.step == 4
    wanted = {
        'pictures/psnr',
        'pictures/ssim',
        'pictures/detail',
        'pictures/bicubic_psnr',
    }
    assert wanted <= report.metrics.keys()
