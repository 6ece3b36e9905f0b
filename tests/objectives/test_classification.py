"""Objectives of classification."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from dljax.data import truth_table
from dljax.models.feedforward import xor_2_2_1, xor_weights
from dljax.objectives import classify, predict, score_classes, score_solved


def test_a_set_is_solved_when_its_last_example_is_right():
    net, batch = xor_2_2_1(activation=jax.nn.relu), truth_table('xor')
    score = nn.apply(score_solved('features'), net)
    params = xor_weights()
    # The worked net answers 0 and 1; a logit is wanted below and above 0.
    params['output']['bias'] = jnp.array([-0.5])
    scores = score({'params': params}, batch, jnp.int32(0))
    np.testing.assert_array_equal(scores['solved'], [1, 1, 1, 1])
    params['output']['bias'] = jnp.array([0.5])  # all four true
    scores = score({'params': params}, batch, jnp.int32(0))
    np.testing.assert_array_equal(scores['accuracy'], [0, 1, 1, 0])
    np.testing.assert_array_equal(scores['solved'], [0, 0, 0, 0])


def test_predictions_are_float32_whatever_the_precision():
    net, batch = xor_2_2_1(dtype=jnp.bfloat16), truth_table('xor')
    variables = net.init(jax.random.key(0), batch['features'])
    logits = nn.apply(predict('features'), net)(variables, batch)
    assert net.apply(variables, batch['features']).dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32


def test_in_evaluation_mode_nothing_moves_and_nothing_is_dropped():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            x = nn.BatchNorm(use_running_average=not train, name='norm')(x)
            x = nn.Dropout(0.5, deterministic=not train)(x)
            return nn.Dense(2, name='output')(x)

    batch = {
        'image': jnp.arange(12.0).reshape(4, 3),
        'label': jnp.array([0, 1, 1, 0]),
    }
    net = Net()
    variables = net.init(jax.random.key(0), batch['image'], train=False)
    wanted = score_classes()(net.bind(variables), batch, jnp.int32(0))['loss'].mean()
    for train in (False, True):
        loss = nn.apply(classify(train=train), net, mutable='batch_stats')
        (value, _), moved = loss(
            variables, batch, jnp.int32(0), rngs={'params': jax.random.key(1)}
        )
        mean = moved['batch_stats']['norm']['mean']
        assert bool((mean != 0).any()) == train
        assert bool(jnp.allclose(value, wanted, rtol=1e-6)) == (not train)
