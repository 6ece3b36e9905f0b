"""Damaged inputs: drawn anew, seen by the net alone, scored as they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.data import gaussian_noise
from dljax.objectives import damaged, restore, score_repair

IMAGE = np.random.default_rng(0).random((4, 32, 32, 1), np.float32)
BATCH = {'image': IMAGE, 'target': IMAGE}


class Same(nn.Module):
    """Gives back what it gets."""

    def __call__(self, image, *, train):
        return image


def test_the_net_sees_noise_of_its_strength_and_is_compared_with_the_whole():
    objective = damaged(restore(), gaussian_noise(0.2))

    @jax.jit
    def losses(keys):
        run = nn.apply(objective, Same())
        return jax.vmap(lambda key: run({}, BATCH, 0, rngs={'damage': key})[0])(keys)

    found = losses(jax.random.split(jax.random.key(0), 20))
    np.testing.assert_allclose(found.mean(), 0.04, rtol=0.02)
    assert len(np.unique(found)) == 20


def test_a_score_is_the_psnr_of_all_channels_of_what_is_cut_off():
    noisy = IMAGE + np.random.default_rng(1).normal(0, 0.5, IMAGE.shape)
    batch = {'image': noisy.astype(np.float32), 'target': IMAGE}
    found = jax.jit(nn.apply(score_repair(), Same()))({}, batch, 0)
    error = ((noisy.clip(0, 1) - IMAGE) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(found['squared_error'], error, rtol=1e-4)
    np.testing.assert_allclose(found['psnr'], -10 * np.log10(error), rtol=1e-4)


def test_data_are_checked_before_they_are_damaged_and_noisy_ones_may_be_scored():
    objective = damaged(restore(), gaussian_noise(0.2))
    objective.check(Same(), BATCH)
    with pytest.raises(ValueError, match="'image' of example 0 is"):
        objective.check(Same(), {**BATCH, 'image': 255 * IMAGE})
    score_repair().check(Same(), {**BATCH, 'image': 3 * IMAGE - 1})
    with pytest.raises(ValueError, match="'target' of example 0 is"):
        score_repair().check(Same(), {**BATCH, 'target': 255 * IMAGE})
    with pytest.raises(ValueError, match='finite'):
        score_repair().check(Same(), {**BATCH, 'image': np.full_like(IMAGE, np.nan)})


def test_another_feature_may_be_the_damaged_one():
    def objective(net, batch, step):
        return jnp.abs(batch['x'] - 1).mean(), {'kept': batch['image'].mean()}

    run = nn.apply(damaged(objective, lambda key, x: x + 2, feature='x'), Same())
    loss, metrics = run(
        {},
        {'x': jnp.ones(3), 'image': jnp.ones(2)},
        0,
        rngs={'damage': jax.random.key(0)},
    )
    assert loss == 2 and metrics['kept'] == 1
