"""Measure one train step in this process: what `throughput` and its kin start.

`python -m benchmarks.step SETTINGS`, the settings as JSON, answers with JSON.
"""

import dataclasses
import functools
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from benchmarks import machine
from benchmarks.peers.ours import constant
from dljax.aot.cost import cost_of
from dljax.kernels.tracing import flops
from dljax.recipes import Recipe, recipe
from dljax.training import data_mesh, mapped, rounds, sharded


def measure(
    model: str,
    *,
    batch: int | None = None,
    precision: str = 'float32',
    chunk: int = 1,
    devices: int = 1,
    batch_statistics: str = 'global',
    remat: bool = False,
    accumulate: int = 1,
    sizes: dict[str, list[int]] | None = None,
    settings: dict[str, Any] | None = None,
    seconds: float = 1.0,
    repeats: int = 5,
) -> dict[str, Any]:
    """Compile and time a step as `dljax.training.rounds` runs it.

    Args:
        model: of the zoo.
        batch: examples in an update, over all devices; the recipe's by default.
        precision: 'float32' or 'bfloat16'.
        chunk: updates in one compiled call.
        devices: over how many the batch is split.
        batch_statistics: 'global' of the whole batch, or of each 'device'.
        remat: whether blocks are rematerialised in the backward pass.
        accumulate: in how many parts the batch passes the net, whose gradients are
            averaged before the optimizer moves; the time is that of all parts.
        sizes: the shape of one example by feature, where the model leaves it open.
        settings: of the model.
        seconds: that one measurement takes about.
        repeats: of it.

    Returns:
        'milliseconds' of an update with their quartiles, 'examples_per_second',
        'compile_seconds', 'flops' of an update and 'flops_per_second', 'share' of the
        measured peak of the devices, 'temporary_bytes' of the program a device,
        'peak_bytes' of the device or else of the process, and 'collectives' by kind.
    """
    prepared = functools.partial(
        recipe,
        model,
        precision=precision,
        remat=remat,
        sizes={k: tuple(v) for k, v in (sizes or {}).items()} or None,
        **(settings or {}),
    )
    made = prepared(batch=batch)
    examples = next(iter(made.batch.values())).shape[0]
    if examples % accumulate:
        raise ValueError(
            f'a batch of {examples} does not divide into {accumulate} parts: choose '
            'another number of parts, or batch'
        )
    if accumulate > 1:
        made = accumulated(prepared(batch=examples // accumulate), accumulate)
        chunk *= accumulate
    train = made.learner()
    if devices > 1:
        mesh = data_mesh(jax.devices()[:devices])
        if batch_statistics == 'device':
            train = mapped(made.learner(axis='data'), mesh)
        else:
            train = sharded(train, mesh)
    key = jax.random.key(0)
    drawn = made.draw(key)
    state = jax.jit(train.init)(key, drawn)
    start = time.perf_counter()
    turns = rounds(train, constant(drawn), key=key, state=state, chunk=chunk)
    jax.block_until_ready(next(turns).metrics)
    compiled = time.perf_counter() - start
    program = jax.jit(train.update, donate_argnums=1).lower(key, state, drawn).compile()
    times = _timed(lambda: jax.block_until_ready(next(turns).metrics), seconds, repeats)
    each = np.quantile(np.array(times) * accumulate / chunk, (0.5, 0.25, 0.75))
    work = accumulate * flops(train.update, key, state, drawn)
    peak = devices * machine.peak_flops(precision)
    if jax.default_backend() == 'cpu':
        peak /= devices  # virtual devices share the cores
    return {
        'batch': examples,
        'milliseconds': [1e3 * float(x) for x in each],
        'examples_per_second': examples / float(each[0]),
        'compile_seconds': compiled,
        'flops': work,
        'flops_per_second': work / float(each[0]),
        'share': work / float(each[0]) / peak,
        'temporary_bytes': program.memory_analysis().temp_size_in_bytes,
        'peak_bytes': _peak_bytes(),
        'collectives': {
            kind: {'count': traffic.count, 'bytes': traffic.bytes}
            for kind, traffic in cost_of(program.as_text()).collectives.items()
        },
    }


def accumulated(made: Recipe, parts: int) -> Recipe:
    """Let players move after several turns, by the mean of their gradients."""
    players = {
        name: dataclasses.replace(
            player,
            optimizer=optax.MultiSteps(
                player.optimizer, parts
            ).gradient_transformation(),
        )
        for name, player in made.players.items()
    }
    return dataclasses.replace(made, players=players)


def _timed(call: Callable[[], Any], seconds: float, repeats: int) -> list[float]:
    """Give the seconds of a call, several times, each over as many as it takes."""
    start = time.perf_counter()
    call()
    many = max(1, round(seconds / (time.perf_counter() - start)))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(many):
            call()
        times.append((time.perf_counter() - start) / many)
    return times


def _peak_bytes() -> int:
    found = jax.local_devices()[0].memory_stats()
    if found:
        return found['peak_bytes_in_use']
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux


if __name__ == '__main__':
    asked = json.loads(sys.argv[1])
    if asked.get('devices', 1) > 1:
        jax.config.update('jax_num_cpu_devices', asked['devices'])
    answer = measure(**asked)
    print(json.dumps({**answer, **machine.describe()}))
