"""The best checkpoint of a run that has ended, as far as it is whole."""

import math
from typing import Any

from dljax.host.sealing import Damaged
from dljax.runs.session import Session
from dljax.training.header import rank, warn_passed_over
from dljax.types import Figures


def score_at_best(session: Session) -> tuple[Figures, dict[str, Any] | None]:
    """Score the best checkpoint, where it is another than the last one.

    Damaged checkpoints are passed over, with a warning, for the next best.

    Args:
        session: whose training has ended.

    Returns:
        The scores, 'best/set/score', and what to say of it in the result: the 'metric',
        the 'step' of the best checkpoint that is whole or None, the 'value' there, and
        by step why better ones are 'lost'. None where the run chooses none.
    """
    experiment, at = session.made.experiment, session.at
    metric, maximize = experiment.best, experiment.maximize
    if metric is None:
        return {}, None
    scores, lost = {}, {}
    said: dict[str, Any] = {'metric': metric, 'step': None, 'value': None, 'lost': lost}
    for step in session.checkpoints.ranked():
        if step != at.step:
            try:
                found = session.checkpoints.read(step, at.state, at.position)
            except Damaged as error:
                warn_passed_over(step, error)
                lost[step] = f'damaged: {error}'
                continue
            scores = session.score(found.state, *experiment.evaluation)
        said['step'] = step
        break
    measured = {
        row['step']: rank(row.get(metric), maximize) for row in session.records.rows
    }
    top = max(measured.values(), default=-math.inf)
    reached = -math.inf
    if said['step'] is not None:
        reached = measured.get(said['step'], -math.inf)
        here = measured.get(said['step'], math.nan)
        said['value'] = here if maximize else -here
    for step, value in measured.items():
        if value == top > reached and step not in lost:
            lost[step] = 'no such checkpoint can be read'
    _say(session, said, top)
    return {f'best/{name}': value for name, value in scores.items()}, said


def _say(session: Session, said: dict[str, Any], top: float) -> None:
    metric, step, lost = said['metric'], said['step'], said['lost']
    if lost:
        what = f'checkpoint {step} is the best of the others'
        what = 'and there is no other' if step is None else what
        session.say(f'best      lost, at step {min(lost)}; by {metric} {what}')
    elif top == -math.inf:
        session.say(f"best      none: '{metric}' was finite at no evaluation")
