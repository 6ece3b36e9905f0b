"""Adversaries of the zoo: what they are told, their priors, their small forms."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import zoo
from dljax.models.adversarial import CodedNoise, dcgan, lsgan
from dljax.models.adversarial.wgan_gp import ResidualBlock, ResidualCritic
from dljax.models.fields import reconfigured
from dljax.types import Array, PyTree

SMALL = {
    'gan': {'hidden': (8,), 'maxout': (6,)},
    'dcgan_small': {'width': 4},
    'cgan': {'noise_hidden': 8, 'label_hidden': 8, 'hidden': 8},
    'lsgan': {'first': 2, 'latent': 5, 'width': 8, 'discriminator_width': 4},
    'wgan_gp': {'width': 8},
    'acgan': {'first': 2, 'width': 4, 'features': (4, 6)},
    'infogan': {'noise': 6, 'width': 4, 'hidden': 8, 'code_hidden': 4},
}
SIGNED = ('dcgan_small', 'lsgan', 'wgan_gp', 'acgan')
LABEL = jnp.arange(3)


@functools.cache
def initialised(name: str) -> tuple[nn.Module, PyTree]:
    size = {} if name == 'dcgan_small' else {'size': 8}
    channels = {'channels': 1} if name in SIGNED else {}
    net = zoo.create_model(name, **size, **channels, **SMALL[name])
    batch = zoo.shapes(name, batch=3, **size, **channels, **SMALL[name])
    batch = {key: jnp.zeros(one.shape, one.dtype) for key, one in batch.items()}
    initialise = jax.jit(nn.init(zoo.row(name).call, net))
    return net, initialise(jax.random.key(0), batch)


def drawn(name: str, *label: Array) -> Array:
    net, variables = initialised(name)

    def draw(net: nn.Module) -> Array:
        return net.draw(jax.random.key(1), 3, *label)

    return nn.apply(draw, net)(variables)


@pytest.mark.parametrize('name', SMALL)
def test_every_kind_makes_digits_of_8x8_in_its_range(name: str) -> None:
    label = (LABEL,) if name in ('cgan', 'acgan') else ()
    images = drawn(name, *label)
    assert images.shape == (3, 8, 8, 1)
    assert images.min() < 0 if name in SIGNED else images.min() >= 0
    assert jnp.abs(images).max() <= 1
    assert jnp.abs(images[0] - images[1]).max() > 0


@pytest.mark.parametrize('name', ['cgan', 'acgan'])
def test_a_conditional_generator_is_told_the_label(name: str) -> None:
    same = drawn(name, LABEL) - drawn(name, (LABEL + jnp.array([0, 1, 1])) % 10)
    assert jnp.all(same[0] == 0) and jnp.all(jnp.abs(same[1:]).max((1, 2, 3)) > 0)


def test_a_conditional_discriminator_is_told_the_label() -> None:
    net, variables = initialised('cgan')

    def judged(net: nn.Module, label: Array) -> Array:
        return net.discriminator(jnp.full((3, 8, 8, 1), 0.5), label)

    judge = nn.apply(judged, net)
    assert jnp.all(judge(variables, LABEL) != judge(variables, LABEL + 1))


def test_the_prior_of_infogan_holds_noise_a_category_and_codes() -> None:
    prior = CodedNoise(noise=3, categories=4, continuous=2)
    drawn = np.asarray(prior(jax.random.key(0), (4000, 9)))
    noise, category, codes = np.split(drawn, [3, 7], axis=1)
    assert set(np.unique(category)) == {0.0, 1.0}
    np.testing.assert_array_equal(category.sum(1), 1)
    np.testing.assert_allclose(category.mean(0), 0.25, atol=0.03)
    assert codes.min() < -0.99 and 0.99 < codes.max() < 1
    np.testing.assert_allclose(codes.var(0), 1 / 3, atol=0.02)
    np.testing.assert_allclose(noise.std(0), 1, atol=0.05)
    # No part follows from another.
    correlation = np.corrcoef(np.hstack([noise, category[:, :1], codes]).T)
    assert np.abs(correlation - np.eye(6)).max() < 0.06
    assert prior == CodedNoise(3, 4, 2)
    with pytest.raises(ValueError, match=r'wanted \[count, 9\]'):
        prior(jax.random.key(0), (4, 8))


def test_chosen_codes_take_the_place_of_drawn_ones() -> None:
    prior = CodedNoise(noise=1, categories=2, continuous=1)
    drawn = jnp.array([[0.3, 1.0, 0.0, 0.7]])
    other = prior.replaced(drawn, category=jnp.array([1]))
    np.testing.assert_allclose(other, [[0.3, 0.0, 1.0, 0.7]])
    other = prior.replaced(drawn, continuous=jnp.array([[-1.0]]))
    np.testing.assert_allclose(other, [[0.3, 1.0, 0.0, -1.0]])


def test_a_critic_scores_each_image_by_itself() -> None:
    critic = ResidualCritic(width=4)
    images = jax.random.normal(jax.random.key(0), (3, 8, 8, 1))
    variables = critic.init(jax.random.key(1), images)
    assert set(variables) == {'params'}
    scores = critic.apply(variables, images, train=True)
    alone = critic.apply(variables, images[:1], train=True)
    np.testing.assert_allclose(scores[:1], alone, rtol=1e-5)


@pytest.mark.parametrize(('sample', 'side'), [(-1, 2), (0, 4), (1, 8)])
def test_where_its_convolutions_are_zero_a_residual_block_is_its_shortcut(
    sample: int, side: int
) -> None:
    block = ResidualBlock(1, sample)
    maps = jnp.arange(16.0).reshape(1, 4, 4, 1)
    params = block.init(jax.random.key(0), maps)['params']
    params = jax.tree.map(jnp.zeros_like, params)
    if sample:
        params['shortcut']['kernel'] = jnp.ones((1, 1, 1, 1))
    outputs = block.apply({'params': params}, maps)[0, :, :, 0]
    plain = np.arange(16.0).reshape(4, 4)
    wanted = {
        -1: plain.reshape(2, 2, 2, 2).mean((1, 3)),
        0: plain,
        1: plain.repeat(2, 0).repeat(2, 1),
    }[sample]
    assert outputs.shape == (side, side)
    np.testing.assert_allclose(outputs, wanted)


def test_a_discriminator_is_normalised_as_it_is_told() -> None:
    def parts(**settings: object) -> set[str]:
        net = dcgan(8, 1, 3, 4, 2, **settings).discriminator
        image = jax.ShapeDtypeStruct((2, 8, 8, 1), jnp.float32)
        shapes = jax.eval_shape(net.init, jax.random.key(0), image)
        leaves = jax.tree_util.tree_leaves_with_path(shapes)
        return {jax.tree_util.keystr(path) for path, _ in leaves}

    assert any("['norm']['mean']" in path for path in parts())
    bare = parts(normalise=None, spectral=True)
    assert not any("['norm']" in path for path in bare)
    assert sum('sigma' in path for path in bare) == 3
    assert sum('bias' in path for path in bare) == 2


def test_sizes_that_no_layers_reach_are_refused() -> None:
    with pytest.raises(ValueError, match='power of two'):
        dcgan(size=60)
    with pytest.raises(ValueError, match='two doublings'):
        lsgan(size=14, first=7)
    with pytest.raises(ValueError, match='multiple of 4'):
        zoo.create_model('infogan', size=10)


@pytest.mark.parametrize('name', ['dcgan_small', 'acgan', 'infogan'])
def test_batch_statistics_are_shared_along_an_axis(name: str) -> None:
    net, variables = initialised(name)
    apart = reconfigured(net, axis_name='data')
    noise = jax.random.normal(jax.random.key(0), (6, net.latent))
    given = (jnp.arange(6),) if name == 'acgan' else ()

    def made(net: nn.Module, noise: Array, *given: Array) -> Array:
        return net.generator(noise, *given, train=True)

    def images(net: nn.Module) -> Callable[..., Array]:
        run = nn.apply(made, net, mutable='batch_stats')
        return lambda *arguments: run(variables, *arguments)[0]

    whole = images(net)(noise, *given)
    halves = [one.reshape(2, 3, *one.shape[1:]) for one in (noise, *given)]
    parts = jax.vmap(images(apart), axis_name='data')(*halves)
    np.testing.assert_allclose(parts.reshape(whole.shape), whole, atol=1e-4)
    alone = jax.vmap(images(net))(*halves)
    assert jnp.abs(alone.reshape(whole.shape) - whole).max() > 1e-3
