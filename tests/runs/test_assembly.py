"""What a run is put together from."""

import jax
import numpy as np
import optax
from flax import linen as nn

from dljax.data import resident
from dljax.experiment import Experiment, Options
from dljax.runs.assembly import assemble
from dljax.training import Player
from dljax.training.chunk import default_chunk
from dljax.training.loop import rounds
from dljax.types import Array, Batch, Metrics


def test_a_step_is_traced_once_for_the_chunk_and_the_training() -> None:
    traced = []

    def loss(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        traced.append(step)
        return (net(batch['x']) ** 2).mean(), {}

    # So many numbers that it is no small program, which is traced apart.
    source = resident({'x': np.ones((4, 5000), np.float32)}, 2)
    experiment = Experiment(
        net=nn.Dense(1),
        players={'net': Player(optax.sgd(0.1), loss=loss)},
        source=source,
        steps=100,
        data_summary='ones',
    )
    made = assemble(experiment, Options())
    state = jax.jit(made.learner.init)(*made.first)
    before = len(traced)
    given = made.learner, made.source, made.key, state
    chunk = default_chunk(*given, 50)
    settings = {'key': made.key, 'state': state, 'steps': 100, 'chunk': chunk}
    ends = rounds(made.learner, made.source, **settings)
    assert [int(one.state.step) for one in ends] == [50, 100]
    assert len(traced) == before + 1
    again = assemble(experiment, Options())  # another run traces for itself
    list(rounds(again.learner, again.source, **settings))
    assert len(traced) > before + 1
