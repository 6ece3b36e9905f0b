"""What devices send each other in one update: how often, and how much."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import json, sys
import jax
many, statistics, model = int(sys.argv[1]), sys.argv[2], sys.argv[3]
jax.config.update('jax_num_cpu_devices', many)
from dljax.aot.cost import cost_of
from dljax.recipes import recipe
from dljax.training import abstract, data_mesh, mapped, sharded

made = recipe(model, batch=2 * many)
axis, over = (None, sharded) if statistics == 'global' else ('data', mapped)
one, mesh = made.learner(axis=axis), data_mesh()
train, given = over(one, mesh), abstract(one, mesh, made.batch)
program = jax.jit(train.update).lower(*given).compile()
_, state, _ = given
sent = cost_of(program.as_text()).collectives
print(json.dumps({
    'sent': {kind: [one.count, one.bytes] for kind, one in sent.items()},
    'parameters': sum(leaf.size for leaf in jax.tree.leaves(state.params)),
    'channels': sum(leaf.size for leaf in jax.tree.leaves(state.collections)) // 2,
    'norms': len(jax.tree.leaves(state.collections)) // 2,
}))
"""


def found(
    devices: int, statistics: str = 'global', model: str = 'resnet_cifar'
) -> dict:
    done = subprocess.run(
        [sys.executable, '-c', SCRIPT, str(devices), statistics, model],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, 'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.heavy
def test_gradients_are_sent_once_and_four_sums_for_each_batch_norm() -> None:
    told = {devices: found(devices) for devices in (2, 4, 8)}
    one = told[2]
    count, size = one['sent'].pop('all-reduce')
    assert not one['sent']  # nothing but sums
    # Mean and variance, and two sums of their gradients, one of which is that of the
    # shifts; all else in one.
    assert count == 4 * one['norms'] + 1
    sums = 4 * (one['parameters'] + 3 * one['channels'])
    assert sums <= size <= sums + 64  # and a few metrics
    for devices in (4, 8):  # weak scaling: as much from each, however many there are
        assert told[devices]['sent'] == {'all-reduce': [count, size]}


@pytest.mark.exhaustive
def test_with_statistics_of_each_device_all_is_sent_at_once() -> None:
    for devices in (2, 4):
        told = found(devices, 'device')
        sums = 4 * (told['parameters'] + 2 * told['channels'])  # and running averages
        assert list(told['sent']) == ['all-reduce']
        count, size = told['sent']['all-reduce']
        assert count == 1 and sums <= size <= sums + 64  # and a few metrics


@pytest.mark.heavy
@pytest.mark.parametrize('model', ['character_lstm', 'gpt_character'])
def test_a_net_of_sequences_sends_nothing_but_sums(model: str) -> None:
    sent = found(2, model=model)['sent']
    assert list(sent) == ['all-reduce']
