"""Trainings that begin with given arrays."""

import functools
import io
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from rich.console import Console

from dljax import pictures, run
from dljax.data import resident
from dljax.experiment import Experiment, Options
from dljax.training import Player, averaged, ensemble, learner
from dljax.types import Array, Batch, PyTree


class Net(nn.Module):
    """A body with batch statistics, and a head."""

    classes: int = 3

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        """Compute the logits."""
        x = nn.Dense(4, name='body')(x)
        x = nn.BatchNorm(use_running_average=not train, name='norm')(x)
        return nn.Dense(self.classes, name='output')(x)


BATCH = {'x': np.linspace(-1, 1, 16, dtype=np.float32).reshape(8, 2)}


def loss(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, dict]:
    return (net(batch['x'], train=True) ** 2).mean(), {}


@functools.cache
def drawn() -> PyTree:
    variables = jax.jit(Net(classes=5).init)(jax.random.key(9), BATCH['x'])
    return jax.device_get(variables['params'])


def given() -> PyTree:
    statistics = {'norm': {'mean': np.arange(4.0), 'var': np.full(4, 2.0)}}
    statistics = jax.tree.map(np.float32, statistics)
    params = {name: dict(group) for name, group in drawn().items()}
    return {'params': params, 'batch_stats': statistics}


def body() -> PyTree:
    start = given()
    del start['params']['output']
    return start


def players(optimizer: optax.GradientTransformation) -> dict[str, Player]:
    return {'one': Player(optimizer, loss=loss)}


def same(a: PyTree, b: PyTree) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.heavy
def test_a_net_begins_with_a_given_body_and_a_fresh_head() -> None:
    optimizer = averaged(optax.adam(0.1))
    key = jax.random.key(0)
    plain = learner(Net(), players(optimizer))
    train = learner(Net(), players(optimizer), start=body())
    plain, state = jax.jit(lambda: [each.init(key, BATCH) for each in (plain, train)])()
    wanted = body()
    for name in ('body', 'norm'):
        same(state.params[name], wanted['params'][name])
    same(state.collections['batch_stats'], wanted['batch_stats'])
    same(state.params['output'], plain.params['output'])
    # What an optimizer copies is what the training begins with.
    same(state.opt_state['one'].average, state.params)


@pytest.mark.heavy
def test_every_member_begins_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, 'curves', lambda outcome: 'not looked at')
    made = Experiment(
        net=Net(),
        players=players(optax.set_to_zero()),
        source=resident(BATCH),
        steps=1,
        data_summary='numbers (synthetic)',
        start=body(),
    )
    text = io.StringIO()
    report = run(
        made, tmp_path, Options(members=2, chunk=1), console=Console(file=text)
    )
    kernel = report.state.params['body']['kernel']
    for index in range(2):
        same(kernel[index], body()['params']['body']['kernel'])
    heads = report.state.params['output']['kernel']
    assert not np.array_equal(heads[0], heads[1])
    fresh = 'params/output/bias, params/output/kernel\n'
    assert f'start     given; drawn afresh: {fresh}' in text.getvalue()


def test_half_precision_becomes_the_type_of_the_net() -> None:
    half = jax.tree.map(lambda leaf: leaf.astype(np.float16), body())
    train = learner(Net(), players(optax.sgd(1.0)), start=half)
    state = jax.jit(train.init)(jax.random.key(0), BATCH)
    kernel = state.params['body']['kernel']
    assert kernel.dtype == jnp.float32
    same(kernel, half['params']['body']['kernel'].astype(np.float32))


def test_all_that_does_not_fit_is_named() -> None:
    wrong = given()
    wrong['params']['tail'] = np.zeros(1, np.float32)
    wrong['params']['body']['bias'] = np.zeros(4, np.int32)
    train = learner(Net(), players(optax.sgd(1.0)), start=wrong)
    with pytest.raises(ValueError, match='start does not fit the net') as caught:
        jax.eval_shape(train.init, jax.random.key(0), BATCH)
    for line in (
        r'params/output/bias: float32[5], wanted float32[3]',
        r'params/output/kernel: float32[4, 5], wanted float32[4, 3]',
        r'params/tail: float32[1], which the net does not have',
        r'params/body/bias: int32[4], wanted float32[4]',
    ):
        assert line in str(caught.value)


def test_an_empty_start_is_refused() -> None:
    train = learner(Net(), players(optax.sgd(1.0)), start={'params': {}})
    with pytest.raises(ValueError, match='start holds no array'):
        jax.eval_shape(train.init, jax.random.key(0), BATCH)


def test_members_of_a_mapped_learner_share_the_start() -> None:
    train, source = ensemble(
        learner(Net(), players(optax.sgd(1.0)), start=body()), resident(BATCH), 2
    )
    key = jax.random.key(0)
    state = jax.jit(lambda: train.init(key, source.init(key)[1]))()
    same(state.collections['batch_stats']['norm']['mean'][1], np.arange(4.0))
