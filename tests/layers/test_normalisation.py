"""Instance and group normalisation, against NumPy and by what they leave alone."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.test_util import check_grads

from dljax.layers import (
    InstanceNorm,
    NormalisedConv,
    group_norm,
    instance_norm,
    layer_norm,
)
from dljax.types import Array

MAPS = np.random.default_rng(0).normal(3.0, 2.0, (3, 4, 5, 6)).astype(np.float32)
NORMS = {
    'instance': (instance_norm, 6),
    'group': (functools.partial(group_norm, groups=3), 3),
    'one group': (functools.partial(group_norm, groups=1), 1),
}


class Normed(nn.Module):
    """Nothing but a normalisation."""

    normalise: Callable

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Normalise."""
        return self.normalise(x, train=True, name='norm')


def by_hand(maps: np.ndarray, groups: int) -> np.ndarray:
    """Each group of channels of each example by its mean and variance over n."""
    parts = maps.astype(np.float64).reshape(*maps.shape[:3], groups, -1)
    mean = parts.mean((1, 2, 4), keepdims=True)
    variance = parts.var((1, 2, 4), keepdims=True)
    return ((parts - mean) / np.sqrt(variance + 1e-5)).reshape(maps.shape)


@pytest.mark.parametrize('name', NORMS)
def test_a_norm_is_that_of_its_formula(name: str) -> None:
    normalise, groups = NORMS[name]
    net = Normed(normalise)
    made, _ = jax.jit(net.init_with_output)(jax.random.key(0), MAPS)
    np.testing.assert_allclose(made, by_hand(MAPS, groups), atol=2e-5)
    # Far from 0 no digits are lost, and half precision keeps the statistics.
    far, _ = jax.jit(net.init_with_output)(jax.random.key(0), MAPS + 1000)
    np.testing.assert_allclose(far, made, atol=2e-3)
    half, _ = net.init_with_output(jax.random.key(0), jnp.asarray(MAPS, jnp.bfloat16))
    np.testing.assert_allclose(half, made, atol=0.03)


@pytest.mark.parametrize('name', NORMS)
def test_the_gradients_of_a_norm_are_those_of_differences(name: str) -> None:
    net = Normed(NORMS[name][0])
    variables = net.init(jax.random.key(0), MAPS)
    weight = np.random.default_rng(1).normal(size=MAPS[:2].shape)

    def value(maps: Array) -> Array:
        return (weight * net.apply(variables, maps)).sum()

    with jax.enable_x64(True):
        variables = jax.tree.map(lambda leaf: leaf.astype(np.float64), variables)
        check_grads(value, (MAPS[:2].astype(np.float64),), 1, modes=['rev'])


def test_instance_norm_has_parameters_only_if_it_is_scaled() -> None:
    def shapes(normalise: Callable) -> dict:
        init = Normed(normalise).init
        params = jax.eval_shape(init, jax.random.key(0), MAPS).get('params', {})
        return {k: leaf.shape for k, leaf in params.get('norm', {}).items()}

    assert shapes(instance_norm) == {}
    both = {'bias': (6,), 'scale': (6,)}
    assert shapes(functools.partial(instance_norm, scaled=True)) == both
    assert shapes(functools.partial(group_norm, groups=2)) == both


def test_a_group_is_a_layer_norm_and_an_example_is_alone() -> None:
    def of(normalise: Callable, maps: np.ndarray) -> np.ndarray:
        net = Normed(normalise)
        return np.asarray(net.init_with_output(jax.random.key(0), maps)[0])

    one = functools.partial(group_norm, groups=1)
    np.testing.assert_allclose(of(one, MAPS), of(layer_norm, MAPS), atol=1e-5)
    # Contrast and brightness of a channel of an image go.
    changed = MAPS * np.float32(3.0) + np.arange(6, dtype=np.float32)
    same = of(instance_norm, MAPS)
    np.testing.assert_allclose(of(instance_norm, changed), same, atol=1e-4)
    others = MAPS.copy()
    others[1:] = 7.0
    np.testing.assert_array_equal(of(instance_norm, others)[0], same[0])
    with pytest.raises(ValueError, match='groups is 4 for 6 channels, wanted a div'):
        of(functools.partial(group_norm, groups=4), MAPS)


def test_a_bias_in_front_of_an_instance_norm_has_no_effect() -> None:
    layer = NormalisedConv(4, normalise=instance_norm, use_bias=True)
    params = layer.init(jax.random.key(0), MAPS)['params']
    before = layer.apply({'params': params}, MAPS)
    params['conv']['bias'] = params['conv']['bias'] + jnp.arange(4.0)
    after = layer.apply({'params': params}, MAPS)
    np.testing.assert_allclose(after, before, atol=1e-4)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('scaled', [True, False])
def test_an_instance_norm_and_its_gradients_are_those_of_linen(scaled: bool) -> None:
    theirs = nn.InstanceNorm(
        epsilon=1e-5, use_bias=scaled, use_scale=scaled, use_fast_variance=False
    )
    ours, weight = InstanceNorm(scaled=scaled), np.cos(np.arange(MAPS.size))
    weight = weight.reshape(MAPS.shape).astype(np.float32)
    params = jax.tree.map(
        lambda leaf: leaf + 0.1 * jnp.arange(6.0), theirs.init(jax.random.key(0), MAPS)
    )

    def gradients(net: nn.Module) -> tuple:
        def value(params: dict, maps: Array) -> tuple[Array, Array]:
            made = net.apply(params, maps)
            return (weight * made).sum(), made

        run = jax.jit(jax.value_and_grad(value, (0, 1), has_aux=True))
        return run(params, MAPS)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        gradients(ours),
        gradients(theirs),
    )
