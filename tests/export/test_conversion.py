"""`dljax convert` takes weights over, certifies it, or says why it did not."""

import hashlib
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import weights, zoo
from dljax.cli.main import main
from dljax.export import conversion
from dljax.types import PyTree, named_leaves
from dljax.weights import reference

SMALL = {'classes': 3, 'width': 2}


@pytest.fixture(autouse=True)
def no_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for users who have JAX alone."""
    monkeypatch.setattr(reference, 'is_installed', lambda name: False)


def drawn(model: str) -> PyTree:
    """Variables of a narrow net, random numbers of NumPy."""
    net, random = zoo.create_model(model, **SMALL), np.random.default_rng(0)
    init = nn.init(zoo.row(model).call, net)
    like = jax.eval_shape(init, jax.random.key(0), {'image': jnp.ones((1, 32, 32, 3))})
    return jax.tree.map(lambda x: random.random(x.shape, np.float32), like)


def convert(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> None:
    settings = ['--classes', '3', '--settings', 'width=2']
    argv = ['dljax', 'convert', *map(str, words), *settings]
    monkeypatch.setattr(sys, 'argv', argv)
    main()


def assert_same(left: PyTree, right: PyTree) -> None:
    left, right = named_leaves(left), named_leaves(right)
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        np.testing.assert_array_equal(left[name], right[name])


def test_torchvision_goes_in_and_out_with_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    variables = drawn('resnet18')
    state = weights.to_torchvision('resnet18', variables)
    there, here = tmp_path / 'there.npz', tmp_path / 'here.safetensors'
    wrapped = {f'module.{name}': array for name, array in state.items()}
    weights.write(there, wrapped | {'n_averaged': np.ones(())})
    words = ['--model', 'resnet18', '--from', 'torchvision']
    convert(monkeypatch, there, here, *words)
    assert_same(weights.restore(here), variables)
    said = capsys.readouterr().out
    assert (
        'here.safetensors.json' in said and 'not compared: torchvision is not' in said
    )
    made = json.loads((tmp_path / 'here.safetensors.json').read_text())
    for part, path in {'source': there, 'target': here}.items():
        assert made[part]['sha256'] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert made[part]['file'] == path.name
        assert made[part]['bytes'] == path.stat().st_size
    assert made['source']['prefix'] == 'module.'
    assert made['source']['left_out'] == ['n_averaged']
    assert made['model'] == 'resnet18'
    assert made['settings'] == {'classes': '3', 'width': '2'}
    sizes = [leaf.size for leaf in jax.tree.leaves(variables['params'])]
    assert made['parameters'] == sum(sizes)
    assert made['arrays'].keys() == named_leaves(variables).keys()
    assert made['arrays']['params/output/kernel'] == {
        'shape': [16, 3],
        'dtype': 'float32',
        'source': 'fc.weight',
    }
    assert made['logits_difference'] is None
    assert 'torchvision is not installed' in made['logits_difference_is_null_because']
    assert 'normalise_imagenet' in made['input']
    assert made['versions']['jax'] == jax.__version__

    words = ['--model', 'resnet18', '--from', 'dljax', '--to', 'torchvision']
    convert(monkeypatch, here, tmp_path / 'back.safetensors', *words)
    assert_same(weights.read(tmp_path / 'back.safetensors'), state)
    made = json.loads((tmp_path / 'back.safetensors.json').read_text())
    assert made['arrays']['params/output/bias']['source'] == 'params/output/bias'
    with pytest.raises(SystemExit):
        convert(monkeypatch, here, tmp_path / 'back.safetensors', *words)
    assert 'is there already: --overwrite replaces it' in capsys.readouterr().err
    convert(monkeypatch, here, tmp_path / 'back.safetensors', *words, '--overwrite')


@pytest.mark.heavy
def test_keras_goes_in_and_out_through_an_orbax_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = drawn('resnet50_keras')
    arrays = weights.to_keras('resnet50_keras', variables)
    there, here = tmp_path / 'there.weights.h5', tmp_path / 'here'
    weights.write(there, arrays)
    model = ['--model', 'resnet50_keras']
    convert(monkeypatch, there, here, *model, '--from', 'keras')
    assert_same(weights.restore(here), variables)
    made = json.loads((tmp_path / 'here.json').read_text())
    assert made['target']['format'] == 'Orbax folder'
    assert 'normalise_caffe' in made['input']
    source = made['arrays']['batch_stats/layer1_0/downsample/norm/var']['source']
    assert source == 'conv2_block1_0_bn/moving_variance'
    convert(monkeypatch, here, tmp_path / 'b.h5', *model, '--from=dljax', '--to=keras')
    assert_same(weights.read(tmp_path / 'b.h5'), arrays)


def test_what_does_not_fit_is_named_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    state = weights.to_torchvision('resnet18', drawn('resnet18'))
    del state['fc.bias']
    state['fc.weight'] = np.ones((4, 16), np.float32)
    there, here = tmp_path / 'there.npz', tmp_path / 'here.npz'
    weights.write(there, state)
    for words, message in {
        ('--from', 'torchvision'): 'fc.weight [4, 16], wanted [3, 16]',
        ('--from', 'dljax'): "wanted 'params'",
        ('--from', 'keras'): "Keras weights of 'resnet18' are not known",
    }.items():
        with pytest.raises(SystemExit) as end:
            convert(monkeypatch, there, here, '--model', 'resnet18', *words)
        error = capsys.readouterr().err
        assert end.value.code == 1
        assert error.startswith('dljax: ') and message in error
    assert list(tmp_path.iterdir()) == [there]
    with pytest.raises(ValueError, match='is the source itself'):
        conversion.convert(
            there, there, model='resnet18', came_from='torchvision', overwrite=True
        )


@pytest.mark.heavy
def test_a_net_that_computes_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = weights.to_torchvision('resnet18', drawn('resnet18'))
    weights.write(tmp_path / 'there.npz', state)
    monkeypatch.setattr(
        conversion, 'torchvision_logits', lambda *_: np.ones((2, 3), np.float32)
    )
    with pytest.raises(ValueError, match='gives other logits than torchvision'):
        conversion.convert(
            tmp_path / 'there.npz',
            tmp_path / 'here.npz',
            model='resnet18',
            came_from='torchvision',
            settings=SMALL,
        )
    assert [path.name for path in tmp_path.iterdir()] == ['there.npz']
