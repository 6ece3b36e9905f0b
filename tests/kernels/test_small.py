"""Loops of tiny nets: one function of the program, with the numbers of any other."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dljax import create_model
from dljax.data import resident
from dljax.kernels.small import (
    NUMBERS,
    OPERATIONS,
    OPTIONS,
    is_small,
    jit_small,
    marked,
)
from dljax.objectives import classify
from dljax.training import Learner, Player, learner, rounds
from dljax.training import compiled as loops
from dljax.types import Array, Source

LENGTH = 7


def iris_like(classes: int = 3) -> tuple[Learner, Source]:
    rng = np.random.default_rng(0)
    rows = {
        'features': rng.normal(size=(20, 4)).astype(np.float32),
        'label': rng.integers(0, classes, 20).astype(np.int32),
    }
    net = create_model('mlp', hidden=(8,), outputs=classes)
    player = Player(optax.adam(0.01), loss=classify('features'))
    return learner(net, {'classifier': player}), resident(rows, 5)


def loop(x: Array, weights: Array) -> tuple[Array, Array]:
    def body(x: Array, _: None) -> tuple[Array, Array]:
        x = jnp.tanh(x @ weights)
        return x, x.sum()

    return jax.lax.scan(body, x, None, length=LENGTH)


@pytest.mark.heavy
def test_a_tiny_net_is_trained_as_by_a_plain_loop(monkeypatch) -> None:
    train, source = iris_like()
    key, used = jax.random.key(0), []

    def trained() -> tuple:
        (turn,) = rounds(train, source, key=key, steps=LENGTH, chunk=LENGTH)
        return turn.state.params, turn.metrics

    def spied(*arguments, **options):
        used.append(1)
        return jit_small(*arguments, **options)

    monkeypatch.setattr(loops, 'jit_small', spied)
    small = trained()
    assert used
    monkeypatch.setattr(loops, 'is_small', lambda *_: False)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        small,
        trained(),
    )
    assert len(used) == 1


def test_it_is_one_call_in_the_program() -> None:
    # A loop over six numbers the compiler marks by itself.
    x = jnp.ones((32, 16)), jnp.eye(16)
    compiled = jax.jit(marked(loop)).lower(*x)
    found = compiled.compile(compiler_options=OPTIONS).as_text()
    entry = found[found.index('ENTRY') :]
    assert ' call(' in entry and 'xla_cpu_small_call="true"' in entry
    assert ' while(' not in entry
    jax.tree.map(np.testing.assert_array_equal, jit_small(loop)(*x), jax.jit(loop)(*x))


def test_arguments_are_donated_where_they_may_be() -> None:
    x, weights = jnp.ones((2, 3)), jnp.eye(3)
    jit_small(loop, donate=(0,))(x, weights)
    assert x.is_deleted() and not weights.is_deleted()


@pytest.mark.parametrize('unfit', [jnp.sort, lambda x: x.at[jnp.array([0])].add(1.0)])
def test_what_the_compiler_refuses_runs_as_ever(unfit) -> None:
    run = jit_small(lambda x: unfit(x) * 2, donate=(0,))
    x = jnp.array([3.0, 1.0, 2.0])
    wanted = np.asarray(unfit(x) * 2)
    for _ in range(2):
        np.testing.assert_array_equal(run(jnp.array(x)), wanted)


def test_errors_of_the_caller_are_raised() -> None:
    with pytest.raises(TypeError, match='same shape'):
        jit_small(loop)(jnp.ones((2, 3)), jnp.eye(4))


def test_large_work_large_arrays_and_unfit_operations_are_not_small() -> None:
    side = int((OPERATIONS / 2) ** (1 / 3))
    at, over = jnp.ones((side, side)), jnp.ones((side + 1, side + 1))
    assert is_small(lambda x: x @ x, at) and not is_small(lambda x: x @ x, over)
    many = jnp.ones(NUMBERS + 1)
    assert is_small(jnp.sin, many[1:]) and not is_small(jnp.sin, many)
    assert not is_small(jnp.sort, jnp.ones(3))
    assert not is_small(lambda x: jax.jit(lambda x: jnp.sort(x))(x), jnp.ones(3))


def test_what_carries_a_large_array_is_not_even_traced() -> None:
    def traced(x: Array) -> Array:
        raise AssertionError(x)

    assert not is_small(traced, jnp.ones(NUMBERS + 1))


def test_several_devices_are_not_small() -> None:
    mesh = jax.sharding.Mesh(jax.devices()[:2], 'x')
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec('x'))
    x = jnp.ones(4)
    assert is_small(jnp.sin, x) and not is_small(jnp.sin, jax.device_put(x, split))
