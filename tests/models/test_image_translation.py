"""Translators and critics: their sizes, what they see, and what they refuse."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import batch_norm
from dljax.models.image_translation import cyclegan, pix2pix
from dljax.models.image_translation.pix2pix import UNetGenerator
from dljax.models.patch_discriminator import PatchDiscriminator
from dljax.models.resnet_generator import ResNetGenerator, mirror_edges
from dljax.types import Array, PyTree

KEY = jax.random.key(0)


def count(tree: PyTree) -> int:
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


def parameters(net: nn.Module, *shapes: tuple[int, ...]) -> dict:
    images = [jax.ShapeDtypeStruct((1, *shape), jnp.float32) for shape in shapes]
    variables = jax.eval_shape(net.init, KEY, *images)
    return {name: count(part) for name, part in variables['params'].items()}


def test_the_parts_have_the_published_numbers_of_parameters() -> None:
    square = (256, 256, 3)
    assert parameters(pix2pix(), square, square) == {
        'generator': 54_404_099,
        'discriminator': 2_766_913,
    }
    small = (64, 64, 3)  # which changes no layer
    assert parameters(cyclegan(), small, small) == {
        'generator_ab': 11_378_179,
        'generator_ba': 11_378_179,
        'discriminator_a': 2_764_737,
        'discriminator_b': 2_764_737,
    }


@pytest.mark.heavy
def test_with_batch_norm_they_are_those_of_the_released_code() -> None:
    square = (256, 256, 3)
    assert parameters(pix2pix(normalise=batch_norm), square, square) == {
        'generator': 54_413_955,
        'discriminator': 2_768_705,
    }


@pytest.mark.parametrize(('halvings', 'patch'), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_a_patch_and_no_more(halvings: int, patch: int) -> None:
    net = PatchDiscriminator(1, halvings, normalise=None)  # a norm sees all places
    side = 16 * 2**halvings
    image = np.random.default_rng(0).normal(size=(1, side, side, 1)).astype('f')
    variables = jax.jit(net.init)(KEY, image)
    logits = net.apply(variables, image)
    assert logits.shape == (1, 14, 14, 1)

    def middle(image: Array) -> Array:
        return net.apply(variables, image)[0, 7, 7, 0]

    slope = np.asarray(jax.jit(jax.grad(middle))(image))[0, :, :, 0]
    rows, columns = np.nonzero(slope)
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == patch


@pytest.mark.parametrize(
    'net',
    [UNetGenerator(2, 4, 3), ResNetGenerator(2, 4, 1, 2), ResNetGenerator(2, 4, 0, 0)],
    ids=['U-Net', 'ResNet', 'no halving'],
)
def test_a_translation_has_the_size_of_its_image_and_lies_in_range(net) -> None:
    image = np.random.default_rng(0).normal(size=(2, 16, 24, 3)).astype('f')
    variables = jax.jit(net.init)(KEY, image)
    made = jax.jit(net.apply)(variables, image)
    assert made.shape == (2, 16, 24, 2) and np.abs(made).max() <= 1
    assert set(variables) == {'params'}
    assert np.std(np.asarray(made)) > 1e-4


def test_the_maps_of_the_way_down_are_seen_on_the_way_up() -> None:
    """Else what ends in one place could not tell places apart."""
    net = UNetGenerator(1, 8, 3, dropout=0.0)
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, 8, 8, 1)).astype('f')
    params = jax.jit(net.init)(KEY, image)['params']
    params = jax.tree.map(lambda leaf: 20 * leaf, params)
    call = jax.jit(net.apply)
    made = call({'params': params}, image)
    # Without what comes from below, the last layer still draws the image's edges.
    cut = jax.tree.map(jnp.copy, params)
    kernel = cut['output']['conv']['kernel']
    cut['output']['conv']['kernel'] = kernel.at[:, :, :8].set(0.0)
    shallow = call({'params': cut}, image)
    assert np.std(np.asarray(shallow)) > 0.05
    assert np.abs(made - shallow).max() > 0.05


@pytest.mark.heavy
def test_dropout_acts_in_training_alone() -> None:
    net = UNetGenerator(1, 4, 4)
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype('f')
    params = jax.jit(net.init)(KEY, image)

    def train(key: Array) -> Array:
        return net.apply(params, image, train=True, rngs={'dropout': key})

    one, other = (jax.jit(train)(jax.random.key(seed)) for seed in (1, 2))
    assert (one != other).any()
    np.testing.assert_array_equal(net.apply(params, image), net.apply(params, image))


def test_edges_are_mirrored_as_numpy_does_it() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype('f')
    around = ((0, 0), (3, 3), (3, 3), (0, 0))
    np.testing.assert_array_equal(
        mirror_edges(jnp.asarray(maps), 3), np.pad(maps, around, mode='reflect')
    )


IMAGE = np.zeros((1, 20, 32, 3), np.float32)


def call(net: nn.Module, *images: np.ndarray) -> Callable:
    return lambda: jax.eval_shape(net.init, KEY, *images)


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (call(UNetGenerator(3, 4, 3), IMAGE), r'multiples of 8, such as \(16, 32\)'),
        (call(ResNetGenerator(3, 4, 1, 3), IMAGE), 'multiples of 8'),
        (call(ResNetGenerator(3, 4, 1), IMAGE[:, :4, :4]), 'at least 8'),
        (call(PatchDiscriminator(4, 3), IMAGE), 'at least 24: resize'),
        (
            call(PatchDiscriminator(4, 1), IMAGE, IMAGE[:, :8]),
            'wanted one batch, height and width',
        ),
        (lambda: UNetGenerator(width=0), 'width is 0, wanted at least 1'),
        (lambda: UNetGenerator(dropout=1.0), 'dropout is 1.0'),
        (lambda: ResNetGenerator(blocks=-1), 'blocks is -1 and halvings 2'),
        (lambda: PatchDiscriminator(halvings=0), 'halvings is 0'),
        (lambda: cyclegan(pool=-1), 'size is -1'),
        (lambda: cyclegan(channels=(3,)), r'channels is \(3,\), wanted those of A'),
    ],
)
def test_what_cannot_be_is_refused(make: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
