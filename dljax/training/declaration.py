"""What an objective says of the data that it has a meaning for, checked on the host.

A compiled step can raise nothing, so what a batch holds is looked at before it.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import jax
import numpy as np
from flax import errors
from flax import linen as nn
from jax.core import Tracer

from dljax.training.pair import Learner
from dljax.training.player import Player
from dljax.types import AnyBatch, Source, Spec, State

Check = Callable[[nn.Module, Mapping[str, Any]], None]
Declared = TypeVar('Declared', bound=Callable[..., Any])


def declared(objective: Declared, check: Check) -> Declared:
    """Let an objective or a score carry a check of the data that it has a meaning for.

    `fit`, `evaluate` and `run` call it before they train or score; an objective without
    one takes what comes.

    Args:
        objective: `(net, batch, step) -> ...`; it is marked and given back.
        check: `(net, arrays) -> None`, of the unbound net and [example, ...] arrays by
            feature, on the host or a device. Raises ValueError with the feature, the
            example, its value, what is wanted and how to mend it.

    Returns:
        The objective.

    Example:
        >>> import jax.numpy as jnp
        >>> def positive(net, arrays):
        ...     if arrays['x'].min() <= 0:
        ...         raise ValueError("'x' is not positive: take its absolute value")
        >>> def score(net, batch, step):
        ...     return {'log': jnp.log(net(batch['x']))[:, 0]}
        >>> declared(score, positive).check is positive
        True
    """
    objective.check = check
    return objective


def check_by(objective: Any, net: nn.Module | None, arrays: Mapping[str, Any]) -> None:
    """Check data by the declaration of an objective, a score or a part of one, if any.

    Args:
        objective: that may have been `declared`.
        net: unbound; None where it is unknown.
        arrays: [example, ...] by feature; those that are spread over several processes
            are left out, since no process sees them whole.

    Raises:
        ValueError: as the declaration does.
    """
    check = getattr(objective, 'check', None)
    if check is not None and all(map(_is_here, jax.tree.leaves(dict(arrays)))):
        check(net, arrays)


def border(
    net: nn.Module, players: Mapping[str, Player]
) -> Callable[[Mapping[str, Any]], None]:
    """Make the check of a learner of those of its players.

    Args:
        net: unbound.
        players: by name.

    Returns:
        `(arrays) -> None`, which raises ValueError for data that an objective has no
        meaning for.
    """

    def check(arrays: Mapping[str, Any]) -> None:
        for name, player in players.items():
            with placed(f"player '{name}'"):
                check_by(player.objective, net, arrays)

    return check


@contextlib.contextmanager
def placed(where: str) -> Iterator[None]:
    """Say in what data a fault was found.

    Args:
        where: such as "the set 'test'".
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None


@contextlib.contextmanager
def of_one_net() -> Iterator[None]:
    """Say that a state is that of another net where Flax finds it so."""
    try:
        yield
    except (
        errors.ScopeCollectionNotFound,
        errors.ScopeParamNotFoundError,
        errors.ScopeParamShapeError,
        errors.ScopeVariableNotFoundError,
    ) as error:
        raise ValueError(
            'the state is not one of this net and these inputs, wanted that of the net '
            f'which was trained, on inputs of the same shape: {error}'
        ) from error  # where in the objective it was


def check_inputs(
    inputs: Mapping[str, Spec], arrays: Mapping[str, Any], where: str = 'the data'
) -> None:
    """Check data by declared forms, such as those of a row of the zoo.

    Args:
        inputs: the form of each feature.
        arrays: [example, ...] by feature, or such a mapping for each of several parts,
            as `dljax.data.together` has them.
        where: what the data are, for the message.

    Raises:
        ValueError: for a feature that is not there, or is not as declared.
    """
    if arrays and all(isinstance(part, Mapping) for part in arrays.values()):
        for name, part in arrays.items():
            check_inputs(inputs, part, f'{where} {name}')
        return
    for name, spec in inputs.items():
        if name not in arrays:
            raise ValueError(
                f"{where} has no feature '{name}', only {sorted(arrays)}: rename one, "
                'or choose another model'
            )
        if not _is_here(arrays[name]):
            continue
        with placed(where):
            spec.check(name, arrays[name])


def with_inputs(learner: Learner, inputs: Mapping[str, Spec]) -> Learner:
    """Let a learner check the declared forms of features as well.

    Args:
        learner: of any kind.
        inputs: the form of each feature.

    Returns:
        The learner.
    """

    def check(arrays: Mapping[str, Any]) -> None:
        check_inputs(inputs, arrays)
        if learner.check is not None:
            learner.check(arrays)

    return learner._replace(check=check)


def bordered(source: Source, learner: Learner, batch: AnyBatch) -> Source:
    """Check what a source holds, and let one on the host check each batch it draws.

    Args:
        source: of the training.
        learner: whose check it is.
        batch: to begin with, which is checked of a source on the host.

    Returns:
        The source.
    """
    check = learner.check
    if check is None or not _is_seen(source):
        return source
    if source.arrays is not None:
        check(source.arrays)
        return source
    check(batch)

    def following(*arguments: Any) -> tuple:
        position, batch = source.next(*arguments)
        check(batch)
        return position, batch

    return source._replace(next=following)


def check_first(
    source: Source, learner: Learner, batch: AnyBatch, state: State
) -> None:
    """Check the batch to begin with, where no other one is ever seen on the host.

    Args:
        source: of the training.
        learner: whose check it is.
        batch: drawn by the source; [members, ...] of each feature for an ensemble.
        state: to begin with.
    """
    if learner.check is None or _is_seen(source):
        return
    if np.ndim(state.step):
        batch = jax.tree.map(lambda values: values[0], batch)
    learner.check(batch)


def _is_seen(source: Source) -> bool:
    return source.host or source.arrays is not None


def _is_here(values: Any) -> bool:
    if isinstance(values, Tracer):
        return False
    return not isinstance(values, jax.Array) or values.is_fully_addressable


def ranges(arrays: Mapping[str, Any]) -> str:
    """Say from where to where the features of some data reach.

    Args:
        arrays: numbers by feature, on the host.

    Returns:
        Such as "'image' in [0, 1], 'label' in [-1, 9]"; empty where nothing can be
        said.
    """
    parts = []
    for name, values in arrays.items():
        if isinstance(values, Mapping) or not _is_here(values) or not np.size(values):
            continue
        values = np.asarray(values)
        low, high = float(values.min()), float(values.max())
        parts.append(f"'{name}' in [{low:g}, {high:g}]")
    return ', '.join(parts)
