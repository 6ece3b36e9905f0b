"""The best checkpoint of a run that has ended."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import pytest

from dljax.runs.best import score_at_best
from dljax.runs.standing import Standing
from dljax.training.checkpoint import Checkpoints
from dljax.types import State


def ended(
    folder: Path, figures: list[float], *, maximize: bool = True, damaged: int = 0
) -> tuple[SimpleNamespace, list[str]]:
    """A run that has ended, with a checkpoint for each of its metrics."""
    state = State(jnp.int32(0), {'weight': jnp.ones(2)}, {}, {})
    checkpoints = Checkpoints(folder, keep=9, best='validation/x', maximize=maximize)
    rows = [{'step': n, 'validation/x': x} for n, x in enumerate(figures, 1)]
    for row in rows:
        now = state.replace(step=jnp.int32(row['step']))
        checkpoints.save(row['step'], now, 0, metrics=row, notes={})
    checkpoints.manager.wait_until_finished()
    if damaged:
        (folder / str(damaged) / 'header/metadata').write_text('{}')
    said: list[str] = []
    session = SimpleNamespace(
        made=SimpleNamespace(
            experiment=SimpleNamespace(
                best='validation/x', maximize=maximize, evaluation={'validation': {}}
            )
        ),
        checkpoints=checkpoints,
        at=Standing(len(rows), state, 0),
        records=SimpleNamespace(rows=rows),
        score=lambda state, *sets: {'validation/x': 10.0 * int(state.step)},
        say=said.append,
    )
    return session, said


def found(session: Any) -> tuple[dict, dict]:
    answer = score_at_best(session)
    session.checkpoints.close()
    return answer


@pytest.mark.parametrize(('maximize', 'step'), [(True, 2), (False, 1)])
def test_the_best_is_scored_beside_the_last(
    tmp_path: Path, maximize: bool, step: int
) -> None:
    session, said = ended(tmp_path, [0.1, 0.9, 0.5], maximize=maximize)
    scores, best = found(session)
    assert scores == {'best/validation/x': 10.0 * step}
    value = 0.9 if maximize else 0.1
    assert best == {'metric': 'validation/x', 'step': step, 'value': value, 'lost': {}}
    assert not said


def test_the_last_is_not_scored_twice_and_no_best_is_none(tmp_path: Path) -> None:
    session, _ = ended(tmp_path, [0.1, 0.2])
    scores, best = found(session)
    assert (scores, best['step']) == ({}, 2)
    session.made.experiment.best = None
    assert score_at_best(session) == ({}, None)


def test_a_lost_best_is_told_and_the_best_of_the_others_taken(tmp_path: Path) -> None:
    session, said = ended(tmp_path, [0.1, 0.9, 0.8, 0.5])
    tree = tmp_path / '2/tree/_METADATA'
    tree.write_text(tree.read_text()[:-9])
    with pytest.warns(RuntimeWarning, match='checkpoint 2 is damaged .*tree/_METADATA'):
        scores, best = found(session)
    assert scores == {'best/validation/x': 30.0}
    assert (best['step'], best['value']) == (3, 0.8)
    assert list(best['lost']) == [2] and 'damaged: 2/tree' in best['lost'][2]
    assert said == [
        'best      lost, at step 2; by validation/x checkpoint 3 is the best of the '
        'others'
    ]


def test_a_best_whose_header_tells_nothing_is_missed_by_the_records(
    tmp_path: Path,
) -> None:
    session, said = ended(tmp_path, [0.1, 0.9, 0.5], damaged=2)
    with pytest.warns(RuntimeWarning, match='2/header'):
        _, best = found(session)
    assert best['step'] == 3 and list(best['lost']) == [2]
    assert 'lost, at step 2' in said[0]


def test_where_nothing_finite_was_measured_there_is_no_best(tmp_path: Path) -> None:
    session, said = ended(tmp_path, [math.nan, math.nan])
    scores, best = found(session)
    assert scores == {} and best['step'] is None and best['lost'] == {}
    assert said == ["best      none: 'validation/x' was finite at no evaluation"]
