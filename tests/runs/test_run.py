"""Runs as a whole: what they leave, how they go on, what they refuse."""

import dataclasses
import io
import json
import math
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from rich.console import Console

from dljax import data, pictures, run, zoo
from dljax.experiment import Experiment, Options, Outcome, Report
from dljax.host.interrupt import ending_the_process
from dljax.layers import batch_norm
from dljax.objectives import classify, predict, score_classes
from dljax.training import NonFiniteError, Plateau, Player, reached, settled, stalled
from dljax.types import Array, Source, Spec, State
from tests.training.sources import in_order

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(40, 2)).astype(np.float32)
SET = {'features': POINTS, 'label': (POINTS.sum(1) > 0).astype(np.int32)}
NET = zoo.create_model('mlp', hidden=(8,), outputs=2, dropout=0.2)
PLAIN = zoo.create_model('mlp', hidden=(8,), outputs=2)
LOSS, SCORE = classify('features'), score_classes('features')
CURVES = pictures.curves


@pytest.fixture(autouse=True)
def _words_for_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare all runs but one the second that drawing the curves takes."""
    monkeypatch.setattr(pictures, 'curves', lambda outcome: 'curves')


def on_host() -> Source:
    return in_order(SET, 8, host=True)


def made(**changes: Any) -> Experiment:
    """Make a small experiment that has everything."""
    values = {
        'net': NET,
        'players': {'classifier': Player(optax.adam(0.02), loss=LOSS)},
        'source': in_order(SET, 8),
        'steps': 12,
        'data_summary': 'points (synthetic)',
        'score': SCORE,
        'evaluation': {'validation': SET, 'test': SET},
        'inputs': zoo.inputs('mlp', outputs=2),
        'best': 'validation/accuracy',
        'record_every': 2,
        'evaluate_every': 4,
        'normalizers': {'features': data.z_score(POINTS)},
    }
    return Experiment(**values | changes)


def plain(**changes: Any) -> Experiment:
    """Without dropout, whose draws differ between devices."""
    return made(net=PLAIN, **changes)


def trained(
    experiment: Experiment,
    workdir: Path,
    output: io.StringIO | None = None,
    **options: Any,
) -> Report:
    console = Console(file=output or io.StringIO(), width=200)
    arguments = {'steps': experiment.steps}
    settings = Options(**{'chunk': 1} | options)
    return run(experiment, workdir, settings, arguments=arguments, console=console)


@pytest.fixture(scope='module')
def ended(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A run that has ended, in the folder 'run'."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, 'curves', lambda outcome: 'curves')
        return trained(made(), tmp_path_factory.mktemp('ended') / 'run')


@pytest.fixture
def folder(ended: Report, tmp_path: Path) -> Path:
    """A copy of its folder."""
    return shutil.copytree(ended.workdir, tmp_path / 'run')


@pytest.fixture(scope='module')
def alone(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A run of `plain` on one device."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, 'curves', lambda outcome: 'curves')
        return trained(plain(), tmp_path_factory.mktemp('alone'))


@pytest.fixture(scope='module')
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A run that has read its batches on the host, without an interruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, 'curves', lambda outcome: 'curves')
        return trained(made(source=on_host()), tmp_path_factory.mktemp('hosted'))


def rows(workdir: Path) -> list[dict[str, float]]:
    lines = (workdir / 'metrics.jsonl').read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if k != 'seconds'} for line in lines
    ]


def same(a: Any, b: Any) -> bool:
    equal = jax.tree.map(
        lambda x, y: bool((np.asarray(x) == np.asarray(y)).all()), a, b
    )
    return all(jax.tree.leaves(equal))


def interrupting(source: Any, at: int, number: int = signal.SIGTERM) -> Any:
    """A host source that sends this process a signal when a batch is drawn."""

    def following(key: Any, position: int, state: Any) -> tuple:
        if int(position) == at:
            os.kill(os.getpid(), number)
        return source.next(key, position, state)

    return source._replace(next=following)


def test_a_run_leaves_everything_that_it_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, 'curves', CURVES)
    report = trained(made(source=data.resident(SET, 8)), tmp_path, chunk=None)
    assert report.step == 12 and report.ended == '12 updates made'
    assert int(report.state.position) == 12  # from which fit goes on
    assert len(repr(report)) < 2000  # a session of Python shows it
    assert [row['step'] for row in rows(tmp_path)] == [2, 4, 6, 8, 10, 12]
    assert 'validation/accuracy' in rows(tmp_path)[1]
    assert 'validation/accuracy' not in rows(tmp_path)[0]
    assert not any('test/accuracy' in row for row in rows(tmp_path))
    assert report.metrics['test/accuracy'] == report.metrics['validation/accuracy']
    config = json.loads((tmp_path / 'config.json').read_text())
    assert config['model']['hidden'] == '(8,)'
    assert config['normalizers']['features']['kind'] == 'z_score'
    assert list((tmp_path / 'events').glob('events.out.tfevents.*'))
    assert (tmp_path / 'pictures/curves.png').stat().st_size > 1000
    page = (tmp_path / 'report.html').read_text()
    assert 'points (synthetic)' in page and 'data:image/png;base64,' in page
    assert 'src="http' not in page
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['metrics'] == report.metrics


@pytest.mark.heavy
def test_texts_and_measures_of_the_outcome_join_the_page(tmp_path: Path) -> None:
    def of_each_member(outcome: Outcome) -> dict[str, np.ndarray]:
        return {'updates': np.asarray(outcome.members.step) + np.arange(2)}

    experiment = made(
        pictures={'A poem': lambda outcome: f'roses < violets,\n{outcome.state.step}'},
        measures={'whole': of_each_member},
    )
    report = trained(experiment, tmp_path, members=2)
    assert report.metrics['whole/updates'] == 12.5
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['members']['whole/updates'] == [12, 13]
    assert (tmp_path / 'pictures/a_poem.txt').read_text() == 'roses < violets,\n12'
    page = (tmp_path / 'report.html').read_text()
    assert '<pre>roses &lt; violets,\n12</pre>' in page


def after(outcome: Outcome) -> str:
    return f'after {outcome.state.step} updates'


def between(outcome: Outcome) -> str | None:
    step = int(outcome.state.step)
    assert outcome.latest['classifier/loss'].shape == ()
    return f'{step} is < 12' if 4 < step < 12 else None


@pytest.mark.heavy
def test_pictures_along_the_training_join_the_page_and_alarms_are_said(
    tmp_path: Path,
) -> None:
    output = io.StringIO()
    watched = {'along': {'The state': after}, 'alarms': {'Middle': between}}
    trained(made(**watched), tmp_path, output)
    frames = sorted((tmp_path / 'pictures/the_state').iterdir())
    assert [path.read_text() for path in frames] == [
        f'after {step} updates' for step in (4, 8, 12)
    ]
    page = (tmp_path / 'report.html').read_text()
    shown = [page.index(f'after {step} updates</pre>') for step in (4, 8, 12)]
    assert shown == sorted(shown)
    assert '<li>Middle, from update 8 to 12: 8 is &lt; 12</li>' in page
    assert 'alarm     Middle, at step 8: 8 is < 12\n' in output.getvalue()
    assert 'alarm     Middle: over at step 12\n' in output.getvalue()
    result = json.loads((tmp_path / 'result.json').read_text())
    said = {'spans': [[8, 12]], 'says': '8 is < 12'}
    assert result['alarms'] == {'Middle': said}


@pytest.mark.exhaustive
def test_an_alarm_that_sounds_again_tells_both_spans(tmp_path: Path) -> None:
    def odd(outcome: Outcome) -> str | None:
        step = int(outcome.state.step)
        return f'now {step}' if step in (2, 4, 8, 12) else None

    trained(made(alarms={'Odd': odd}, evaluate_every=2), tmp_path)
    result = json.loads((tmp_path / 'result.json').read_text())
    spans = [[2, 6], [8, 10], [12, None]]
    assert result['alarms'] == {'Odd': {'spans': spans, 'says': 'now 12'}}
    said = 'from update 2 to 6 and from update 8 to 10 and from update 12 to the end'
    assert f'<li>Odd, {said}: now 12</li>' in (tmp_path / 'report.html').read_text()


@pytest.mark.heavy
def test_frames_beyond_the_last_update_are_not_shown(tmp_path: Path) -> None:
    """A run that went back to a checkpoint may have drawn further ones before."""
    later = tmp_path / 'pictures/the_state/000000016.txt'
    later.parent.mkdir(parents=True)
    later.write_text('from a future that was given up')
    begun = {'model': {}, 'arguments': None, 'options': {}}
    (tmp_path / 'config.json').write_text(json.dumps(begun))
    trained(made(along={'The state': after}), tmp_path)
    page = (tmp_path / 'report.html').read_text()
    assert 'after 12 updates' in page and 'given up' not in page


@pytest.mark.heavy
def test_an_alarm_outlives_an_interruption(tmp_path: Path) -> None:
    watched = {'along': {'The state': after}, 'alarms': {'Middle': between}}
    number = signal.SIGTERM
    source = interrupting(on_host(), at=8, number=number)
    part = trained(made(**watched, source=source), tmp_path)
    assert part.ended is None and 8 < part.step < 12
    trained(made(**watched, source=on_host()), tmp_path)
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['alarms']['Middle']['spans'] == [[8, 12]]
    page = (tmp_path / 'report.html').read_text()
    assert page.count('<figcaption>') == 3


@pytest.mark.exhaustive
def test_a_page_without_alarms_has_no_room_for_them(tmp_path: Path) -> None:
    trained(made(alarms={'Never': lambda outcome: None}), tmp_path)
    assert 'Alarms' not in (tmp_path / 'report.html').read_text()
    with pytest.raises(ValueError, match=r"\['Curve'\] are drawn along the training"):
        made(along={'Curve': after}, pictures={'Curve': after})


@pytest.mark.heavy
@pytest.mark.parametrize('members', [1, 2])
def test_an_outcome_applies_every_member(tmp_path: Path, members: int) -> None:
    def answers(outcome: Outcome) -> dict[str, np.ndarray]:
        logits = outcome.each(predict('features'), SET)
        assert logits.shape == (members, 40, 2)
        first = outcome.apply(predict('features'), SET)
        np.testing.assert_allclose(logits[0], first, atol=1e-5)
        right = (np.asarray(logits).argmax(-1) == SET['label']).mean(1)
        return {'accuracy': right}

    report = trained(made(measures={'own': answers}), tmp_path, members=members)
    wanted = pytest.approx(report.metrics['test/accuracy'], abs=1e-6)
    assert report.metrics['own/accuracy'] == wanted
    result = json.loads((tmp_path / 'result.json').read_text())
    if members > 1:
        assert len(result['members']['own/accuracy']) == members
    else:  # one number, without a standard deviation
        assert 'own/accuracy' not in result['members']
        assert 'own/accuracy/std' not in report.metrics


class Shifted(nn.Module):
    """A net with a field that cannot be hashed."""

    by: np.ndarray

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Add."""
        return x + self.by + self.param('zero', nn.initializers.zeros, (2,))[None]


