"""The end of a run: its last scores and figures, its page and its result."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dljax.host.interrupt import interruptible
from dljax.measures.scores import measured
from dljax.runs import ledger, page
from dljax.runs.best import scored_at_best
from dljax.runs.workdir import write_sealed
from dljax.training.header import file_hash
from dljax.training.summary import spread

if TYPE_CHECKING:
    from dljax.runs.session import Session


def finish(session: 'Session', ended: str | None) -> dict[str, float]:
    """Score every set, and once the training has ended draw and write it all up.

    Args:
        session: whose training is over, or was interrupted.
        ended: what `train` answered.

    Returns:
        The figures: of the last row and of every evaluation.
    """
    if session.folder.result and session.folder.result['step'] == session.step:
        whole = session.step == session.experiment.steps
        more = ', more --steps go on' if whole else ''
        session.say(
            f'ended     at step {session.step} already ({ended}), and nothing is done '
            f'again; --no-resume starts afresh{more}'
        )
        return {
            name: math.nan if value is None else value
            for name, value in session.folder.result['metrics'].items()
        }
    metrics = {}
    for row in session.records.rows:  # not every player has moved before every row
        metrics |= {k: v for k, v in row.items() if k not in ('step', 'seconds')}
    if not ended:
        return metrics
    each = session.score(session.state, *session.experiment.evaluation)
    at_best, best = scored_at_best(session)
    each |= at_best
    outcome = session.outcome()
    each |= measured(outcome, session.experiment.measures)
    session.watch.measure(session.step, each)
    metrics |= spread(each)
    members = {k: np.asarray(v).tolist() for k, v in each.items() if np.ndim(v)}
    result = {
        'step': session.step,
        'ended': ended,
        'seconds': session.seconds,
        'metrics': metrics,
        'members': members,
        'alarms': session.watch.alarms,
        'best': best,
        'changes': session.folder.config.get('changes', []),
    }
    written = page.write(
        outcome, session.experiment, session.folder, result, session.records
    )
    session.records.close()  # no event is to come
    result['files'] = _hashes(session.folder.path)
    with interruptible():  # a line in the ledger and its result belong together
        if session.options.results:
            ledger.enter(session.options.results, session.folder.config, result)
        write_sealed(session.folder.path / 'result.json', result)  # last: it is whole
    figures = '  '.join(f'{name} {value:.4g}' for name, value in metrics.items())
    session.say(f'ended     at step {session.step}: {ended}\n{figures}')
    session.say(f'report    {written}')
    return metrics


def _hashes(folder: Path) -> dict[str, str]:
    """Hash what is drawn of a run, by the path in its folder."""
    paths = [folder / 'report.html']
    for part in ('pictures', 'events'):
        paths += sorted(path for path in (folder / part).rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in paths}
