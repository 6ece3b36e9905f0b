"""Models as files: written, read back, and run where there is nothing but JAX."""

import dataclasses
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import weights, zoo
from dljax.cli.export import export as command
from dljax.export import export, load
from dljax.export.inference import inputs_of

# One of a kind.
OFTEN = {
    'autoregression',
    'conditional_vae',
    'dqn_cartpole',
    'encoder_decoder',
    'gaussian_classifier',
    'rbm',
    'resnet20_cifar',
    'self_organising_map',
    'sequence_tagger',
}
EACH = [
    pytest.param(
        name, marks=pytest.mark.heavy if name in OFTEN else pytest.mark.exhaustive
    )
    for name in zoo.list_models()
    if name != 'resnet1202_cifar'  # compiling it takes minutes and gigabytes
]
NARROW = {'classes': 10, 'hidden': 32, 'width': 8}
SIDE = {
    'alexnet': 64,
    'alexnet_2012': 67,
    'googlenet_2014': 80,
    'unet_2015': 188,
    'srgan': 24,
}


def small(name):
    """Settings and sizes at which nets for photographs of any size are small."""
    image = zoo.inputs(name).get('image')
    if image is None or None not in image.shape:
        return {'settings': {}}
    side = SIDE.get(name, 32)
    channels = zoo.row(name).example['image'][-1]
    return {
        'settings': {k: v for k, v in NARROW.items() if k in zoo.settings(name)},
        'sizes': {'image': (side, side, channels)},
    }


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('name', ['lenet5', 'dcgan_small'])
def test_operations_with_a_form_of_their_own_on_a_cpu_are_exported(name, tmp_path):
    """Transposed convolutions and pooling, for any number of examples."""
    made = export(name, tmp_path / 'net')
    assert made['platforms'] == ['cpu', 'cuda', 'tpu']
    assert made['difference']['relative'] < 1e-6
    assert {each['shape'][0] for each in made['outputs'].values()} == {'batch'}


@pytest.mark.heavy
def test_weights_are_inside_and_damage_is_seen(tmp_path):
    settings = {'hidden': (3,), 'outputs': 2}
    net = zoo.create_model('mlp', **settings)
    x = jnp.linspace(-1, 1, 5 * 784).reshape(5, 784)
    variables = net.init(jax.random.key(7), x)
    weights.save(tmp_path / 'net.npz', variables)
    path = tmp_path / 'net.stablehlo'
    options = {'weights': tmp_path / 'net.npz', 'settings': settings}
    made = export('mlp', path, platforms=['cpu'], batch=5, **options)
    assert made == json.loads((tmp_path / 'net.stablehlo.json').read_text())
    assert made['weights']['source'] == 'net.npz'
    run = load(path)
    np.testing.assert_allclose(
        run({'features': x}), net.apply(variables, x), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(ValueError, match=r'the batch has image, wanted features'):
        run({'image': x})
    with pytest.raises(FileExistsError, match='--overwrite'):
        export('mlp', path, **options)
    with pytest.raises(ValueError, match='our mlp'):
        export('mlp', tmp_path / 'other', weights=tmp_path / 'net.npz')
    path.write_bytes(path.read_bytes()[:-1] + b'!')
    with pytest.raises(ValueError, match='is not the file that net.stablehlo.json'):
        load(path)
    path.with_name('net.stablehlo.json').unlink()
    path.write_bytes(b'nothing')
    with pytest.raises(ValueError, match='holds no program that JAX exported'):
        load(path)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'platforms': ['gpu']}, 'platforms are gpu, wanted some of cpu'),
        ({'batch': 0}, 'batch is 0'),
        ({'sizes': {'features': (3,)}}, r'is \(3,\), wanted \(2,\)'),
        ({'sizes': {'label': (3,)}}, "reads no 'label' .*, only features"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    options, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        export('xor_2_2_1', tmp_path / 'xor', **options)
    assert list(tmp_path.iterdir()) == []


def test_a_net_that_wants_a_number_for_its_batch_names_the_remedy(
    tmp_path, monkeypatch
):
    def counted(net: nn.Module, batch):
        return net(batch['features']) / len(batch['features'])

    row = dataclasses.replace(zoo.row('xor_2_2_1'), call=counted)
    monkeypatch.setitem(zoo._BY_NAME, 'xor_2_2_1', row)
    with pytest.raises(ValueError, match='any number of examples: .* --batch N'):
        export('xor_2_2_1', tmp_path / 'xor')


@pytest.mark.heavy
def test_named_tuples_become_dictionaries_and_sizes_reach_the_weights(tmp_path):
    made = export('vae', tmp_path / 'vae', settings={'shape': (2, 2, 1), 'code': 3})
    assert made['outputs']['log_variance']['shape'] == ['batch', 3]
    made = export('autoregression', tmp_path / 'line', sizes={'history': (9, 1)})
    assert made['inputs']['history']['shape'] == ['batch', 9, 1]


def test_what_is_read_are_the_inputs_and_what_the_row_hands_on():
    def read(name, **settings):
        return list(inputs_of(name, zoo.create_model(name, **settings)))

    assert read('lenet5') == ['image']
    assert read('conditional_vae') == ['image', 'label']
    assert read('encoder_decoder') == ['source', 'source_length', 'target']
    assert read('character_lstm', stateful=True) == ['tokens']


@pytest.mark.parametrize('name', EACH)
def test_every_model_is_exported_for_any_number_of_examples(name, tmp_path):
    made = export(name, tmp_path / 'net', **small(name))
    assert made['difference']['relative'] < 1e-5
    assert all(spec['shape'][0] == 'batch' for spec in made['inputs'].values())


@pytest.mark.heavy
def test_a_process_that_has_only_jax_runs_it(tmp_path, capsys):
    path = tmp_path / 'net'
    command('resnet20_cifar', path, classes=7)
    said = capsys.readouterr().out
    assert 'RANDOM weights' in said and 'differs from the net by' in said
    image = np.random.default_rng(0).normal(size=(3, 32, 32, 3)).astype(np.float32)
    np.save(tmp_path / 'image.npy', image)
    script = (
        'import sys, jax, jax.export, numpy as np\n'
        'content = bytearray(open("net", "rb").read())\n'
        'run = jax.jit(jax.export.deserialize(content).call)\n'
        'np.save("logits.npy", run({"image": np.load("image.npy")}))\n'
        'print([m for m in ("dljax", "flax", "optax") if m in sys.modules])\n'
    )
    environment = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    done = subprocess.run(
        [sys.executable, '-c', script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '[]'
    logits = np.load(tmp_path / 'logits.npy')
    assert logits.shape == (3, 7)
    np.testing.assert_allclose(logits, load(path)({'image': image}), atol=1e-6)