def test_a_net_that_cannot_be_hashed_is_applied_as_well() -> None:
    state = State(jnp.int32(0), {'zero': jnp.ones(2)}, {}, {})
    net = Shifted(np.array([[1.0, 2.0]], np.float32))
    outcome = Outcome(net, state, state, {}, [])

    def call(net: nn.Module, x: Array) -> Array:
        return net(x)

    np.testing.assert_array_equal(outcome.apply(call, jnp.zeros((1, 2))), [[2, 3]])
    np.testing.assert_array_equal(outcome.each(call, jnp.zeros((1, 2))), [[[2, 3]]])


def test_what_is_applied_again_is_compiled_once() -> None:
    @chex.assert_max_traces(n=1)
    def call(net: nn.Module, x: Array) -> Array:
        return net(x)

    for value in (1.0, 2.0):
        state = State(jnp.int32(0), {'kernel': jnp.full((1, 1), value)}, {}, {})
        outcome = Outcome(nn.Dense(1, use_bias=False), state, state, {}, [])
        assert outcome.apply(call, jnp.ones((1, 1))) == value


OVER_TWO = {'devices': 2, 'parallel': 'pmap'}


@pytest.mark.parametrize(
    ('number', 'options'),
    [
        (signal.SIGTERM, {}),
        pytest.param(signal.SIGINT, {}, marks=pytest.mark.exhaustive),
        pytest.param(signal.SIGTERM, OVER_TWO, marks=pytest.mark.heavy),
    ],
    ids=['SIGTERM', 'SIGINT', 'pmap'],
)
def test_an_interrupted_run_ends_as_one_that_was_not(
    tmp_path: Path, hosted: Report, number: int, options: dict
) -> None:
    experiment, whole = made(source=on_host()), hosted
    if options:
        whole = trained(experiment, tmp_path / 'whole', **options)
    broken = made(source=interrupting(on_host(), at=6, number=number))
    part = trained(broken, tmp_path / 'parts', **options)
    assert part.ended is None and part.step == 7 and part.signal == number
    # seven is between two records: what is pending has to be carried over too
    again = trained(experiment, tmp_path / 'parts', **options)
    assert same(whole.state, again.state)
    assert rows(whole.workdir) == rows(tmp_path / 'parts')
    assert whole.metrics == again.metrics


