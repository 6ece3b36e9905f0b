"""One library in a process of its own: it trains when it is told to, by a line.

`python -m benchmarks.peers.worker CASE LIBRARY FILE OPTIONS` reads weights from the
file (ours writes them), and answers each line of its standard input with one of JSON.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.peers import cases

CHECKED = 3  # losses that have to agree


def main(name: str, library: str, path: str, options: str) -> None:
    """Build the step, tell of the first losses, then train as told.

    Args:
        name: of the case.
        library: 'ours', 'flax', 'torch' or 'keras'.
        path: of the weights.
        options: of `build`, as JSON.
    """
    answers = os.dup(1)
    os.dup2(2, 1)  # what libraries print is not an answer

    def answer(**words: object) -> None:
        os.write(answers, (json.dumps(words) + '\n').encode())

    case, chosen = cases.CASES[name], json.loads(options)
    batch = cases.draw(case)
    build, checked = library_of(library, Path(path), chosen)
    start = time.perf_counter()
    run = build(case, batch)
    losses = run(run.steps)
    compiled = time.perf_counter() - start
    with known_numbers(library):
        first = checked(case, batch)(CHECKED)[:CHECKED]
    answer(losses=first, finite=bool(np.isfinite(losses).all()), seconds=compiled)
    for line in sys.stdin:
        steps = max(1, int(line) // run.steps) * run.steps
        start = time.perf_counter()
        losses = run(steps)
        seconds = time.perf_counter() - start
        answer(seconds=seconds, steps=steps, finite=bool(np.isfinite(losses).all()))


def library_of(library: str, path: Path, options: dict) -> tuple[Callable, Callable]:
    """Give what builds the step: as it is timed, and as its losses are compared."""
    if library == 'ours':
        import jax

        if options.get('devices', 1) > 1:
            jax.config.update('jax_num_cpu_devices', options['devices'])
        from benchmarks.peers.ours import build

        def timed(case: cases.Case, batch: dict) -> Callable:
            weights = dict(np.load(path)) if path.exists() else None
            run = build(case, batch, weights, **options)
            if weights is None:
                np.savez(path, **run.weights())
            return run

        def checked(case: cases.Case, batch: dict) -> Callable:
            return build(case, batch, dict(np.load(path)), check=True, **options)

        return timed, checked
    weights = dict(np.load(path))
    if library == 'torch':
        from benchmarks.peers.torch_step import build

        eager = {k: v for k, v in options.items() if k != 'compiled'}
        return (
            lambda case, batch: build(case, batch, weights, **options),
            lambda case, batch: build(case, batch, weights, check=True, **eager),
        )
    if library == 'flax':
        from benchmarks.peers.flax_step import build
    elif library == 'keras':
        os.environ['KERAS_BACKEND'] = 'jax'  # Keras reads it as it is imported
        from benchmarks.peers.keras_step import build
    else:
        raise ValueError(f"library is '{library}', wanted ours, flax, torch or keras")
    return (
        lambda case, batch: build(case, batch, weights, **options),
        lambda case, batch: build(
            case, batch, weights, precision=options.get('precision', 'float32')
        ),
    )


@contextlib.contextmanager
def known_numbers(library: str) -> Iterator[None]:
    """Replace JAX's random numbers by those of `cases`; torch's are in its own file."""
    if library == 'torch':
        yield
        return
    import jax.numpy as jnp

    def normal(key: object, shape: tuple = (), dtype: object = None) -> object:
        return jnp.asarray(cases.normal(shape))

    def bernoulli(key: object, p: float = 0.5, shape: tuple = ()) -> object:
        return jnp.asarray(cases.kept(shape, float(p)))

    with (
        mock.patch('jax.random.normal', normal),
        mock.patch('jax.random.bernoulli', bernoulli),
    ):
        yield


if __name__ == '__main__':
    main(*sys.argv[1:])
