"""Every experiment, for a few steps: it runs, learns nothing odd, and tells all."""

import ast
import importlib.util
import inspect
import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from PIL import Image
from rich.console import Console

from dljax import data as sources
from dljax import run
from dljax.cli.script import signature_of
from dljax.experiment import Experiment, Options, Outcome
from dljax.layers import leaky_relu_tenth
from dljax.models.feedforward import MLP
from dljax.training import ensemble, evaluate, learner, member
from dljax.types import PyTree, State

ROOT = Path(__file__).parent.parent / 'experiments'
FILES = sorted(ROOT.glob('*/*.py'))
# The smallest; the others run in the heavy suite.
QUICK = {'feedforward/xor_mlp'}


def load(path: Path) -> ModuleType:
    name = f'experiments_{path.parent.name}_{path.stem}'
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def named(path: Path) -> str:
    return f'{path.parent.name}/{path.stem}'


assert {named(path) for path in FILES} >= QUICK
RUN = [
    pytest.param(
        path, id=named(path), marks=[pytest.mark.heavy] * (named(path) not in QUICK)
    )
    for path in FILES
]


@pytest.mark.parametrize('path', RUN)
def test_an_experiment_runs_and_leaves_its_page(path: Path, tmp_path: Path) -> None:
    module = load(path)
    experiment = module.experiment(**module.TINY)
    report = run(
        experiment,
        tmp_path,
        Options(),
        name=named(path),
        console=Console(file=io.StringIO()),
    )
    assert report.ended and report.step >= 1
    for name, value in report.metrics.items():
        diverges = any(part in experiment.may_diverge for part in name.split('/'))
        assert diverges or math.isfinite(value), f'{name} is {value}'
    assert (tmp_path / 'report.html').stat().st_size > 10_000
    assert len(list((tmp_path / 'pictures').iterdir())) >= 1
    assert json.loads((tmp_path / 'result.json').read_text())['step'] == report.step


@pytest.mark.parametrize('path', FILES, ids=named)
def test_an_experiment_is_documented(path: Path) -> None:
    module = load(path)
    for word in ('http', 'Measured', f'experiments/{named(path)}.py'):
        assert word in module.__doc__, f'the docstring does not hold {word!r}'
    signature = inspect.signature(module.experiment, eval_str=True)
    assert signature.return_annotation is Experiment
    described = inspect.getdoc(module.experiment)
    for parameter in signature.parameters.values():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default is not inspect.Parameter.empty
        assert f'{parameter.name}: ' in described
    assert module.TINY.keys() <= signature.parameters.keys()
    # `--help` is answered from the text, so it has to say all of it.
    read = inspect.signature(signature_of(ast.parse(path.read_text())), eval_str=True)
    assert read.parameters == signature.parameters


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize(
    ('activation', 'dead', 'flat'),
    [(jax.nn.relu, 0.5, 0.5), (leaky_relu_tenth, 0.0, 0.0), (jax.nn.sigmoid, 0.5, 0.5)],
)
def test_dead_units_are_those_whose_gradient_is_gone_for_every_example(
    activation: Callable, dead: float, flat: float
) -> None:
    health = load(ROOT / 'feedforward/activations.py').health
    net = MLP(hidden=(4,), outputs=10, activation=activation)
    batch = {'image': jnp.ones((3, 8, 8, 1)), 'label': jnp.zeros(3, jnp.int32)}
    params = jax.tree.map(jnp.zeros_like, net.init(jax.random.key(0), batch['image']))
    bias = jnp.array([-100.0, -100.0, 1.0, 1.0])  # two units far on the flat side
    params['params']['hidden_0']['bias'] = bias
    params['params']['output']['kernel'] = jnp.eye(4, 10)
    scores = nn.apply(health, net)(params, batch, 0)
    np.testing.assert_allclose(scores['dead'], dead)
    np.testing.assert_allclose(scores['flat'], flat)
    alive = scores['gradient_1'][0]
    params['params']['hidden_0']['bias'] = jnp.full(4, -100.0)
    gone = nn.apply(health, net)(params, batch, 0)['gradient_1'][0]
    assert alive > 1e-2
    assert gone > 1e-3 if activation is leaky_relu_tenth else gone < 1e-6


