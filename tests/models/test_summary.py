"""The description of a net: it adds up whatever the net is made of."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.models.summary import summarise


class _Twice(nn.Module):
    """Calls one layer twice and owns a parameter itself."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        layer = nn.Dense(4)
        return layer(layer(x)) * self.param('scale', nn.initializers.ones, ())


def test_a_layer_that_is_called_twice_is_counted_once_and_works_twice():
    batch = {'x': jax.ShapeDtypeStruct((3, 4), jnp.float32)}
    summary = summarise(_Twice(), lambda net, batch: net(batch['x']), batch)
    assert [layer.kind for layer in summary.layers] == ['_Twice', 'Dense', 'Dense']
    assert [layer.parameters for layer in summary.layers] == [1, 20, 0]
    once = 3 * 4 * 2 * 4
    assert [layer.flops for layer in summary.layers] == [0, once, once]
    assert summary.parameters == 21


def test_a_net_that_samples_and_one_that_remembers_are_described():
    class Noisy(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            x = nn.BatchNorm(use_running_average=False)(x)
            return x + jax.random.normal(self.make_rng('sample'), x.shape)

    batch = {'x': jnp.ones((3, 4))}
    summary = summarise(Noisy(), lambda net, batch: net(batch['x']), batch)
    assert summary.parameters == 8
    assert sum(layer.flops for layer in summary.layers) == summary.flops


def test_a_container_of_two_nets_is_described_by_its_calls():
    class Pair(nn.Module):
        first: nn.Module
        second: nn.Module

        def __call__(self) -> None:
            raise NotImplementedError

    net = Pair(nn.Dense(3), nn.Dense(2))
    summary = summarise(
        net,
        lambda net, batch: net.second(net.first(batch['x'])),
        {'x': jnp.ones((1, 4))},
    )
    assert [layer.path for layer in summary.layers] == ['first', 'second']
    assert [layer.parameters for layer in summary.layers] == [15, 8]
    assert [layer.output for layer in summary.layers] == [
        'float32[1,3]',
        'float32[1,2]',
    ]
    assert summary.flops == 4 * 3 * 2 + 3 * 2 * 2


def test_what_stands_in_a_loop_over_time_counts_as_often_as_it_turns():
    def flops(steps: int) -> int:
        batch = {'x': jax.ShapeDtypeStruct((2, steps, 3), jnp.float32)}
        net = nn.RNN(nn.SimpleCell(4))
        return summarise(net, lambda net, batch: net(batch['x']), batch).flops

    assert flops(5) == 5 * 2 * 2 * (3 + 4) * 4
    assert flops(10) == 2 * flops(5)
