"""Room on a disk: asked for before a save, and told where it was missing."""

import errno
import shutil
from pathlib import Path
from types import TracebackType

import jax
import orbax.checkpoint as ocp

from dljax.types import PyTree

BESIDE = 2**17  # bytes of the files that lie beside the arrays of a checkpoint
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WORDS = ('No space left', 'Disk quota', 'File too large')


class Room:
    """What a checkpoint needs on the disk, and whether it was there.

    As a context it says of an error for want of room that it is one, how much is needed
    and how much is free, and removes what was half written; other errors pass.

    Attributes:
        step: of the checkpoint that is being saved, or None.
        need: bytes that it takes at most.
    """

    step: int | None = None
    need: int = 0

    def __init__(self, folder: Path, manager: ocp.CheckpointManager) -> None:
        """Watch what a manager writes in a folder."""
        self.folder, self.manager = folder, manager

    def ask(self, step: int, tree: PyTree) -> None:
        """Refuse to begin a checkpoint that would not fit.

        Args:
            step: of it.
            tree: its arrays.

        Raises:
            OSError: where too few bytes are free; says how many are, and are needed.
        """
        self.step = step
        self.need = BESIDE + sum(leaf.nbytes for leaf in jax.tree.leaves(tree))
        if shutil.disk_usage(self.folder).free < self.need:
            raise OSError(self._told())

    def check(self) -> None:
        """Raise what has gone wrong in the background since the last save.

        Raises:
            OSError: where the disk was full.
        """
        with self:
            self.manager.check_for_errors()

    def __enter__(self) -> None:
        """Begin to listen."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the error of a full disk into words."""
        if isinstance(error, Exception) and _is_full(error):
            for part in self.folder.glob(f'{self.step}.*tmp*'):
                shutil.rmtree(part, ignore_errors=True)
            raise OSError(self._told()) from error

    def _told(self) -> str:
        free = shutil.disk_usage(self.folder).free
        return (
            f'checkpoint {self.step} does not fit in {self.folder}: it takes up to '
            f'{self.need:,} bytes, and {free:,} are free, or a limit is reached; what '
            'was saved before is whole: make room, or move the run to another disk, '
            'and the same command goes on'
        )


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        known = isinstance(error, OSError) and error.errno in _FULL
        if known or any(words in str(error) for words in _WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False
