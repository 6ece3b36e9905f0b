"""LeNet-5 in both forms and the tutorial network (U2.3, U2.4)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import scaled_tanh
from dljax.models.convolutional import LeNet5, LeNet1998, TutorialCNN
from dljax.models.convolutional.lenet_1998 import fan_in_uniform


def parameters_by_layer(net: nn.Module, size: int) -> dict[str, int]:
    image = jax.ShapeDtypeStruct((1, size, size, 1), jnp.float32)
    params = jax.eval_shape(net.init, jax.random.key(0), image)['params']
    return {
        name: sum(leaf.size for leaf in jax.tree.leaves(layer))
        for name, layer in params.items()
    }


def test_the_layers_of_lenet_have_the_sizes_of_the_paper():
    counts = parameters_by_layer(LeNet1998(), 32)
    wanted = {'c1': 156, 's2': 12, 'c3': 1516, 's4': 32, 'c5': 48120, 'f6': 10164}
    assert counts == wanted and sum(counts.values()) == 60_000


def test_the_layers_of_the_modern_lenet_have_their_sizes_for_either_image():
    counts = parameters_by_layer(LeNet5(), 32)
    assert list(counts.values()) == [156, 2416, 48120, 10164, 850]
    assert parameters_by_layer(LeNet5(padding='SAME'), 28) == counts


def test_the_layers_of_the_tutorial_network_have_their_sizes():
    counts = parameters_by_layer(TutorialCNN(), 28)
    assert list(counts.values()) == [364, 12636, 3113460, 17650]
    assert sum(counts.values()) == 3_144_110


def test_lenet_brings_paper_and_ink_to_the_range_of_the_paper():
    net = LeNet1998()
    image = np.zeros((1, 32, 32, 1), np.float32)
    image[0, 10:20, 10:20] = 1
    variables = jax.eval_shape(net.init, jax.random.key(0), image)
    variables = jax.tree.map(lambda s: np.full(s.shape, 0.01, s.dtype), variables)

    @jax.jit
    def run(variables, image):
        _, seen = net.apply(variables, image, capture_intermediates=True)
        return [seen['intermediates'][name]['__call__'][0] for name in ('c1', 's2')]

    first, got = (np.asarray(maps) for maps in run(variables, image))
    np.testing.assert_allclose(first[0, 0, 0], 25 * 0.01 * -0.1 + 0.01, atol=1e-6)
    np.testing.assert_allclose(first[0, 13, 13], 25 * 0.01 * 1.175 + 0.01, rtol=1e-5)
    # Squashed once behind each layer, so that the subsampling sees the tanh of C1.
    squashed = np.asarray(scaled_tanh(first)).reshape(1, 14, 2, 14, 2, 6)
    pooled = squashed.mean((2, 4)) * 0.04 + 0.01
    np.testing.assert_allclose(got, pooled, atol=1e-6)


def test_weights_start_within_the_bounds_of_the_paper():
    kernel = fan_in_uniform(jax.random.key(0), (5, 5, 6, 40))
    bound = 2.4 / 150
    assert bound * 0.99 < np.abs(kernel).max() <= bound


def test_the_average_may_stand_in_for_the_maximum():
    image = np.random.default_rng(0).uniform(size=(1, 32, 32, 1)).astype(np.float32)
    nets = LeNet5(), LeNet5(pool=nn.avg_pool, activation=jax.nn.tanh)
    shapes = [jax.eval_shape(n.init, jax.random.key(0), image) for n in nets]
    variables = jax.tree.map(lambda s: np.full(s.shape, 0.01, s.dtype), shapes[0])
    assert shapes[0] == shapes[1]
    logits = [np.asarray(jax.jit(net.apply)(variables, image)) for net in nets]
    assert (logits[0] > logits[1]).all()


def test_dropout_of_the_tutorial_network_acts_in_training_only():
    net = TutorialCNN(hidden=64, features=(2, 3))
    image = np.ones((1, 4, 4, 1), np.float32)
    shapes = jax.eval_shape(net.init, jax.random.key(0), image)
    variables = jax.tree.map(lambda s: np.full(s.shape, 0.1, s.dtype), shapes)
    run = jax.jit(net.apply, static_argnames='train')
    runs = [
        np.asarray(
            run(variables, image, train=train, rngs={'dropout': jax.random.key(i)})
        )
        for train in (True, False)
        for i in range(2)
    ]
    assert (runs[0] != runs[1]).any() and (runs[2] == runs[3]).all()


def test_what_is_no_batch_of_large_enough_images_is_refused():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match='add the missing axis'):
        LeNet5().init(key, np.ones((2, 32, 32)))
    with pytest.raises(ValueError, match='at least 16'):
        LeNet5().init(key, np.ones((2, 8, 8, 1)))
    with pytest.raises(ValueError, match='at least 32'):
        LeNet1998().init(key, np.ones((2, 28, 28, 1)))


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match="padding is 'same'"):
        LeNet5(padding='same')
    with pytest.raises(ValueError, match='classes is 1'):
        LeNet5(1)
    with pytest.raises(ValueError, match='dropout is 1'):
        TutorialCNN(dropout=1)
    with pytest.raises(ValueError, match=r'features are \(14,\)'):
        TutorialCNN(features=(14,))
    with pytest.raises(ValueError, match=r'kernel_size is \(3, 0\)'):
        TutorialCNN(kernel_size=(3, 0))
