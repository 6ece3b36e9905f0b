"""What a run has learnt, read out of its folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dljax.training import member as of_member
from dljax.training.optimizers import AveragedState
from dljax.types import PyTree, named_leaves
from dljax.weights.kept import load


class Taken(NamedTuple):
    """What was read out of a run's folder, and whence.

    Attributes:
        variables: parameters and every other collection, NumPy arrays.
        config: what the run was told, as in its config.json.
        step: of the checkpoint.
        metrics: of that step, such as the one that the best was chosen by.
        averages: whether averages took the place of the parameters that they are of.
        member: of an ensemble, or None of a run without members.
    """

    variables: dict[str, PyTree]
    config: dict[str, Any]
    step: int
    metrics: dict[str, float]
    averages: bool
    member: int | None


def from_run(
    workdir: str | Path,
    which: str | int = 'last',
    *,
    averages: bool | None = None,
    member: int | None = None,
) -> dict[str, PyTree]:
    """Read the variables out of a checkpoint of a run, without its experiment.

    They are what the run measured: where a player keeps averages of its parameters
    (`training.averaged`) and the measures and pictures of the run looked at these
    (`report.of_averages`), the averages are given; where only the parameters themselves
    were scored or drawn, those; and where nothing was, the averages if there are any.

    Args:
        workdir: the folder of the run.
        which: 'last', 'best' by the metric that the run chose it by, or a step.
        averages: whether to take the averages; None takes what the run measured.
        member: the member to take, where the run was an ensemble.

    Returns:
        Parameters and every other collection, NumPy arrays: the `start` of another
        training, or variables of the net as it was trained, to apply or to save.
        `restored.restored` gives that net with them.

    Raises:
        ValueError: where there is no such checkpoint, the one of a step is damaged, or
            the run has no best one, no averages or no such member; and for an ensemble
            without the number of a member. A last or best one that is damaged is passed
            over, with a warning.
    """
    return take(workdir, which, averages=averages, member=member).variables


def take(
    workdir: str | Path,
    which: str | int = 'last',
    *,
    averages: bool | None = None,
    member: int | None = None,
) -> Taken:
    """Read what `from_run` does, and tell from where.

    Args:
        workdir: the folder of the run.
        which: see `from_run`.
        averages: likewise.
        member: likewise.

    Returns:
        The variables and their origin.

    Raises:
        ValueError: see `from_run`.
    """
    found = load(workdir, which)
    header, state = found.header, found.tree['state']
    config = header['notes'].get('config', {})
    members = config.get('options', {}).get('members', 1)
    if member is None and members > 1:
        raise ValueError(
            f'{workdir} holds {members} members: say which, member=0 to {members - 1} '
            '(--member)'
        )
    if not 0 <= (member or 0) < members:
        raise ValueError(f'member={member}, but {workdir} has {members} member(s)')
    kept = dict(_averages(state.get('opt_state', {})))
    if averages and not kept:
        raise ValueError(
            f'no player of {workdir} keeps averages: leave averages=True (--averages) '
            'out'
        )
    if averages is None:
        measured = config.get('averages')
        averages = bool(kept) and measured is not False
    params = _with(state['params'], kept) if averages else state['params']
    variables = {'params': params, **state.get('collections', {})}
    if members > 1:
        assert member is not None  # see above
        variables = of_member(variables, member)
    return Taken(
        variables,
        config,
        found.step,
        dict(header['metrics']),
        averages,
        member if members > 1 else None,
    )


def _averages(tree: PyTree) -> Iterator[tuple[str, np.ndarray]]:
    """Find what `averaged` keeps, by the paths of the parameters, at any depth."""
    if isinstance(tree, Mapping):
        if tree.keys() == set(AveragedState._fields):
            yield from named_leaves(tree['average']).items()
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        for part in tree:
            yield from _averages(part)


def _with(params: PyTree, kept: Mapping[str, np.ndarray], path: str = '') -> PyTree:
    if isinstance(params, Mapping):
        return {
            name: _with(part, kept, f'{path}/{name}'.lstrip('/'))
            for name, part in params.items()
        }
    found = kept.get(path)
    fits = found is not None and np.shape(found) == np.shape(params)
    return found if fits else params
