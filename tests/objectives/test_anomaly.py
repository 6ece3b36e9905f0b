"""Inverted generators: what they learn, and that strange images cost more."""

import jax
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
NOISE = np.random.default_rng(0).normal(size=(256, 2)).astype(np.float32)


def trained():
    batch = {'image': np.zeros((4, 5), np.float32)}
    train = learner(
        NET, {'inverse': Player(optax.adam(1e-2), loss=LOSS, trains=('inverse',))}
    )
    state = jax.jit(train.init)(jax.random.key(1), batch)
    make = jax.jit(nn.apply(lambda net, noise: net.gan.generator(noise), NET))
    images = np.asarray(make({'params': state.params}, NOISE))
    source = data.resident({'image': images}, 64)
    start = {'key': jax.random.key(1), 'state': state}
    after, metrics = fit(train, source, steps=1500, chunk=100, **start)
    return state, after, {k: v[-1] for k, v in metrics.items()}, images


@pytest.mark.heavy
def test_an_encoder_learns_to_invert_and_strange_images_cost_more() -> None:
    before, after, metrics, images = trained()
    for name in ('generator', 'discriminator'):
        jax.tree.map(
            np.testing.assert_array_equal,
            before.params['gan'][name],
            after.params['gan'][name],
        )
    variance = np.square(images - images.mean(0)).mean()
    assert metrics['inverse/pixels'] < 0.02 * variance
    total = metrics['inverse/pixels'] + 0.5 * metrics['inverse/features']
    np.testing.assert_allclose(metrics['inverse/loss'], total, rtol=1e-5)

    score = jax.jit(nn.apply(score_inversion(layer='hidden_0', weight=0.5), NET))
    variables = {'params': after.params}
    usual = score(variables, {'image': images}, 0)
    # As far away, but off the plane.
    kernel = np.asarray(after.params['gan']['generator']['output']['kernel'])
    normal = np.linalg.svd(kernel.T)[0][:, -1]
    off = score(variables, {'image': images + normal[None]}, 0)
    assert np.quantile(usual['inversion'], 0.95) < np.min(off['inversion'])
    judge = jax.jit(nn.apply(lambda net, x: net.gan.discriminator(x)[:, 0], NET))
    np.testing.assert_allclose(usual['discriminator'], -judge(variables, images))


def test_the_features_are_those_of_the_layer() -> None:
    image = NOISE[:15].reshape(6, 5)
    form = jax.eval_shape(nn.init(LOSS, NET), jax.random.key(0), {'image': image}, 0)
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda s: np.float32(rng.normal(size=s.shape)), form)[
        'params'
    ]
    variables = {'params': params}
    loss, metrics = jax.jit(nn.apply(LOSS, NET))(variables, {'image': image}, 0)
    score = jax.jit(nn.apply(score_inversion(layer='hidden_0', weight=0.5), NET))
    scores = score(variables, {'image': image}, 0)

    def by_hand(x: np.ndarray) -> np.ndarray:
        layer = params['gan']['discriminator']['hidden_0']
        return x @ layer['kernel'] + layer['bias'][None]

    again = nn.apply(lambda net, x: net.gan.generator(net.inverse(x)), NET)
    made = np.asarray(jax.jit(again)(variables, image))
    features = np.square(by_hand(made) - by_hand(image)).mean(1)
    pixels = np.square(made - image).mean(1)
    np.testing.assert_allclose(metrics['features'], features.mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics['pixels'], pixels.mean(), rtol=1e-5)
    np.testing.assert_allclose(loss, (pixels + 0.5 * features).mean(), rtol=1e-5)
    np.testing.assert_allclose(scores['inversion'], pixels + 0.5 * features, rtol=1e-5)


def test_an_unknown_layer_and_a_negative_weight_are_refused() -> None:
    wrong = invert(layer='conv')
    with pytest.raises(ValueError, match=r"no layer 'conv' .*'hidden_0', 'output'"):
        jax.eval_shape(
            nn.init(wrong, NET),
            jax.random.key(0),
            {'image': NOISE[:10].reshape(4, 5)},
            0,
        )
    with pytest.raises(ValueError, match='weight is -1'):
        invert(weight=-1)
