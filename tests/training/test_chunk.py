"""How many updates are joined in one call."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import resident
from dljax.layers import Conv
from dljax.training import Player, learner
from dljax.training import chunk as chunks

KEY = jax.random.key(3)


def squares(net, batch, step):
    return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}


class Picture(nn.Module):
    """A convolution of either kind."""

    layer: type = Conv

    @nn.compact
    def __call__(self, x):
        """One number an example."""
        return self.layer(2, (3, 3))(x).mean((1, 2))[:, :1]


@pytest.mark.parametrize(
    ('layer', 'budget', 'most', 'chunk'),
    [
        (Conv, 1e9, 250, 50),  # a divisor of 250, at most 100
        (Conv, 0, 250, 1),
        (Conv, 5e5, 30, 6),  # of some 70,000 operations each
        (nn.Conv, 1e9, 250, 1),  # slow in a loop on a CPU
    ],
)
def test_updates_are_joined_as_long_as_a_call_stays_short(
    monkeypatch, layer, budget, most, chunk
):
    monkeypatch.setattr(chunks, 'CPU_BUDGET', budget)
    data = {'x': np.ones((4, 8, 8, 3), np.float32), 'y': np.ones((4, 1), np.float32)}
    train = learner(Picture(layer), {'net': Player(optax.sgd(0.1), loss=squares)})
    source = resident(data)
    state = jax.eval_shape(train.init, KEY, data)
    assert chunks.default_chunk(train, source, KEY, state, most) == chunk
