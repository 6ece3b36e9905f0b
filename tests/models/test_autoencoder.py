"""Autoencoders: their parts, their types, their sizes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from dljax import create_model
from dljax.models.autoencoder import Autoencoder
from dljax.models.feedforward import MLP

IMAGES = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)


def test_the_parts_stand_alone_with_the_parameters_of_the_whole():
    net = create_model('autoencoder', code=4, hidden=(6,), shape=(8, 8, 1))

    @jax.jit
    def run(key: jax.Array, images: jax.Array) -> list[jax.Array]:
        whole, variables = net.init_with_output(key, images)
        assert set(variables['params']) == {'encoder', 'decoder'}
        encoder, decoder = (
            {'params': variables['params'][part]} for part in ('encoder', 'decoder')
        )
        code = net.encoder.apply(encoder, images)
        return [
            whole,
            code,
            net.apply(variables, images, method='encode'),
            net.decoder.apply(decoder, code),
            net.apply(variables, images, method='reconstruct'),
        ]

    whole, code, encoded, logits, pixels = run(jax.random.key(0), IMAGES)
    np.testing.assert_array_equal(code, encoded)
    np.testing.assert_allclose(logits.reshape(IMAGES.shape), whole, atol=1e-6)
    np.testing.assert_allclose(pixels, special.expit(whole), atol=1e-6)


def test_a_linear_net_gives_pixels_and_maps_sums_to_sums():
    net = create_model('linear_autoencoder', code=4, shape=(8, 8, 1))
    images = np.concatenate([IMAGES, (IMAGES[:1] + IMAGES[1:2]) / 2])
    outputs, variables = jax.jit(net.init_with_output)(jax.random.key(0), images)
    reconstruct = jax.jit(functools.partial(net.apply, method='reconstruct'))
    np.testing.assert_array_equal(reconstruct(variables, images), outputs)
    np.testing.assert_allclose(outputs[3], (outputs[0] + outputs[1]) / 2, atol=1e-6)


def test_the_code_of_a_sparse_net_is_made_of_probabilities():
    net = create_model('sparse_autoencoder', code=100, shape=(8, 8, 1))
    encode = functools.partial(net.init_with_output, method='encode')
    code = np.asarray(jax.jit(encode)(jax.random.key(0), IMAGES)[0])
    assert code.shape == (3, 100) and bool(((code > 0) & (code < 1)).all())


@pytest.mark.parametrize('size', [(8, 8, 1), (28, 28, 3), (9, 5, 1), (1, 1, 2)])
def test_a_convolutional_net_takes_images_of_any_size(size):
    net = create_model('convolutional_autoencoder', code=3, shape=size)
    image = jax.ShapeDtypeStruct((2, *size), jnp.float32)
    both = jax.eval_shape(net.init_with_output, jax.random.key(0), image)
    assert both[0].shape == (2, *size)
    assert both[1]['params']['encoder']['output']['kernel'].shape[1] == 3


def test_types_reach_both_parts_and_leave_other_settings():
    net = create_model('autoencoder').clone(dtype=jnp.bfloat16)
    assert net.encoder.dtype == net.decoder.dtype == jnp.bfloat16
    assert net.encoder.param_dtype == jnp.float32
    assert net.decoder.outputs == 784


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r'shape is \[8, 8\], wanted the sizes'):
        create_model('autoencoder', shape=[8, 8])
    with pytest.raises(ValueError, match=r'shape is \(8, 8\), wanted \(height, width'):
        create_model('convolutional_autoencoder', shape=(8, 8))
    with pytest.raises(ValueError, match=r'features is \(\), wanted a tuple'):
        create_model('convolutional_autoencoder', features=())
    net = Autoencoder(MLP((), 2), MLP((), 9), (8, 8, 1))
    with pytest.raises(ValueError, match=r'\(3, 9\), wanted 64 numbers an example'):
        jax.eval_shape(net.init, jax.random.key(0), IMAGES)
