"""Objectives of one part of a net that holds several."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from flax import linen as nn

from dljax.training import declared
from dljax.training.declaration import check_by
from dljax.types import Array, Batch, Direction, Loss, Score

Rule = TypeVar('Rule', Loss, Direction, Score)


def within(name: str, objective: Rule) -> Rule:
    """Let an objective, score or rule act on one field of a container.

    Where the batch has an entry of that name which is itself a batch, as that of
    `dljax.data.together`, the objective sees that one; otherwise the whole. A direction
    of the part's groups becomes one of the container's: `{name: direction}`.

    Args:
        name: of the container's field, which is the name of its parameters as well.
        objective: `(net, batch, step) -> ...` for the part.

    Returns:
        The same for the container; a player with it names the part in `trains`.
    """

    def part(net: nn.Module, batch: Mapping[str, Any], step: Array) -> Any:
        inner = batch.get(name)
        result = objective(
            getattr(net, name), inner if isinstance(inner, Mapping) else batch, step
        )
        if isinstance(result, tuple) and isinstance(result[0], Mapping):
            direction, metrics = result
            return {name: direction}, metrics
        return result

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        inner = arrays.get(name)
        inner = inner if isinstance(inner, Mapping) else arrays
        check_by(objective, getattr(net, name, None), inner)

    return cast(Rule, declared(part, check))  # it answers as the objective does


def side_by_side(scores: Mapping[str, Score]) -> Score:
    """Score several parts of a container on the same examples.

    Args:
        scores: by the name of the part.

    Returns:
        `(net, batch, step) -> {'part/score': [batch]}`.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> dict[str, Array]:
        return {
            f'{name}/{metric}': values
            for name, inner in scores.items()
            for metric, values in within(name, inner)(net, batch, step).items()
        }

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        for name, inner in scores.items():
            check_by(within(name, inner), net, arrays)

    return declared(score, check)


def from_part(name: str, objective: Rule) -> Rule:
    """Let an objective see one part of the batch that `dljax.data.together` gives.

    So several fields of a container learn from one part; `within` alone looks for a
    part of the field's own name.

    Args:
        name: of the part.
        objective: for a batch like it.

    Returns:
        `(net, batch, step) -> ...` for the whole batch.
    """

    def on_part(net: nn.Module, batch: Mapping[str, Any], step: Array) -> Any:
        return objective(net, batch[name], step)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        if name not in arrays:
            raise ValueError(f"there is no part '{name}', only {sorted(arrays)}")
        check_by(objective, net, arrays[name])

    return cast(Rule, declared(on_part, check))  # likewise
