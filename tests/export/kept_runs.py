"""Folders of runs, written as a run writes them but without a training."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import data
from dljax.experiment import Experiment, Options
from dljax.runs.assembly import assemble
from dljax.runs.manifest import configuration
from dljax.training import Player
from dljax.training.checkpoint import Checkpoints
from dljax.types import Batch, PyTree, State


def still(net: nn.Module, batch: Batch, step: jax.Array) -> tuple[jax.Array, dict]:
    """Call a net, whose parameters are then left as they were drawn."""
    del step
    outputs = net(*(v for name, v in batch.items() if name not in ('label', 'target')))
    return 0.0 * sum(jnp.sum(leaf) for leaf in jax.tree.leaves(outputs)), {}


def experiment(
    net: nn.Module, arrays: dict[str, np.ndarray], **more: Any
) -> Experiment:
    values = {
        'net': net,
        'players': {'player': Player(optax.sgd(0.1), loss=still)},
        'source': data.resident(arrays),
        'steps': 3,
        'data_summary': 'numbers (synthetic)',
    }
    return Experiment(**values | more)


def kept(
    folder: Path,
    experiment: Experiment,
    options: Options | None = None,
    *,
    steps: int = 1,
    without: tuple[str, ...] = (),
) -> State:
    """Draw a state, change its parameters at every step, and save each step."""
    made = assemble(experiment, options or Options(seed=1))
    state = jax.jit(made.learner.init)(*made.first)
    config = configuration('some/run', made, None)
    config = {name: value for name, value in config.items() if name not in without}
    checkpoints = Checkpoints(
        folder / 'checkpoints', best=experiment.best, maximize=experiment.maximize
    )
    for step in range(1, steps + 1):
        if step > 1:
            state = state.replace(params=jax.tree.map(lambda x: x + 1, state.params))
        checkpoints.save(
            step,
            state,
            made.position,
            metrics={experiment.best: float(-step)} if experiment.best else {},
            notes={'config': config, 'pending': {}, 'alarms': {}},
        )
    checkpoints.close()
    return state


def variables(state: State) -> dict[str, PyTree]:
    return {'params': state.params, **state.collections}
