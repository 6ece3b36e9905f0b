"""A run leaves with its preprocessing and with the weights that it measured."""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from rich.console import Console

from dljax import create_model, data, run, weights
from dljax.cli.main import main
from dljax.experiment import Experiment, Options
from dljax.export import export, load
from dljax.export.conversion import convert
from dljax.export.preprocessing import of_standardised
from dljax.models.container import container
from dljax.models.standardised import Standardised
from dljax.objectives import classify, predict, score_classes
from dljax.training import Player, averaged
from dljax.types import Array, Spec
from dljax.weights.restored import restore
from tests.export.kept_runs import experiment, kept, variables

RNG = np.random.default_rng(0)
CPU = {'platforms': ('cpu',)}


def table(offset: float, scale: float, columns: int = 3) -> dict[str, np.ndarray]:
    raw = offset + scale * RNG.normal(size=(12, columns))
    return {'features': raw, 'label': RNG.integers(0, 2, 12).astype(np.int32)}


def of_table(offset: float, scale: float) -> tuple[Experiment, np.ndarray]:
    raw = table(offset, scale)
    fitted = data.z_score(raw['features'])
    arrays = {**raw, 'features': fitted(raw['features'])}
    net = create_model('mlp', hidden=(4,), outputs=2)
    made = experiment(net, arrays, normalizers={'features': fitted})
    return made, raw['features']


