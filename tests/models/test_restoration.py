"""Nets that enlarge pictures: sizes, counts, and what their settings change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import zoo
from dljax.data import resize_bicubic
from dljax.models.enlarging import enlargements
from dljax.models.features import features
from dljax.models.restoration import EDSR, SRResNet, srgan
from dljax.models.restoration.srgan import PictureDiscriminator
from dljax.types import PyTree

KEY = jax.random.key(0)


def shapes(net, *inputs: tuple[int, ...]) -> tuple[PyTree, PyTree]:
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in inputs]
    return jax.eval_shape(net.init_with_output, KEY, *arrays)


def count(tree: PyTree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize('make', [SRResNet, EDSR])
@pytest.mark.parametrize('scale', [2, 3, 4, 6, 8])
def test_sides_grow_by_the_scale_whatever_the_picture(make: type, scale: int) -> None:
    net = make(scale=scale, blocks=1, features=4, channels=1)
    made, _ = shapes(net, (2, 5, 7, 1))
    assert made.shape == (2, 5 * scale, 7 * scale, 1)


def test_counts_are_those_of_the_layers_added_up() -> None:
    f, b, c = 6, 3, 1

    def conv(size: int, before: int, after: int) -> int:
        return size**2 * before * after + after

    block = 2 * (conv(3, f, f) + 2 * f) + 1
    body = conv(3, f, f) + 2 * f
    wanted = conv(9, c, f) + 1 + b * block + body + 2 * (conv(3, f, 4 * f) + 1)
    _, variables = shapes(SRResNet(4, b, f, c), (1, 4, 4, c))
    assert count(variables['params']) == wanted + conv(9, f, c)
    _, plain = shapes(SRResNet(4, b, f, c, normalise=None), (1, 4, 4, c))
    assert count(variables['params']) - count(plain['params']) == (2 * b + 1) * 2 * f
    assert 'batch_stats' not in plain


def test_the_discriminator_of_the_paper_reads_96_pixels() -> None:
    logits, variables = shapes(PictureDiscriminator(), (2, 96, 96, 3))
    assert logits.shape == (2, 1)
    assert count(variables['params']) == 23_565_505
    assert variables['params']['hidden']['kernel'].shape == (6 * 6 * 512, 1024)
    _, odd = shapes(PictureDiscriminator(8, 4), (1, 90, 40, 3))
    assert odd['params']['hidden']['kernel'].shape == (6 * 3 * 64, 4)


def test_the_players_are_groups_and_the_judge_one_of_its_own() -> None:
    judge = zoo.create_model('lenet5')
    net = srgan(width=2, hidden=3, judge=judge, blocks=1, features=4, scale=2)
    (real, made), variables = shapes(net, (2, 8, 8, 3), (2, 16, 16, 3))
    assert real.shape == made.shape == (2, 1)
    assert sorted(variables['params']) == ['discriminator', 'generator']  # not called
    half = srgan(dtype=jnp.bfloat16, param_dtype=jnp.float16)
    assert half.discriminator.dtype == half.generator.dtype == jnp.bfloat16
    assert half.discriminator.param_dtype == jnp.float16
    plain = srgan(normalise=None)
    assert plain.discriminator.normalise is plain.generator.normalise is None


@pytest.mark.heavy
@pytest.mark.parametrize('make', [SRResNet, EDSR])
def test_blocks_computed_again_give_the_same_gradients(make: type) -> None:
    image = jax.random.uniform(KEY, (2, 4, 5, 3))
    again, plain = (make(2, 2, 4, remat=remat) for remat in (True, False))
    variables = plain.init(KEY, image)

    def gradient(net) -> PyTree:
        def loss(params: PyTree) -> jax.Array:
            kept = {**variables, 'params': params}
            made, _ = net.apply(kept, image, train=True, mutable='batch_stats')
            return jnp.square(made).sum()

        return jax.grad(loss)(variables['params'])

    found, wanted = jax.jit(lambda: (gradient(again), gradient(plain)))()
    scale = max(abs(leaf).max() for leaf in jax.tree.leaves(wanted))
    for a, b in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * scale)


def test_a_shifted_picture_makes_a_shifted_picture() -> None:
    """What lies further away than the net sees does not count, edges aside."""
    net = SRResNet(2, 1, 4, normalise=None)
    image = jax.random.uniform(KEY, (1, 30, 30, 3))
    call = jax.jit(net.apply)
    variables = net.init(KEY, image)
    made = call(variables, image)
    moved = call(variables, jnp.roll(image, 1, axis=2))
    inside = np.s_[:, 24:-24, 24:-24]
    np.testing.assert_allclose(
        moved[inside], jnp.roll(made, 2, axis=2)[inside], atol=1e-5
    )


def test_a_net_that_adds_to_bicubic_pictures_starts_with_them() -> None:
    image = jax.random.uniform(KEY, (1, 9, 12, 3))
    net = SRResNet(4, 1, 4, bicubic_skip=True, normalise=None)
    call = jax.jit(net.init_with_output)
    made, variables = call(KEY, image)
    wanted = resize_bicubic(np.asarray(image), (36, 48))
    inside = np.s_[:, 8:-8, 8:-8]
    np.testing.assert_allclose(made[inside], wanted[inside], atol=1e-5)
    params = jax.tree.map(lambda leaf: leaf + 0.01, variables['params'])
    moved = jax.jit(net.apply)({'params': params}, image)
    plain = jax.jit(net.clone(bicubic_skip=False).apply)({'params': params}, image)
    np.testing.assert_allclose(moved - plain, made, rtol=1e-3, atol=1e-3)


@pytest.mark.heavy
def test_deep_nets_without_normalisation_start_in_range() -> None:
    image = jax.random.uniform(KEY, (1, 6, 6, 3))

    def spread(net) -> jax.Array:
        def look(net, x):
            return features(net, x, ['body'])[1]['body']

        return nn.apply(look, net)(net.init(KEY, image), image).std()

    nets = (SRResNet(2, 12, 8, normalise=None), EDSR(2, 12, 8))
    for found in jax.jit(lambda: [spread(net) for net in nets])():
        assert 0.01 < found < 10


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: SRResNet(scale=5), 'product of 2 and 3'),
        (lambda: SRResNet(scale=1), 'product of 2 and 3'),
        (lambda: EDSR(scale=0), 'product of 2 and 3'),
        (lambda: SRResNet(blocks=0), 'blocks is 0'),
        (lambda: EDSR(channels=2), 'channels is 2, wanted 1 or 3'),
        (lambda: PictureDiscriminator(width=0), 'width is 0'),
        (lambda: shapes(SRResNet(), (1, 8, 8, 1)), 'wanted 3 channels'),
        (lambda: shapes(EDSR(), (1, 8, 8, 1)), 'wanted 3 channels'),
        (lambda: shapes(SRResNet(), (8, 8, 3)), 'add the missing axis'),
        (lambda: shapes(PictureDiscriminator(), (1, 8, 8, 3)), 'at least 16'),
    ],
)
def test_settings_and_pictures_that_do_not_fit_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_steps_of_an_enlargement_multiply_to_it() -> None:
    assert {scale: enlargements(scale) for scale in (2, 3, 8, 12)} == {
        2: (2,),
        3: (3,),
        8: (2, 2, 2),
        12: (2, 2, 3),
    }
