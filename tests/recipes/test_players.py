"""The players of a game and of Q-learning are what they are asked to be."""

import jax
import jax.numpy as jnp
import optax
import pytest

from dljax import create_model, losses
from dljax.models.container import container
from dljax.objectives import penalise_real
from dljax.recipes.players import adversarial_players, q_players
from dljax.training import Player, learner, with_averages
from dljax.types import PyTree

GAME = losses.non_saturating_game()
SGD = optax.sgd(0.1)


def moved(players: dict[str, Player], updates: int) -> tuple[PyTree, PyTree, set[str]]:
    """Train a small conditional game: the state before and after, and the metrics."""
    net = create_model(
        'cgan',
        size=2,
        latent=2,
        classes=2,
        noise_hidden=2,
        label_hidden=2,
        hidden=2,
        maxout=((2, 2),) * 3,
    )
    train, key = learner(net, players), jax.random.key(0)
    batch = {'image': jnp.full((4, 2, 2, 1), 0.5), 'label': jnp.array([0, 1, 1, 0])}
    state = first = jax.jit(train.init)(key, batch)
    update = jax.jit(train.update)
    found = {}
    for _ in range(updates):
        state, found = update(key, state, batch)
    return first, state, set(found)


def differs(left: PyTree, right: PyTree) -> bool:
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    return any(bool((a != b).any()) for a, b in pairs)


@pytest.mark.heavy
def test_both_move_their_own_net_in_their_turn_and_see_their_conditions() -> None:
    both = ('label',)
    players = adversarial_players(
        GAME,
        SGD,
        every=2,
        average=0.5,
        generator_conditions=both,
        discriminator_conditions=both,
        penalty=penalise_real(1.0),
    )
    first, once, metrics = moved(players, 1)
    assert 'discriminator/penalty' in metrics and 'generator/spread' in metrics
    assert differs(first.params['discriminator'], once.params['discriminator'])
    _, twice, _ = moved(players, 2)
    assert differs(first.params['generator'], twice.params['generator'])
    assert differs(with_averages(twice).params['generator'], twice.params['generator'])


def test_a_player_has_the_turns_groups_and_optimizer_that_are_asked_for() -> None:
    other = optax.sgd(0.3)
    pair = adversarial_players(GAME, SGD, generator_optimizer=other, every=5)
    assert [player.every for player in pair.values()] == [1, 5]
    for role, player in pair.items():
        assert player.trains == (role,)
    one = {'w': jnp.ones(2)}
    for role, rate in (('discriminator', 0.1), ('generator', 0.3)):
        optimizer = pair[role].optimizer
        change, _ = optimizer.update(one, optimizer.init(one), one)
        assert jnp.allclose(change['w'], -rate), role


def test_the_target_begins_as_a_copy_and_then_follows_slowly() -> None:
    net = create_model('mlp', hidden=(2,), outputs=2)
    players = q_players(SGD, discount=0.5, tau=0.25)
    assert players['critic'].trains == ('online',)
    assert players['target'].trains == ('target',)
    train = learner(container(online=net, target=net), players)
    x = jnp.ones((3, 2))
    batch = {
        **{'observation': x, 'following': 2 * x, 'reward': x[:, 0]},
        **{'action': jnp.array([0, 1, 1]), 'terminated': jnp.zeros(3, bool)},
    }
    key, update = jax.random.key(0), jax.jit(train.update)
    once, _ = update(key, jax.jit(train.init)(key, batch), batch)
    jax.tree.map(
        lambda a, b: _close(a, b, 1e-6),
        once.params['target'],
        once.params['online'],
    )
    twice, _ = update(key, once, batch)
    jax.tree.map(
        lambda old, online, new: _close(new, old + 0.25 * (online - old), 1e-5),
        once.params['target'],
        twice.params['online'],
        twice.params['target'],
    )
    assert differs(twice.params['target'], twice.params['online'])


def _close(left: jax.Array, right: jax.Array, tolerance: float) -> None:
    assert jnp.allclose(left, right, atol=tolerance)