@pytest.mark.heavy
def test_a_signal_in_the_last_round_is_not_swallowed(tmp_path: Path) -> None:
    drawn = []

    def picture(outcome: Outcome) -> str:
        drawn.append(outcome)
        return 'drawn'

    last = made(
        source=interrupting(on_host(), at=11),
        pictures={'It': picture},
    )
    part = trained(last, tmp_path)
    assert part.signal == signal.SIGTERM and part.ended is None and part.step == 12
    assert not drawn and not (tmp_path / 'result.json').exists()
    host = on_host()
    again = trained(made(source=host, pictures={'It': picture}), tmp_path)
    assert again.ended == '12 updates made' and len(drawn) == 1
    assert same(part.state, again.state)


@pytest.mark.heavy
def test_a_signal_while_drawing_ends_it_and_the_same_run_draws_anew(
    tmp_path: Path,
) -> None:
    def picture(outcome: Outcome) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError('it went on drawing')

    ledger, output = tmp_path / 'ledger.jsonl', io.StringIO()
    part = trained(
        made(pictures={'It': picture}), tmp_path / 'run', output, results=ledger
    )
    assert part.signal == signal.SIGINT and part.ended is None and part.step == 12
    assert output.getvalue().endswith(
        'SIGINT at step 12: saved; the same command goes on\n'
    )
    assert not ledger.exists()
    trained(made(), tmp_path / 'run', results=ledger)
    assert len(ledger.read_text().splitlines()) == 1
    assert (tmp_path / 'run/report.html').exists()


@pytest.mark.heavy
def test_a_signal_before_the_first_update_of_a_command_saves_nothing(
    tmp_path: Path,
) -> None:
    with ending_the_process('it.py', 'ended'):
        part = trained(made(source=interrupting(on_host(), at=0)), tmp_path)
    assert part.signal == signal.SIGTERM and part.step == 0 and part.seconds == 0
    assert list((tmp_path / 'checkpoints').iterdir()) == []
    whole = trained(made(source=on_host()), tmp_path)
    assert whole.step == 12


# nothing ever is so much better: the rate falls at each evaluation from the second
PLATEAU = {
    'plateau': Plateau('validation/loss', factor=0.5, patience=1, margin=1e6),
    'players': {'classifier': Player(optax.sgd(0.1), loss=LOSS)},
    'evaluate_every': 2,
    'steps': 8,
}