def test_a_text_of_the_users_own_is_parted_and_its_faults_are_named(
    tmp_path: Path,
) -> None:
    module = load(ROOT / 'recurrent/character_model.py')
    path = tmp_path / 'song.txt'
    path.write_text('The bottle of beer on the wall. ' * 20 + '«' * 3, encoding='utf-8')
    made = module.experiment(**module.TINY, data=path)
    # 643 characters, of which the last 65 are held out; the first 578 have no «.
    assert made.data_summary == (
        'song.txt (a file of the user); 578 characters train, 65 held out, 3 of them '
        'unknown; 15 symbols'
    )
    assert made.net.vocabulary == 15
    with pytest.raises(ValueError, match="prompt='Ω', wanted one or more characters"):
        module.experiment(**module.TINY, data=path, prompt='Ω')
    path.write_text('short')
    with pytest.raises(ValueError, match='has 5 characters, wanted 180 or more'):
        module.experiment(**module.TINY, data=path)


def test_texts_of_the_users_own_are_parted_and_too_few_are_refused(
    tmp_path: Path,
) -> None:
    module = load(ROOT / 'text/sentiment.py')
    table = tmp_path / 'films.csv'
    words = ['awful', 'fine']
    rows = [f'a {words[n % 2]} film,{words[n % 2]}' for n in range(30)]
    table.write_text('\n'.join(['said,is', *rows]))
    settings = {**module.TINY, 'text': 'said', 'label': 'is'}
    made = module.experiment(data=table, **settings)
    assert made.class_names == ('awful', 'fine')
    sizes = {name: len(part['label']) for name, part in made.evaluation.items()}
    assert sizes == {'validation': 3, 'test': 3}
    assert 'train 24 texts of at most 4 tokens' in made.data_summary
    for split, texts in (('train', 10), ('test', 2)):
        for word in words:
            (tmp_path / 'folder' / split / word).mkdir(parents=True)
            for n in range(texts // 2):
                path = tmp_path / 'folder' / split / word / f'{n}.txt'
                path.write_text(f'a {word} film')
    made = module.experiment(data=tmp_path / 'folder', **settings)
    sizes = {name: len(part['label']) for name, part in made.evaluation.items()}
    assert sizes == {'validation': 1, 'test': 2}
    table.write_text('\n'.join(['said,is', *rows[:4]]))
    with pytest.raises(ValueError, match='films.csv. has 4 examples to learn f'):
        module.experiment(data=table, **settings)


@pytest.mark.parametrize(
    ('name', 'settings'),
    [
        ('feedforward/explain_breast_cancer', {'pairs': 0}),
        ('feedforward/explain_breast_cancer', {'repeats': 0}),
        ('feedforward/explain_breast_cancer', {'background': 399}),
        ('text/sentiment', {'explained': 0}),
        ('text/sentiment', {'pairs': 0}),
    ],
)
def test_what_cannot_be_explained_is_refused_before_the_training(
    name: str, settings: dict[str, int]
) -> None:
    module = load(ROOT / f'{name}.py')
    with pytest.raises(ValueError, match=f'{next(iter(settings))}=.*wanted 1'):
        module.experiment(**settings)


def test_files_of_lines_and_folds_of_the_users_own(tmp_path: Path) -> None:
    module = load(ROOT / 'text/sentiment.py')
    for name in ('pos', 'neg'):
        lines = '\n'.join(f'caf\xe9 {name} {n}' for n in range(15))
        (tmp_path / f'reviews.{name}').write_text(lines, encoding='latin-1')
    settings = {**module.TINY, 'data': tmp_path, 'minimum': 1}
    with pytest.raises(ValueError, match='save it as that, or say what it is in: enc'):
        module.experiment(**settings)
    tests = []
    for fold in range(10):
        made = module.experiment(**settings, encoding='latin-1', fold=fold)
        assert made.class_names == ('reviews.neg', 'reviews.pos')
        words = made.vocabularies['tokens']
        tests += [words.decode(row) for row in made.evaluation['test']['tokens']]
    assert len(tests) == 30


def pairs_of_lines(folder: Path, **counts: int) -> Path:
    for split, count in counts.items():
        for language, word in (('de', 'Hund'), ('en', 'dog')):
            lines = '\n'.join(f'{word} {n % 3} ' * (1 + n % 4) for n in range(count))
            (folder / f'{split}.{language}').write_text(lines)
    return folder


@pytest.mark.parametrize('net', ['transformer', 'plain'])
@pytest.mark.heavy
def test_pairs_of_the_users_own_are_translated(net: str, tmp_path: Path) -> None:
    module = load(ROOT / 'text/translation.py')
    folder = pairs_of_lines(tmp_path, train=40, test_a=7, test_b=5)
    settings = {**module.TINY, 'data': folder, 'layers': 1, 'heads': 2, 'net': net}
    settings['tokens'] = 'byte_pairs' if net == 'transformer' else 'letters'
    with pytest.raises(ValueError, match='wanted the endings of its files'):
        module.experiment(**settings)
    settings['languages'] = 'de', 'en'
    with pytest.raises(ValueError, match="which test of '.*' counts: one of test_a, t"):
        module.experiment(**settings)
    made = module.experiment(**settings, test_set='test_b', joint=net == 'transformer')
    sizes = {name: len(part['source']) for name, part in made.evaluation.items()}
    assert sizes == {'validation': 4, 'test': 5}
    report = run(made, tmp_path / 'run', console=Console(file=io.StringIO()))
    assert report.metrics['decoding/perplexity'] > 1
    assert 0 <= report.metrics['decoding/beam_bleu'] <= 100
    kept = json.loads((tmp_path / 'run/config.json').read_text())['vocabularies']
    assert kept.keys() == {'source', 'target'}
    with pytest.raises(ValueError, match='dropout=0.1 with --net plain'):
        module.experiment(net='plain', dropout=0.1, **module.TINY)


def captions_of_lines(folder: Path, count: int) -> Path:
    for n in range(count):
        pixels = np.full((8, 8, 3), 255 * (n % 2), np.uint8)
        Image.fromarray(pixels).save(folder / f'{n}.png')
    words = ['dark', 'bright']
    rows = [
        f'{n}.png,A {words[n % 2]} one.\n{n}.png,{words[n % 2]}' for n in range(count)
    ]
    (folder / 'said.csv').write_text('\n'.join(['image,caption', *rows]))
    return folder / 'said.csv'


@pytest.mark.heavy
@pytest.mark.parametrize('attention', [True, False])
def test_pictures_of_the_users_own_are_captioned(
    attention: bool, tmp_path: Path
) -> None:
    module = load(ROOT / 'text/captions.py')
    settings = {**module.TINY, 'captions': captions_of_lines(tmp_path, 30)}
    settings |= {'attention': attention, 'size': 8, 'channels': 1}
    with pytest.raises(ValueError, match='wanted both a folder of pictures'):
        module.experiment(**settings)
    made = module.experiment(**settings, data=tmp_path)
    sizes = {name: len(part['image']) for name, part in made.evaluation.items()}
    assert sizes == {'validation': 3, 'test': 3}
    assert made.evaluation['test']['references'].shape == (3, 2, 5)
    assert ('Attention' in made.pictures) == attention
    report = run(made, tmp_path / 'run', console=Console(file=io.StringIO()))
    assert 0 <= report.metrics['decoding/beam_bleu'] <= 100
    kept = json.loads((tmp_path / 'run/config.json').read_text())['vocabularies']
    # Of words that are seen as often, the first in the alphabet.
    assert set(kept['caption']['words']) == {'a', 'one', '.', 'bright', 'dark'}


@pytest.mark.heavy
def test_a_column_of_ones_own_is_forecast(tmp_path: Path) -> None:
    forecasting = load(ROOT / 'recurrent/forecasting.py').experiment
    path = tmp_path / 'sales.csv'
    rows = [f'{day},{5 + day % 7}' for day in range(300)]
    path.write_text('\n'.join(['day,"sold, pieces"', *rows]))
    settings = {'history': 14, 'horizon': 7, 'segment': 7, 'season': 7, 'steps': 1}
    made = forecasting(data=path, column='sold, pieces', **settings)
    assert (
        'sales.csv: 300 values, of which 210 train, 45 validation' in made.data_summary
    )
    report = run(made, tmp_path / 'run', console=Console(file=io.StringIO()))
    # A season without noise: to repeat it is right, and so is the linear forecast.
    assert report.metrics['test/seasonal/absolute_error'] == 0.0
    assert report.metrics['test/linear/absolute_error'] < 0.05
    assert report.metrics['test/naive/absolute_error'] > 1.0
    with pytest.raises(ValueError, match="wanted one of 'day', 'sold, pieces'"):
        forecasting(data=path, column='sold')
    with pytest.raises(ValueError, match='season is 28 and history 14'):
        forecasting(data=path, column='day', **{**settings, 'season': 28})


def test_a_meter_that_counts_since_long_is_forecast_like_a_new_one(
    tmp_path: Path,
) -> None:
    forecasting = load(ROOT / 'recurrent/forecasting.py').experiment
    settings = {'history': 14, 'horizon': 7, 'segment': 7, 'season': 7, 'steps': 1}
    sets = []
    for since in (0, 98_765_432):
        path = tmp_path / f'{since}.csv'
        counted = (f'{since + 3 * np.sin(hour):.3f}' for hour in range(300))
        path.write_text('\n'.join(['Wh', *counted]))
        sets.append(forecasting(data=path, **settings).evaluation)
    for name in ('validation', 'test'):
        new, old = (each[name]['target'] for each in sets)
        assert np.abs(new).max() > 1
        np.testing.assert_allclose(old, new, atol=1e-5)


def hours(path: Path, days: int) -> Path:
    """A year's first days of hours: a load, and a temperature six hours later."""
    rows = ['hour,load,warm,place']
    for hour in range(24 * days):
        when = np.datetime64('2024-01-01T00') + np.timedelta64(hour, 'h')
        load, warm = (np.sin(2 * np.pi * (hour - lag) / 24) for lag in (0, 6))
        rows.append(f'{when}:00,{5 + load:.6f},{20 * warm:.6f},here')
    path.write_text('\n'.join(rows))
    return path


def test_columns_of_ones_own_are_parted_as_in_publications(tmp_path: Path) -> None:
    module = load(ROOT / 'recurrent/forecasting_columns.py')
    path = hours(tmp_path / 'load.csv', 91)
    settings = {'history': 24, 'horizon': 6, 'date': 'hour'}
    settings = {**settings, 'columns': ('warm', 'load'), 'data': path}
    made = module.experiment(rows=(1000, 300, 200), **settings)
    sizes = {name: len(part['target']) for name, part in made.evaluation.items()}
    assert sizes == {'validation': 295, 'test': 195}
    offset = made.normalizers['history'].offset
    values = sources.read_columns(path, ('warm', 'load'), date='hour').values
    np.testing.assert_allclose(offset, values[:1000].mean(0), atol=1e-9)
    # Each value of a part is predicted, the first by what stands before the part.
    for name, start in (('validation', 1000), ('test', 1300)):
        got = made.normalizers['target'].inverse(made.evaluation[name]['target'][0])
        np.testing.assert_allclose(got, values[start : start + 6], atol=1e-5)
    months = module.experiment(months=(1, 1, 1), **settings)
    assert '744 train, 696 validation, 744 test' in months.data_summary
    with pytest.raises(ValueError, match='wanted one of the two'):
        module.experiment(months=(1, 1, 1), rows=(9, 9, 9), **settings)
    with pytest.raises(ValueError, match='rows are .*, 3,000 together'):
        module.experiment(rows=(1000, 1000, 1000), **settings)
    for wrong, message in (
        ({'net': 'transformer', 'per_channel': True}, 'wanted one that is linear'),
        ({'net': 'nlinear', 'normalisation': 'none'}, '--net linear takes another'),
        ({'net': 'ridge', 'recursive': 2}, 'which forecasts all steps'),
        ({'recursive': 0}, 'recursive is 0'),
    ):
        with pytest.raises(ValueError, match=message):
            module.experiment(**settings, **wrong)


@pytest.mark.heavy
@pytest.mark.parametrize(
    'chosen',
    [
        {'net': 'ridge'},
        {'net': 'linear', 'normalisation': 'reversible', 'loss': 'huber'},
        {'net': 'dlinear', 'per_channel': True, 'recursive': 2},
        {'net': 'segments', 'segment': 6, 'hidden': 4},
        {'net': 'transformer', 'patch': 6, 'stride': 3, 'width': 8, 'layers': 1},
    ],
    ids=lambda chosen: chosen['net'],
)
def test_every_forecaster_of_columns_learns_from_a_file(
    chosen: dict, tmp_path: Path
) -> None:
    module = load(ROOT / 'recurrent/forecasting_columns.py')
    path = hours(tmp_path / 'load.csv', 30)
    settings = {
        'history': 24,
        'horizon': 6,
        'date': 'hour',
        'columns': ('load', 'warm'),
    }
    made = module.experiment(
        data=path, steps=40, learning_rate=1e-2, ridge=1e-3, **settings, **chosen
    )
    report = run(made, tmp_path / 'run', console=Console(file=io.StringIO()))
    naive = report.metrics['test/naive/squared_error']
    # A wave without noise, of which a linear forecast has no error.
    assert report.metrics['test/ridge/squared_error'] < 1e-3 < naive
    if chosen['net'] != 'ridge':
        best = report.metrics.get(
            'best/test/net/squared_error', report.metrics['test/net/squared_error']
        )
        assert best < 0.7 * naive
    drawn = {path.stem for path in (tmp_path / 'run/pictures').iterdir()}
    assert drawn >= {'forecasts', 'errors'}


@pytest.mark.heavy
def test_forecasts_stop_when_the_validation_has_stalled(tmp_path: Path) -> None:
    for name in ('forecasting', 'forecasting_columns'):
        module = load(ROOT / f'recurrent/{name}.py')
        settings = {**module.TINY, 'steps': 200, 'learning_rate': 0.0}
        made = module.experiment(**settings, patience=2)
        report = run(made, tmp_path / name, console=Console(file=io.StringIO()))
        # Nothing is learned, so the first measurement stays the best one.
        assert report.ended.endswith('has not improved for 2 measurements')
        assert report.step == 60


@pytest.mark.heavy
def test_the_median_is_over_the_members_of_their_own_test_returns() -> None:
    module = load(ROOT / 'control/dqn_cartpole.py')
    made = module.experiment(**module.TINY | {'limit': 60})
    train, source = ensemble(learner(made.net, made.players), made.source, 5)
    key = jax.random.key(0)
    state = jax.jit(train.init)(key, source.init(key)[1])
    outcome = Outcome(made.net, member(state, 0), state, made.evaluation, [])
    (measure,) = made.measures.values()
    batch = made.evaluation['test']
    returns = [
        evaluate(made.net, made.score, member(state, index), [batch])['return']
        for index in range(5)
    ]
    assert measure(outcome)['test_return'] == pytest.approx(sorted(returns)[2])
    assert len(set(returns)) > 1
    assert not set(batch['episode']) & set(made.evaluation['validation']['episode'])


@pytest.mark.heavy
def test_students_take_over_the_convolutions_of_the_source() -> None:
    module = load(ROOT / 'convolutional/transfer_digits.py')
    made = module.experiment(**module.TINY)
    train, key = learner(made.net, made.players), jax.random.key(0)
    position, batch = made.source.init(key)
    update = jax.jit(train.update)
    first = jax.jit(train.init)(key, batch)
    second, _ = update(key, first, batch)
    third, _ = update(key, second, batch)

    def student(state: State, way: str) -> dict:
        return state.params[way]['labels_1']

    def gap(one: PyTree, other: PyTree) -> float:
        gaps = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), one, other)
        return float(max(jax.tree.leaves(gaps)))

    assert gap(first.params['source'], second.params['source']) > 1e-4
    assert gap(second.params['source'], third.params['source']) == 0
    carried = ('conv_0', 'conv_1')
    source = {layer: third.params['source'][layer] for layer in carried}
    for way in module.TITLES:
        # Before the source has learned, no student moves; then all of them do.
        assert gap(student(first, way), student(second, way)) == 0
        before, last = student(second, way), student(third, way)
        for layer in ('hidden', 'output'):
            assert 1e-4 < gap(last[layer], before[layer]) < 1e-2
        # One step of Adam is as long as its rate, 2e-3, less where it is graded.
        reach = {'frozen': 1e-6, 'tuned': 3e-3, 'graded': 5e-4}.get(way)
        far = gap({layer: last[layer] for layer in carried}, source)
        if reach is None:
            assert far > 0.1
        else:
            assert far < reach
            assert way == 'frozen' or far > 1e-5
    labels = made.source.arrays['source']['label']
    assert set(np.unique(labels)) == set(range(5))


@pytest.mark.heavy
def test_the_cheat_sees_tags_on_one_class_and_the_honest_net_on_any() -> None:
    module = load(ROOT / 'convolutional/explain_digits.py')
    made = module.experiment(**module.TINY, tagged=7, tag=2)
    bears = {}
    for name, arrays in made.source.arrays.items():
        corner = np.asarray(arrays['image'])[:, :2, :2].min((1, 2, 3))
        bears[name] = corner == 1
    label = np.asarray(made.source.arrays['cheat']['label'])
    np.testing.assert_array_equal(bears['cheat'], label == 7)
    fraction = [bears['honest'][label == digit].mean() for digit in range(10)]
    assert 0 < min(fraction) and max(fraction) < 0.25
    assert abs(bears['honest'].mean() - bears['cheat'].mean()) < 0.03
    test, bare = made.evaluation['test'], made.evaluation['bare']
    assert (bare['label'] == 7).all()
    assert len(bare['label']) == (test['label'] == 7).sum()
    assert test['image'][:, :2, :2].min((1, 2, 3)).max() < 1
    assert made.evaluation['tagged']['image'][:, :2, :2].min() == 1
