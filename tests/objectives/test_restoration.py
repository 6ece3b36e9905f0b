"""Restoring pictures: what is paid for, who moves, and that it is learned."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import create_model, data, losses
from dljax.metrics import psnr_luma
from dljax.models.restoration.srgan import SRGAN
from dljax.objectives import (
    feature_difference,
    pixel_difference,
    restore,
    restore_to_fool,
    score_restoration,
    tell_restored,
)
from dljax.recipes.players import restoring_players
from dljax.training import Player, fit, learner
from dljax.types import Array, PyTree

KEY = jax.random.key(0)
GAME = losses.non_saturating_game()


class Grow(nn.Module):
    """Repeat pixels, by a gain for each channel that batch statistics follow."""

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Enlarge pictures twice."""
        gain = self.param('gain', nn.initializers.ones, (3,))
        calls = self.variable('batch_stats', 'calls', jnp.zeros, ())
        if train and not self.is_initializing():
            calls.value += 1
        return image.repeat(2, 1).repeat(2, 2) * gain[None, None, None]


class Tell(nn.Module):
    """A logit from the mean colour."""

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Judge pictures."""
        calls = self.variable('batch_stats', 'calls', jnp.zeros, ())
        if train and not self.is_initializing():
            calls.value += 1
        return nn.Dense(1, name='output')(image.mean((1, 2)))


class Judge(nn.Module):
    """One convolution and more behind it."""

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute something of pictures."""
        return nn.Dense(1, name='end')(nn.Conv(4, (3, 3), name='seen')(image))


RNG = np.random.default_rng(0)
LOW = RNG.uniform(size=(4, 3, 5, 3)).astype(np.float32)
BATCH = {'image': LOW, 'target': 0.5 * LOW.repeat(2, 1).repeat(2, 2)}


def bound(net: nn.Module, objective, batch=BATCH) -> tuple[PyTree, PyTree]:
    variables = nn.init(objective, net)(KEY, batch, 0)
    call = nn.apply(objective, net, mutable='batch_stats')
    return variables, call(variables, batch, 0)


def test_losses_are_means_over_pixels() -> None:
    made = RNG.normal(size=(3, 4, 5, 2)).astype(np.float32)
    true = RNG.normal(size=(3, 4, 5, 2)).astype(np.float32)
    apart = made - true
    for loss, wanted in (
        (losses.pixel_squared_error, apart**2),
        (losses.pixel_absolute_error, abs(apart)),
        (losses.charbonnier, np.sqrt(apart**2 + 1e-6)),
    ):
        np.testing.assert_allclose(loss(made, true), wanted.mean((1, 2, 3)), rtol=1e-5)
        with pytest.raises(ValueError, match='pictures and targets have shapes'):
            loss(made, true[:, :2])
    with pytest.raises(ValueError, match='epsilon is 0'):
        losses.charbonnier(made, true, epsilon=0)
    gradient = jax.grad(lambda x: losses.charbonnier(x, x).sum())(jnp.asarray(made))
    assert np.isfinite(gradient).all()


