"""Compiling the train step of a model for chips, and what that tells of it."""

import re
import time
from collections.abc import Mapping
from typing import Any, Literal

import jax

from dljax.aot.cost import cost_of
from dljax.aot.topology import Topology, devices
from dljax.recipes import recipe
from dljax.training import abstract, data_mesh, sharded

# How the compiler says that a chip has too little memory, in two of its versions.
_LACKING = re.compile(
    r'(?:\(([\d.]+)([KMGT])\) exceeds available HBM|Used ([\d.]+)([KMGT]) of)'
)
_UNITS = {'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}

Figures = dict[str, Any]


def compile_ahead(
    model: str,
    topology: Topology,
    *,
    batch: int | None = None,
    precision: Literal['float32', 'bfloat16'] = 'float32',
    fsdp: int = 1,
    remat: bool = False,
    sizes: Mapping[str, tuple[int, ...]] | None = None,
    **settings: Any,
) -> Figures:
    """Compile one update of a model, spread over the chips of a topology.

    The batch is split over all chips, as `training.sharded` does it; the state is
    donated, as in training. No number is computed and no parameter allocated.

    Args:
        model: one of `list_models()`.
        topology: see `read_topology`; `prepare` has been called.
        batch: examples in an update, on all chips together; by default what the recipe
            takes, on each.
        precision: of the computation.
        fsdp: over how many chips each large parameter is split.
        remat: whether blocks are rematerialised in the backward pass.
        sizes: as for `recipes.recipe`.
        **settings: of the model.

    Returns:
        Plain values: what was compiled ('model', 'topology', 'chips', 'batch',
        'precision', 'fsdp', 'remat', 'settings', 'sizes'), 'parameters', and for each
        chip and update 'peak_bytes', 'memory_bytes' and 'fits', 'flops', 'collectives'
        by kind, 'traffic_bytes', 'arithmetic_seconds', 'memory_seconds',
        'roofline_seconds', 'arithmetic_share' and 'unknown_loops'; 'compile_seconds'.
        What is not known is None. Where the program does not fit, its compiler gives
        up: then 'error' is what it says, 'peak_bytes' the part that was too much, and
        all else None.

    Raises:
        ValueError: for an unknown model, topology, or what cannot be.
    """
    if batch is None:
        one = recipe(model, **settings).batch
        batch = topology.chips * next(iter(one.values())).shape[0]
    made = recipe(
        model, batch=batch, precision=precision, remat=remat, sizes=sizes, **settings
    )
    mesh, learner = data_mesh(devices(topology), fsdp), made.learner()
    arguments = abstract(learner, mesh, made.batch)
    figures: Figures = {
        'model': model,
        'topology': topology.name,
        'chips': topology.chips,
        'batch': batch,
        'precision': precision,
        'fsdp': fsdp,
        'remat': remat,
        'settings': {name: str(value) for name, value in settings.items()},
        'sizes': {name: list(size) for name, size in (sizes or {}).items()},
        'parameters': sum(leaf.size for leaf in jax.tree.leaves(arguments[1].params)),
        'memory_bytes': topology.chip.memory,
    }
    begun = time.perf_counter()
    try:
        update = jax.jit(sharded(learner, mesh).update, donate_argnums=1)
        program = update.lower(*arguments).compile()
    except jax.errors.JaxRuntimeError as error:
        if 'RESOURCE_EXHAUSTED' not in str(error):
            raise
        figures |= dict.fromkeys(_MEASURED) | {'fits': False, **_lacking(str(error))}
        return figures | {'compile_seconds': round(time.perf_counter() - begun, 2)}
    seconds = round(time.perf_counter() - begun, 2)
    return (
        figures | measure(program, topology, precision) | {'compile_seconds': seconds}
    )


def _lacking(error: str) -> Figures:
    """Read how much memory a program wants that does not fit."""
    first = ' '.join(error.splitlines()[0].split())
    found = _LACKING.search(first)
    if found is None:
        return {'error': first}
    amount, unit = found[1] or found[3], found[2] or found[4]
    return {'error': first, 'peak_bytes': int(float(amount) * _UNITS[unit])}


def measure(
    program: jax.stages.Compiled, topology: Topology, precision: str
) -> Figures:
    """Read the cost of a compiled program.

    Args:
        program: what `jax.jit(...).lower(...).compile()` gives.
        topology: that it was compiled for.
        precision: of the computation, 'float32' or 'bfloat16'.

    Returns:
        Those of `compile_ahead` from 'peak_bytes' on. 'traffic_bytes' is the least that
        moves between chip and memory: each argument read once, each result written
        once, and each byte of the temporary memory written and read once. The roofline
        time is the longer of that over the bandwidth, and of the operations over the
        peak; the arithmetic fraction is that of the operations in it, 1 where they
        bound the time. Collectives take time of their own, which is not in it.
    """
    memory, text = program.memory_analysis(), program.as_text()
    if memory is None or text is None:
        raise RuntimeError(
            f'the compiler of {topology.name} tells nothing of a program'
        )
    cost, chip = cost_of(text), topology.chip
    inside = memory.argument_size_in_bytes - memory.alias_size_in_bytes
    inside += memory.output_size_in_bytes + memory.temp_size_in_bytes
    # On the CPU the peak is told without temporary memory.
    peak = max(inside, memory.peak_memory_in_bytes)
    traffic = memory.argument_size_in_bytes + memory.output_size_in_bytes
    traffic += 2 * memory.temp_size_in_bytes
    peak_flops = chip.flops.get(precision)
    arithmetic = cost.flops / peak_flops if peak_flops else None
    moving = traffic / chip.bandwidth if chip.bandwidth else None
    roofline = fraction = None
    if arithmetic is not None and moving is not None:
        roofline = max(arithmetic, moving)
        fraction = arithmetic / roofline if roofline else None
    values = (
        peak,
        peak <= chip.memory if chip.memory else None,
        cost.flops,
        traffic,
        arithmetic,
        moving,
        roofline,
        fraction,
        {
            kind: {'count': traffic.count, 'bytes': traffic.bytes}
            for kind, traffic in sorted(cost.collectives.items())
        },
        list(cost.unknown_loops),
    )
    return dict(zip(_MEASURED, values, strict=True))


_MEASURED = (
    'peak_bytes',
    'fits',
    'flops',
    'traffic_bytes',
    'arithmetic_seconds',
    'memory_seconds',
    'roofline_seconds',
    'arithmetic_share',
    'collectives',
    'unknown_loops',
)
