"""Two nets as one: types, noise, and samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model
from dljax.models.adversaries import Adversaries
from dljax.models.feedforward import MLP


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
    draw = nn.apply(lambda net: net.noise(64), net)
    noise = np.asarray(draw({}, rngs={'noise': jax.random.key(0)}))
    assert noise.shape == (64, 1000) and -1 <= noise.min() and noise.max() < 1
    np.testing.assert_allclose(noise.var(), 1 / 3, rtol=0.02)  # uniform, not normal
    other = draw({}, rngs={'noise': jax.random.key(1)})
    assert (noise != other).mean() > 0.99


def test_samples_follow_from_the_key_and_are_those_of_the_generator() -> None:
    net = create_model('gan', size=4, hidden=(5,), maxout=(3,), latent=6)
    image, noise = jnp.ones((2, 4, 4, 1)), jnp.ones((2, 6))
    variables = net.init(jax.random.key(0), image, noise)
    key = jax.random.key(3)
    made = net.apply(variables, key, 7, method='draw')
    assert made.shape == (7, 4, 4, 1) and 0 <= made.min() and made.max() <= 1
    again = nn.apply(lambda net: net.generator(net.prior(key, (7, 6))), net)(variables)
    np.testing.assert_array_equal(made, again)
    real, fake = net.apply(variables, image, noise)
    made = nn.apply(lambda net: net.generator(noise), net)(variables)
    judge = nn.apply(lambda net, x: net.discriminator(x), net)
    np.testing.assert_allclose(fake, judge(variables, made), rtol=1e-6)
    np.testing.assert_allclose(real, judge(variables, image), rtol=1e-6)
