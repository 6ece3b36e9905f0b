"""The variational autoencoder: what is drawn, what the label does, what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy import special

from dljax import create_model
from dljax.models.autoencoder import VariationalAutoencoder
from dljax.models.feedforward import MLP
from dljax.types import Array, PyTree

IMAGE = np.random.default_rng(0).uniform(size=(3, 4, 4, 1)).astype(np.float32)
LABEL = np.array([0, 1, 9])
SIZES = {'code': 2, 'hidden': (8,), 'shape': (4, 4, 1)}


@pytest.mark.heavy
def test_a_code_is_drawn_in_training_and_is_its_mean_in_evaluation() -> None:
    net = create_model('vae', **SIZES)
    variables = jax.jit(net.init)(jax.random.key(0), IMAGE)
    rngs = {'noise': jax.random.key(1)}

    @jax.jit
    def run(variables: PyTree) -> tuple:
        noise = nn.apply(lambda net: net.noise(3), net)({}, rngs=rngs)
        return (
            net.apply(variables, IMAGE),
            net.apply(variables, IMAGE, train=True, rngs=rngs),
            noise,
            net.apply(variables, IMAGE, method=net.reconstruct),
        )

    still, drawn, noise, pixels = jax.tree.map(np.asarray, run(variables))
    decode = jax.jit(functools.partial(net.apply, method=net.decode))
    code = still.mean + np.exp(0.5 * still.log_variance) * noise
    for output, chosen in ((still, still.mean), (drawn, code)):
        wanted = decode(variables, chosen)
        np.testing.assert_allclose(output.outputs, wanted, rtol=1e-5, atol=1e-6)
    assert np.abs(drawn.outputs - still.outputs).max() > 1e-3
    np.testing.assert_allclose(pixels, special.expit(still.outputs), rtol=1e-6)


@pytest.mark.heavy
def test_an_image_is_drawn_by_its_code_and_its_label() -> None:
    net = create_model('conditional_vae', **SIZES)
    variables = jax.jit(net.init)(jax.random.key(0), IMAGE, LABEL)

    @jax.jit
    def images(label: Array) -> Array:
        return net.apply(variables, jnp.zeros((3, 2)), label, method=net.images)

    one, other = (np.asarray(images(x)) for x in (LABEL, np.array([0, 1, 8])))
    np.testing.assert_array_equal(one[:2], other[:2])
    assert np.abs(one[2] - other[2]).max() > 1e-3
    assert one.shape == (3, 4, 4, 1) and (one > 0).all() and (one < 1).all()


def test_a_label_is_given_to_a_net_that_wants_it_and_to_no_other() -> None:
    key = jax.random.key(0)
    with pytest.raises(ValueError, match='has 0 classes and got a label'):
        jax.eval_shape(create_model('vae', **SIZES).init, key, IMAGE, LABEL)
    with pytest.raises(ValueError, match='has 10 classes and got no label'):
        jax.eval_shape(create_model('conditional_vae', **SIZES).init, key, IMAGE)


def test_parts_that_do_not_fit_the_code_or_the_input_are_refused() -> None:
    key = jax.random.key(0)
    with pytest.raises(ValueError, match='wanted 4 of each example'):
        net = VariationalAutoencoder(MLP(outputs=2), MLP(outputs=16), 2, (4, 4, 1))
        jax.eval_shape(net.init, key, IMAGE)
    with pytest.raises(ValueError, match='wanted 16 numbers an example'):
        net = VariationalAutoencoder(MLP(outputs=4), MLP(outputs=9), 2, (4, 4, 1))
        jax.eval_shape(net.init, key, IMAGE)
    with pytest.raises(ValueError, match='code is 0'):
        VariationalAutoencoder(MLP(), MLP(), code=0, shape=(4, 4, 1))
    with pytest.raises(ValueError, match='classes is 0'):
        create_model('conditional_vae', classes=0)
