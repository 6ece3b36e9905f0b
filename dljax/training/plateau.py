"""Lower rates where a metric of an evaluation no longer improves."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dljax.training.player import Player
from dljax.training.stopping import Rows
from dljax.types import Array, Figures, PyTree, State

SCALE = 'plateau/scale'  # in the records


@dataclasses.dataclass(frozen=True)
class Plateau:
    """Multiply the learning rates by a factor where a metric has stalled.

    A function of the records so far, as the rules that end a run are: a resumed run
    decides as one that was not interrupted. Over members it sees their mean.

    Attributes:
        metric: of a set that is evaluated along the training: 'validation/loss'.
        factor: of each reduction, between 0 and 1.
        patience: evaluations without improvement after which the rates are reduced.
        cooldown: evaluations after a reduction that do not count.
        minimum: of the scale, at least 0 and below 1.
        maximize: whether larger is better.
        margin: an improvement is more than this much.

    Example:
        >>> rule = Plateau('validation/loss', factor=.5, patience=2)
        >>> rule.scale([{'validation/loss': value} for value in (1., .9, .9, 1.)])
        0.5
    """

    metric: str
    factor: float = 0.1
    patience: int = 3
    cooldown: int = 0
    minimum: float = 0.0
    maximize: bool = False
    margin: float = 0.0

    def __post_init__(self) -> None:
        wanted = {
            'factor': (0 < self.factor < 1, 'between 0 and 1'),
            'patience': (self.patience >= 1, '1 or more'),
            'cooldown': (self.cooldown >= 0, '0 or more'),
            'minimum': (0 <= self.minimum < 1, 'from 0 to below 1'),
            'margin': (self.margin >= 0, '0 or more'),
        }
        for name, (good, text) in wanted.items():
            if not good:
                raise ValueError(f'{name}={getattr(self, name)}, wanted {text}')

    def require_set(self, evaluation: Mapping[str, PyTree]) -> None:
        """Refuse a metric of a set that is not evaluated along the training.

        Args:
            evaluation: the sets of the experiment, by name.

        Raises:
            ValueError: for such a metric.
        """
        along = sorted(set(evaluation) - {'test'})
        if self.metric.split('/')[0] not in along or '/' not in self.metric:
            raise ValueError(
                f"the plateau of '{self.metric}' is of no set that is evaluated along "
                f"the training, wanted 'SET/SCORE' with one of {along}"
            )

    def require(self, found: Figures) -> None:
        """Refuse a metric that an evaluation does not give.

        Args:
            found: the scores of the sets along the training.

        Raises:
            ValueError: where the metric is not among them.
        """
        if self.metric not in found:
            raise ValueError(
                f"the plateau is of '{self.metric}', but the scores along the training "
                f'are {sorted(found)}'
            )

    def scale(self, rows: Rows) -> float:
        """Give what the rates are multiplied by after these rows.

        Args:
            rows: of the records since the start. A value that is not finite is none
                that improves.

        Returns:
            From `minimum` to 1.
        """
        best, age, rest, scale = -np.inf, 0, 0, 1.0
        for row in rows:
            if self.metric not in row:
                continue
            value = row[self.metric] if self.maximize else -row[self.metric]
            if value > best + (self.margin if np.isfinite(best) else 0.0):
                best, age = value, 0
            else:
                age += 1
            if rest:
                rest, age = rest - 1, 0
            if age >= self.patience:
                scale = max(scale * self.factor, self.minimum)
                age, rest = 0, self.cooldown
        return scale


class AdjustedState(NamedTuple):
    """State of an optimizer whose updates are scaled from outside."""

    scale: Array
    inner: PyTree


def adjustable(players: Mapping[str, Player]) -> dict[str, Player]:
    """Let the rates of all players with a loss be scaled between the updates.

    Args:
        players: by name.

    Returns:
        The same players; their optimizers hold a scale, which is 1 at first.
    """
    return {
        name: dataclasses.replace(player, optimizer=_scaled(player.optimizer))
        if player.direction is None
        else player
        for name, player in players.items()
    }


def adjust(state: State, scale: float) -> State:
    """Lower the scale that `adjustable` players hold; it never rises.

    Args:
        state: of a training of such players, of one run or of members.
        scale: in [0, 1].

    Returns:
        The state with it, where it lay before.
    """

    def one(opt_state: PyTree) -> PyTree:
        if not isinstance(opt_state, AdjustedState):
            return opt_state
        lower = jnp.minimum(opt_state.scale, np.float32(scale))
        return opt_state._replace(scale=lower)

    return state.replace(opt_state={k: one(v) for k, v in state.opt_state.items()})


def scale_after(plateau: Plateau | None, rows: Rows) -> dict[str, float]:
    """Give the scale that the records lead to, as the next row has it."""
    return {SCALE: plateau.scale(rows)} if plateau else {}


def lower(
    plateau: Plateau | None, rows: Rows, state: State, say: Callable[[str], None]
) -> State:
    """Lower the rates where the last row, one of an evaluation, says so.

    Args:
        plateau: the rule, if any.
        rows: of the records.
        state: after the last of them.
        say: prints a line.

    Returns:
        The state to go on with.
    """
    scale = plateau.scale(rows) if plateau else 1.0
    if not plateau or not scale < rows[-1][SCALE]:
        return state
    say(f'plateau   of {plateau.metric}: learning rates times {scale:g} from now')
    return adjust(state, scale)


def _scaled(
    optimizer: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    optimizer = optax.with_extra_args_support(optimizer)

    def init(params: PyTree) -> AdjustedState:
        return AdjustedState(jnp.float32(1.0), optimizer.init(params))

    def update(
        updates: PyTree,
        state: AdjustedState,
        params: PyTree | None = None,
        **told: PyTree,
    ) -> tuple[PyTree, AdjustedState]:
        if optax.tree.get_all_with_path(state.inner, 'average'):
            told['scale'] = state.scale  # an average is of the parameters that move
        updates, inner = optimizer.update(updates, state.inner, params, **told)
        updates = jax.tree.map(lambda u: u * state.scale.astype(u.dtype), updates)
        return updates, AdjustedState(state.scale, inner)

    # Optax has an update take any state, ours takes what our init made.
    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]