@pytest.mark.heavy
def test_a_plateau_lowers_the_rate(tmp_path: Path) -> None:
    output = io.StringIO()
    report = trained(made(source=on_host(), **PLATEAU), tmp_path, output)
    scales = [row['plateau/scale'] for row in rows(tmp_path)]
    assert scales == [1.0, 1.0, 0.5, 0.25]
    assert np.all(report.state.opt_state['classifier'].scale == 0.125)
    assert 'validation/loss: learning rates times 0.5 from now' in output.getvalue()


@pytest.mark.parametrize(
    'options',
    [
        pytest.param({}, marks=pytest.mark.heavy),
        pytest.param({'members': 2}, marks=pytest.mark.exhaustive),
        pytest.param({'devices': 2}, marks=pytest.mark.exhaustive),
        pytest.param(OVER_TWO, marks=pytest.mark.exhaustive),
    ],
    ids=lambda options: '-'.join(map(str, options.values())) or 'one',
)
def test_a_resumed_run_knows_how_far_a_plateau_has_lowered_the_rate(
    tmp_path: Path, options: dict
) -> None:
    experiment = made(source=on_host(), **PLATEAU)
    whole = trained(experiment, tmp_path / 'whole', **options)
    assert np.all(whole.state.opt_state['classifier'].scale == 0.125)
    broken = made(source=interrupting(on_host(), at=4), **PLATEAU)
    assert trained(broken, tmp_path / 'parts', **options).step == 5
    again = trained(experiment, tmp_path / 'parts', **options)
    assert same(whole.state, again.state)
    assert rows(tmp_path / 'whole') == rows(tmp_path / 'parts')


def poisoned(at: int) -> Source:
    """Batches of a host, of which one makes a loss that is not finite."""
    source = on_host()

    def following(key: Any, position: int, state: Any) -> tuple:
        after, batch = source.next(key, position, state)
        factor = np.nan if int(position) == at else 1.0
        return after, {**batch, 'features': batch['features'] * np.float32(factor)}

    return source._replace(next=following)


@pytest.mark.heavy
def test_a_batch_that_is_not_finite_is_passed_over(tmp_path: Path) -> None:
    report = trained(made(source=poisoned(6)), tmp_path, on_nan='skip')
    skipped = [row['skipped/updates'] for row in rows(tmp_path)]
    assert skipped == [0, 0, 0, 1, 0, 0]
    assert report.step == 12 and int(report.state.position) == 12
    assert math.isfinite(report.metrics['test/loss'])


@pytest.mark.heavy
def test_what_was_passed_over_outlives_an_interruption(tmp_path: Path) -> None:
    report = trained(made(source=poisoned(6)), tmp_path / 'skip', on_nan='skip')
    broken = made(source=interrupting(poisoned(6), at=7))
    assert trained(broken, tmp_path / 'parts', on_nan='skip').step == 8
    again = trained(made(source=poisoned(6)), tmp_path / 'parts', on_nan='skip')
    assert same(again.state, report.state)
    assert rows(tmp_path / 'parts') == rows(tmp_path / 'skip')


@pytest.mark.heavy
def test_a_batch_that_is_not_finite_ends_a_run_or_sends_it_back(
    tmp_path: Path,
) -> None:
    with pytest.raises(NonFiniteError, match='update 6'):
        trained(made(source=poisoned(6)), tmp_path / 'raise')
    output = io.StringIO()
    report = trained(
        made(source=poisoned(6)), tmp_path / 'back', output, on_nan='rollback'
    )
    # seen at 8 with the record; back to the checkpoint at 4, on with the ninth batch
    assert 'rollback  to step 4, 1 of 10' in output.getvalue()
    assert report.step == 12 and int(report.state.position) == 16
    assert [row['step'] for row in rows(tmp_path / 'back')] == [2, 4, 6, 8, 10, 12]


