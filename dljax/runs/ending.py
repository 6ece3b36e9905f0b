"""The end of a run: its last scores and metrics, its page and its result."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dljax.experiment import Outcome
from dljax.host.interrupt import interruptible
from dljax.measures.scores import take_measures
from dljax.runs import ledger, page
from dljax.runs.best import score_at_best
from dljax.runs.session import Session
from dljax.runs.workdir import write_sealed
from dljax.training.listing import file_hash
from dljax.training.summary import spread


def finish(session: Session, ended: str | None) -> dict[str, float]:
    """Score every set, and once the training has ended draw and write it all up.

    Args:
        session: whose training is over, or was interrupted.
        ended: what `train` answered.

    Returns:
        The metrics: of the last row and of every evaluation.
    """
    before = session.folder.result
    if before and before['step'] == session.at.step:
        return _again(session, before, ended)
    metrics = {}
    for row in session.records.rows:  # not every player has moved before every row
        metrics |= {k: v for k, v in row.items() if k not in ('step', 'seconds')}
    if not ended:
        return metrics
    outcome = session.outcome()
    result = conclude(session, outcome, ended, metrics)
    publish(session, outcome, result)
    return result['metrics']


def _again(
    session: Session, before: Mapping[str, Any], ended: str | None
) -> dict[str, float]:
    """Say that the run has ended before, and give the metrics that it ended with."""
    step = session.at.step
    whole = step == session.made.experiment.steps
    more = ', more --steps go on' if whole else ''
    session.say(
        f'ended     at step {step} already ({ended}), and nothing is done again; '
        f'--no-resume starts afresh{more}'
    )
    return {
        name: math.nan if value is None else value
        for name, value in before['metrics'].items()
    }


def conclude(
    session: Session, outcome: Outcome, ended: str, metrics: Mapping[str, float]
) -> dict[str, Any]:
    """Score all the sets, at the end and at the best, and measure the outcome.

    Args:
        session: whose training has ended.
        outcome: that it has come to.
        ended: why.
        metrics: of its last rows.

    Returns:
        What result.json holds, but for the files that are drawn.
    """
    experiment = session.made.experiment
    at_end = session.score(session.at.state, *experiment.evaluation)
    at_best, best = score_at_best(session)
    each = {**at_end, **at_best, **take_measures(outcome, experiment.measures)}
    session.watch.measure(session.at.step, each)
    return {
        'step': session.at.step,
        'ended': ended,
        'seconds': session.seconds,
        'metrics': {**metrics, **spread(each)},
        'members': {k: np.asarray(v).tolist() for k, v in each.items() if np.ndim(v)},
        'alarms': session.watch.alarms,
        'best': best,
        'changes': session.folder.config.get('changes', []),
    }


def publish(session: Session, outcome: Outcome, result: dict[str, Any]) -> None:
    """Draw the outcome, and write page, ledger and result; say where they are.

    Args:
        session: whose training has ended.
        outcome: that it has come to.
        result: as `conclude` gave it; the files' hashes are added.
    """
    folder, options = session.folder, session.made.options
    written = page.write(
        outcome, session.made.experiment, folder, result, session.records
    )
    session.records.close()  # no event is to come
    result['files'] = _hashes(folder.path)
    with interruptible():  # a line in the ledger and its result belong together
        if options.results:
            ledger.enter(options.results, folder.config, result)
        write_sealed(folder.path / 'result.json', result)  # last: it is whole
    figures = '  '.join(f'{name} {v:.4g}' for name, v in result['metrics'].items())
    session.say(f'ended     at step {result["step"]}: {result["ended"]}\n{figures}')
    session.say(f'report    {written}')


def _hashes(folder: Path) -> dict[str, str]:
    """Hash what is drawn of a run, by the path in its folder."""
    paths = [folder / 'report.html']
    for part in ('pictures', 'events'):
        paths += sorted(path for path in (folder / part).rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in paths}
