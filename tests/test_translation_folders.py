"""The experiments of image translation on pictures of the user's own."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent / 'experiments/image_translation'
RNG = np.random.default_rng(0)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f'translation_{name}', ROOT / name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def fill(folder: Path, count: int = 12, size: tuple[int, int] = (18, 18)) -> Path:
    folder.mkdir()
    for number in range(count):
        pixels = RNG.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f'{number:02}.png')
    return folder


def test_two_folders_are_translated_without_pairs(tmp_path: Path) -> None:
    module = load('cycle_gan.py')
    a, b = fill(tmp_path / 'a'), fill(tmp_path / 'b', 15)
    made = module.experiment(**{**module.TINY, 'judge_steps': 9}, a=a, b=b)
    assert made.data_summary.startswith("A: 'a' (of the user), 12x12 pixels, 8 train")
    assert made.measures == {}  # there are no classes that could be read
    assert list(made.players) == ['discriminator_a', 'discriminator_b', 'generators']
    apart = module.experiment(**module.TINY, a=a, b=b, joint=False)
    assert len(apart.players) == 4
    with pytest.raises(ValueError, match='wanted two folders of pictures'):
        module.experiment(**module.TINY, a=a)
    with pytest.raises(ValueError, match='wanted two folders of pictures'):
        module.experiment(**module.TINY, a=a, b=b, digits=a)


def test_pairs_of_the_user_are_read_jittered_and_cut(tmp_path: Path) -> None:
    module = load('pix2pix.py')
    a, b = fill(tmp_path / 'a'), fill(tmp_path / 'b')
    tiny = {**module.TINY, 'jitter': 2}
    made = module.experiment(**tiny, a=a, b=b)
    assert made.source.arrays['a'].shape == (8, 18, 18, 3)
    _, batch = made.source.init(jax.random.key(0))
    assert batch['a'].shape == batch['b'].shape == (2, 16, 16, 3)
    assert made.evaluation['test']['a'].shape == (2, 16, 16, 3)
    given = np.asarray(made.source.arrays['a'])
    assert -1 <= given.min() < -0.9 and 0.9 < given.max() <= 1
    both = fill(tmp_path / 'both', size=(18, 36))
    combined = module.experiment(**tiny, combined=both)
    turned = module.experiment(**tiny, combined=both, reverse=True)
    np.testing.assert_array_equal(
        combined.evaluation['test']['a'], turned.evaluation['test']['b']
    )
    with pytest.raises(ValueError, match='wanted two folders'):
        module.experiment(**tiny, a=a)
    with pytest.raises(ValueError, match='wanted two folders'):
        module.experiment(**tiny, a=a, b=b, combined=both)
    with pytest.raises(ValueError, match='jitter is -1'):
        module.experiment(**{**tiny, 'jitter': -1})
