"""Measures the peers: `python -m benchmarks.peers --cases mlp resnet18`.

Every library works in a process of its own, on the same weights and batch. The first
losses have to agree with ours. Each of torch's layouts and thread counts is tried,
eager and compiled, and the fastest of either is measured; of ours, calls of one update
and of several, on one device and on as many as there are cores; of Keras, executions of
one step and of several. Then the libraries take turns, forwards and backwards through
the list (A B B A), so that what the machine does beside this falls on all. A line of
results/peers.jsonl holds the medians, and the ratios of turn to turn with their
quartiles. A form or a peer that cannot train is named in it; a case that we cannot
train is named at the end.
"""

import argparse
import importlib.util
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine, results
from benchmarks.peers import cases
from benchmarks.peers.process import Failed, Worker

RESIDUAL = 'resnet18', 'resnet50'  # of which torch's form is torchvision's
PILOT, TURN = 0.5, 1.0  # seconds of one turn, while forms are tried and measured
# Of the first losses, after three moves of Adam.
TOLERANCES = {'float32': 2e-3, 'bfloat16': 5e-2}


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
    name: str,
    tried: list[tuple[str, dict]],
    weights: Path,
    failures: list[str],
) -> tuple[str, dict]:
    """Try the forms of a peer one by one, and tell the fastest.

    Args:
        name: of the case.
        tried: library and options of each form.
        weights: the file of the initial weights.
        failures: which forms could not train, and why: added to.

    Returns:
        Library and options.

    Raises:
        Failed: where no form could.
    """
    times: dict[int, float] = {}
    for number, (library, options) in enumerate(tried):
        try:
            with_options = Worker(name, library, weights, **options)
            try:
                times[number] = min(with_options.seconds(PILOT) for _ in range(3))
            finally:
                with_options.close()
        except Failed as error:
            failures.append(str(error))
            print(f'   {error}', flush=True)
        else:
            print(f'   {library} {options}: {1e3 * times[number]:.4g} ms', flush=True)
    if not times:
        raise Failed(f'no form of {tried[0][0]} could train')
    return tried[min(times, key=times.__getitem__)]


def begin(
    name: str,
    listed: Mapping[str, list[tuple[str, dict]]],
    weights: Path,
    precision: str,
    failures: list[str],
) -> tuple[dict[str, Worker], dict[str, dict]]:
    """Start the fastest form of each peer that can train, and as we do.

    Args:
        name: of the case.
        listed: the forms of each, 'dljax' first.
        weights: the file of the initial weights.
        precision: of the computation.
        failures: who could not, and why: added to.

    Returns:
        The processes and the options of each.

    Raises:
        Failed: where it is dljax that cannot.
    """
    workers: dict[str, Worker] = {}
    chosen: dict[str, dict] = {}
    for peer, tried in listed.items():
        try:
            one = len(tried) == 1
            library, options = (
                tried[0] if one else fastest(name, tried, weights, failures)
            )
            worker = Worker(name, library, weights, **options)
            mine = worker if peer == 'dljax' else workers['dljax']
            found, wanted = (w.first['losses'] for w in (worker, mine))
            if not np.allclose(found, wanted, rtol=TOLERANCES[precision]):
                worker.close()
                raise Failed(
                    f'the first losses of {peer} are {found}, and ours {wanted}: they '
                    'do not train alike'
                )
        except Failed as error:
            if peer == 'dljax':
                raise
            failures.append(str(error))
            print(f'   without {peer}: {error}', flush=True)
        else:
            workers[peer], chosen[peer] = worker, options
    return workers, chosen


def measure(
    name: str, peers: list[str], turns: int, weights: Path, precision: str = 'float32'
) -> dict[str, Any]:
    """Measure a case.

    Args:
        name: of it.
        peers: beside dljax.
        turns: of each, an even number.
        weights: the file to keep the initial weights in.
        precision: of the computation.

    Returns:
        The measurements; what could not train is among 'failures', and has no ratio.

    Raises:
        Failed: where it is dljax that cannot.
    """
    case, listed = cases.CASES[name], forms(cases.CASES[name], precision)
    Worker(name, 'ours', weights).close()  # draws the weights
    failures: list[str] = []
    asked = {peer: listed[peer] for peer in ['dljax', *peers]}
    workers, chosen = begin(name, asked, weights, precision, failures)
    times: dict[str, list[float]] = {peer: [] for peer in workers}
    for turn in range(-1, turns):  # the first only warms up
        order = list(workers) if turn % 2 == 0 else list(workers)[::-1]
        for peer in order:
            try:
                seconds = workers[peer].seconds(TURN)
            except Failed as error:
                if peer == 'dljax':
                    raise
                failures.append(str(error))
                print(f'   without {peer}: {error}', flush=True)
                del workers[peer], times[peer]
            else:
                times[peer] += [seconds] * (turn >= 0)
    losses = {peer: worker.first['losses'] for peer, worker in workers.items()}
    for worker in workers.values():
        worker.close()
    return {
        'case': name,
        'title': case.title,
        'batch': case.batch,
        'precision': precision,
        'forms': {peer: chosen[peer] for peer in times},
        'losses': losses,
        'milliseconds': {p: 1e3 * float(np.median(t)) for p, t in times.items()},
        'ratios': {
            peer: np.quantile(
                np.divide(times[peer], times['dljax']), (0.5, 0.25, 0.75)
            ).tolist()
            for peer in times
            if peer != 'dljax'
        },
        'failures': failures,
        'turns': turns,
        'bars': dict(case.bars),
    }


def missing(peers: Sequence[str], names: Sequence[str]) -> list[str]:
    """Tell what is not installed, before anything is measured.

    Args:
        peers: that are asked for.
        names: of the cases.

    Returns:
        The packages, in alphabetical order.
    """
    wanted = {peer.partition('.')[0] for peer in peers}
    if 'torch' in wanted and any(cases.CASES[n].model in RESIDUAL for n in names):
        wanted.add('torchvision')
    return sorted(name for name in wanted if importlib.util.find_spec(name) is None)


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
    if lacking := missing(asked.peers, asked.cases):
        parser.error(
            f"{' and '.join(lacking)} not installed: pip install 'dljax[peers]', or "
            'leave peers out by --peers'
        )
    failed = 0
    for name in asked.cases:
        loaded = machine.require_quiet(allow=asked.allow_load)
        print(name, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / 'weights.npz'
            try:
                row = measure(name, asked.peers, asked.turns, weights, asked.precision)
            except Failed as error:
                failed += 1
                print(f'   {name} failed: {error}', flush=True)
                continue
        described = machine.describe('torch', 'keras')
        results.append(asked.results, {**row, 'loaded': loaded, **described})
        for peer, (ratio, low, high) in row['ratios'].items():
            times = row['milliseconds']
            print(
                f'   dljax {times["dljax"]:.4g} ms, {peer} {times[peer]:.4g} ms: '
                f'{ratio:.2f} ({low:.2f} to {high:.2f})',
                flush=True,
            )
    if failed:
        raise SystemExit(f'{failed} of {len(asked.cases)} cases failed, see above')


if __name__ == '__main__':
    main()
