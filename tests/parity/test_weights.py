"""Weights of torchvision and Keras come in, compute the same, and go out again."""

import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import linen as nn

from dljax import weights, zoo
from dljax.cli.main import main
from dljax.data import normalise_caffe, normalise_imagenet
from dljax.types import PyTree
from dljax.weights import reference

needs_keras = pytest.mark.skipif(
    not reference.is_installed('keras'), reason='needs Keras'
)
heavy = pytest.mark.heavy
CLASSES = 7
TOLERANCE = {'float32': 1e-4, 'float64': 1e-9}
ROUNDED = 1e-6  # Keras's batch norm computes in single precision in a double net too


def torchvision_net(name: str, **settings: Any) -> torch.nn.Module:
    """A net of random weights and statistics."""
    torch.manual_seed(0)
    if name == 'googlenet':
        settings |= {'init_weights': False}
    models = reference.torchvision_models()
    net = getattr(models, name)(weights=None, num_classes=CLASSES, **settings)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2.0)
            layer.num_batches_tracked.zero_()
    return net


def shapes(name: str, **settings: Any) -> PyTree:
    """Those of our net."""
    chosen = {'classes': CLASSES, **settings}
    net = zoo.create_model(name, **chosen)
    initialise = nn.init(zoo.row(name).call, net)
    return jax.eval_shape(initialise, jax.random.key(0), zoo.shapes(name, **chosen))


@pytest.mark.parametrize(
    ('name', 'theirs', 'ours'),
    [
        ('resnet18', {}, {}),
        ('googlenet', {'aux_logits': True}, {'auxiliary': True}),
        ('googlenet', {'aux_logits': False}, {}),
        pytest.param('alexnet', {}, {}, marks=heavy),
        pytest.param('vgg11', {}, {}, marks=heavy),
        pytest.param('vgg16_bn', {}, {}, marks=heavy),
        pytest.param('resnet50', {}, {}, marks=heavy),
        pytest.param('resnet152', {}, {}, marks=heavy),
    ],
)
def test_a_state_dict_goes_in_and_out_and_loads_strictly(
    tmp_path: Path, name: str, theirs: dict, ours: dict
) -> None:
    net = torchvision_net(name, **theirs)
    state = {key: value.numpy() for key, value in net.state_dict().items()}
    weights.write(tmp_path / 'in.safetensors', state)
    variables = weights.from_torchvision(
        name, weights.read(tmp_path / 'in.safetensors'), shapes(name, **ours)
    )
    weights.write(tmp_path / 'out.pth', weights.to_torchvision(name, variables))
    back = torch.load(tmp_path / 'out.pth', weights_only=True)
    with torch.device('meta'):
        other = torchvision_net(name, **theirs)
    other.load_state_dict(back, strict=True, assign=True)
    assert list(back) == list(state)
    for key, value in other.state_dict().items():
        assert value.dtype == net.state_dict()[key].dtype
        assert torch.equal(value, net.state_dict()[key]), key


def test_the_command_certifies_that_the_logits_are_those_of_torchvision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    net = torchvision_net('resnet18')
    checkpoint = {'model': net.state_dict(), 'epoch': 90, 'optimizer': {'state': {}}}
    torch.save(checkpoint, tmp_path / 'in.pth')
    words = f'dljax convert {tmp_path}/in.pth {tmp_path}/out.safetensors'
    words += f' --model resnet18 --from torchvision --classes {CLASSES}'
    monkeypatch.setattr(sys, 'argv', words.split())
    main()
    assert 'of the largest from the reference' in capsys.readouterr().out
    made = json.loads((tmp_path / 'out.safetensors.json').read_text())
    assert 0 < made['logits_difference']['relative'] < 1e-5
    assert made['versions']['torch'].startswith('2.')


