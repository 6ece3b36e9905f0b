"""The variables of a run come out of its folder, whole or not at all."""

import json
import math
import shutil
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from flax import linen as nn
from rich.console import Console

from dljax import data, pictures, run
from dljax.experiment import Experiment, Options, Report
from dljax.objectives import classify, score_classes
from dljax.training import Player
from dljax.training.checkpoint import Checkpoints
from dljax.types import Array, State
from dljax.weights.runs import from_run

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(16, 2)).astype(np.float32)
SET = {'features': POINTS, 'label': (POINTS.sum(1) > 0).astype(np.int32)}


class Net(nn.Module):
    """With parameters and a collection."""

    @nn.compact
    def __call__(self, features: Array, *, train: bool = False) -> Array:
        """Compute logits."""
        hidden = nn.BatchNorm(use_running_average=not train)(nn.Dense(4)(features))
        return nn.Dense(2, name='output')(hidden)


def trained(workdir: Path) -> Report:
    experiment = Experiment(
        net=Net(),
        players={'classifier': Player(optax.sgd(0.1), loss=classify('features'))},
        source=data.resident(SET),
        steps=6,
        data_summary='points (synthetic)',
        score=score_classes('features'),
        evaluation={'validation': SET},
        best='validation/accuracy',
        maximize=False,
        evaluate_every=2,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, 'curves', lambda outcome: 'not looked at')
        return run(experiment, workdir, Options(chunk=1), console=Console(quiet=True))


def kept(workdir: Path, members: int) -> State:
    """Checkpoints of steps 2, 4 and 6, as a run leaves them."""
    leaf = np.arange(6, dtype=np.float32).reshape(2, 3)
    state = State(
        np.int32(6),
        {'output': {'bias': leaf}},
        {'batch_stats': {'mean': -leaf}},
        {'classifier': optax.adam(0.1).init({'output': leaf})},
    )
    checkpoints = Checkpoints(workdir / 'checkpoints')
    notes = {'config': {'options': {'members': members}}}
    for step in (2, 4, 6):
        checkpoints.save(step, state, step, metrics={'loss': 1.0}, notes=notes)
    checkpoints.close()
    return state


def assert_same(left: dict, right: dict) -> None:
    assert jax.tree.structure(left) == jax.tree.structure(right)
    jax.tree.map(np.testing.assert_array_equal, left, right)


def test_the_last_the_best_and_any_checkpoint_come_back(tmp_path: Path) -> None:
    report = trained(tmp_path)
    last = {'params': report.state.params, **report.state.collections}
    assert 'batch_stats' in last
    assert_same(from_run(tmp_path), last)
    assert_same(from_run(tmp_path, 6), last)
    rows = [
        json.loads(r) for r in (tmp_path / 'metrics.jsonl').read_text().split('\n')[:-1]
    ]
    scores = {
        r['step']: r['validation/accuracy'] for r in rows if 'validation/accuracy' in r
    }
    worst = max(scores, key=lambda step: (-scores[step], step))  # the lowest is 'best'
    assert_same(from_run(tmp_path, 'best'), from_run(tmp_path, worst))
    first = from_run(tmp_path, 2)
    assert not np.array_equal(
        first['params']['output']['kernel'], last['params']['output']['kernel']
    )
    with pytest.raises(
        ValueError, match=r'which=4000, wanted last, best or one of \[2,'
    ):
        from_run(tmp_path, 4000)


def test_a_member_of_an_ensemble_is_taken(tmp_path: Path) -> None:
    state = kept(tmp_path, members=2)
    found = from_run(tmp_path, member=1)
    np.testing.assert_array_equal(found['params']['output']['bias'], [3, 4, 5])
    np.testing.assert_array_equal(found['batch_stats']['mean'], [-3, -4, -5])
    assert found.keys() == {'params', *state.collections}
    with pytest.raises(ValueError, match=r'member=2, but .* has 2 member'):
        from_run(tmp_path, member=2)
    with pytest.raises(ValueError, match=r'holds 2 members: say which, member=0 to 1'):
        from_run(tmp_path)
    with pytest.raises(ValueError, match="keeps no best checkpoint: take 'last'"):
        from_run(tmp_path, 'best')


def test_a_damaged_checkpoint_is_passed_over_or_refused_by_its_number(
    tmp_path: Path,
) -> None:
    kept(tmp_path, members=1)
    shutil.rmtree(tmp_path / 'checkpoints/2/tree')  # an older one hinders nobody
    good = from_run(tmp_path)
    path = tmp_path / 'checkpoints/6/header/metadata'
    header = json.loads(path.read_text())
    for damage in (json.dumps({**header, 'sha256': '0' * 64}), '{', '', '[]'):
        path.write_text(damage)
        with pytest.warns(RuntimeWarning, match='checkpoint 6 is damaged .* 6/header'):
            assert_same(from_run(tmp_path), good)
        with pytest.raises(
            ValueError, match=r'checkpoint 6 is damaged: 6/header.* whole: \[4\]'
        ):
            from_run(tmp_path, 6)


def test_the_best_of_those_that_are_whole_is_found(tmp_path: Path) -> None:
    state = State(np.int32(0), {'output': np.ones(2, np.float32)}, {}, {})
    checkpoints = Checkpoints(tmp_path / 'checkpoints')
    notes = {'config': {'best': {'metric': 'score', 'maximize': True}}}
    for step, score in ((1, 0.5), (2, 0.9), (3, math.nan)):
        params = {'output': np.full(2, step, np.float32)}
        checkpoints.save(
            step,
            state.replace(params=params),
            step,
            metrics={'score': score},
            notes=notes,
        )
    checkpoints.close()
    assert from_run(tmp_path, 'best')['params']['output'][0] == 2
    path = tmp_path / 'checkpoints/2/tree/_METADATA'
    path.write_text('')
    with pytest.warns(RuntimeWarning, match='checkpoint 2 is damaged .*tree/_METADATA'):
        assert from_run(tmp_path, 'best')['params']['output'][0] == 1
    for step in (1, 2):
        shutil.rmtree(tmp_path / f'checkpoints/{step}')
    with pytest.raises(ValueError, match="'score' is finite in none .*take 'last'"):
        from_run(tmp_path, 'best')


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='no checkpoint, wanted the folder of a run'):
        from_run(tmp_path / 'none')
