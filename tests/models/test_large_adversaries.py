"""The large conditional adversaries: their parts, turns, sizes and truncated noise."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy.stats import truncnorm

from dljax import losses
from dljax.models.adversarial import TruncatedNoise, biggan, biggan_small
from dljax.models.adversarial.biggan import LargeGenerator, ProjectionDiscriminator
from dljax.objectives import hold_orthogonal
from dljax.recipes.players import adversarial_players
from dljax.training import learner
from dljax.types import Array, PyTree, named_leaves

NET = biggan_small(width=4, multipliers=(2, 2, 1), embedding=3, latent=6, attention=4)
LABEL = np.array([0, 3, 3, 9])
RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(-1, 1, (4, 8, 8, 1)).astype(np.float32)
NOISE = RNG.normal(size=(4, 6)).astype(np.float32)


@functools.cache
def variables() -> PyTree:
    """Random everywhere, without compiling the initialisers."""
    tree = jax.eval_shape(NET.init, jax.random.key(0), IMAGE, NOISE, LABEL)
    rng = np.random.default_rng(1)
    leaves = [
        rng.uniform(0.5, 1.5, leaf.shape)
        if path.endswith('var')
        else rng.normal(size=leaf.shape) / np.sqrt(max(np.prod(leaf.shape[:-1]), 1))
        for path, leaf in named_leaves(tree).items()
    ]
    leaves = [leaf.astype(np.float32) for leaf in leaves]
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)


@functools.cache
def call():
    def both(net: nn.Module, noise: Array, label: Array) -> tuple[Array, Array]:
        made = net.generator(noise, label)
        return made, net.discriminator(jnp.asarray(IMAGE), label)

    return jax.jit(nn.apply(both, NET))


def test_the_class_and_every_part_of_the_noise_reach_the_image() -> None:
    made, judged = call()(variables(), NOISE, LABEL)
    assert made.shape == (4, 8, 8, 1) and judged.shape == (4, 1)
    other, told = call()(variables(), NOISE, np.array([0, 3, 4, 9]))
    changed = np.abs(np.asarray(other - made)).max((1, 2, 3)) > 1e-4
    assert changed.tolist() == [False, False, True, False]
    assert (np.abs(told - judged)[:, 0] > 1e-4).tolist() == changed.tolist()
    for part in range(3):
        noise = NOISE.copy()
        noise[:, 2 * part] += 1
        assert np.abs(call()(variables(), noise, LABEL)[0] - made).max() > 1e-4, part


@pytest.mark.heavy
def test_each_turn_moves_its_own_player_and_its_collections_alone() -> None:
    players = adversarial_players(
        losses.hinge_game(),
        optax.sgd(0.1),
        generator_conditions=('label',),
        discriminator_conditions=('label',),
        generator_task=hold_orthogonal(1e-2),
        average=0.5,
    )
    batch, key = {'image': IMAGE, 'label': LABEL}, jax.random.key(0)
    for mover, other in (
        ('discriminator', 'generator'),
        ('generator', 'discriminator'),
    ):
        train = learner(NET, {mover: players[mover]})
        shapes = jax.eval_shape(train.init, key, batch)
        state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        whole = variables()
        state = state.replace(
            params=whole['params'], collections={'batch_stats': whole['batch_stats']}
        )
        after, metrics = jax.jit(train.update)(key, state, batch)
        for name, old, new in (
            ('params', state.params, after.params),
            (
                'batch_stats',
                state.collections['batch_stats'],
                after.collections['batch_stats'],
            ),
        ):
            moved = {
                path
                for path, leaf in named_leaves(old).items()
                if not np.array_equal(leaf, named_leaves(new)[path])
            }
            assert {path.split('/')[0] for path in moved} == {mover}, name
            assert not any(path.startswith(other) for path in moved), name
        assert np.isfinite(list(metrics.values())).all()
        assert (f'{mover}/orthogonality' in metrics) is (mover == 'generator')


def test_weights_of_one_player_are_held_without_embeddings() -> None:
    params = {
        'generator': {
            'embedding': {'embedding': jnp.full((2, 2), 9.0)},
            'dense': {
                'kernel': jnp.array([[3.0, 1.0], [0.0, 2.0]]),
                'bias': jnp.ones(2),
            },
        },
        'discriminator': {'dense': {'kernel': jnp.full((2, 2), 5.0)}},
    }

    class Bound:
        variables = {'params': params}

    loss, metrics = hold_orthogonal(0.5)(Bound(), None, (), jnp.ones(1), {})
    assert loss == 9 and metrics == {'orthogonality': 18}
    loss, _ = hold_orthogonal(1.0, without=())(Bound(), None, (), jnp.ones(1), {})
    assert loss == 18 + 2 * 162.0**2
    loss, _ = hold_orthogonal(1.0, player='discriminator')(
        Bound(), None, (), jnp.ones(1), {}
    )
    assert loss == 2 * 50.0**2
    with pytest.raises(ValueError, match=r"no matrices beside .*'kernel'"):
        hold_orthogonal(without=('embedding', 'kernel'))(
            Bound(), None, (), jnp.ones(1), {}
        )
    with pytest.raises(ValueError, match=r'weight is 0'):
        hold_orthogonal(0)


@pytest.mark.parametrize('threshold', [0.04, 1.0, 3.0])
def test_truncated_noise_is_the_truncated_normal_distribution(threshold: float) -> None:
    drawn = np.asarray(TruncatedNoise(threshold)(jax.random.key(0), (4000, 5))).ravel()
    assert np.abs(drawn).max() <= threshold
    law = truncnorm(-threshold, threshold)
    for fraction in (0.1, 0.3, 0.5, 0.9):
        wanted = law.ppf(fraction)
        assert np.quantile(drawn, fraction) == pytest.approx(
            wanted, abs=0.03 * law.std() + 1e-6
        )
    assert TruncatedNoise(1.0) == TruncatedNoise()
    with pytest.raises(ValueError, match='threshold is -1'):
        TruncatedNoise(-1.0)


def test_sizes_that_do_not_fit_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match='size is 30 with multipliers'):
        biggan(size=30)
    with pytest.raises(ValueError, match='latent is 100, wanted a multiple of 6'):
        biggan(latent=100)
    with pytest.raises(ValueError, match=r'attention is 8, .* one of \[4\]'):
        biggan_small(attention=8)
    with pytest.raises(ValueError, match='of a square'):
        LargeGenerator(shape=(128, 64, 3))
    with pytest.raises(ValueError, match='at least two'):
        ProjectionDiscriminator(multipliers=(1,))
    with pytest.raises(ValueError, match='noise has 5 numbers, wanted a multiple of 3'):
        jax.eval_shape(NET.generator.init, jax.random.key(0), NOISE[:, :5], LABEL)
    with pytest.raises(ValueError, match='at least 4'):
        jax.eval_shape(NET.discriminator.init, jax.random.key(0), IMAGE[:, :3], LABEL)
