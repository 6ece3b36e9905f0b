"""TensorBoard's event files, without the frameworks that their writer looks for."""

import importlib
import logging
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

PAUSE = 30.0  # seconds after which what was written is on the disk
_UNWANTED = 'torch'


class Events:
    """A file of events, written where it is called.

    tensorboardX has a thread for it behind a queue of ten. Where that thread ends by a
    full disk, whoever has an eleventh event waits for ever.
    """

    def __init__(self, folder: Path, *, step: int = 0) -> None:
        """Begin a file.

        Args:
            folder: of the files; made if it is not there.
            step: that the run goes on from; TensorBoard drops what lies beyond it.
        """
        self._summary = _of_tensorboard('summary')
        self._proto = _of_tensorboard('proto.event_pb2')
        writer = _of_tensorboard('event_file_writer').EventsWriter
        folder.mkdir(parents=True, exist_ok=True)
        # The clock in the name counts whole seconds.
        self._writer = writer(str(folder / 'events'), f'.{step}')
        self._flushed, self._closed = time.monotonic(), False
        if step:
            start = self._proto.SessionLog(status=self._proto.SessionLog.START)
            self._write(step=step + 1, session_log=start)

    def scalar(self, name: str, value: float, step: int) -> None:
        """Add a number."""
        self._write(step=step, summary=self._summary.scalar(name, value))

    def image(self, name: str, pixels: np.ndarray, step: int) -> None:
        """Add a picture.

        Args:
            name: of the picture.
            pixels: [height, width, 3] uint8.
            step: updates made so far.
        """
        picture = self._summary.image(name, pixels, dataformats='HWC')
        self._write(step=step, summary=picture)

    def text(self, name: str, words: str, step: int) -> None:
        """Add a text in Markdown."""
        self._write(step=step, summary=self._summary.text(name, words))

    def close(self) -> None:
        """Flush the file to disk; nothing can be added after it."""
        if not self._closed:
            self._closed = True
            self._writer.close()

    def _write(self, **content: Any) -> None:
        event = self._proto.Event(wall_time=time.time(), **content)
        self._writer.write_event(event)
        if time.monotonic() - self._flushed > PAUSE:
            self._writer.flush()
            self._flushed = time.monotonic()


def _of_tensorboard(name: str) -> Any:
    """Import a part of tensorboardX, and nothing that it does not need.

    It imports torch where it is installed, only to know its tensors, which takes
    seconds. While it is imported, torch is told to be absent.
    """
    if _UNWANTED in sys.modules or 'tensorboardX' in sys.modules:
        return importlib.import_module(f'tensorboardX.{name}')
    sys.modules[_UNWANTED] = None  # type: ignore[assignment]  # refuses the import
    try:
        found = importlib.import_module(f'tensorboardX.{name}')
    finally:
        del sys.modules[_UNWANTED]
    # It warns of every NaN that it writes; here they are gaps, which the run has told.
    logging.getLogger('tensorboardX.x2num').setLevel(logging.ERROR)
    return found
