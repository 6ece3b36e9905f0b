"""Two nets as one: types, noise, and samples."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model
from dljax.models.adversaries import Adversaries
from dljax.models.feedforward import MLP
from dljax.types import Array


def test_both_take_over_the_types_of_the_whole() -> None:
    net = Adversaries(MLP((3,), 2), MLP((3,), 1), latent=4)
    assert net.generator.dtype is None
    half = net.clone(dtype=jnp.bfloat16, param_dtype=jnp.float16)
    for part in (half.generator, half.discriminator):
        assert part.dtype == jnp.bfloat16 and part.param_dtype == jnp.float16
    with pytest.raises(ValueError, match='latent is 0, wanted at least 1'):
        Adversaries(MLP(), MLP(), latent=0)


def test_the_prior_is_what_is_drawn_from() -> None:
    net = create_model('gan', size=4, hidden=(5,), maxout=(3,), latent=1000)
    draw = jax.jit(nn.apply(lambda net: net.noise(64), net))
    noise = np.asarray(draw({}, rngs={'noise': jax.random.key(0)}))
    assert noise.shape == (64, 1000) and -1 <= noise.min() and noise.max() < 1
    np.testing.assert_allclose(noise.var(), 1 / 3, rtol=0.02)  # uniform, not normal
    other = np.asarray(draw({}, rngs={'noise': jax.random.key(1)}))
    assert (noise != other).mean() > 0.99


@pytest.mark.heavy
def test_samples_follow_from_the_key_and_are_those_of_the_generator() -> None:
    net = create_model('gan', size=4, hidden=(5,), maxout=(3,), latent=6)
    image = np.ones((2, 4, 4, 1), np.float32)
    noise = np.ones((2, 6), np.float32)
    variables = jax.jit(net.init)(jax.random.key(0), image, noise)
    key = jax.random.key(3)

    @jax.jit
    def generate(noise: Array) -> Array:
        return nn.apply(lambda net: net.generator(noise), net)(variables)

    @jax.jit
    def judge(image: Array) -> Array:
        return nn.apply(lambda net: net.discriminator(image), net)(variables)

    draw = functools.partial(net.apply, method='draw')
    made = np.asarray(jax.jit(draw, static_argnums=2)(variables, key, 7))
    assert made.shape == (7, 4, 4, 1) and 0 <= made.min() and made.max() <= 1
    again = generate(jax.jit(net.prior, static_argnums=1)(key, (7, 6)))
    np.testing.assert_allclose(made, again, rtol=1e-6)
    real, fake = jax.jit(net.apply)(variables, image, noise)
    np.testing.assert_allclose(fake, judge(generate(noise)), rtol=1e-6)
    np.testing.assert_allclose(real, judge(image), rtol=1e-6)