class Evil:
    """What would run a command where a pickle of it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.mkdir, (str(self.folder / 'done'),)


def dumped(content: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=4))


@pytest.mark.parametrize('write', [torch.save, dumped])
def test_a_pickle_that_could_run_code_is_refused(
    tmp_path: Path, write: Callable[[Any, Path], None]
) -> None:
    write({'a': torch.ones(2), 'b': Evil(tmp_path)}, tmp_path / 'a.pt')
    with pytest.raises(
        ValueError, match='a.pt is refused: .*could run code.*never load'
    ):
        weights.read(tmp_path / 'a.pt')
    torch.save(torch.nn.Linear(2, 2), tmp_path / 'a.pt')
    with pytest.raises(ValueError, match='refused: .*torch.nn.modules.linear.Linear'):
        weights.read(tmp_path / 'a.pt')
    assert not (tmp_path / 'done').exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'a': torch.zeros(1).expand(10**9)}, 'declare arrays of 4,000,000,000 bytes'),
        ({'a': torch.eye(2).to_sparse()}, 'a is sparse, wanted a dense tensor'),
        ([torch.ones(2)], 'it holds list, wanted tensors by name'),
        ({'a': {'x': torch.ones(1)}, 'b': {'x': torch.ones(1)}}, r"here \['a', 'b'\]"),
        ({'a': torch.ones(2), 'step': 3}, "'step': int, wanted tensors by name"),
    ],
)
def test_a_file_of_other_than_plain_tensors_is_refused(
    tmp_path: Path, content: Any, message: str
) -> None:
    torch.save(content, tmp_path / 'a.pt')
    with pytest.raises(ValueError, match=f'a.pt is refused: .*{message}'):
        weights.read(tmp_path / 'a.pt')


def keras_net(name: str, size: int) -> Any:
    """A net of random weights; statistics and biases too, which Keras starts at 0."""
    applications = reference.keras_applications()
    constructor = {'vgg16': 'VGG16', 'vgg19': 'VGG19', 'resnet50_keras': 'ResNet50'}
    net = getattr(applications, constructor[name])(
        weights=None,
        classes=CLASSES,
        input_shape=(size, size, 3),
        classifier_activation=None,
    )
    random = np.random.default_rng(0)
    values = []
    for array in net.weights:
        shape, width = array.shape, np.prod(array.shape[:-1])
        if len(shape) > 1:
            values.append(random.normal(size=shape, scale=np.sqrt(2 / width)))
        elif array.name in ('gamma', 'moving_variance'):
            values.append(random.uniform(0.5, 1.5, shape))
        else:
            values.append(random.normal(size=shape, scale=0.1))
    net.set_weights(values)
    return net


def written(net: Any, path: Path) -> None:
    """Save a net of Keras, in the older layout by the function that it still loads."""
    if path.name == 'legacy.h5':
        net.save(path)
    elif path.suffix == '.keras':
        net.save(path)
    else:
        net.save_weights(path)


@needs_keras
@pytest.mark.filterwarnings('ignore')  # Keras warns of its own older formats
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize(
    ('name', 'settings'),
    [('vgg16', {'pooled': 2}), ('resnet50_keras', {})],
)
def test_keras_weights_give_the_same_logits_and_go_out_again(
    tmp_path: Path, name: str, settings: dict, dtype: str
) -> None:
    reference.keras_applications()  # chooses the backend, before the next line does
    import keras

    size = 64
    with jax.enable_x64(dtype == 'float64'):
        keras.backend.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        try:
            net = keras_net(name, size)
            other = keras_net(name, size)
        finally:
            keras.backend.set_floatx('float32')
            keras.config.set_dtype_policy('float32')
        images = np.random.default_rng(1).normal(size=(2, size, size, 3)).astype(dtype)
        with jax.numpy_rank_promotion('allow'):  # Keras counts on it
            theirs = np.asarray(net(images, training=False))
        kinds = ['net.weights.h5', 'legacy.h5', 'net.keras']
        found = []
        for kind in kinds if dtype == 'float32' else kinds[:1]:
            written(net, tmp_path / kind)
            found.append(weights.read(tmp_path / kind))
        for arrays in found[1:]:
            assert arrays.keys() == found[0].keys()
            for key, value in arrays.items():
                np.testing.assert_array_equal(value, found[0][key])
        ours = zoo.create_model(name, classes=CLASSES, **settings)
        like = jax.eval_shape(
            nn.init(lambda module, x: module(x), ours), jax.random.key(0), images
        )
        variables = weights.from_keras(name, found[0], like)
        assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {np.dtype(dtype)}
        logits = jax.jit(ours.apply)(variables, jnp.asarray(images))
        assert theirs.dtype == logits.dtype == dtype
        error = np.abs(np.asarray(logits) - theirs).max() / np.abs(theirs).max()
        print(f'{name} {dtype}: {error:.2g} of the largest logit')
        normalised = dtype == 'float64' and 'batch_stats' in variables
        assert error < (ROUNDED if normalised else TOLERANCE[dtype])
        arrays = weights.to_keras(name, variables)
        for kind, by_name in (
            ('a.weights.h5', {}),
            ('a.h5', {}),
            ('a.h5', {'by_name': True}),
        ):
            other.set_weights([np.zeros(w.shape, dtype) for w in other.weights])
            weights.write(tmp_path / kind, arrays)
            other.load_weights(tmp_path / kind, **by_name)
            for left, right in zip(other.weights, net.weights, strict=True):
                np.testing.assert_array_equal(np.asarray(left), np.asarray(right))


@heavy
@needs_keras
def test_the_tables_are_those_of_keras_in_its_order() -> None:
    for name in weights.keras.names():
        net = keras_net(name, 32)
        expected = [w.path for layer in net.layers for w in layer.weights]
        assert [entry.theirs for entry in weights.keras._entries(name)] == expected


@needs_keras
def test_keras_prepares_pictures_as_we_do() -> None:
    pictures = np.random.default_rng(0).random((2, 4, 5, 3), np.float32)
    applications = reference.keras_applications()
    for module in (applications.vgg16, applications.resnet50):
        expected = module.preprocess_input(255 * pictures.copy())
        np.testing.assert_allclose(normalise_caffe(pictures), expected, atol=1e-4)


def test_torchvision_prepares_pictures_as_we_do() -> None:
    models = reference.torchvision_models()
    pictures = np.random.default_rng(0).random((4, 5, 3), np.float32)
    tensor = torch.from_numpy(pictures.transpose(2, 0, 1).copy())
    for chosen in (models.ResNet50_Weights.DEFAULT, models.VGG16_Weights.DEFAULT):
        preset = chosen.transforms()
        mean, std = (torch.tensor(x)[:, None, None] for x in (preset.mean, preset.std))
        expected = ((tensor - mean) / std).numpy().transpose(1, 2, 0)
        np.testing.assert_allclose(normalise_imagenet(pictures), expected, atol=1e-6)