@pytest.mark.heavy
def test_pictures_score_through_the_file_as_they_do_in_the_run(tmp_path: Path) -> None:
    label = np.arange(64) % 2
    image = np.clip(RNG.normal(0.8, 0.02, (64, 3, 3, 2)), 0, 1).astype(np.float32)
    image[label == 1, :, :, 1] -= 0.04
    arrays = {'image': image, 'label': label.astype(np.int32)}
    fitted = data.z_score(image)
    net = create_model('mlp', hidden=(8,), outputs=2)
    report = run(
        Experiment(
            net=Standardised(net, fitted.offset, fitted.scale, reverse=True),
            players={'p': Player(optax.adam(0.03), loss=classify())},
            source=data.resident(arrays, 16),
            steps=20,
            data_summary='pictures (synthetic)',
            score=score_classes(),
            evaluation={'test': arrays},
            class_names=('left', 'right'),
        ),
        tmp_path / 'run',
        console=Console(quiet=True),
    )
    path = tmp_path / 'net'
    made = export('mlp', path, weights=tmp_path / 'run', **CPU)
    answers = np.asarray(load(path)({'image': image})).argmax(1)
    assert (answers == label).mean() == report.metrics['test/accuracy'] > 0.9
    assert made['difference']['relative'] < 1e-5
    assert made['inputs']['image'] == {
        'shape': ['batch', 3, 3, 2],
        'dtype': 'float32',
        'low': 0,
        'high': 1,
        'checked': False,
    }
    assert made['class_names'] == ['left', 'right']
    assert made['weights']['step'] == 20 and 'rebuilt' in made['compared_with']
    bare = nn.apply(predict(), net)
    variables = restore(tmp_path / 'run').variables
    (entry,), batch = made['preprocessing'], {'image': image}
    exec('\n'.join(entry['python']), {'numpy': np}, batch)
    np.testing.assert_allclose(
        bare(variables, {'image': batch['image']}),
        load(path)({'image': image}),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.heavy
def test_pictures_of_whole_numbers_may_come_as_they_are(tmp_path: Path) -> None:
    image = RNG.integers(0, 256, (8, 2, 2, 1)).astype(np.uint8)
    made = experiment(
        Standardised(create_model('mlp', hidden=(2,), outputs=2), (0.5,), (0.2,)),
        {'image': image},
        inputs={'image': Spec((2, 2, 1), 'uint8', 0, 255)},
    )
    state = kept(tmp_path / 'run', made)
    told = export(None, tmp_path / 'net', weights=tmp_path / 'run', **CPU)
    assert told['model'] == 'mlp'
    assert [told['inputs']['image'][k] for k in ('dtype', 'low', 'high')] == [
        'float32',
        0,
        1,
    ]
    answers = load(tmp_path / 'net')
    wanted = made.net.apply(variables(state), image)
    np.testing.assert_allclose(answers({'image': image}), wanted, rtol=1e-5)
    np.testing.assert_allclose(answers({'image': image / 255}), wanted, rtol=1e-4)
    with pytest.raises(ValueError, match=r'lies in \[0, 255\], wanted \[0, 1\]'):
        answers({'image': np.float32([0, 255] * 2).reshape(1, 2, 2, 1)})
    with pytest.raises(ValueError, match=r"'image' is int32\[8, 2, 2, 1\], wanted fl"):
        answers({'image': image.astype(np.int32)})


@pytest.mark.heavy
def test_a_table_goes_in_as_it_was_before_its_normalizer(tmp_path: Path) -> None:
    made, raw = of_table(1000.0, 3.0)
    state = kept(tmp_path / 'run', made)
    told = export('mlp', tmp_path / 'net', weights=tmp_path / 'run', **CPU)
    wanted = made.net.apply(variables(state), made.normalizers['features'](raw))
    answers = load(tmp_path / 'net')({'features': raw.astype(np.float32)})
    np.testing.assert_allclose(answers, wanted, rtol=1e-3, atol=1e-4)
    (entry,) = told['preprocessing']
    assert entry['inside'] and entry['precision'] == 'float32'
    assert told['inputs']['features']['low'] is None
    found = restore(tmp_path / 'run')
    again = found.apply(predict('features'), found.normalised({'features': raw}))
    np.testing.assert_array_equal(again, wanted)


@pytest.mark.heavy
def test_what_float32_cannot_normalise_is_left_to_the_user(tmp_path: Path) -> None:
    made, raw = of_table(98_765_432.0, 3.0)
    state = kept(tmp_path / 'run', made)
    with pytest.raises(ValueError, match=r'no numbers closer than 8 .*--no-raw'):
        export('mlp', tmp_path / 'net', weights=tmp_path / 'run', **CPU)
    assert not (tmp_path / 'net').exists()
    told = export('mlp', tmp_path / 'net', weights=tmp_path / 'run', raw=False, **CPU)
    batch = {'features': raw}
    exec('\n'.join(told['preprocessing'][0]['python']), {'numpy': np}, batch)
    answers = load(tmp_path / 'net')({'features': batch['features']})
    wanted = made.net.apply(variables(state), made.normalizers['features'](raw))
    np.testing.assert_allclose(answers, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.heavy
def test_a_forecast_takes_and_gives_the_units_of_the_series(tmp_path: Path) -> None:
    raw = 500.0 + 40.0 * RNG.normal(size=(8, 14, 1))
    fitted = data.z_score(raw)
    history, target = fitted(raw[:, :12]), fitted(raw[:, 12:])[..., 0]
    net = create_model('forecaster', horizon=2, segment=6)
    made = experiment(
        container(net=net, line=create_model('autoregression', horizon=2)),
        {'history': history, 'target': target},
        normalizers={'history': fitted},
        players={
            'both': Player(
                optax.sgd(0.1),
                loss=lambda nets, batch, step: (
                    (nets.net(batch['history']) + nets.line(batch['history'])).sum(),
                    {},
                ),
            )
        },
    )
    state = kept(tmp_path / 'run', made)
    told = export('forecaster', tmp_path / 'net', weights=tmp_path / 'run', **CPU)
    assert told['weights']['part'] == 'net'
    assert [entry['kind'] for entry in told['preprocessing']] == [
        'z_score',
        'inverse z_score of history',
    ]
    ahead = net.apply({'params': state.params['net']}, history)
    np.testing.assert_allclose(
        load(tmp_path / 'net')({'history': raw[:, :12].astype(np.float32)}),
        fitted.inverse(np.asarray(ahead)[..., None])[..., 0],
        rtol=1e-5,
    )
    assert 400 < told['preprocessing'][1]['offset'][0] < 600
    with pytest.raises(ValueError, match='side by side: say which part, net, line'):
        export(None, tmp_path / 'other', weights=tmp_path / 'run')
    with pytest.raises(ValueError, match=r'\(forecaster\), line \(autoreg.*not mlp'):
        export('mlp', tmp_path / 'other', weights=tmp_path / 'run')
    with pytest.raises(ValueError, match="no part 'nets', wanted one of net,"):
        export(None, tmp_path / 'other', weights=tmp_path / 'run', part='nets')


class Own(nn.Module):
    """A net that no list knows."""

    @nn.compact
    def __call__(self, features: Array, *, train: bool = False) -> Array:
        """Compute logits."""
        return nn.Dense(2)(features)


@pytest.mark.heavy
def test_a_net_of_ones_own_code_is_refused_by_name_and_taken_where_it_is_given(
    tmp_path: Path,
) -> None:
    made = experiment(Own(), {'features': np.ones((8, 3), np.float32)})
    state = kept(tmp_path / 'run', made)
    target, source = tmp_path / 'net', {'weights': tmp_path / 'run'}
    for model in (None, 'mlp'):
        with pytest.raises(ValueError, match=r'Own, which is not of dljax.*net=\.\.\.'):
            export(model, target, **source)
    with pytest.raises(ValueError, match='class: there Own, given MLP'):
        export(None, target, **source, net=create_model('mlp'))
    export(None, target, **source, net=Own(), **CPU)
    x = np.float32(RNG.normal(size=(5, 3)))
    np.testing.assert_allclose(
        load(target)({'features': x}), Own().apply(variables(state), x), rtol=1e-6
    )


def test_settings_and_models_that_contradict_the_run_are_refused(
    tmp_path: Path,
) -> None:
    made, _ = of_table(0.0, 1.0)
    kept(tmp_path / 'run', made)
    target, source = tmp_path / 'net', {'weights': tmp_path / 'run'}
    with pytest.raises(ValueError, match=r'hidden is \[4\] in the run, given is'):
        export('mlp', target, settings={'hidden': (5,)}, **source)
    with pytest.raises(ValueError, match='trained mlp, not lenet5'):
        export('lenet5', target, **source)
    with pytest.raises(ValueError, match='of the folder of a run'):
        export('mlp', target, which='best')


@pytest.mark.heavy
def test_a_run_that_does_not_say_how_its_net_is_made_wants_the_exact_settings(
    tmp_path: Path,
) -> None:
    made, _ = of_table(0.0, 1.0)
    kept(tmp_path / 'run', made, without=('net', 'features', 'averages', 'class_names'))
    source, sizes = {'weights': tmp_path / 'run'}, {'sizes': {'features': (3,)}}
    with pytest.raises(ValueError, match='did not keep how its net is made'):
        export(None, tmp_path / 'net', **source)
    with pytest.raises(ValueError, match=r'hidden: there \(4,\), given \(128,\)'):
        export('mlp', tmp_path / 'net', **source, **sizes)
    settings = {'hidden': (4,), 'outputs': 2}
    export('mlp', tmp_path / 'net', settings=settings, **source, **sizes, **CPU)
    (entry,) = json.loads((tmp_path / 'net.json').read_text())['preprocessing']
    assert entry['feature'] == 'features' and entry['inside']


def adversaries(folder: Path, **more: Any) -> tuple[Experiment, Any]:
    net = create_model('dcgan_small', size=4, width=2, latent=3)

    def judged(net: nn.Module, batch: Any, step: Array) -> tuple[Array, dict]:
        logits = net(batch['image'], net.noise(len(batch['image'])))
        return sum(leaf.sum() for leaf in logits), {}

    made = experiment(
        net,
        {'image': np.zeros((8, 4, 4, 1), np.float32)},
        players={
            'generator': Player(
                averaged(optax.sgd(0.1)), loss=judged, trains=('generator',)
            )
        },
        **more,
    )
    return made, kept(folder, made, steps=2)


@pytest.mark.heavy
def test_adversaries_draw_with_the_averages_that_were_measured(tmp_path: Path) -> None:
    made, state = adversaries(tmp_path / 'run')
    average = state.opt_state['generator'].average['generator']
    mean = {**variables(state), 'params': {**state.params, 'generator': average}}
    noise = np.float32(RNG.normal(size=(5, 3)))
    drawn = {
        name: made.net.apply(
            params, noise, method=lambda net, noise: net.generator(noise)
        )
        for name, params in {'averages': mean, 'last': variables(state)}.items()
    }
    assert np.abs(drawn['averages'] - drawn['last']).max() > 0.1
    source, path = {'weights': tmp_path / 'run', **CPU}, tmp_path / 'net'
    told = export('dcgan_small', path, **source)
    assert list(told['inputs']) == ['noise'] and told['part'] == 'generator'
    assert told['weights']['averages'] is True
    samples = load(path)({'noise': noise})
    np.testing.assert_allclose(samples, drawn['averages'], rtol=1e-5, atol=1e-6)
    export('dcgan_small', path, **source, averages=False, overwrite=True)
    samples = load(path)({'noise': noise})
    np.testing.assert_allclose(samples, drawn['last'], rtol=1e-5, atol=1e-6)
    told = export('dcgan_small', path, **source, part='discriminator', overwrite=True)
    assert list(told['inputs']) == ['image']


def test_what_was_measured_without_averages_leaves_without_them(
    tmp_path: Path,
) -> None:
    looks = {'measures': {'size': lambda outcome: {'one': 1.0}}}
    _, state = adversaries(tmp_path / 'run', **looks)
    found = restore(tmp_path / 'run')
    assert found.origin['averages'] is False
    jax.tree.map(np.testing.assert_array_equal, found.variables['params'], state.params)


@pytest.mark.heavy
def test_the_best_step_any_step_and_a_member_are_taken_and_told(tmp_path: Path) -> None:
    made, _ = of_table(0.0, 1.0)
    made = experiment(
        made.net,
        {'features': np.ones((8, 3), np.float32)},
        best='validation/loss',
    )
    state = kept(tmp_path / 'run', made, Options(members=2, seed=5), steps=3)
    source, path = {'weights': tmp_path / 'run', **CPU}, tmp_path / 'net'
    with pytest.raises(ValueError, match='holds 2 members: say which'):
        export('mlp', path, **source)
    told = export('mlp', path, **source, which='best', member=1)['weights']
    assert [told[k] for k in ('step', 'member', 'seed')] == [1, 1, 5]
    assert told['metrics'] == {'validation/loss': -1.0}
    x = np.float32(RNG.normal(size=(4, 3)))
    first = jax.tree.map(lambda leaf: leaf[1] - 2, state.params)
    np.testing.assert_allclose(
        load(path)({'features': x}), made.net.apply({'params': first}, x), rtol=1e-4
    )
    told = export('mlp', path, **source, which=2, member=0, overwrite=True)['weights']
    assert told['step'] == 2


@pytest.mark.heavy
def test_a_name_that_two_features_fit_is_asked_for(tmp_path: Path) -> None:
    arrays = {name: np.ones((8, 3), np.float32) for name in ('one', 'two')}
    made = experiment(
        create_model('mlp', hidden=(2,), outputs=2),
        arrays,
        players={
            'player': Player(
                optax.sgd(0.1), loss=lambda net, batch, _: (net(batch['one']).sum(), {})
            )
        },
    )
    kept(tmp_path / 'run', made)
    with pytest.raises(ValueError, match='read one as features or two as features'):
        export('mlp', tmp_path / 'net', weights=tmp_path / 'run')


@pytest.mark.heavy
def test_a_decoder_of_a_variational_net_draws(tmp_path: Path) -> None:
    settings = {'code': 2, 'hidden': (4,), 'shape': (2, 2, 1)}
    told = export('vae', tmp_path / 'net', settings=settings, part='decoder', **CPU)
    assert told['inputs']['code']['shape'] == ['batch', 2]
    assert told['outputs']['']['shape'] == ['batch', 2, 2, 1]
    with pytest.raises(ValueError, match="no part 'middle', wanted one of whole, enc"):
        export('vae', tmp_path / 'other', settings=settings, part='middle')


def test_what_tokens_mean_is_kept_and_handed_on(tmp_path: Path) -> None:
    texts = ['a dog', 'a cat and a dog']
    words = data.Words.of(texts)
    arrays = data.encode_texts(texts, words, longest=6).arrays
    settings = {'vocabulary': words.size, 'embedding': 2, 'features': 2}
    net = create_model('text_cnn', **settings)
    arrays = {'tokens': arrays['tokens']}
    made = experiment(net, arrays, vocabularies={'tokens': words})
    kept(tmp_path / 'run', made)
    restored = restore(tmp_path / 'run')
    assert restored.tokens('tokens') == words
    with pytest.raises(KeyError, match=r"keeps vocabularies of \['tokens'\], wanted"):
        restored.tokens('source')
    path, given = tmp_path / 'net.npz', {'model': 'text_cnn', 'settings': settings}
    told = convert(tmp_path / 'run', path, came_from='dljax', **given)
    assert told['vocabularies']['tokens'] == json.loads(words.to_json())
    file = export('text_cnn', tmp_path / 'file', weights=path, **CPU)
    assert file['vocabularies'] == told['vocabularies']


@pytest.mark.heavy
def test_converted_weights_take_the_preprocessing_along_and_bring_it_back(
    tmp_path: Path,
) -> None:
    image = RNG.uniform(0, 1, (8, 2, 2, 1)).astype(np.float32)
    net = create_model('mlp', hidden=(2,), outputs=2)
    made = experiment(
        Standardised(net, (0.25,), (0.5,)), {'image': image}, class_names=('a', 'b')
    )
    state = kept(tmp_path / 'run', made, Options(precision='bfloat16'))
    path, settings = tmp_path / 'net.npz', {'hidden': (2,), 'outputs': 2}
    told = convert(
        tmp_path / 'run', path, model='mlp', came_from='dljax', settings=settings
    )
    assert told['class_names'] == ['a', 'b'] and told['run']['step'] == 1
    (entry,), batch = told['preprocessing'], {'image': image}
    assert not entry['inside']
    exec('\n'.join(entry['python']), {'numpy': np}, batch)
    variables_ = {'params': weights.restore(path)['params']}
    wanted = made.net.apply(variables(state), image)
    np.testing.assert_allclose(
        net.apply(variables_, batch['image']), wanted, rtol=1e-4, atol=1e-5
    )
    made_ = export('mlp', tmp_path / 'file', weights=path, **CPU)
    assert made_['preprocessing'][0]['inside'] and made_['weights']['step'] == 1
    answers = load(tmp_path / 'file')({'image': image})
    np.testing.assert_allclose(answers, wanted, rtol=0.1, atol=0.02)
    with pytest.raises(ValueError, match='outputs is 2 in the run, given is 3'):
        convert(
            tmp_path / 'run',
            tmp_path / 'other.npz',
            model='mlp',
            came_from='dljax',
            settings={'outputs': 3},
        )
    path.write_bytes(b'')
    with pytest.raises(ValueError, match=r'not the file that net\.npz\.json certifies'):
        export('mlp', tmp_path / 'file', weights=path, overwrite=True)


@pytest.mark.heavy
def test_a_run_converted_to_torchvision_tells_what_its_pictures_go_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    settings = {'classes': 3, 'width': 2}
    net = Standardised(create_model('resnet18', **settings), (0.5,) * 3, (0.2,) * 3)
    kept(
        tmp_path / 'run', experiment(net, {'image': np.ones((4, 32, 32, 3), 'float32')})
    )
    target = tmp_path / 'net.safetensors'
    words = ['dljax', 'convert', str(tmp_path / 'run'), str(target)]
    words += ['--model', 'resnet18', '--from', 'dljax', '--to', 'torchvision']
    monkeypatch.setattr(sys, 'argv', words)
    main()
    said = capsys.readouterr().out
    assert 'LEFT TO YOU' in said and 'standardised of image' in said
    told = json.loads((tmp_path / 'net.safetensors.json').read_text())
    assert told['preprocessing'][0]['offset'] == [0.5] * 3
    with pytest.raises(ValueError, match='trained resnet18, not resnet34'):
        convert(
            tmp_path / 'run', tmp_path / 'o.npz', model='resnet34', came_from='dljax'
        )


@pytest.mark.heavy
def test_weights_of_another_framework_say_which_pictures_they_want(
    tmp_path: Path,
) -> None:
    net = create_model('resnet18', classes=3, width=2)
    image = jnp.ones((1, 32, 32, 3))
    drawn = jax.jit(net.init)(jax.random.key(0), image)
    state = weights.to_torchvision('resnet18', drawn)
    weights.write(tmp_path / 'there.npz', state)
    settings = {'settings': {'classes': 3, 'width': 2}}
    here, path = tmp_path / 'here.npz', tmp_path / 'file'
    convert(
        tmp_path / 'there.npz',
        here,
        model='resnet18',
        came_from='torchvision',
        **settings,
    )
    sizes = {'sizes': {'image': (32, 32, 3)}}
    told = export('resnet18', path, weights=here, **settings, **sizes, **CPU)
    assert 'normalise_imagenet' in told['input']
    bounds = told['inputs']['image']
    assert bounds['low'] == pytest.approx(-0.485 / 0.229)
    assert bounds['high'] == pytest.approx(2.64, abs=0.01)


@pytest.mark.parametrize('reverse', [False, True])
def test_the_lines_for_a_reader_make_what_the_net_is_given(reverse: bool) -> None:
    same = nn.Dropout(0.0, deterministic=True)
    net = Standardised(same, (0.1, 0.4, 0.7), (0.2, 0.3, 0.5), reverse=reverse)
    image = RNG.uniform(size=(2, 3, 3, 3)).astype(np.float32)
    entry = of_standardised('image', net, inside=False)
    told = {'image': image}
    exec('\n'.join(entry['python']), {'numpy': np}, told)
    given = net.apply({}, image)
    np.testing.assert_allclose(told['image'], given, rtol=1e-6, atol=1e-6)
