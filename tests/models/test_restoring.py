"""Nets of denoising and of the deep image prior: sizes, settings, what they can see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax import create_model


def test_a_pixel_depends_on_as_much_of_the_picture_as_the_depth_says():
    net = create_model('dncnn', depth=4, features=3)
    image = np.random.default_rng(0).random((1, 21, 21, 1), np.float32)
    variables = net.init(jax.random.key(0), image)

    def middle(image):
        return net.apply(variables, image)[0, 10, 10, 0]

    slope = np.asarray(jax.jit(jax.grad(middle))(image))[0, ..., 0]
    seen = np.argwhere(slope)
    reach = 2 * 4 + 1
    assert seen.min() == 10 - reach // 2 and seen.max() == 10 + reach // 2


def test_what_is_found_to_be_noise_is_taken_off_the_picture():
    net = create_model('dncnn', depth=3, features=3, normalise=None)
    image = np.random.default_rng(0).random((2, 6, 5, 1), np.float32)
    params = net.init(jax.random.key(0), image)['params']
    params['noise'] = jax.tree.map(jnp.zeros_like, params['noise'])
    np.testing.assert_array_equal(net.apply({'params': params}, image), image)
    params['noise']['bias'] = jnp.full(1, 0.25)
    np.testing.assert_allclose(net.apply({'params': params}, image), image - 0.25)


@pytest.mark.parametrize('size', [(8, 8), (8, 20), (16, 12)])
def test_an_hourglass_keeps_the_size(size):
    net = create_model('deep_image_prior', features=(3, 4), inputs=2, channels=1)
    noise = jax.ShapeDtypeStruct((1, *size, 2), jnp.float32)
    made, _ = jax.eval_shape(net.init_with_output, jax.random.key(0), noise)
    assert made.shape == (1, *size, 1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='depth is 1, wanted at least 2'):
        create_model('dncnn', depth=1)
    net = create_model('dncnn', depth=2, features=2)
    with pytest.raises(ValueError, match='wanted 1 channels: convert the pictures'):
        jax.eval_shape(net.init, jax.random.key(0), jnp.ones((1, 8, 8, 3)))
    with pytest.raises(ValueError, match=r'features is \(\), wanted the channels'):
        create_model('deep_image_prior', features=())
    net = create_model('deep_image_prior', features=(2, 2), inputs=2)
    for shape in ((1, 8, 10, 2), (1, 8, 8, 3)):
        with pytest.raises(
            ValueError, match='wanted 2 channels in|sides that are multiples'
        ):
            jax.eval_shape(net.init, jax.random.key(0), jnp.ones(shape))
    with pytest.raises(ValueError, match='height and width of at least 8'):
        jax.eval_shape(net.init, jax.random.key(0), jnp.ones((1, 4, 4, 2)))
