"""The commands of the README, word for word and in their order, in a fresh folder."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dljax import weights, zoo
from tests.weights.torch_files import save, tensors

ROOT = Path(__file__).parent.parent
README = (ROOT / 'README.md').read_text()
# What they are cut down to: added at the end of the line, where the last word counts.
SHORT = {
    'lenet_digits': '--steps 4 --batch-size 8',
    'finetune_folder': '--steps 2 --batch-size 4 --size 32 --frozen-steps 1',
}
# They install, or are what runs here: the recipe of `make train` is one of the others.
INSTALLING = ('make', 'pip', 'pytest')


def commands(text: str) -> list[str]:
    """List the lines of its shell blocks, without what is said beside them."""
    blocks = re.findall(r'^```sh\n(.*?)^```', text, re.M | re.S)
    lines = [line.split('  #')[0].strip() for b in blocks for line in b.splitlines()]
    return [line for line in lines if line]


def words(line: str) -> list[str] | None:
    """Give the words to run here, or None where that is not to be done."""
    first, *rest = shlex.split(line)
    if first in INSTALLING:
        return None
    if first == 'tensorboard' or ('aot' in rest and 'v5e' in line):
        return None  # a server, and a compiler that is an extra of its own
    for name, more in SHORT.items():
        rest += shlex.split(more) if f'{name}.py' in line else []
    python = [sys.executable]
    rest = [sys.executable if word == 'python' else word for word in rest]
    return [*python, *rest] if first == 'python' else [*python, '-m', first, *rest]


def prepare(folder: Path) -> None:
    """Give a user's folder: the experiments, pictures of seven classes and weights."""
    (folder / 'experiments').symlink_to(ROOT / 'experiments')
    random = np.random.default_rng(0)
    for label in range(7):
        place = folder / f'pictures/class{label}'
        place.mkdir(parents=True)
        for number in range(10):
            pixels = random.integers(0, 255, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(place / f'{number}.png')
    net, shape = zoo.create_model('resnet50'), zoo.shapes('resnet50')['image']
    image = jnp.zeros((1, 32, 32, 3), shape.dtype)
    variables = jax.jit(net.init)(jax.random.key(0), image)
    state = weights.to_torchvision('resnet50', variables)
    save(folder / 'resnet50-11ad3fa6.pth', tensors(state))


@pytest.mark.heavy
def test_the_commands_run_in_their_order(tmp_path: Path) -> None:
    prepare(tmp_path)
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    environment.pop('JAX_NUM_CPU_DEVICES', None)
    asked = commands(README)
    assert len(asked) > 15
    for line in asked:
        if (asked_words := words(line)) is None:
            continue
        done = subprocess.run(
            asked_words,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f'{line}\n{done.stdout}\n{done.stderr}'
        assert 'already' not in done.stdout, f'{line} did nothing:\n{done.stdout}'
    runs = tmp_path / 'runs/convolutional'
    made = {path.name for path in runs.iterdir()}
    assert made >= {f'lenet_digits-{number}' for number in range(2, 7)}
    five = json.loads((runs / 'lenet_digits-3/config.json').read_text())
    assert five['options']['members'] == 5
