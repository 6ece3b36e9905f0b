"""Lines of the ledger are whole, whoever else writes one."""

import json
import threading
from pathlib import Path

import pytest

from dljax.runs import ledger

CONFIG = {
    'experiment': 'family/model',
    'arguments': {'note': 'n' * 20_000},
    'options': dict.fromkeys(
        (
            'seed',
            'members',
            'devices',
            'parallel',
            'batch_statistics',
            'chunk',
            'precision',
        ),
        1,
    ),
    'commit': None,
    'versions': {},
    'data': 'none',
    'files': {'data': {'sha256': '0123456789abcdef' * 4, 'bytes': 1}},
}
RESULT = {
    'step': 1,
    'ended': '1 updates made',
    'seconds': 1.0,
    'metrics': {},
    'members': {},
    'alarms': {},
}


def test_runs_that_end_at_once_leave_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / 'results.jsonl'

    def enter() -> None:
        for _ in range(10):
            ledger.enter(path, CONFIG, RESULT)

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.rows(path)) == 40


def test_a_line_that_was_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / 'results.jsonl'
    path.write_text('{"experiment": "cut o')
    ledger.enter(path, CONFIG, RESULT)
    lines = path.read_text().splitlines()
    assert len(lines) == 2 and json.loads(lines[1])['step'] == 1
    with pytest.raises(ValueError, match='line 1 is no JSON'):
        ledger.page(path)


def test_a_disk_that_is_full_leaves_no_part_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'results.jsonl'
    ledger.enter(path, CONFIG, RESULT)
    before, opened = path.read_bytes(), Path.open

    class Full:
        def __init__(self, file: object) -> None:
            self.file, self.calls = file, 0

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

        def __enter__(self) -> 'Full':
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, content: bytes) -> int:
            self.calls += 1
            if self.calls > 1:
                raise OSError(28, 'No space left on device')
            return self.file.write(content[:100])

    monkeypatch.setattr(Path, 'open', lambda self, *a, **k: Full(opened(self, *a, **k)))
    with pytest.raises(OSError, match='No space left'):
        ledger.enter(path, CONFIG, RESULT)
    monkeypatch.undo()
    assert path.read_bytes() == before


def test_the_page_tells_the_data_and_the_hash_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / 'results.jsonl'
    ledger.enter(path, {**CONFIG, 'arguments': {}, 'data': 'a table'}, RESULT)
    page = ledger.page(path)
    assert '<br>a table; data: sha256 0123456789abcdef |' in page
