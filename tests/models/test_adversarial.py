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
from dljax.models.adversarial.acgan import LabelledGenerator
from dljax.models.adversarial.dcgan import ConvolutionalGenerator
from dljax.models.adversarial.infogan import CodedGenerator
from dljax.models.adversarial.lsgan import LeastSquaresGenerator
from dljax.models.adversarial.wgan_gp import (
    ResidualBlock,
    ResidualCritic,
    ResidualGenerator,
)
from dljax.models.fields import reconfigured
from dljax.types import Array, PyTree, named_leaves

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
LABEL = np.arange(3)


@functools.cache
def initialised(name: str) -> tuple[nn.Module, PyTree]:
    """A small net and random variables, without compiling the initialisers."""
    size = {} if name == 'dcgan_small' else {'size': 8}
    channels = {'channels': 1} if name in SIGNED else {}
    net = zoo.create_model(name, **size, **channels, **SMALL[name])
    batch = zoo.shapes(name, batch=3, **size, **channels, **SMALL[name])
    initialise = nn.init(zoo.row(name).call, net)
    rng = np.random.default_rng(0)

    def draw(path: str, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        if path.endswith(('var', 'scale')):
            return rng.uniform(0.5, 1.5, leaf.shape).astype(leaf.dtype)
        inputs = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 100
        return (rng.normal(size=leaf.shape) / np.sqrt(inputs)).astype(leaf.dtype)

    tree = jax.eval_shape(initialise, jax.random.key(0), batch)
    leaves = [draw(path, leaf) for path, leaf in named_leaves(tree).items()]
    return net, jax.tree.unflatten(jax.tree.structure(tree), leaves)


@functools.cache
def drawing(name: str) -> Callable[..., Array]:
    net, _ = initialised(name)

    def draw(net: nn.Module, *label: Array) -> Array:
        return net.draw(jax.random.key(1), 3, *label)

    return jax.jit(nn.apply(draw, net))


def drawn(name: str, *label: Array) -> np.ndarray:
    return np.asarray(drawing(name)(initialised(name)[1], *label))


@pytest.mark.others('heavy')
@pytest.mark.parametrize('name', sorted(SMALL))
def test_every_kind_makes_digits_of_8x8_in_its_range(name: str) -> None:
    label = (LABEL,) if name in ('cgan', 'acgan') else ()
    images = drawn(name, *label)
    assert images.shape == (3, 8, 8, 1)
    assert images.min() < 0 if name in SIGNED else images.min() >= 0
    assert np.abs(images).max() <= 1
    assert np.abs(images[0] - images[1]).max() > 0


@pytest.mark.parametrize('name', ['acgan', 'cgan'])
def test_a_conditional_generator_is_told_the_label(name: str) -> None:
    same = drawn(name, LABEL) - drawn(name, (LABEL + np.array([0, 1, 1])) % 10)
    assert np.all(same[0] == 0) and np.all(np.abs(same[1:]).max((1, 2, 3)) > 0)


def test_a_conditional_discriminator_is_told_the_label() -> None:
    net, variables = initialised('cgan')

    def judged(net: nn.Module, label: Array) -> Array:
        return net.discriminator(jnp.full((3, 8, 8, 1), 0.5), label)

    judge = jax.jit(nn.apply(judged, net))
    one, other = (np.asarray(judge(variables, LABEL + i)) for i in range(2))
    assert np.all(one != other)


def test_the_prior_of_infogan_holds_noise_a_category_and_codes() -> None:
    prior = CodedNoise(noise=3, categories=4, continuous=2)
    draw = jax.jit(prior.__call__, static_argnums=1)
    drawn = np.asarray(draw(jax.random.key(0), (4000, 9)))
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
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 8, 8, 1)).astype(np.float32)
    variables = jax.eval_shape(critic.init, jax.random.key(1), images)
    assert set(variables) == {'params'}
    variables = jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape).astype(leaf.dtype) / 4, variables
    )
    judge = jax.jit(functools.partial(critic.apply, train=True))
    other = np.concatenate([images[:1], 3 * images[1:]])
    one, two = (judge(variables, x) for x in (images, other))
    np.testing.assert_allclose(one[0], two[0], rtol=1e-5)
    assert np.all(np.asarray(one[1:]) != two[1:])


@pytest.mark.parametrize(('sample', 'side'), [(-1, 2), (0, 4), (1, 8)])
def test_where_its_convolutions_are_zero_a_residual_block_is_its_shortcut(
    sample: int, side: int
) -> None:
    block = ResidualBlock(1, sample)
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    shapes = jax.eval_shape(block.init, jax.random.key(0), maps)['params']
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    if sample:
        params['shortcut']['kernel'] += 1
    outputs = jax.jit(block.apply)({'params': params}, maps)[0, :, :, 0]
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
    assert sum("/kernel/u'" in path for path in bare) == 3
    assert sum('bias' in path for path in bare) == 2


def test_sizes_that_no_layers_reach_are_refused() -> None:
    with pytest.raises(ValueError, match='power of two'):
        dcgan(size=60)
    with pytest.raises(ValueError, match='two doublings'):
        lsgan(size=14, first=7)
    with pytest.raises(ValueError, match='multiple of 4'):
        zoo.create_model('infogan', size=10)


@pytest.mark.parametrize(
    'generator',
    [
        LabelledGenerator,
        CodedGenerator,
        ConvolutionalGenerator,
        LeastSquaresGenerator,
        ResidualGenerator,
    ],
)
def test_a_generator_of_squares_refuses_another_shape(generator: type) -> None:
    with pytest.raises(ValueError, match=r'\(28, 20, 1\), wanted \(side, side'):
        generator(shape=(28, 20, 1))
    with pytest.raises(ValueError, match='of a square'):
        generator(shape=(28, 28))


@pytest.mark.parametrize(
    'name',
    [
        pytest.param('dcgan_small', marks=pytest.mark.heavy),
        pytest.param('acgan', marks=pytest.mark.exhaustive),
        pytest.param('infogan', marks=pytest.mark.exhaustive),
    ],
)
def test_batch_statistics_are_shared_along_an_axis(name: str) -> None:
    net, variables = initialised(name)
    apart = reconfigured(net, axis_name='data')
    noise = np.random.default_rng(0).normal(size=(6, net.latent)).astype(np.float32)
    given = (np.arange(6),) if name == 'acgan' else ()

    def made(net: nn.Module, noise: Array, *given: Array) -> Array:
        return net.generator(noise, *given, train=True)

    def images(net: nn.Module) -> Callable[..., Array]:
        run = nn.apply(made, net, mutable='batch_stats')
        return lambda *arguments: run(variables, *arguments)[0]

    whole = np.asarray(jax.jit(images(net))(noise, *given))
    halves = [one.reshape(2, 3, *one.shape[1:]) for one in (noise, *given)]
    parts = jax.jit(jax.vmap(images(apart), axis_name='data'))(*halves)
    np.testing.assert_allclose(parts.reshape(whole.shape), whole, atol=1e-4)
    alone = jax.jit(jax.vmap(images(net)))(*halves)
    assert np.abs(alone.reshape(whole.shape) - whole).max() > 1e-3
