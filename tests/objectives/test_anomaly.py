"""Inverted generators: what they learn, and that strange images cost more."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import data
from dljax.models.adversaries import Adversaries
from dljax.models.container import container
from dljax.models.feedforward import MLP
from dljax.objectives import invert, score_inversion
from dljax.training import Player, fit, learner

# A generator of the plane in five dimensions that its two weights span.
NET = container(
    gan=Adversaries(MLP((), 5), MLP((4,), 1), latent=2), inverse=MLP((16,), 2)
)
LOSS = invert(layer='hidden_0', weight=0.5)
NOISE = jax.random.normal(jax.random.key(0), (256, 2))


def trained():
    batch = {'image': jnp.zeros((4, 5))}
    train = learner(
        NET, {'inverse': Player(optax.adam(1e-2), loss=LOSS, trains=('inverse',))}
    )
    state = train.init(jax.random.key(1), batch)
    make = nn.apply(lambda net, noise: net.gan.generator(noise), NET)
    images = make({'params': state.params}, NOISE)
    source = data.resident({'image': np.asarray(images)}, 64)
    after, metrics = fit(train, source, steps=1500, key=jax.random.key(1), chunk=100)
    return state, after, {k: v[-1] for k, v in metrics.items()}, images


def test_an_encoder_learns_to_invert_and_strange_images_cost_more() -> None:
    before, after, metrics, images = trained()
    for name in ('generator', 'discriminator'):
        jax.tree.map(
            np.testing.assert_array_equal,
            before.params['gan'][name],
            after.params['gan'][name],
        )
    variance = float(jnp.square(images - images.mean(0, keepdims=True)).mean())
    assert metrics['inverse/pixels'] < 0.02 * variance
    total = metrics['inverse/pixels'] + 0.5 * metrics['inverse/features']
    np.testing.assert_allclose(metrics['inverse/loss'], total, rtol=1e-5)

    score = nn.apply(score_inversion(layer='hidden_0', weight=0.5), NET)
    variables = {'params': after.params}
    usual = score(variables, {'image': images}, 0)
    # As far away, but off the plane.
    kernel = after.params['gan']['generator']['output']['kernel']
    normal = np.linalg.svd(kernel.T)[0][:, -1]
    off = score(variables, {'image': images + normal[None]}, 0)
    assert np.quantile(usual['inversion'], 0.95) < off['inversion'].min()
    judge = nn.apply(lambda net, x: net.gan.discriminator(x)[:, 0], NET)
    np.testing.assert_allclose(usual['discriminator'], -judge(variables, images))


def test_the_features_are_those_of_the_layer() -> None:
    image = jax.random.normal(jax.random.key(5), (3, 5))
    variables = nn.init(LOSS, NET)(jax.random.key(0), {'image': image}, 0)
    _, metrics = nn.apply(LOSS, NET)(variables, {'image': image}, 0)
    params = variables['params']

    def by_hand(x: jax.Array) -> jax.Array:
        layer = params['gan']['discriminator']['hidden_0']
        return x @ layer['kernel'] + layer['bias'][None]

    made = nn.apply(lambda net, x: net.gan.generator(net.inverse(x)), NET)(
        variables, image
    )
    wanted = jnp.square(by_hand(made) - by_hand(image)).mean()
    np.testing.assert_allclose(metrics['features'], wanted, rtol=1e-5)
    np.testing.assert_allclose(
        metrics['pixels'], jnp.square(made - image).mean(), rtol=1e-5
    )


def test_an_unknown_layer_and_a_negative_weight_are_refused() -> None:
    wrong = invert(layer='conv')
    with pytest.raises(ValueError, match=r"no layer 'conv' .*'hidden_0', 'output'"):
        nn.init(wrong, NET)(jax.random.key(0), {'image': jnp.ones((2, 5))}, 0)
    with pytest.raises(ValueError, match='weight is -1'):
        invert(weight=-1)