def diverging(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    loss, metrics = LOSS(net, batch, step)
    return jnp.where(step >= 9, jnp.nan, 1.0) * loss, metrics


@pytest.mark.heavy
def test_rollbacks_that_do_not_help_end_the_run(tmp_path: Path) -> None:
    players = {'classifier': Player(optax.adam(0.02), loss=diverging)}
    output = io.StringIO()
    options = {'on_nan': 'rollback', 'nan_limit': 2}
    with pytest.raises(NonFiniteError, match='2 rollbacks have not helped'):
        trained(made(players=players), tmp_path, output, **options)
    assert 'rollback  to step 8, 2 of 2' in output.getvalue()
    with pytest.raises(ValueError, match="on_nan='skip' with players that may div"):
        trained(made(may_diverge=('classifier',)), tmp_path / 'b', on_nan='skip')


@pytest.mark.heavy
def test_a_plateau_of_no_score_is_refused(tmp_path: Path) -> None:
    for metric in ('test/loss', 'validation', 'classifier/loss'):
        with pytest.raises(ValueError, match=r"one of \['validation'\]"):
            made(plateau=Plateau(metric))
    with pytest.raises(ValueError, match='validation/los.*validation/loss'):
        trained(plain(plateau=Plateau('validation/los'), steps=4), tmp_path)


@pytest.mark.heavy
def test_more_steps_say_what_becomes_of_the_learning_rate(tmp_path: Path) -> None:
    def falling(steps: int) -> Experiment:
        rate = optax.cosine_decay_schedule(0.02, steps)
        player = Player(optax.sgd(rate), loss=LOSS)
        return plain(steps=steps, players={'classifier': player})

    trained(falling(4), tmp_path)
    output = io.StringIO()
    trained(falling(8), tmp_path, output)
    said = [
        'arguments.steps: 4 -> 8',
        "the schedule of 'classifier' is another now: its learning rate was 0.00293 in "
        'the last update and is 0.01 in the next, 3.41 times as much',
    ]
    for line in said:
        assert f'          {line}\n' in output.getvalue()
    for name in ('config.json', 'result.json'):
        kept = json.loads((tmp_path / name).read_text())
        assert kept['changes'] == [{'step': 4, 'now': said}]


def test_more_steps_go_on_from_where_the_run_ended(
    tmp_path: Path, ended: Report
) -> None:
    trained(made(steps=8), tmp_path)
    longer = trained(made(), tmp_path)
    assert longer.step == 12
    assert same(longer.state, ended.state)


@pytest.mark.heavy
def test_a_streamed_run_goes_on_and_equals_a_resident_one(tmp_path: Path) -> None:
    digits = data.load('digits')
    images = {**digits['train'], 'image': data.as_float(digits['train']['image'])}

    def scaled(example: dict) -> dict:
        return {**example, 'image': data.as_float(example['image'])}

    def experiment(source: Source, steps: int) -> Experiment:
        return made(
            net=zoo.create_model('mlp', hidden=(8,)),
            players={'classifier': Player(optax.adam(0.02), loss=classify())},
            source=source,
            steps=steps,
            score=score_classes(),
            evaluation={'validation': images},
            inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        )

    def streamed() -> Source:
        return data.stream(digits.records('train'), 32, transform=scaled)

    resident = trained(
        experiment(data.resident(images, 32), 12), tmp_path / 'a', chunk=1
    )
    trained(experiment(streamed(), 5), tmp_path / 'b')
    stream = trained(experiment(streamed(), 12), tmp_path / 'b')
    assert same(resident.state, stream.state)


def test_an_ended_run_is_not_trained_again(folder: Path, ended: Report) -> None:
    output = io.StringIO()
    second = trained(made(), folder, output)
    assert 'already' in output.getvalue()
    assert second.metrics == ended.metrics and same(second.state, ended.state)


@pytest.mark.heavy
def test_an_ended_run_of_unknown_arguments_is_not_taken_for_this_one(
    tmp_path: Path,
) -> None:
    silent = Console(file=io.StringIO())
    run(made(), tmp_path, Options(chunk=1), console=silent)
    with pytest.raises(ValueError, match='arguments: there not known, now not known'):
        run(made(), tmp_path, Options(chunk=1), console=silent)


@pytest.mark.heavy
def test_a_picture_that_fails_can_be_drawn_later(tmp_path: Path) -> None:
    def fails(outcome: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trained(made(pictures={'Broken': fails}), tmp_path)
    ledger = tmp_path / 'ledger.jsonl'
    report = trained(made(), tmp_path, results=ledger)
    assert report.step == 12 and (tmp_path / 'report.html').exists()
    assert json.loads(ledger.read_text())['metrics'] == report.metrics


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('at', [6, 7], ids=['between rows', 'on a row'])
def test_a_resumed_run_is_whole_in_tensorboard(tmp_path: Path, at: int) -> None:
    trained(made(source=interrupting(on_host(), at=at)), tmp_path)
    trained(made(source=on_host()), tmp_path)
    assert scalars(tmp_path, 'classifier/loss') == [2, 4, 6, 8, 10, 12]


def scalars(workdir: Path, tag: str) -> list[int]:
    """Read the steps of a scalar as TensorBoard does: a restart purges what follows."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    steps = []
    for path in sorted((workdir / 'events').iterdir()):
        content, place = path.read_bytes(), 0
        while place < len(content):
            size = int.from_bytes(content[place : place + 8], 'little')
            event = Event.FromString(content[place + 12 : place + 12 + size])
            place += 12 + size + 4
            if event.session_log.status == SessionLog.START:
                steps = [step for step in steps if step < event.step]
            if any(value.tag == tag for value in event.summary.value):
                steps.append(event.step)
    return steps


@pytest.mark.heavy
def test_a_poisoned_state_is_never_saved(tmp_path: Path) -> None:
    def overflow(updates: Any, params: Any = None) -> Any:
        return jax.tree.map(lambda u: u * jnp.inf, updates)

    late = optax.conditionally_transform(
        optax.stateless(overflow), lambda step: step == 7, forward_extra_args=False
    )
    wild = optax.chain(optax.sgd(0.02), late)
    players = {'classifier': Player(wild, loss=LOSS)}
    with pytest.raises(NonFiniteError, match='state is not finite after update 7'):
        trained(plain(players=players), tmp_path)
    assert [path.name for path in (tmp_path / 'checkpoints').iterdir()] == ['4']


@pytest.mark.heavy
def test_a_full_disk_ends_a_run_at_that_save_and_more_room_lets_it_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def usage(path: Path) -> SimpleNamespace:
        asked.append(path)
        return SimpleNamespace(free=2**30 if len(asked) == 1 else 1000)

    monkeypatch.setattr(shutil, 'disk_usage', usage)
    with pytest.raises(OSError, match='checkpoint 8 does not fit in .* and 1,000 are'):
        trained(made(), tmp_path)
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / 'checkpoints').iterdir()] == ['4']
    assert trained(made(), tmp_path).step == 12


@pytest.mark.heavy
def test_damage_does_not_keep_a_resumed_run_from_saving(tmp_path: Path) -> None:
    whole = trained(made(), tmp_path / 'whole')
    trained(made(steps=8), tmp_path / 'run')
    shutil.rmtree(tmp_path / 'run/checkpoints/8/tree')
    with pytest.warns(RuntimeWarning, match='checkpoint 8 is damaged'):
        again = trained(made(), tmp_path / 'run')
    assert same(whole.state, again.state)
    kept = {path.name for path in (tmp_path / 'run/checkpoints').iterdir()}
    assert kept == {'4', '8', '8.damaged', '12'}


@pytest.mark.heavy
def test_the_best_state_is_scored_beside_the_last(tmp_path: Path) -> None:
    # The loss falls: that of the first evaluation is the highest.
    experiment = plain(best='validation/loss', maximize=True)
    metrics = trained(experiment, tmp_path).metrics
    assert metrics['best/validation/loss'] > metrics['validation/loss']
    falling = plain(best='validation/loss', maximize=False)
    losses = trained(falling, tmp_path / 'falling').metrics
    assert not any(name.startswith('best/') for name in losses)  # the last is the best
    with pytest.raises(ValueError, match="best='validation/los' is no score"):
        trained(plain(best='validation/los'), tmp_path / 'typo')


def score_in_the_end(net: nn.Module, batch: dict, step: Array) -> dict[str, Array]:
    """A score that is no number before update 12."""
    values = jnp.arange(len(batch['label']), dtype=jnp.float32)
    return {'loss': jnp.where(step < 12, jnp.nan, values)}


@pytest.mark.heavy
def test_a_validation_that_is_no_number_is_told_and_leaves_a_gap(
    tmp_path: Path,
) -> None:
    experiment = made(
        net=zoo.create_model('mlp', hidden=(2,), outputs=2),
        score=score_in_the_end,
        best='validation/loss',
        maximize=False,
        evaluation={'validation': SET},
        stop=stalled('validation/loss', 3),
        measures={'whole': lambda outcome: {'x': math.nan}},
        steps=16,
    )
    output = io.StringIO()
    report = trained(experiment, tmp_path, output)
    assert report.ended == '16 updates made'
    told = [line for line in output.getvalue().splitlines() if 'finite' in line]
    assert [line.split(': ')[0] for line in told] == [
        'alarm     validation/loss is not finite, at step 4',
        'alarm     validation/loss is not finite',
        'alarm     whole/x is not finite, at step 16',
    ]
    found = [row['validation/loss'] for row in rows(tmp_path)[1::2]]
    assert found == [None, None, 19.5, 19.5]
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['best']['step'] == 16 and result['metrics']['whole/x'] is None
    assert result['alarms']['validation/loss is not finite']['spans'] == [[4, 12]]
    page = (tmp_path / 'report.html').read_text()
    assert 'validation/loss is not finite, from update 4 to 12' in page

    # A damaged record of a run that has ended is told, and nothing is written.
    path = tmp_path / 'metrics.jsonl'
    damaged = path.read_bytes().replace(b'"step": 2', b'"step": 3', 1)
    path.write_bytes(damaged)
    before = sorted(p.name for p in tmp_path.rglob('*'))
    output = io.StringIO()
    trained(experiment, tmp_path, output)
    assert 'line 1 of metrics.jsonl is damaged' in output.getvalue()
    assert path.read_bytes() == damaged
    assert sorted(p.name for p in tmp_path.rglob('*')) == before


def test_checkpoints_without_their_configuration_are_not_resumed(folder: Path) -> None:
    (folder / 'config.json').unlink()
    with pytest.raises(ValueError, match='checkpoints but no config.json'):
        trained(made(), folder)
    trained(made(steps=4), folder, resume=False)
    assert (folder.parent / 'run.1/checkpoints').exists()


@pytest.mark.heavy
def test_a_player_that_moves_rarely_is_in_the_result(tmp_path: Path) -> None:
    rare = Player(optax.sgd(0.01), loss=classify('features'), every=7)
    players = {'often': Player(optax.sgd(0.1), loss=LOSS), 'rare': rare}
    metrics = trained(plain(players=players, steps=9), tmp_path).metrics
    assert math.isfinite(metrics['rare/loss'])


@pytest.mark.heavy
def test_a_net_with_a_list_of_layers_is_evaluated(tmp_path: Path) -> None:
    class Listed(nn.Module):
        body: nn.Module

        def __call__(self, x: Array, *, train: bool) -> Array:
            return self.body(x)

    net = Listed(nn.Sequential([nn.Dense(4), nn.relu, nn.Dense(2)]))
    assert trained(made(net=net, steps=2, best=None), tmp_path).step == 2


def test_fewer_steps_than_were_made_are_refused(folder: Path) -> None:
    before = (folder / 'config.json').read_text()
    with pytest.raises(ValueError, match='is at step 12, beyond steps=4'):
        trained(made(steps=4, data_summary='other'), folder)
    assert (folder / 'config.json').read_text() == before


def test_another_model_in_the_folder_stops_with_both_values(folder: Path) -> None:
    wider = zoo.create_model('mlp', hidden=(9,), outputs=2, dropout=0.2)
    with pytest.raises(ValueError, match=r'model.hidden: there \(8,\), now \(9,\)'):
        trained(made(net=wider, steps=20), folder)
    with pytest.raises(ValueError, match=r'options.seed: there 0, now 1'):
        trained(made(steps=20), folder, seed=1)


def test_another_optimizer_is_refused_by_its_state(folder: Path) -> None:
    other = {'classifier': Player(optax.sgd(0.1), loss=LOSS)}
    with pytest.raises(ValueError, match='another model, optimizer or source'):
        trained(made(players=other, steps=20), folder)


def test_no_resume_moves_the_old_run_aside(folder: Path, ended: Report) -> None:
    trained(made(steps=4), folder, resume=False)
    aside = json.loads((folder.parent / 'run.1/result.json').read_text())
    assert aside['metrics'] == ended.metrics
    assert rows(folder)[-1]['step'] == 4


@pytest.mark.heavy
def test_a_diverging_run_stops_and_keeps_its_last_good_checkpoint(
    tmp_path: Path,
) -> None:
    players = {'classifier': Player(optax.adam(0.02), loss=diverging)}
    with pytest.raises(NonFiniteError, match="player 'classifier'.*update 9") as caught:
        trained(made(players=players), tmp_path)
    assert caught.value.leaf.startswith('params/')
    steps = sorted(int(p.name) for p in (tmp_path / 'checkpoints').iterdir())
    assert steps == [4, 8]
    mended = trained(made(), tmp_path)  # the same model and optimizer: it goes on
    assert mended.step == 12 and math.isfinite(mended.metrics['classifier/loss'])


@pytest.mark.heavy
def test_a_player_that_may_diverge_does_not_stop_the_others(tmp_path: Path) -> None:
    players = {'classifier': Player(optax.adam(0.02), loss=diverging)}
    report = trained(made(players=players, may_diverge=('classifier',)), tmp_path)
    assert report.step == 12 and math.isnan(report.metrics['test/loss'])
    text = (tmp_path / 'result.json').read_text()
    assert 'NaN' not in text and json.loads(text)['metrics']['test/loss'] is None
    with pytest.raises(ValueError, match='may_diverge names'):
        made(may_diverge=('nobody',))


@pytest.mark.heavy
def test_the_best_checkpoint_outlives_later_ones(tmp_path: Path) -> None:
    trained(plain(best='validation/loss', maximize=True), tmp_path, keep=1)
    scores = {
        row['step']: row['validation/loss']
        for row in rows(tmp_path)
        if 'validation/loss' in row
    }
    kept = {int(path.name) for path in (tmp_path / 'checkpoints').iterdir()}
    best = max(scores, key=scores.get)
    assert kept == {best, 12} and best < 12


def test_a_rule_that_would_never_stop_is_refused_at_the_first_evaluation():
    found = {'validation/loss': 0.5}
    for metric in ('classifier/loss', 'validation/loss'):
        made(stop=stalled(metric, 3)).require(found | {'validation/accuracy': 1.0})
    for metric in ('valid/loss', 'test/loss'):
        with pytest.raises(ValueError, match=f"'{metric}', which is never measured"):
            made(stop=stalled(metric, 3), best=None).require(found)


@pytest.mark.heavy
def test_a_stop_rule_ends_the_run_and_says_why(tmp_path: Path) -> None:
    stop = reached('validation/accuracy', 0.0, maximize=True)
    report = trained(made(stop=stop), tmp_path)
    assert report.step == 4 and report.ended.startswith('validation/accuracy')
    again = trained(made(stop=stop), tmp_path)
    assert again.step == 4
    report = trained(made(stop=settled('classifier/loss', 1e9)), tmp_path / 'settled')
    assert report.step == 4


@pytest.mark.heavy
def test_members_report_mean_and_deviation(tmp_path: Path) -> None:
    report = trained(made(), tmp_path, members=2)
    result = json.loads((tmp_path / 'result.json').read_text())
    values = result['members']['test/loss']
    assert len(values) == 2 and values[0] != values[1]
    assert report.metrics['test/loss'] == pytest.approx(np.mean(values))
    assert report.metrics['test/loss/std'] == pytest.approx(np.std(values, ddof=1))
    assert 'Members' in (tmp_path / 'report.html').read_text()


@pytest.mark.heavy
def test_members_share_a_host_source_and_are_counted_right(tmp_path: Path) -> None:
    output = io.StringIO()
    shared = made(source=on_host())
    report = trained(shared, tmp_path, output, members=2)
    assert report.step == 12 and '2 members' in output.getvalue()


@pytest.mark.parametrize(
    'parallel',
    [
        pytest.param('jit', marks=pytest.mark.heavy),
        pytest.param('pmap', marks=pytest.mark.exhaustive),
    ],
)
def test_two_devices_train_as_one(tmp_path: Path, alone: Report, parallel: str) -> None:
    two = trained(plain(), tmp_path, devices=2, parallel=parallel)
    for a, b in zip(
        jax.tree.leaves(alone.state.params),
        jax.tree.leaves(two.state.params),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert alone.metrics['test/loss'] == pytest.approx(
        two.metrics['test/loss'], abs=1e-6
    )


class Normed(nn.Module):
    """A net with batch statistics."""

    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        """Compute logits."""
        x = nn.Dense(8, use_bias=False)(x)
        x = batch_norm(x, train=train, axis_name=self.axis_name)
        return nn.Dense(2)(nn.relu(x))


@pytest.mark.parametrize(
    'parallel',
    [
        pytest.param('jit', marks=pytest.mark.heavy),
        pytest.param('pmap', marks=pytest.mark.exhaustive),
    ],
)
def test_batch_norms_normalise_by_all_or_by_each_part(
    tmp_path: Path, parallel: str
) -> None:
    one = trained(made(net=Normed()), tmp_path / 'one')
    found = {}
    for statistics in ('global', 'device'):
        options = {'parallel': parallel, 'batch_statistics': statistics, 'devices': 2}
        two = trained(made(net=Normed()), tmp_path / statistics, **options)
        found[statistics] = abs(one.metrics['test/loss'] - two.metrics['test/loss'])
    assert found['global'] < 1e-5 < 1e-3 < found['device']


@pytest.mark.parametrize(
    'ways',
    [
        pytest.param([{'devices': 2}, OVER_TWO, {}], marks=pytest.mark.heavy),
        *[
            pytest.param(ways, marks=pytest.mark.exhaustive)
            for ways in (
                [{}, {'devices': 2}],
                [{'devices': 2}, {}, {'devices': 2}],
                [OVER_TWO, {}, OVER_TWO],
                [OVER_TWO, {'devices': 2}, OVER_TWO],
            )
        ],
    ],
    ids=lambda ways: '-'.join(way.get('parallel', str(len(way) + 1)) for way in ways),
)
def test_a_run_goes_on_over_other_devices(
    tmp_path: Path, alone: Report, ways: list
) -> None:
    for steps, options in zip((8, 10, 12)[-len(ways) :], ways, strict=True):
        last = trained(plain(steps=steps), tmp_path, **options)
    assert last.metrics['test/loss'] == pytest.approx(
        alone.metrics['test/loss'], abs=1e-6
    )


@pytest.mark.heavy
def test_bfloat16_keeps_float32_parameters(tmp_path: Path) -> None:
    seen = []

    def watched(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
        seen.append(net(batch['features'], train=False).dtype)
        return LOSS(net, batch, step)

    players = {'classifier': Player(optax.adam(0.02), loss=watched)}
    experiment = plain(players=players, steps=4, best=None, evaluation={'test': SET})
    report = trained(experiment, tmp_path, precision='bfloat16')
    assert set(seen) == {jnp.dtype(jnp.bfloat16)}
    assert {leaf.dtype for leaf in jax.tree.leaves(report.state.params)} == {
        jnp.dtype(jnp.float32)
    }
    with pytest.raises(ValueError, match='options.precision: there bfloat16'):
        trained(plain(steps=20), tmp_path)


def damaged(feature: str, change: Callable[[np.ndarray], np.ndarray]) -> Experiment:
    arrays = {**SET, feature: change(SET[feature].copy())}
    return made(evaluation={'test': arrays})


@pytest.mark.parametrize(
    ('experiment', 'message'),
    [
        (
            lambda: damaged('label', lambda x: np.where(x == 1, 7, x)),
            r"the set 'test': 'label' of example \d+ is 7, wanted a value in \[0, 1\]",
        ),
        (
            lambda: damaged('features', lambda x: np.where(x > 1, np.nan, x)),
            "the set 'test': 'features' of example .* is not finite",
        ),
        (
            lambda: damaged('features', lambda x: x.astype(np.float64)),
            "'features' has type float64, wanted float32",
        ),
        (
            lambda: made(
                source=data.resident({**SET, 'label': np.arange(40) // 13}, 8)
            ),
            "the training set: 'label' of example 26 is 2, wanted a value in",
        ),
        (
            lambda: made(inputs={'image': Spec((8, 8, 1))}),
            "the training set has no feature 'image', only",
        ),
        (
            lambda: made(inputs={'features': Spec((3,))}),
            r"'features' has examples of shape \(2,\), wanted \(3,\)",
        ),
    ],
)
def test_wrong_data_are_refused_before_anything_is_written(
    tmp_path: Path, experiment: Callable[[], Experiment], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        trained(experiment(), tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'members': 0}, 'members=0, wanted 1 or more'),
        ({'chunk': 0}, 'chunk=0'),
        ({'seed': -1}, 'seed=-1'),
        ({'seed': 2**32}, r'seed=4294967296, wanted 0 or more, below 2\*\*32'),
        ({'seed': 10**30}, 'seed=1000000000000000000000000000000, wanted'),
        ({'members': 2, 'devices': 2}, 'an ensemble trains on one device'),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Options(**options)


def test_more_devices_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='devices=3, but there are 2'):
        trained(made(), tmp_path, devices=3)


def test_results_get_a_line(tmp_path: Path) -> None:
    ledger = tmp_path / 'results.jsonl'
    report = run(
        made(),
        tmp_path / 'run',
        Options(results=ledger, chunk=1),
        name='family/model_data',
        arguments={'steps': 12, 'widths': (3, 4)},
        console=Console(file=io.StringIO()),
    )
    line = json.loads(ledger.read_text())
    assert line['experiment'] == 'family/model_data'
    assert line['arguments'] == {'steps': 12, 'widths': [3, 4]}
    assert line['metrics'] == report.metrics
    assert line['options']['seed'] == 0 and 'jax' in line['versions']


def test_settings_of_an_experiment_are_checked() -> None:
    with pytest.raises(ValueError, match='steps=0, wanted 1 or more'):
        made(steps=0)
    with pytest.raises(ValueError, match='no score'):
        made(score=None)
    assert dataclasses.is_dataclass(made())
