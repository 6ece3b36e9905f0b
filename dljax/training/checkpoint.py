"""Checkpoints through Orbax: the last few and the best, each with a checksum."""

import hashlib
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from dljax.types import Position, PyTree, State, named_leaves


class Checkpoint(NamedTuple):
    """What a restored checkpoint holds.

    Attributes:
        step: updates made.
        state: the state, placed as the template that was asked for.
        position: where the source goes on.
        metrics: the figures that it was saved with.
        notes: what else was saved beside it.
    """

    step: int
    state: State
    position: Position
    metrics: dict[str, float]
    notes: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run, in a folder.

    Orbax writes in the background and lists a step only once it is whole. It does not
    notice a flipped bit, so each checkpoint carries a SHA-256 of its values; one that
    is damaged is passed over, with a warning, for the one before it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: int = 3,
        best: str | None = None,
        higher: bool = True,
    ) -> None:
        """Open or create the folder.

        Args:
            folder: where the checkpoints lie.
            keep: how many of the last ones stay.
            best: the metric whose best checkpoint stays besides them.
            higher: whether larger is better.

        Raises:
            ValueError: for a `keep` below 1.
        """
        if keep < 1:
            raise ValueError(f'keep={keep}, wanted 1 or more')
        self.best, self.higher = best, higher
        policies = [ocp.checkpoint_managers.LatestN(keep)]
        if best:
            policies.append(
                ocp.checkpoint_managers.BestN(
                    get_metric_fn=self._rank,
                    n=1,
                    keep_checkpoints_without_metrics=False,
                )
            )
        self.manager = ocp.CheckpointManager(
            folder.absolute(),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=ocp.checkpoint_managers.AnyPreservationPolicy(
                    policies
                ),
                best_fn=self._rank if best else None,  # or metrics are not kept
                cleanup_tmp_directories=True,
            ),
        )

    def _rank(self, metrics: Mapping[str, float]) -> float:
        value = metrics.get(self.best, math.nan)
        value = value if self.higher else -value
        return -math.inf if math.isnan(value) else value

    def save(
        self,
        step: int,
        state: State,
        position: Position,
        *,
        metrics: Mapping[str, float],
        notes: Mapping[str, Any],
    ) -> None:
        """Save, returning before the files are written; `close` waits for them.

        Args:
            step: updates made.
            state: may be donated as soon as this returns.
            position: of the source.
            metrics: figures to keep beside it, among them the one that ranks it.
            notes: anything else that JSON holds, such as the configuration of the run.
        """
        if step in self.manager.all_steps():
            return  # a resumed run that was interrupted again before its next update
        tree = {'state': state, 'position': jax.tree.map(np.asarray, position)}
        header = {
            'notes': dict(notes),
            'shapes': _shapes(tree),
            'sha256': digest(named_leaves(tree)),
            'metrics': dict(metrics),
        }
        saved = self.manager.save(
            step,
            args=ocp.args.Composite(
                tree=ocp.args.StandardSave(tree), header=ocp.args.JsonSave(header)
            ),
            metrics=dict(metrics),
        )
        if not saved:
            raise RuntimeError(
                f'checkpoint {step} was not saved in {self.manager.directory}: there '
                f'is a later one, {self.manager.latest_step()}'
            )

    def steps(self) -> list[int]:
        """List the steps that are whole, earliest first."""
        return sorted(self.manager.all_steps())

    def best_step(self) -> int | None:
        """Find the step whose metric is best, or None."""
        self.manager.wait_until_finished()  # the last one may still be on its way
        ranked = [
            (self._rank(self.manager.metrics(step) or {}), step)
            for step in self.steps()
        ]
        ranked = [pair for pair in ranked if pair[0] > -math.inf]
        return max(ranked)[1] if self.best and ranked else None

    def restore(
        self, state: State, position: Position, *, step: int | None = None
    ) -> Checkpoint | None:
        """Restore the last whole checkpoint, or a given one.

        Damaged ones after it are deleted, so that the run can save those steps anew.

        Args:
            state: a template for shapes, types and devices.
            position: likewise.
            step: which one; by default the last, or where that is damaged the one
                before.

        Returns:
            The checkpoint, or None where there is none yet.

        Raises:
            ValueError: where the saved state has another form than the template; both
                forms are named. Also where every checkpoint is damaged.
        """
        template = {'state': state, 'position': position}
        self.manager.wait_until_finished()
        steps = self.steps()[::-1] if step is None else [step]
        for candidate in steps:
            try:
                found = self.manager.restore(
                    candidate, args=ocp.args.Composite(header=ocp.args.JsonRestore())
                ).header
            except Exception as error:  # damage raises whatever the parser meets first
                _pass_over(candidate, error)
                continue
            _require_same_form(found['shapes'], _shapes(template), candidate)
            try:
                tree = self._tree(candidate, template)
                if digest(named_leaves(tree)) != found['sha256']:
                    raise ValueError('its values are not those that were saved')
            except Exception as error:
                _pass_over(candidate, error)
                continue
            for damaged in steps[: steps.index(candidate)]:
                self.manager.delete(damaged)  # or it would forbid to save it anew
            return Checkpoint(
                candidate,
                tree['state'],
                tree['position'],
                found['metrics'],
                found['notes'],
            )
        if steps:
            raise ValueError(
                f'every checkpoint in {self.manager.directory} is damaged (steps '
                f'{steps}): start afresh with --no-resume or another --workdir'
            )
        return None

    def _tree(self, step: int, template: PyTree) -> PyTree:
        target = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
        tree = self.manager.restore(
            step, args=ocp.args.Composite(tree=ocp.args.StandardRestore(target))
        ).tree
        position = jax.tree.map(
            lambda saved, like: type(like)(saved) if isinstance(like, int) else saved,
            tree['position'],
            template['position'],
        )
        return {'state': tree['state'], 'position': position}

    def close(self) -> None:
        """Wait until everything is on disk.

        Raises:
            Exception: that of a save that failed in the background.
        """
        self.manager.wait_until_finished()
        self.manager.close()


def _pass_over(step: int, error: Exception) -> None:
    warnings.warn(
        f'checkpoint {step} is damaged and is passed over: {error}',
        RuntimeWarning,
        stacklevel=3,
    )


def _shapes(tree: PyTree) -> dict[str, str]:
    return {
        name: f'{jnp.result_type(leaf).name}{list(np.shape(leaf))}'
        for name, leaf in named_leaves(tree).items()
    }


def digest(leaves: Mapping[str, PyTree]) -> str:
    """Hash the values that this process can read whole, by name and in their order."""
    hashed = hashlib.sha256()
    for name, leaf in leaves.items():
        whole = getattr(leaf, 'is_fully_addressable', True)
        if whole or leaf.is_fully_replicated:
            hashed.update(name.encode())
            hashed.update(np.ascontiguousarray(leaf).tobytes())
    return hashed.hexdigest()


def _require_same_form(saved: dict, wanted: dict, step: int) -> None:
    names = [n for n in {**saved, **wanted} if saved.get(n) != wanted.get(n)]
    if names:
        lines = [
            f'  {n}: saved {saved.get(n, "nothing")}, now {wanted.get(n, "nothing")}'
            for n in names[:5]
        ]
        more = f'\n  and {len(names) - 5} more' if len(names) > 5 else ''
        raise ValueError(
            f'checkpoint {step} was saved by another model, optimizer or source:\n'
            + '\n'.join(lines)
            + f'{more}\nUse the same settings, --no-resume, or another --workdir'
        )
