"""Measures the peers: `python -m benchmarks.peers --cases mlp resnet18`.

Every library works in a process of its own, on the same weights and batch. The first
losses have to agree with ours. Each of torch's layouts and thread counts is tried,
eager and compiled, and the fastest of either is measured; of ours, calls of one update
and of several, on one device and on as many as there are cores; of Keras, executions of
one step and of several. Then the libraries take turns, forwards and backwards through
the list (A B B A), so that what the machine does beside this falls on all. A line of
results/peers.jsonl holds the medians, and the ratios of turn to turn with their
quartiles.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine, results
from benchmarks.peers import cases

PILOT, TURN = 0.5, 1.0  # seconds of one turn, while forms are tried and measured
# Of the first losses, after three moves of Adam.
TOLERANCES = {'float32': 2e-3, 'bfloat16': 5e-2}


class Worker:
    """A library in a process of its own."""

    def __init__(self, case: str, library: str, weights: Path, **options: Any) -> None:
        """Start it, and wait until it has trained for the first time."""
        self.library, self.options = library, options
        words = [case, library, str(weights), json.dumps(options)]
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'benchmarks.peers.worker', *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '3'},
        )
        self.first = self._answer()
        self.each = None

    def seconds(self, length: float) -> float:
        """Train for about so many seconds, and give those of one step."""
        if self.each is None:
            self.each = self._train(1)
            self.each = self._train(round(0.2 / self.each) or 1)
        self.each = self._train(round(length / self.each) or 1)
        return self.each

    def close(self) -> None:
        """End it."""
        self.process.stdin.close()
        self.process.wait()

    def _train(self, steps: int) -> float:
        self.process.stdin.write(f'{steps}\n')
        self.process.stdin.flush()
        found = self._answer()
        return found['seconds'] / found['steps']

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f'{self.library} {self.options} ended: '
                + self.process.stderr.read()[-2000:]
            )
        found = json.loads(line)
        if not found['finite']:
            raise RuntimeError(f'{self.library}: the loss is not finite')
        return found


def forms(case: cases.Case, precision: str) -> dict[str, list[tuple[str, dict]]]:
    """List the forms of each peer, of which the fastest is measured."""
    cores = os.cpu_count()
    threads = sorted({1, cores})
    layouts = [True, False] if len(case.shape) == 3 else [False]
    torch = [
        {'threads': count, 'channels_last': layout}
        for count in threads
        for layout in layouts
    ]
    small = case.batch * np.prod(case.shape) < 1000
    joined = (50, 1000) if small else (10,)  # updates in one call
    ours = [{'chunk': many} for many in (1, *joined)]
    if cores > 1 and not small:
        ours += [{**one, 'devices': cores} for one in ours]
    many = (1,) if case.task == 'game' else (1, *joined)  # a loop of our own plays it
    keras = [{'together': count} for count in many]
    listed = {
        'dljax': ('ours', ours),
        'flax': ('flax', [{}]),
        'torch': ('torch', torch),
        'torch.compile': ('torch', [{**one, 'compiled': True} for one in torch]),
        'keras': ('keras', keras),
    }
    return {
        peer: [(library, {'precision': precision, **one}) for one in options]
        for peer, (library, options) in listed.items()
    }


def fastest(
    name: str, tried: list[tuple[str, dict]], weights: Path
) -> tuple[str, dict]:
    """Try the forms of a peer one by one, and tell the fastest."""
    times = []
    for library, options in tried:
        worker = Worker(name, library, weights, **options)
        times.append(min(worker.seconds(PILOT) for _ in range(3)))
        worker.close()
        print(f'   {library} {options}: {1e3 * times[-1]:.4g} ms', flush=True)
    return tried[int(np.argmin(times))]


def measure(
    name: str, peers: list[str], turns: int, weights: Path, precision: str = 'float32'
) -> dict:
    """Measure a case.

    Args:
        name: of it.
        peers: beside dljax.
        turns: of each, an even number.
        weights: the file to keep the initial weights in.
        precision: of the computation.

    Returns:
        The measurements.
    """
    case, listed = cases.CASES[name], forms(cases.CASES[name], precision)
    Worker(name, 'ours', weights).close()  # draws the weights
    chosen = {
        peer: listed[peer][0]
        if len(listed[peer]) == 1
        else fastest(name, listed[peer], weights)
        for peer in ['dljax', *peers]
    }
    workers = {
        peer: Worker(name, library, weights, **options)
        for peer, (library, options) in chosen.items()
    }
    wanted = workers['dljax'].first['losses']
    for peer, worker in workers.items():
        if not np.allclose(worker.first['losses'], wanted, rtol=TOLERANCES[precision]):
            raise RuntimeError(
                f'{name}: the first losses of {peer} are {worker.first["losses"]}, '
                f'and ours {wanted}: they do not train alike'
            )
    times = {peer: [] for peer in workers}
    for worker in workers.values():
        worker.seconds(TURN)
    for turn in range(turns):
        order = list(workers) if turn % 2 == 0 else list(workers)[::-1]
        for peer in order:
            times[peer].append(workers[peer].seconds(TURN))
    for worker in workers.values():
        worker.close()
    row = {
        'case': name,
        'title': case.title,
        'batch': case.batch,
        'precision': precision,
        'forms': {peer: options for peer, (_, options) in chosen.items()},
        'losses': {p: w.first['losses'] for p, w in workers.items()},
        'milliseconds': {p: 1e3 * float(np.median(t)) for p, t in times.items()},
        'ratios': {},
        'turns': turns,
        'bars': dict(case.bars),
    }
    for peer in peers:
        ratio = np.divide(times[peer], times['dljax'])
        row['ratios'][peer] = [float(q) for q in np.quantile(ratio, (0.5, 0.25, 0.75))]
    return row


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.peers')
    parser.description = __doc__.splitlines()[0]
    parser.add_argument('--cases', nargs='+', default=[*cases.CASES])
    every = ['flax', 'torch', 'torch.compile', 'keras']
    parser.add_argument('--peers', nargs='+', default=every, choices=every)
    parser.add_argument('--turns', type=int, default=10, help='of each, an even number')
    parser.add_argument('--precision', choices=[*TOLERANCES], default='float32')
    parser.add_argument('--results', type=Path, default=results.path('peers'))
    parser.add_argument('--allow-load', action='store_true')
    asked = parser.parse_args()
    unknown = set(asked.cases) - set(cases.CASES)
    if unknown or asked.turns < 2 or asked.turns % 2:
        parser.error(
            f'unknown cases {sorted(unknown)}, wanted some of {sorted(cases.CASES)}; '
            f'turns is {asked.turns}, wanted an even number of at least 2'
        )
    for name in asked.cases:
        loaded = machine.require_quiet(allow=asked.allow_load)
        print(name, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / 'weights.npz'
            row = measure(name, asked.peers, asked.turns, weights, asked.precision)
        described = machine.describe('torch', 'keras')
        results.append(asked.results, {**row, 'loaded': loaded, **described})
        for peer, (ratio, low, high) in row['ratios'].items():
            times = row['milliseconds']
            print(
                f'   dljax {times["dljax"]:.4g} ms, {peer} {times[peer]:.4g} ms: '
                f'{ratio:.2f} ({low:.2f} to {high:.2f})',
                flush=True,
            )


if __name__ == '__main__':
    main()
