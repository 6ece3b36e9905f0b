"""The writer of TensorBoard's events comes without the frameworks it looks for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dljax.runs.events import Events
from dljax.runs.record import Records

ROOT = Path(__file__).parents[2]
WRITES = """
import sys
import numpy as np
from dljax.runs.record import Records

sys.path.insert(0, sys.argv[2])
records = Records(__import__('pathlib').Path(sys.argv[1]))
records.write(1, {'loss': 0.5})
records.image('picture', np.zeros((2, 2, 3), np.uint8), 1)
records.text('words', 'said', 1)
records.close()
print('torch' in sys.modules)
import torch
"""


@pytest.mark.heavy
def test_torch_is_not_imported_for_events_and_can_be_afterwards(tmp_path: Path) -> None:
    (tmp_path / 'torch.py').write_text('print("imported")\nclass Tensor: pass\n')
    done = subprocess.run(
        [sys.executable, '-c', WRITES, str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert done.stdout.split() == ['False', 'imported'], done.stderr[-500:]
    assert list((tmp_path / 'events').iterdir())


def test_an_import_that_fails_leaves_torch_importable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ('torch', 'tensorboardX', 'tensorboardX.summary'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    seen = []

    class Finder:
        def find_spec(self, name: str, path: object = None, target: object = None):
            if name == 'tensorboardX':
                seen.append(sys.modules.get('torch', 'absent'))
                raise ImportError('broken')

    monkeypatch.setattr(sys, 'meta_path', [Finder(), *sys.meta_path])
    with pytest.raises(ImportError, match='broken'):
        Events(tmp_path)
    assert seen == [None] and 'torch' not in sys.modules


def test_a_full_disk_is_an_error_and_nothing_waits_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(tmp_path)
    records.write(1, {'loss': 0.5})
    writer = sys.modules['tensorboardX.record_writer'].RecordWriter

    def full(self: object, content: bytes) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(writer, 'write', full)
    with pytest.raises(OSError, match='No space left'):
        records.write(2, {'loss': 0.5})
    monkeypatch.undo()
    records.close()
