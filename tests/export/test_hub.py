"""GPT-2 and BERT go from a folder of Hugging Face's into ours and back."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import linen as nn

from dljax import weights, zoo
from dljax.export.conversion import convert
from dljax.weights import reference

SIZES = {'vocabulary': 11, 'context': 6, 'width': 8, 'layers': 2, 'heads': 2}
SIZES |= {'hidden': 12}


@pytest.fixture(autouse=True)
def no_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for users who have JAX alone."""
    monkeypatch.setattr(reference, 'is_installed', lambda name: False)


def theirs(folder: Path, name: Any, **more: Any) -> dict[str, np.ndarray]:
    """Leave a small model as Hugging Face does."""
    net, random = zoo.create_model(name, **SIZES), np.random.default_rng(0)
    init = nn.init(zoo.row(name).call, net)
    batch = {'tokens': np.zeros((1, 6), np.int32)}
    batch |= {'length': np.array([6])} if name == 'bert_base' else {}
    like = jax.eval_shape(init, jax.random.key(0), batch)
    variables = jax.tree.map(lambda x: random.random(x.shape, np.float32), like)
    arrays = weights.to_hugging_face(name, variables)
    folder.mkdir()
    weights.write(folder / 'model.safetensors', arrays)
    config = {**weights.config_of(name, net), 'architectures': ['It'], **more}
    (folder / 'config.json').write_text(json.dumps(config))
    return arrays


@pytest.mark.parametrize('name', ['gpt2', 'bert_base'])
def test_a_folder_goes_in_by_its_config_and_out_again(
    name: str, tmp_path: Path
) -> None:
    arrays = theirs(tmp_path / 'there', name)
    here = tmp_path / 'here.safetensors'
    made = convert(tmp_path / 'there', here, model=name, came_from='hugging_face')
    told = {key: repr(value) for key, value in SIZES.items()}
    assert made['settings'].items() >= told.items()
    assert made['source']['file'] == 'model.safetensors'
    sources = {entry['source'] for entry in made['arrays'].values()}
    assert sources == arrays.keys()
    (tmp_path / 'back').mkdir()
    back = tmp_path / 'back/model.safetensors'
    words = {'model': name, 'came_from': 'dljax', 'settings': SIZES}
    convert(here, back, **words, goes_to='hugging_face')
    again = weights.read(back)
    assert again.keys() == arrays.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(again[key], value)
    read = json.loads((back.parent / 'config.json').read_text())
    assert weights.settings_of_config(name, read).items() >= SIZES.items()
    (back.parent / 'config.json').write_text('{"mine": 1}')
    back.unlink()
    back.with_name('model.safetensors.json').unlink()
    with pytest.raises(FileExistsError, match='config.json is there already'):
        convert(here, back, **words, goes_to='hugging_face')
    assert not back.exists()


def test_what_is_no_folder_of_a_model_is_refused(tmp_path: Path) -> None:
    theirs(tmp_path / 'there', 'gpt2', activation_function='relu')
    words = {'target': tmp_path / 'here.npz', 'came_from': 'hugging_face'}
    with pytest.raises(ValueError, match="function='relu', wanted 'gelu_new"):
        convert(tmp_path / 'there', model='gpt2', **words)
    with pytest.raises(ValueError, match='resnet50 has no weights of Hugging Face'):
        convert(tmp_path / 'there', model='resnet50', **words)
    (tmp_path / 'there/config.json').write_text('[]')
    with pytest.raises(ValueError, match='holds no settings, wanted a JSON object'):
        convert(tmp_path / 'there', model='gpt2', **words)
    (tmp_path / 'there/model.safetensors').unlink()
    with pytest.raises(FileNotFoundError, match='no weights, wanted model.safetens'):
        convert(tmp_path / 'there', model='gpt2', **words)
    (tmp_path / 'there/model.safetensors.index.json').touch()
    with pytest.raises(ValueError, match='several files, wanted one'):
        convert(tmp_path / 'there', model='gpt2', **words)


def test_settings_that_contradict_the_config_are_refused(tmp_path: Path) -> None:
    theirs(tmp_path / 'there', 'gpt2')
    words = {'model': 'gpt2', 'came_from': 'hugging_face'}
    target = tmp_path / 'here.npz'
    with pytest.raises(ValueError, match='says layers=2 and the settings layers=3, w'):
        convert(tmp_path / 'there', target, **words, settings={'layers': 3})
    assert not target.exists()
    convert(tmp_path / 'there', target, **words, settings={'layers': 2})


def test_weights_of_half_precision_come_in_as_they_are(tmp_path: Path) -> None:
    arrays = theirs(tmp_path / 'there', 'gpt2')
    half = {name: value.astype(np.float16) for name, value in arrays.items()}
    weights.write(tmp_path / 'there/model.safetensors', half)
    here = tmp_path / 'here.safetensors'
    convert(tmp_path / 'there', here, model='gpt2', came_from='hugging_face')
    read = weights.restore(here)['params']['embedding']['embedding']
    np.testing.assert_array_equal(read, half['wte.weight'])


def test_no_config_is_left_where_no_weights_are(tmp_path: Path) -> None:
    theirs(tmp_path / 'there', 'gpt2')
    words = {'model': 'gpt2', 'came_from': 'hugging_face', 'goes_to': 'hugging_face'}
    target = tmp_path / 'back/model.unknown'
    target.parent.mkdir()
    with pytest.raises(ValueError, match='unknown'):
        convert(tmp_path / 'there', target, **words)
    assert not list(target.parent.iterdir())
