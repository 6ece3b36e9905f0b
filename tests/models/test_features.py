"""Features by path: the right arrays, from every form of net, and clear errors."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model
from dljax.models.container import container
from dljax.models.features import feature_shapes, features
from dljax.types import Array, PyTree


class Block(nn.Module):
    """Two layers, of which the second may be any module."""

    width: int = 3

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        """Compute the feature maps."""
        x = nn.relu(nn.Conv(self.width, (3, 3), name='inner')(x))
        x = nn.BatchNorm(use_running_average=not train, name='norm')(x)
        return x * 2.0


class Net(nn.Module):
    """Blocks in a list, recomputed or not, dropout and a dense layer."""

    remat: bool = False

    def setup(self) -> None:
        """Make the layers."""
        block = nn.remat(Block, static_argnums=(2,)) if self.remat else Block
        self.blocks = [block(3), block(2)]
        self.output = nn.Dense(4)

    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits."""
        x = image
        for block in self.blocks:
            x = block(x, train)
        x = self.rest(self, x) if not self.remat else nn.remat(Net.rest)(self, x)
        return self.output(x)

    @staticmethod
    def rest(net: nn.Module, x: Array) -> Array:
        """Pool, in a function that may be recomputed as well."""
        return x.mean((1, 2))


IMAGE = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype(np.float32)


@functools.cache
def variables() -> PyTree:
    return jax.jit(Net().init)(jax.random.key(1), IMAGE)


def look(net: nn.Module, *names: str, **options: Any) -> Callable:
    return jax.jit(nn.apply(lambda net, x: features(net, x, names, **options), net))


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('remat', [True, False])
def test_features_are_those_of_the_parts_called_by_hand(remat: bool) -> None:
    net = Net(remat=remat)
    call = look(net, 'blocks_0/inner', 'blocks_1', 'output')
    logits, found = call(variables(), IMAGE)
    wanted = jax.jit(Net().apply)(variables(), IMAGE)
    np.testing.assert_allclose(logits, wanted, rtol=1e-6)
    np.testing.assert_array_equal(found['output'], logits)
    params = variables()['params']['blocks_0']['inner']
    by_hand = jax.jit(nn.Conv(3, (3, 3)).apply)({'params': params}, IMAGE)
    np.testing.assert_allclose(found['blocks_0/inner'], by_hand, rtol=1e-5, atol=1e-6)
    pooled = np.asarray(found['blocks_1']).mean((1, 2))
    output = jax.tree.map(np.asarray, variables()['params']['output'])
    by_hand = pooled @ output['kernel'] + output['bias']
    np.testing.assert_allclose(by_hand, logits, rtol=1e-5)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('remat', [True, False])
def test_what_is_added_is_the_derivative_with_respect_to_the_feature(
    remat: bool,
) -> None:
    net, name = Net(remat=remat), 'blocks_1'

    def total(net: nn.Module, more: Array) -> Array:
        return features(net, IMAGE, [name], add={name: more})[0][:, 1].sum()

    # Behind it are the mean over the 36 places and the dense layer.
    gradient = jax.jit(jax.grad(nn.apply(total, net), argnums=1))(
        variables(), np.zeros((2, 6, 6, 2), np.float32)
    )
    kernel = np.asarray(variables()['params']['output']['kernel'])
    np.testing.assert_allclose(
        gradient, np.broadcast_to(kernel[:, 1] / 36, gradient.shape), rtol=1e-5
    )

    def inside(net: nn.Module, more: Array) -> Array:
        name = 'blocks_0/inner'
        return features(net, IMAGE, [], add={name: more})[0].sum()

    more = np.random.default_rng(3).normal(0, 0.1, (2, 6, 6, 3)).astype(np.float32)
    gradient = jax.jit(jax.grad(nn.apply(inside, net), argnums=1))(variables(), more)
    plain = jax.jit(jax.grad(nn.apply(inside, Net()), argnums=1))(variables(), more)
    np.testing.assert_allclose(gradient, plain, rtol=1e-4, atol=1e-6)
    assert np.abs(plain).max() > 1e-3


def test_the_feature_shows_what_was_added_to_it() -> None:
    def both(net: nn.Module, more: Array) -> tuple:
        with_it = features(net, IMAGE, ['output'], add={'output': more})
        return *with_it, net(IMAGE)

    call = jax.jit(nn.apply(both, Net()))
    logits, found, plain = call(variables(), np.ones((2, 4), np.float32))
    np.testing.assert_allclose(logits, np.asarray(plain) + 1, rtol=1e-6)
    np.testing.assert_array_equal(found['output'], logits)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('remat', [True, False])
def test_features_are_differentiable_in_parameters_and_image(remat: bool) -> None:
    def energy(variables: PyTree, image: Array) -> Array:
        _, found = look(Net(remat=remat), 'blocks_1')(variables, image)
        return jnp.square(found['blocks_1']).sum()

    gradients = jax.jit(jax.grad(energy, argnums=(0, 1)))(variables(), IMAGE)
    assert np.abs(gradients[0]['params']['blocks_0']['inner']['kernel']).max() > 1e-3
    assert not gradients[0]['params']['output']['kernel'].any()
    assert np.abs(gradients[1]).max() > 1e-3


