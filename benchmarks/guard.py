"""What it costs to pass over updates that are not finite, where all of them are.

The same calls with and without the guard take turns, and once more without, which tells
how much of a ratio is noise. Ratios are of seconds of the clock.
"""

import statistics
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import jax
import numpy as np
import optax

from benchmarks import apart, machine, results
from dljax import create_model, data
from dljax.objectives import classify
from dljax.training import Player, learner, rounds

CASES: dict[str, dict[str, Any]] = {
    'mlp': {
        'settings': {'hidden': (256, 128), 'outputs': 10},
        'feature': 'features',
        'shape': (784,),
        'batch': 128,
        'chunk': 100,
    },
    'lenet5': {
        'settings': {},
        'feature': 'image',
        'shape': (32, 32, 1),
        'batch': 64,
        'chunk': 25,
    },
    'lenet5, call by call': {
        'model': 'lenet5',
        'settings': {},
        'feature': 'image',
        'shape': (32, 32, 1),
        'batch': 64,
        'chunk': 1,
    },
    'tutorial_cnn': {
        'settings': {},
        'feature': 'image',
        'shape': (28, 28, 1),
        'batch': 128,
        'chunk': 10,
    },
}
WAYS = {'plain': False, 'guarded': True, 'plain again': False}


def trainings(name: str) -> dict[str, Iterator]:
    """Begin the trainings that take turns, by way."""
    case, random = CASES[name], np.random.default_rng(0)
    arrays = {
        case['feature']: random.uniform(size=(2000, *case['shape'])).astype('float32'),
        'label': random.integers(0, 10, 2000).astype('int32'),
    }
    player = Player(optax.adam(1e-3), loss=classify(case['feature']))
    train = learner(
        create_model(case.get('model', name), **case['settings']), {'player': player}
    )
    source = data.resident(arrays, case['batch'])
    return {
        way: rounds(
            train, source, key=jax.random.key(0), chunk=case['chunk'], skip=guarded
        )
        for way, guarded in WAYS.items()
    }


def ratios(name: str, repeats: int, seconds: float) -> dict[str, Any]:
    """Measure so many turns of about so many seconds in all."""
    turns = trainings(name)

    def taken(way: str, calls: int) -> float:
        start = time.perf_counter()
        for turn in islice(turns[way], calls):
            jax.block_until_ready(turn.metrics)
        return time.perf_counter() - start

    for way in WAYS:
        taken(way, 3)  # compiles
    calls = max(1, round(seconds / (3 * taken('plain', 3) / 3)))
    each = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way in WAYS:
            each[way].append(taken(way, calls))
    relative = {
        way: [a / b for a, b in zip(each[way], each['plain'], strict=True)]
        for way in ('guarded', 'plain again')
    }
    updates = calls * CASES[name]['chunk']
    return {
        'milliseconds': statistics.median(each['plain']) / updates * 1e3,
        **{way: statistics.quantiles(relative[way], n=4) for way in relative},
    }


def main() -> None:
    """Read the command line and measure."""
    parser = apart.parser('guard', __doc__)
    parser.set_defaults(repeats=31)
    parser.add_argument('--models', nargs='+', choices=CASES, default=list(CASES))
    asked = parser.parse_args()
    for name in asked.models:
        loaded = machine.require_quiet(allow=asked.allow_load)
        case = {k: CASES[name][k] for k in ('batch', 'chunk')}
        found = ratios(name, asked.repeats, asked.seconds)
        row = {'model': name, **case, **found, **machine.describe(), 'loaded': loaded}
        results.append(asked.results, row)
        low, middle, high = found['guarded']
        again = found['plain again'][1]
        print(
            f'{name}, batch {case["batch"]}, {case["chunk"]} updates a call: '
            f'{found["milliseconds"]:.4g} ms an update, guarded {middle:.4f} of it '
            f'({low:.4f} to {high:.4f}), without it again {again:.4f}',
            flush=True,
        )


if __name__ == '__main__':
    main()
