"""A peer, a form or a case that fails is said, and the others are measured."""

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import __main__ as peers
from benchmarks.peers.process import Failed, Worker

# What stands in the place of a library's process: it says hello, then does as told.
FAKE = """
import json, sys, time
case, library, weights, options = sys.argv[1:]
say = lambda **words: print(json.dumps(words), flush=True)
print('a word beside ' * 20_000, file=sys.stderr)
if library == 'absent':
    raise ImportError('no such library')
if library == 'hangs':
    time.sleep(60)
say(losses=[1.0], finite=library != 'diverges', seconds=0.1)
for line in sys.stdin:
    if library == 'crashes':
        sys.exit('Termination timeout of 40 seconds')
    say(seconds=0.5 * int(line), steps=int(line), finite=True)
"""


def started(library: str) -> Worker:
    return Worker(
        'mlp',
        library,
        Path('none'),
        patience=1.0 if library == 'hangs' else 60.0,
        command=(sys.executable, '-c', FAKE),
        threads=2,
    )


def test_a_process_trains_as_told_whatever_it_says_beside() -> None:
    worker = started('well')
    assert worker.first['losses'] == [1.0]
    assert worker.seconds(2.0) == 0.5
    worker.close()
    assert worker.process.returncode == 0


@pytest.mark.parametrize(
    ('library', 'words'),
    [
        ('absent', 'ended: ImportError: no such library'),
        ('hangs', 'was silent for 1 s: '),
        ('diverges', 'came to a loss that is not finite'),
    ],
)
def test_a_process_that_cannot_begin_says_why(library: str, words: str) -> None:
    with pytest.raises(Failed, match=f"{library} {{'threads': 2}} {words}"):
        started(library)


def test_a_process_that_ends_later_says_why() -> None:
    worker = started('crashes')
    with pytest.raises(Failed, match='ended: Termination timeout of 40 seconds'):
        worker.seconds(1.0)


class Imagined:
    """A process whose steps take as long as its options say, or fail."""

    def __init__(self, case: str, library: str, weights: Path, **options: Any) -> None:
        self.turns, self.options, self.library = 0, options, library
        if library == 'keras' or options.get('devices'):
            raise Failed(f'{library} {options} ended')
        self.first = {'losses': [2.0 if options.get('compiled') else 1.0]}

    def seconds(self, length: float) -> float:
        self.turns += 1
        if self.library == 'flax' and self.turns > 3:
            raise Failed('flax {} was silent')
        return {1: 3.0, 50: 2.0, 1000: 4.0}.get(self.options.get('chunk', 0), 6.0)

    def close(self) -> None:
        pass


def test_the_others_are_measured_where_some_fail(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peers, 'Worker', Imagined)
    every = ['flax', 'torch', 'torch.compile', 'keras']
    row = peers.measure('tiny_mlp', every, 4, tmp_path / 'w.npz')
    assert row['forms'].keys() == {'dljax', 'torch'}
    assert row['forms']['dljax']['chunk'] == 50
    assert row['ratios'] == {'torch': [3.0, 3.0, 3.0]}
    said = '\n'.join(row['failures'])
    for words in ('flax {} was silent', 'torch.compile are [2.0]', 'no form of keras'):
        assert words in said


def test_a_case_that_we_cannot_train_is_told_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def measure(name: str, *rest: object) -> dict:
        if name == 'mlp':
            raise Failed('ours {} ended: out of memory')
        return {'ratios': {}, 'milliseconds': {}, 'case': name}

    file = tmp_path / 'lines.jsonl'
    monkeypatch.setattr(peers, 'measure', measure)
    monkeypatch.setattr(peers.machine, 'require_quiet', lambda allow: False)
    words = ['peers', '--cases', 'mlp', 'tiny_mlp', '--peers', 'flax', '--allow-load']
    monkeypatch.setattr(sys, 'argv', [*words, '--results', str(file)])
    with pytest.raises(SystemExit, match='1 of 2 cases failed'):
        peers.main()
    assert '"case": "tiny_mlp"' in file.read_text()


def test_what_is_not_installed_is_named_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(peers.importlib.util, 'find_spec', lambda name: None)
    assert peers.missing(['torch', 'torch.compile'], ['mlp']) == ['torch']
    both = ['keras', 'torch', 'torchvision']
    assert peers.missing(['keras', 'torch'], ['mlp', 'resnet18']) == both
    monkeypatch.setattr(sys, 'argv', ['peers', '--cases', 'resnet18'])
    with pytest.raises(SystemExit):
        peers.main()
    assert "torchvision not installed: pip install 'dljax[pe" in capsys.readouterr().err