def test_features_of_each_example_alone_are_those_of_the_batch() -> None:
    call = look(Net(), 'blocks_0')
    whole = call(variables(), IMAGE)[1]['blocks_0']
    each = jax.vmap(lambda x: call(variables(), x[None])[1]['blocks_0'][0])
    alone = jax.jit(each)(IMAGE)
    np.testing.assert_allclose(alone, whole, rtol=1e-5, atol=1e-6)


def test_train_mode_uses_the_batch_and_moves_nothing() -> None:
    def both(net: nn.Module, image: Array) -> tuple:
        return features(net, image, ['blocks_1'], train=True), net(image, train=True)

    call = jax.jit(nn.apply(both, Net(), mutable=['batch_stats']))
    ((logits, found), wanted), moved = call(variables(), IMAGE)
    np.testing.assert_allclose(logits, wanted, rtol=1e-5, atol=1e-6)
    means = np.asarray(found['blocks_1']).mean((0, 1, 2))
    np.testing.assert_allclose(means, 0, atol=1e-5)
    _, once = jax.jit(
        lambda x: Net().apply(variables(), x, train=True, mutable=['batch_stats'])
    )(IMAGE)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), moved, once)


@pytest.mark.heavy
def test_paths_start_at_the_net_that_is_given() -> None:
    both = container(left=Net(), right=Net())

    def call(net: nn.Module, image: Array) -> tuple:
        net.left(image)
        return features(net.right, image, ['blocks_0'])

    made = jax.jit(nn.init(call, both))(
        jax.random.key(2), IMAGE
    )  # which makes what it calls
    logits, found = jax.jit(nn.apply(call, both))(made, IMAGE)
    alone = {kind: tree['right'] for kind, tree in made.items()}
    wanted = jax.jit(Net().apply)(alone, IMAGE)
    np.testing.assert_allclose(logits, wanted, rtol=1e-6)
    wanted = look(Net(), 'blocks_0')(alone, IMAGE)[1]['blocks_0']
    np.testing.assert_allclose(found['blocks_0'], wanted, rtol=1e-6)


class Twice(nn.Module):
    """One layer in two places, and a loop of steps."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        """Apply the layer twice, then the loop."""
        layer = nn.Dense(2, name='shared')
        x = layer(layer(x))
        loop = nn.scan(
            lambda module, carry, _: (module(carry), None),
            variable_broadcast='params',
            split_rngs={'params': False},
            length=3,
        )
        return loop(nn.Dense(2, name='step'), x, None)[0]


def test_of_a_module_called_twice_it_is_the_first_call() -> None:
    net, x = Twice(), np.ones((1, 2), np.float32)
    params = jax.jit(net.init)(jax.random.key(0), x)
    layer = jax.tree.map(np.asarray, params['params']['shared'])
    found = look(net, 'shared')(params, x)[1]['shared']
    np.testing.assert_allclose(found, x @ layer['kernel'] + layer['bias'], rtol=1e-6)

    def add(net: nn.Module, more: Array) -> Array:
        return features(net, x, ['shared'], add={'shared': more})[1]['shared']

    more = jax.jit(nn.apply(add, net))(params, 2 * x)
    np.testing.assert_allclose(more, np.asarray(found) + 2, rtol=1e-6)


def test_an_unknown_path_is_answered_with_the_nearest_and_all_others() -> None:
    with pytest.raises(ValueError, match=r"no module 'block_0', wanted .*'blocks_0'"):
        look(Net(), 'block_0')(variables(), IMAGE)
    with pytest.raises(ValueError, match=r"'missing', wanted one of .*'output'"):
        wrong = look(Net(), add={'missing': 1.0})
        wrong(variables(), IMAGE)
    net, x = Twice(), np.ones((1, 2), np.float32)
    made = jax.eval_shape(net.init, jax.random.key(0), x)
    with pytest.raises(ValueError, match="'step' is called inside of a loop"):
        jax.eval_shape(look(net, 'step'), made, x)


def test_the_list_of_features_follows_the_calls_and_knows_the_shapes() -> None:
    for remat in (False, True):
        list_them = nn.apply(feature_shapes, Net(remat=remat))
        found = list_them(variables(), IMAGE, rngs={'params': jax.random.key(0)})
        assert {k: v.shape for k, v in found.items()} == {
            'blocks_0/inner': (2, 6, 6, 3),
            'blocks_0/norm': (2, 6, 6, 3),
            'blocks_0': (2, 6, 6, 3),
            'blocks_1/inner': (2, 6, 6, 2),
            'blocks_1/norm': (2, 6, 6, 2),
            'blocks_1': (2, 6, 6, 2),
            'output': (2, 4),
        }
        assert [name for name in found if '/' not in name][-1] == 'output'


@pytest.mark.heavy
def test_dropout_acts_in_train_mode_only() -> None:
    net = create_model('tutorial_cnn', hidden=64, features=(2, 3))
    image = np.ones((1, 8, 8, 1), np.float32)
    params = jax.jit(net.init)(jax.random.key(0), image)
    call = look(net, 'Dropout_0', train=True)
    dropped = call(params, image, rngs={'dropout': jax.random.key(1)})[1]['Dropout_0']
    kept = look(net, 'Dropout_0')(params, image)[1]['Dropout_0']
    gone = (np.asarray(dropped) == 0) & (np.asarray(kept) > 0)
    assert 0 < gone.sum() < (np.asarray(kept) > 0).sum()
