"""Where a net looks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model
from dljax.explain import attention_maps, attention_rollout

SMALL = {'width': 8, 'layers': 2, 'heads': 2, 'hidden': 16}


def test_a_net_shows_its_weights_by_layer_and_they_follow_its_masks() -> None:
    net = create_model('transformer', source_tokens=9, target_tokens=9, **SMALL)
    tokens, length = jnp.ones((2, 5), jnp.int32), jnp.array([5, 3])
    variables = jax.jit(net.init)(jax.random.key(0), tokens, tokens, length)
    maps = jax.jit(nn.apply(attention_maps, net))(variables, tokens, tokens, length)
    assert list(maps) == [
        f'decoder/layer_{index}/{kind}'
        for index in (0, 1)
        for kind in ('attention', 'cross_attention')
    ] + ['encoder/layer_0/attention', 'encoder/layer_1/attention']
    for weights in maps.values():
        assert weights.shape == (2, 2, 5, 5) and weights.dtype == jnp.float32
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    assert (np.triu(maps['decoder/layer_0/attention'][0, 0], 1) == 0).all()
    assert (maps['decoder/layer_1/cross_attention'][1, ..., 3:] == 0).all()


def test_the_rollout_sums_to_one_and_wants_a_layer() -> None:
    weights = jax.nn.softmax(jax.random.normal(jax.random.key(0), (3, 2, 4, 5, 5)))
    shares = attention_rollout({str(index): w for index, w in enumerate(weights)})
    np.testing.assert_allclose(shares.sum(-1), np.ones((2, 5)), atol=1e-5)
    half = [np.asarray(w.mean(1) + np.eye(5)[None]) / 2 for w in weights]
    np.testing.assert_allclose(shares, half[2] @ half[1] @ half[0], atol=1e-5)
    # Compiled, a mapping has the order of the alphabet: 10 before 2.
    deep = {f'layer_{n}/attention': weights[n * n % 3] for n in range(11)}
    wanted = np.eye(5)[None]
    for n in range(11):
        wanted = half[n * n % 3] @ wanted
    found = jax.jit(attention_rollout)(deep)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    with pytest.raises(ValueError, match='wanted the layers of one stack'):
        attention_rollout({'a/layer_0': weights[0], 'b/layer_0': weights[0]})
    with pytest.raises(ValueError, match='maps is empty'):
        attention_rollout({})
    plain = create_model('mlp', hidden=(3,), outputs=2)
    variables = plain.init(jax.random.key(0), jnp.ones((1, 2)))
    assert nn.apply(attention_maps, plain)(variables, jnp.ones((1, 2))) == {}
