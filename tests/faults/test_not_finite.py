"""Numbers that cease to be finite, from every origin, and what a run does then."""

import io
import json
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from rich.console import Console

from dljax import data, run
from dljax.experiment import Experiment, Options, Report
from dljax.training import NonFiniteError, Player
from dljax.types import Array, Batch, Key, Source, State
from dljax.weights.runs import from_run
from tests.faults import running

STEPS, BAD = 60, 33
ORIGINS = ('loss', 'gradient', 'optimizer', 'statistics')
Way = Literal['raise', 'skip', 'rollback']


class Net(nn.Module):
    """A line after a batch norm, with a statistic that can be poisoned alone."""

    @nn.compact
    def __call__(
        self, x: Array, poison: Array | float = 0.0, *, train: bool = True
    ) -> Array:
        """Answer with one number an example."""
        seen = self.variable('batch_stats', 'seen', jnp.zeros, ())
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        if train and not self.is_initializing():
            seen.value = 0.9 * seen.value + poison
        return nn.Dense(1)(x)[:, 0]


def numbered(source: Source) -> Source:
    """Let each batch tell its position."""

    def after(key: Key, position: Array, state: State) -> tuple[Array, Batch]:
        following, batch = source.next(key, position, state)
        return following, {**batch, 'at': jnp.full(len(batch['y']), position)}

    def init(key: Key) -> tuple[Array, Batch]:
        first, _ = source.init(key)
        return first, after(key, first, None)[1]

    return Source(init, after)


def experiment(origin: str) -> Experiment:
    """Fit a line, of which one update goes wrong."""

    def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
        bad = batch['at'][0] == BAD
        poison = jnp.where(bad & (origin == 'statistics'), jnp.nan, 0.0)
        error = jnp.mean((net(batch['x'], poison) - batch['y']) ** 2)
        value = jnp.where(bad & (origin == 'loss'), jnp.inf, 1.0) * error
        if origin == 'gradient':  # of a root at 0, whose value is 0
            value += jnp.sqrt(jnp.where(bad, 0.0, 1.0) * error)
        return value, {}

    def explode(count: Array) -> Array:
        return jnp.where((count == BAD) & (origin == 'optimizer'), jnp.nan, -0.05)

    def score(net: nn.Module, batch: dict, step: Array) -> dict:
        return {'error': (net(batch['x'], train=False) - batch['y']) ** 2}

    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    arrays = {'x': x, 'y': x.sum(1)}
    optimizer = optax.scale_by_schedule(explode)
    return Experiment(
        net=Net(),
        players={'p': Player(optimizer, loss=loss)},
        source=numbered(data.resident(arrays, 16)),
        steps=STEPS,
        data_summary='a line (synthetic)',
        score=score,
        evaluation={'validation': arrays},
        evaluate_every=10,
    )


def go(origin: str, way: Way, folder: Path) -> tuple[Report, str]:
    said = io.StringIO()
    report = run(
        experiment(origin),
        folder,
        Options(on_nan=way, chunk=5),
        console=Console(file=said, width=200),
    )
    return report, said.getvalue()


def all_finite(folder: Path) -> bool:
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(from_run(folder)))


def meet(origin: str, way: Way, folder: Path) -> str:
    """Meet a bad update in one way, and tell what came of it."""
    if way == 'raise' or origin == 'optimizer':
        # Its count stands still or goes back as well, and it comes to the same move
        # again, until the limit is reached.
        with pytest.raises(NonFiniteError) as error:
            go(origin, way, folder)
        assert all_finite(folder)
        return f'ended: {str(error.value)[:60]}'
    report, said = go(origin, way, folder)
    assert report.step == STEPS and all_finite(folder)
    assert report.metrics['validation/error'] < 0.5  # of 3 at first
    if way == 'rollback':
        assert 'rollback' in said
        return 'rolled back once, and to the end'
    rows = map(json.loads, (folder / 'metrics.jsonl').read_text().splitlines())
    skipped = sum(row['skipped/updates'] for row in rows)
    assert skipped == 1
    return 'one update passed over, and to the end'


@pytest.mark.faults
@pytest.mark.parametrize('way', ['raise', 'skip', 'rollback'])
@pytest.mark.parametrize('origin', ORIGINS)
def test_what_is_not_finite_never_reaches_a_checkpoint(
    origin: str, way: Way, tmp_path: Path, note: running.Note
) -> None:
    note(f'{origin}, --on-nan {way}', meet(origin, way, tmp_path))


@pytest.mark.heavy
@pytest.mark.parametrize('way', ['raise', 'skip', 'rollback'])
def test_a_loss_that_is_not_finite_is_met_in_each_way(way: Way, tmp_path: Path) -> None:
    meet('loss', way, tmp_path)
