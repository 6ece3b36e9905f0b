"""How long it takes from a command to the end of the first trained step.

Each start is a process of its own, timed from outside of it: imports, initial weights,
compilation, one update of a case of `benchmarks.peers`. dljax starts with its programs
kept from an earlier run (warm), as its command line does, and with none (cold).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import apart, machine, results
from benchmarks.peers import cases

SCRIPT = """
import sys
from pathlib import Path
from benchmarks.peers import cases, worker
name, library, path = sys.argv[1:]
timed, _ = worker.library_of(library, Path(path), {})
case = cases.CASES[name]
losses = timed(case, cases.draw(case))(1)
assert losses[0] == losses[0]
"""


def started(case: str, library: str, weights: Path, cache: str | None) -> float:
    """Start, train one step, end: in seconds, from outside."""
    environment = {**os.environ}
    environment.pop('JAX_COMPILATION_CACHE_DIR', None)
    if cache is not None:
        environment['JAX_COMPILATION_CACHE_DIR'] = cache
        environment['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, '-c', SCRIPT, case, library, str(weights)],
        check=True,
        capture_output=True,
        env=environment,
    )
    return time.perf_counter() - start


def main() -> None:
    """Read the command line and measure."""
    parser = apart.parser('cold_start', __doc__)
    parser.add_argument('--case', default='tutorial_cnn', choices=[*cases.CASES])
    every = ['torch', 'keras', 'flax']
    parser.add_argument('--peers', nargs='*', default=every, choices=every)
    asked = parser.parse_args()
    loaded = machine.require_quiet(allow=asked.allow_load)
    with tempfile.TemporaryDirectory() as folder:
        cache, weights = f'{folder}/programs', Path(folder) / 'weights.npz'
        started(asked.case, 'ours', weights, cache)  # keeps weights and programs
        ways = {'dljax, warm': ('ours', cache), 'dljax, cold': ('ours', None)}
        ways |= {peer: (peer, None) for peer in asked.peers}
        times: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(asked.repeats):
            for way in list(ways)[:: -1 if turn % 2 else 1]:
                library, kept = ways[way]
                times[way].append(started(asked.case, library, weights, kept))
    seconds = {way: statistics.median(found) for way, found in times.items()}
    row = {
        'case': asked.case,
        'title': cases.CASES[asked.case].title,
        'seconds': seconds,
        'all': times,
        'loaded': loaded,
        **machine.describe('torch', 'keras'),
    }
    results.append(asked.results, row)
    for way, found in seconds.items():
        print(f'{asked.case}, {way}: {found:.3g} s')


if __name__ == '__main__':
    main()
