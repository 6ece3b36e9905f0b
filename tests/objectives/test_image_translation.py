"""Objectives of translations: who moves, what is paid, and that they learn."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import data, losses
from dljax.data.translated import unpaired
from dljax.layers import batch_norm
from dljax.models.image_translation import cyclegan, pix2pix
from dljax.models.image_translation.cyclegan import CycleTranslation
from dljax.models.image_translation.pix2pix import PairedTranslation
from dljax.objectives import close_cycles, match_pairs, score_cycles, score_pairs
from dljax.objectives.adversarial import tell_apart
from dljax.objectives.image_translation import image_distance
from dljax.recipes.players import cycle_players, pair_players
from dljax.training import evaluate, fit, learner
from dljax.types import Array, PyTree, State

GAME = losses.least_squares_game()
RNG = np.random.default_rng(0)
BATCH = {
    name: RNG.uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32) for name in ('a', 'b')
}
# Batch norm, so that every net has collections that could be moved by mistake.
CYCLE = cyclegan(
    width=2, blocks=1, halvings=1, patch_width=2, patch_halvings=1, pool=3,
    normalise=batch_norm,
)  # fmt: skip
PAIR = pix2pix(
    width=2, halvings=2, patch_width=2, patch_halvings=1, normalise=batch_norm
)
SGD = optax.sgd(0.1)
OWNED = {
    'discriminator_a': {'discriminator_a', 'pool_a'},
    'discriminator_b': {'discriminator_b', 'pool_b'},
    'generator_ab': {'generator_ab'},
    'generator_ba': {'generator_ba'},
    'generators': {'generator_ab', 'generator_ba'},
}


def parts(state: State) -> dict[str, PyTree]:
    """Parameters and collections by 'kind/part'."""
    found = {f'params/{name}': leaf for name, leaf in state.params.items()}
    for kind, tree in state.collections.items():
        found |= {f'{kind}/{name}': leaf for name, leaf in tree.items()}
    return found


def moved(before: State, after: State) -> set[str]:
    old, new = parts(before), parts(after)
    assert old.keys() == new.keys()
    return {
        name
        for name in old
        if any(
            not np.array_equal(x, y)
            for x, y in zip(
                jax.tree.leaves(old[name]), jax.tree.leaves(new[name]), strict=True
            )
        )
    }


@functools.cache
def begun() -> State:
    train = learner(CYCLE, cycle_players(SGD))
    return jax.jit(train.init)(jax.random.key(0), BATCH)


@pytest.mark.heavy
@pytest.mark.parametrize('mover', OWNED)
def test_a_turn_of_a_cycle_moves_its_own_groups_and_collections(mover: str) -> None:
    players = cycle_players(SGD, identity=1.0, joint=mover == 'generators')
    train, before = learner(CYCLE, {mover: players[mover]}), begun()
    opt_state = {
        mover: players[mover].optimizer.init(
            {name: before.params[name] for name in players[mover].trains}
        )
    }
    state = before.replace(opt_state=opt_state)
    after, metrics = jax.jit(train.update)(jax.random.key(1), state, BATCH)
    own = {name for name in parts(before) if name.split('/')[1] in OWNED[mover]}
    kinds = {'params', 'batch_stats'}
    kinds |= {'image_pool'} if mover.startswith('disc') else set()
    assert {name.split('/')[0] for name in own} == kinds
    assert moved(before, after) == own
    assert all(np.isfinite(value) for value in metrics.values())


def test_four_players_take_their_turns_and_the_pools_fill() -> None:
    players = cycle_players(SGD)
    assert [p.trains for p in players.values()] == [(name,) for name in players]
    assert len(players) == 4
    train = learner(CYCLE, players)
    state = jax.eval_shape(train.init, jax.random.key(0), BATCH)
    after, metrics = jax.eval_shape(train.update, jax.random.key(0), state, BATCH)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    pools = state.collections['image_pool']
    assert {name: pool['images'].shape for name, pool in pools.items()} == {
        'pool_a': (3, 16, 16, 3),
        'pool_b': (3, 16, 16, 3),
    }
    assert {'generator_ab/cycle_a', 'discriminator_b/accuracy'} <= metrics.keys()


class Affine(nn.Module):
    """y = w x, with one parameter, as a generator; its mean as a critic."""

    start: float
    critic: bool = False
    dtype: None = None
    param_dtype: None = jnp.float32

    @nn.compact
    def __call__(self, x: Array, *given: Array, train: bool = False) -> Array:
        """Multiply."""
        weight = self.param('weight', nn.initializers.constant(self.start), ())
        for one in given:
            x = x - one
        return weight * (x.mean((1, 2, 3))[:, None] if self.critic else x)


def test_the_losses_of_cycles_are_those_of_their_formulas() -> None:
    net = CycleTranslation(
        Affine(2.0), Affine(0.25), Affine(3.0, True), Affine(-1.0, True), pool=0
    )
    a, b = np.full((2, 4, 4, 1), 0.5, np.float32), np.full((2, 4, 4, 1), -0.2, 'f')
    params = {
        'generator_ab': {'weight': np.float32(2.0)},
        'generator_ba': {'weight': np.float32(0.25)},
        'discriminator_a': {'weight': np.float32(3.0)},
        'discriminator_b': {'weight': np.float32(-1.0)},
    }

    def value(params: PyTree, objective) -> Array:
        call = nn.apply(objective, net)
        rngs = {'params': jax.random.key(0)}
        return call({'params': params}, {'a': a, 'b': b}, 0, rngs=rngs)[0]

    # G(a) = 1, F(G(a)) = .25; F(b) = -.05, G(F(b)) = -.1. D_B(1) = -1, D_A(-.05) = -.15
    cycles = 7 * (0.25 + 0.1)
    fool_b, fool_a = 0.5 * (-1 - 1) ** 2, 0.5 * (-0.15 - 1) ** 2
    same_b, same_a = 3 * abs(-0.4 + 0.2), 3 * abs(0.125 - 0.5)
    wanted = {
        ('generator_ab',): cycles + fool_b + same_b,
        ('generator_ba',): cycles + fool_a + same_a,
        ('generator_ab', 'generator_ba'): cycles + fool_b + same_b + fool_a + same_a,
    }
    gradients = {}
    for names, number in wanted.items():
        loss = close_cycles(GAME, generators=names, cycle=7.0, identity=3.0)
        compute = jax.jit(jax.value_and_grad(functools.partial(value, objective=loss)))
        found, gradients[names] = compute(params)
        np.testing.assert_allclose(found, number, rtol=1e-5)
    # What a generator descends alone is what it descends in the paper's joint loss.
    both = gradients['generator_ab', 'generator_ba']
    for name in ('generator_ab', 'generator_ba'):
        alone = gradients[name,][name]['weight']
        np.testing.assert_allclose(alone, both[name]['weight'], rtol=1e-5)
        assert abs(alone) > 0.1
    # The critic of B on b and on what is made of a.
    critic = tell_apart(
        GAME, feature='b', source='a', generator='generator_ab',
        discriminator='discriminator_b',
    )  # fmt: skip
    found = jax.jit(functools.partial(value, objective=critic))(params)
    np.testing.assert_allclose(found, 0.5 * (0.2 - 1) ** 2 + 0.5 * 1.0, rtol=1e-5)


def test_the_losses_of_pairs_are_those_of_their_formulas() -> None:
    net = PairedTranslation(Affine(2.0), Affine(3.0, True))
    params = {
        'generator': {'weight': np.float32(2.0)},
        'discriminator': {'weight': np.float32(3.0)},
    }
    batch = {
        'a': np.full((2, 4, 4, 1), 0.5, np.float32),
        'b': np.full((2, 4, 4, 1), 0.7, np.float32),
    }

    def run(objective):
        call = jax.jit(nn.apply(objective, net))
        return call({'params': params}, batch, 0, rngs={'params': jax.random.key(0)})

    # G(a) = 1, D(G(a), a) = 1.5, D(b, a) = .6
    value, metrics = run(match_pairs(GAME, weight=10.0))
    np.testing.assert_allclose(value, 0.5 * 0.25 + 10 * 0.3, rtol=1e-5)
    np.testing.assert_allclose(metrics['l1'], 0.3, rtol=1e-5)
    critic = tell_apart(GAME, feature='b', source='a', discriminator_conditions=('a',))
    value, metrics = run(critic)
    np.testing.assert_allclose(value, 0.5 * 0.16 + 0.5 * 2.25, rtol=1e-5)
    np.testing.assert_allclose(metrics['gap'], 0.6 - 1.5, rtol=1e-5)
    scores = jax.jit(nn.apply(score_pairs(), net))({'params': params}, batch, 0)
    np.testing.assert_allclose(scores['l1'], [0.15, 0.15], rtol=1e-5)


@pytest.mark.heavy
@pytest.mark.parametrize('mover', ['discriminator', 'generator'])
def test_a_turn_of_pix2pix_moves_its_own_player_only(mover: str) -> None:
    player = pair_players(SGD)[mover]
    train = learner(PAIR, {mover: player})
    before = jax.jit(train.init)(jax.random.key(0), BATCH)
    after, _ = jax.jit(train.update)(jax.random.key(1), before, BATCH)
    own = {name for name in parts(before) if name.split('/')[1] == mover}
    assert moved(before, after) == own and len(own) == 2


def test_data_that_a_translation_has_no_meaning_for_are_refused() -> None:
    small = cyclegan((1, 3), 2, 1, 1, 2, 1)
    grey = {'a': BATCH['a'][..., :1], 'b': BATCH['b']}
    learner(small, cycle_players(SGD)).check(grey)
    with pytest.raises(ValueError, match="'a' has 1 channels and 'b' 3, wanted as man"):
        learner(small, cycle_players(SGD, identity=1.0)).check(grey)
    bytes_like = {**BATCH, 'a': 127 * (BATCH['a'] + 1)}
    net = cyclegan((3, 3), 2, 1, 1, 2, 1)
    with pytest.raises(ValueError, match=r"'a' of example 0 .* wanted numbers in \[-1"):
        learner(net, cycle_players(SGD)).check(bytes_like)
    with pytest.raises(ValueError, match=r'makes images of shape \(16, 16, 3\) of .a.'):
        learner(PAIR, pair_players(SGD)).check({**BATCH, 'b': BATCH['b'][:, :8]})
    broken = {**BATCH, 'b': np.full_like(BATCH['b'], np.nan)}
    with pytest.raises(ValueError, match='finite'):
        learner(PAIR, pair_players(SGD)).check(broken)


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: close_cycles(GAME, cycle=-1.0), 'cycle is -1.0, wanted 0 or more'),
        (lambda: close_cycles(GAME, generators=('g',)), r"is \('g',\), wanted one or"),
        (lambda: match_pairs(GAME, weight=-2.0), 'weight is -2.0'),
        (
            lambda: tell_apart(GAME, pool='pool_b', discriminator_conditions=('a',)),
            "pool is 'pool_b' and discriminator_conditions .* wanted one of them",
        ),
        (
            lambda: image_distance(jnp.ones((2, 3, 3, 1)), jnp.ones((2, 3, 3, 3))),
            'wanted equal shapes',
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.heavy
def test_pix2pix_learns_to_invert_images_from_pairs() -> None:
    shapes = RNG.uniform(-1, 1, (64, 4, 4, 1)).repeat(4, 1).repeat(4, 2)
    arrays = {'a': shapes.astype('f'), 'b': -shapes.astype('f')}
    net = pix2pix(1, 8, 2, 0.0, patch_width=4, patch_halvings=1, normalise=None)
    adam = optax.adam(2e-3, b1=0.5)
    state, _ = fit(
        learner(net, pair_players(adam, weight=100.0)),
        data.resident(arrays, 8),
        steps=300,
        key=jax.random.key(0),
        chunk=100,
    )
    found = evaluate(net, score_pairs(), state, data.batches(arrays, 32))
    assert found['l1'] < 0.07  # as it is, a is 0.5 away


@pytest.mark.heavy
def test_cycles_close_and_each_way_arrives_where_it_should() -> None:
    """A is dark and B bright: whatever is translated has to change its brightness."""
    dark = RNG.uniform(-0.9, -0.5, (64, 8, 8, 1)).astype('f')
    bright = RNG.uniform(0.5, 0.9, (48, 8, 8, 1)).astype('f')
    net = cyclegan((1, 1), 4, 1, 0, 4, 1, normalise=None, pool=16)
    adam = optax.adam(1e-3, b1=0.5)
    state, _ = fit(
        learner(net, cycle_players(adam)),
        unpaired(dark, bright, 8),
        steps=600,
        key=jax.random.key(0),
        chunk=100,
    )
    test = {'a': dark[:48], 'b': bright}
    found = evaluate(net, score_cycles(), state, data.batches(test, 16))
    assert max(found['cycle_a'], found['cycle_b']) < 0.1
    both = nn.apply(lambda net, a, b: (net.generator_ab(a), net.generator_ba(b)), net)
    into_b, into_a = both({'params': state.params}, dark, bright)
    assert abs(into_b.mean() - 0.7) < 0.2 and abs(into_a.mean() + 0.7) < 0.2
