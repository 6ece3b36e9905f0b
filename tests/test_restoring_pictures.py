"""Experiments that repair or compress pictures: one's own, and what is refused."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from PIL import Image

from dljax.experiment import Outcome
from dljax.types import State

ROOT = Path(__file__).parent.parent / 'experiments'


def load(name: str) -> ModuleType:
    path = ROOT / f'{name}.py'
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of several sizes by split, as BSDS500 has them."""
    random = np.random.default_rng(0)
    for split, count in (('train', 3), ('val', 2), ('test', 4)):
        (tmp_path / split).mkdir()
        for n in range(count):
            pixels = random.integers(0, 256, (24 + n, 40 - n, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / split / f'{n}.png')
    return tmp_path


def test_the_split_that_is_held_out_is_measured_and_the_other_trains(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load('restoration/denoising')
    settings = {**module.TINY, 'data': folder}
    learned = []

    def counted(pairs, size):
        learned.append(len(pairs))
        return random_patches(pairs, size)

    random_patches = module.sources.random_patches
    monkeypatch.setattr(module.sources, 'random_patches', counted)
    made = module.experiment(**settings)
    assert 'measured: test; noise 25' in made.data_summary
    made = module.experiment(held_out='validation', **settings)
    assert 'measured: validation; noise 25' in made.data_summary
    assert learned == [3, 7]
    noisy, clean = (made.evaluation['validation'][k] for k in ('image', 'target'))
    np.testing.assert_allclose((noisy - clean).std(), 25 / 255, rtol=0.1)
    with pytest.raises(ValueError, match='sigma is 0, wanted a positive number'):
        module.experiment(sigma=0, **module.TINY)


def test_settings_that_do_not_fit_are_refused_before_anything_is_trained() -> None:
    filling = load('restoration/inpainting')
    with pytest.raises(ValueError, match=r"kinds is \('dots',\), wanted some of boxes"):
        filling.experiment(**{**filling.TINY, 'kinds': ('dots',)})
    with pytest.raises(ValueError, match='patch is 18 and depth 2, wanted at least 16'):
        filling.experiment(**{**filling.TINY, 'patch': 18, 'depth': 2})
    colouring = load('restoration/colouring')
    with pytest.raises(ValueError, match='patch is 5 and depth 1, wanted a multiple'):
        colouring.experiment(**{**colouring.TINY, 'patch': 5})
    with pytest.raises(ValueError, match='classes without data, wanted a folder of cl'):
        colouring.experiment(classes=True)
    prior = load('restoration/deep_image_prior')
    with pytest.raises(ValueError, match='side is 18, wanted a multiple of 4'):
        prior.experiment(**{**prior.TINY, 'side': 18})
    with pytest.raises(ValueError, match='photograph is 2, wanted 0 to 1'):
        prior.experiment(photograph=2)
    coding = load('autoencoders/compression_photographs')
    with pytest.raises(ValueError, match=r'codes is \(4,\) and halvings \(2, 1\)'):
        coding.experiment(**{**coding.TINY, 'halvings': (2, 1)})
    with pytest.raises(ValueError, match='patch is 6, wanted a multiple of 4'):
        coding.experiment(**{**coding.TINY, 'patch': 6})


def test_a_picture_of_ones_own_is_the_deep_image_priors(folder: Path) -> None:
    module = load('restoration/deep_image_prior')
    made = module.experiment(**module.TINY, data=folder / 'train/0.png')
    truth = made.evaluation['true']['target'][0]
    pixels = np.asarray(Image.open(folder / 'train/0.png'))[4:20, 12:28] / 255
    np.testing.assert_allclose(truth, pixels, atol=1e-6)
    (folder / 'notes.png').write_text('no picture')
    with pytest.raises(ValueError, match="notes.png' is no picture that Pillow can re"):
        module.experiment(**module.TINY, data=folder / 'notes.png')


def test_the_constant_of_a_class_is_its_mean_at_each_pixel(tmp_path: Path) -> None:
    module = load('restoration/colouring')
    random = np.random.default_rng(0)
    pixels = {}
    for split, count in (('train', 20), ('test', 3)):
        for kind, base in (('blue', (0, 0, 200)), ('red', (200, 0, 0))):
            place = tmp_path / 'own' / split / kind
            place.mkdir(parents=True)
            for n in range(count):
                values = np.array(base) + random.integers(0, 50, (8, 8, 3))
                pixels[split, kind, n] = values.astype(np.uint8)
                Image.fromarray(pixels[split, kind, n]).save(place / f'{n}.png')
    found = module._classed(tmp_path / 'own', 6)
    kinds = [
        bool(picture[..., 0].mean() > picture[..., 2].mean()) for picture in found.test
    ]
    assert sorted(kinds) == [False] * 3 + [True] * 3
    for red, constant in zip(kinds, found.constants, strict=True):
        mine = [p for p in found.train if (p[..., 0].mean() > 100) == red]
        wanted = np.mean([module.chroma_of(p) for p in mine], axis=0)
        np.testing.assert_allclose(constant, wanted, atol=1e-5)


@pytest.mark.heavy
def test_the_bits_of_a_picture_are_those_of_its_squares() -> None:
    module = load('autoencoders/compression_photographs')
    experiment = module.experiment(**{**module.TINY, 'patch': 8})
    net = experiment.net
    image = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    batch = {'image': jnp.asarray(image[None] / np.float32(255))}
    # Of one square, which is as much as the prior can take at once.
    square = {'image': batch['image'][:, :8, :8]}
    variables = jax.jit(nn.init(experiment.score, net))(jax.random.key(0), square, 0)
    state = State(
        jnp.int32(0), variables['params'], {'codebook': variables['codebook']}, {}
    )
    outcome = Outcome(net, state, state, {}, [])
    (found,) = module.coded(['coder_0'], [image], 8)(outcome).values()
    assert found['bits'] == 2 / 16  # log2 of 4 codes for 4x4 pixels

    def squares(net: nn.Module, image: jax.Array) -> jax.Array:
        part = net.coder_0
        maps = part.autoencoder.encode(image)
        total = 0.0
        for row in range(0, 4, 2):
            for column in range(0, 6, 2):
                square = maps[:, row : row + 2, column : column + 2]
                total += module.surprise_of_codes(part, square).sum()
        return total / np.log(2)

    bits = outcome.apply(squares, batch['image'])
    np.testing.assert_allclose(found['prior'], [[bits / (16 * 24)]], rtol=1e-4)
