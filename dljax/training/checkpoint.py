"""Checkpoints through Orbax: the last few and the best, each with a checksum."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from dljax.host.interrupt import undisturbed
from dljax.host.sealing import Damaged
from dljax.training import header as headers
from dljax.training import listing
from dljax.training.disk import Room
from dljax.training.keeping import Best, Folders
from dljax.training.position import Stored
from dljax.types import Position, PyTree, State

ASIDE = '.damaged'


class Checkpoint(NamedTuple):
    """What a restored checkpoint holds.

    Attributes:
        step: updates made.
        state: the state, placed as the template that was asked for.
        position: where the source goes on.
        metrics: those that it was saved with.
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
    notice a flipped bit, so each checkpoint carries a SHA-256 of its values and of all
    that is kept beside them. One that is damaged is passed over, with a warning.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: int = 3,
        best: str | None = None,
        maximize: bool = True,
    ) -> None:
        """Open or create the folder.

        Args:
            folder: where the checkpoints lie.
            keep: how many of the last ones stay.
            best: the metric whose best checkpoint stays besides them.
            maximize: whether larger is better.

        Raises:
            ValueError: for a `keep` below 1.
        """
        if keep < 1:
            raise ValueError(f'keep={keep}, wanted 1 or more')
        self.folder, self.best, self.maximize = folder.absolute(), best, maximize
        self._ranks: dict[int, float] = {}
        self.manager = ocp.CheckpointManager(
            self.folder,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=ocp.checkpoint_managers.AnyPreservationPolicy(
                    [ocp.checkpoint_managers.LatestN(keep), Best(self._metric)]
                ),
                # It hands on the rest to Orbax's own names.
                step_name_format=Folders(),  # pyright: ignore[reportArgumentType]
                lightweight_initialize=True,  # what it would read has no checksum
                cleanup_tmp_directories=True,
                async_options=ocp.options.AsyncOptions(
                    post_finalization_callback=self._list_files
                ),
            ),
        )
        self.room = Room(self.folder, self.manager)

    def _metric(self, step: int) -> float:
        if step not in self._ranks:
            try:
                value = headers.read(self.folder / str(step))['metrics'].get(self.best)
            except Damaged:
                value = None
            self._ranks[step] = headers.rank(value, self.maximize)
        return self._ranks[step]

    def _list_files(self) -> None:
        """Hash the files of the checkpoint that is about to be committed."""
        if jax.process_index() == 0:
            for place in self.folder.glob(f'{self.room.step}.*'):
                if place.is_dir() and not place.name.endswith(ASIDE):
                    listing.list_files(place)

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
            metrics: numbers to keep beside it, among them the one that ranks it.
            notes: anything else that JSON holds, such as the configuration of the run.
        """
        if step in self.manager.all_steps():
            return  # a resumed run that was interrupted again before its next update
        self._wait()
        if (self.folder / str(step)).exists():  # a file, which would be in the way
            self._set_aside(step)
        place = jax.tree.map(np.asarray, position)
        tree = {'state': Stored.of(state), 'position': place}
        header = headers.make_header(step, tree, metrics, notes)
        self._ranks[step] = headers.rank(
            header['metrics'].get(self.best), self.maximize
        )
        self.room.ask(step, tree)
        parts = ocp.args.Composite(
            tree=ocp.args.StandardSave(tree), header=ocp.args.JsonSave(header)
        )
        with self.room:
            saved = self.manager.save(step, args=parts)
        if not saved:
            raise RuntimeError(
                f'checkpoint {step} was not saved in {self.folder}: there is a later '
                f'one, {self.manager.latest_step()}'
            )

    def steps(self) -> list[int]:
        """List the steps that are whole, earliest first."""
        return sorted(self.manager.all_steps())

    def ranked(self) -> list[int]:
        """List the steps that have a finite metric, the best first, then the latest."""
        self._wait()  # the last one may still be on its way
        if self.best is None:
            return []
        return headers.order((self._metric(step), step) for step in self.steps())

    def best_step(self) -> int | None:
        """Find the step whose metric is best, or None."""
        return next(iter(self.ranked()), None)

    def restore(
        self, state: State, position: Position, *, step: int | None = None
    ) -> Checkpoint | None:
        """Restore the last whole checkpoint, or a given one.

        Damaged ones after it are renamed, to STEP.damaged, so that the run can save
        those steps anew.

        Args:
            state: a template for shapes, types and devices.
            position: likewise.
            step: which one; by default the last, or where that is damaged the one
                before.

        Returns:
            The checkpoint, or None where there is none yet.

        Raises:
            ValueError: where the saved state has another form than the template; both
                forms are named. Also where the given checkpoint, or every one, is
                damaged.
        """
        self._wait()
        steps = headers.steps_in(self.folder)[::-1]
        if step is not None:
            try:
                return self.read(step, state, position)
            except Damaged as error:
                others = [
                    s for s in steps if s != step and self._is_whole(s, state, position)
                ]
                raise Damaged(
                    f'checkpoint {step} of {self.folder} is damaged: {error}; whole '
                    f'are {others[::-1]}'
                ) from None
        damaged = []
        for candidate in steps:
            try:
                found = self.read(candidate, state, position)
            except Damaged as error:
                headers.warn_passed_over(candidate, error)
                damaged.append(candidate)
            else:
                for later in damaged:  # they would forbid to save those steps anew
                    self._set_aside(later)
                if damaged:
                    ocp.multihost.sync_global_processes('damaged ones are set aside')
                    self.manager.reload()
                return found
        if steps:
            raise ValueError(
                f'every checkpoint in {self.folder} is damaged (steps {steps}): start '
                'afresh with --no-resume or another --workdir'
            )
        return None

    def read(self, step: int, state: State, position: Position) -> Checkpoint:
        """Restore a checkpoint, and hold it against its checksums.

        Args:
            step: which one.
            state: a template for shapes, types and devices.
            position: likewise.

        Returns:
            The checkpoint.

        Raises:
            Damaged: where it is not what was saved.
            ValueError: where it was saved by another model.
        """
        template = {'state': Stored.of(state), 'position': position}
        folder = self.folder / str(step)
        header, tree = headers.restore_checked(
            folder, lambda: self._tree(step, template), headers.shapes(template)
        )
        headers.warn_unsealed(header, folder)
        state, position = tree['state'].state(), tree['position']
        return Checkpoint(step, state, position, header['metrics'], header['notes'])

    def _is_whole(self, step: int, state: State, position: Position) -> bool:
        try:
            self.read(step, state, position)
        except ValueError:
            return False
        return True

    def _tree(self, step: int, template: PyTree) -> PyTree:
        target = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
        try:
            found = self.manager.restore(
                step, args=ocp.args.Composite(tree=ocp.args.StandardRestore(target))
            )
            tree = found['tree']
            position = jax.tree.map(
                lambda saved, like: (
                    type(like)(saved) if isinstance(like, int) else saved
                ),
                tree['position'],
                template['position'],
            )
        except Exception as error:  # damage raises whatever the parser meets first
            if isinstance(error, MemoryError) or 'RESOURCE_EXHAUSTED' in str(error):
                raise  # a device that is too small says nothing about the files
            line = (str(error).splitlines() or [''])[0]
            raise Damaged(f'{step}/tree: {type(error).__name__}, {line}') from error
        return {'state': tree['state'], 'position': position}

    def _set_aside(self, step: int) -> None:
        self._ranks.pop(step, None)
        if jax.process_index() == 0:
            aside = self.folder / f'{step}{ASIDE}'
            if aside.is_dir():
                shutil.rmtree(aside)
            (self.folder / str(step)).rename(aside)

    def close(self) -> None:
        """Wait until everything is on disk; raises what failed in the background."""
        self._wait()
        self.manager.close()

    def _wait(self) -> None:
        """Wait for what is being written; Orbax would log a signal as a stack trace."""
        with undisturbed(), self.room:
            self.manager.wait_until_finished()