def test_restoring_pays_for_the_pixels_and_tells_the_ratio() -> None:
    _, ((loss, metrics), moved) = bound(Grow(), restore())
    wanted = (BATCH['target'] ** 2).mean()
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    each = -10 * np.log10((BATCH['target'] ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(metrics['psnr'], each.mean(), rtol=1e-5)
    assert moved['batch_stats']['calls'] == 1


def test_scores_are_of_pictures_cut_off_at_the_ends_of_their_range() -> None:
    variables = {'params': {'gain': jnp.array([5.0, -1.0, 1.0])}}
    variables['batch_stats'] = {'calls': jnp.zeros(())}
    score = nn.apply(score_restoration(border=1), Grow())
    scores = score(variables, BATCH, 0)
    large = LOW.repeat(2, 1).repeat(2, 2)
    made = (large * np.array([5, -1, 1])).clip(0, 1)
    errors = ((made - BATCH['target']) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(scores['squared_error'], errors, rtol=1e-4)
    np.testing.assert_allclose(scores['psnr_rgb'], -10 * np.log10(errors), rtol=1e-4)
    assert scores['psnr'].shape == (4,) and scores.keys() == {
        'psnr',
        'psnr_rgb',
        'squared_error',
    }


def test_features_differ_by_their_mean_square_and_the_judge_gets_no_gradient() -> None:
    net = SRGAN(Grow(), Tell(), Judge())

    def differ(net: nn.Module, made: Array, true: Array) -> Array:
        return feature_difference('seen', 0.5)(net, made, true)

    made, true = jnp.asarray(BATCH['target']), jnp.asarray(2 * BATCH['target'])
    variables = nn.init(differ, net)(KEY, made, true)
    seen = nn.Conv(4, (3, 3))
    kernel = {'params': variables['params']['judge']['seen']}
    apart = seen.apply(kernel, made) - seen.apply(kernel, true)
    wanted = 0.25 * np.square(apart).mean((1, 2, 3))
    found = nn.apply(differ, net)(variables, made, true)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    players = restoring_players(
        GAME, optax.sgd(0.1), difference=feature_difference('seen'), weight=0.1
    )
    train = learner(net, players)
    state = train.init(KEY, BATCH)
    moved, metrics = jax.jit(train.update)(KEY, state, BATCH)
    jax.tree.map(
        np.testing.assert_array_equal, moved.params['judge'], state.params['judge']
    )
    for group in ('generator', 'discriminator'):
        before, after = (jax.tree.leaves(s.params[group]) for s in (state, moved))
        assert any((a != b).any() for a, b in zip(before, after, strict=True))
    total = metrics['generator/difference'] + 0.1 * metrics['generator/adversarial']
    np.testing.assert_allclose(metrics['generator/loss'], total, rtol=1e-5)
    calls = {k: float(v['calls']) for k, v in moved.collections['batch_stats'].items()}
    # Each in its own turn, the discriminator on true and on made pictures.
    assert calls == {'generator': 1, 'discriminator': 2}


def test_a_judge_that_is_not_there_or_has_no_such_layer_is_told() -> None:
    made = jnp.asarray(BATCH['target'])
    with pytest.raises(ValueError, match='SRGAN has no judge'):
        nn.init(feature_difference('seen'), SRGAN(Grow(), Tell()))(KEY, made, made)
    with pytest.raises(ValueError, match="no module 'sen', wanted one of .'seen'"):
        net = SRGAN(Grow(), Tell(), Judge())
        nn.init(feature_difference('sen'), net)(KEY, made, made)


def test_telling_and_fooling_pay_what_the_game_says() -> None:
    net = SRGAN(Grow(), Tell())
    variables, ((loss, metrics), _) = bound(net, tell_restored(GAME))
    dense = jax.tree.map(np.asarray, variables['params']['discriminator']['output'])

    def logit(pictures: np.ndarray) -> np.ndarray:
        return pictures.mean((1, 2)) @ dense['kernel'] + dense['bias']

    real, fake = logit(BATCH['target']), logit(LOW.repeat(2, 1).repeat(2, 2))
    wanted = np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean()
    np.testing.assert_allclose(loss, wanted, rtol=1e-4)
    np.testing.assert_allclose(metrics['gap'], real.mean() - fake.mean(), rtol=1e-3)
    fool = restore_to_fool(GAME, pixel_difference(losses.pixel_absolute_error))
    (value, metrics), _ = nn.apply(fool, net, mutable='batch_stats')(
        variables, BATCH, 0
    )
    np.testing.assert_allclose(
        metrics['adversarial'], np.log1p(np.exp(-fake)).mean(), rtol=1e-4
    )
    np.testing.assert_allclose(
        value, BATCH['target'].mean() + 1e-3 * metrics['adversarial'], rtol=1e-4
    )


def test_the_game_begins_when_the_pretraining_ends() -> None:
    players = restoring_players(GAME, optax.sgd(0.1), pretraining=2)
    train = learner(SRGAN(Grow(), Tell()), players)
    state, played = train.init(KEY, BATCH), []
    update = jax.jit(train.update)
    for _ in range(3):
        state, metrics = update(KEY, state, BATCH)
        played.append({n for n in players if np.isfinite(metrics[f'{n}/loss'])})
    assert played == [{'pretraining'}, {'pretraining'}, {'discriminator', 'generator'}]


def test_pictures_of_another_size_range_or_name_are_refused() -> None:
    small = {**BATCH, 'target': BATCH['image']}
    for objective in (restore(), score_restoration()):
        with pytest.raises(ValueError, match='set the scale of the net'):
            nn.init(objective, Grow())(KEY, small, 0)
    with pytest.raises(ValueError, match='weight is 0, wanted a positive'):
        restore_to_fool(GAME, weight=0)
    train = learner(Grow(), {'grow': Player(optax.sgd(0.1), loss=restore())})
    for batch, message in (
        ({**BATCH, 'image': 255 * LOW}, 'as the pixels of pictures are'),
        ({'image': LOW}, "no feature 'target'"),
    ):
        with pytest.raises(ValueError, match=message):
            train.check(batch)


@pytest.mark.heavy
def test_srresnet_learns_to_beat_bicubic_on_stripes() -> None:
    """Stripes of one direction that bicubic interpolation blurs can be learned."""
    rng = np.random.default_rng(0)
    pictures = [
        np.repeat(
            np.repeat(rng.integers(0, 2, (1, 24, 1), np.uint8) * 255, 4, 1), 96, 0
        ).repeat(3, 2)
        for _ in range(12)
    ]
    pairs = data.picture_pairs(pictures, 4)
    net = create_model('srresnet', blocks=1, features=16, normalise=None)
    player = Player(optax.adam(2e-3), loss=restore())
    source = data.procedural(data.random_patches(pairs, 12, turned=False), 8)
    state, _ = fit(learner(net, {'net': player}), source, steps=300, key=KEY, chunk=50)
    test = data.middle_patches(pairs, 16)
    variables = {'params': state.params}
    scores = nn.apply(score_restoration(border=4), net)(variables, test, 0)
    bicubic = [
        data.enlarge(np.rint(255 * x).astype(np.uint8), 4) for x in test['image']
    ]
    plain = psnr_luma(data.as_float(np.stack(bicubic)), test['target'], border=4)
    assert scores['psnr'].mean() > plain.mean() + 3
