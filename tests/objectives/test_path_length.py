"""Even steps of a generator: the length is right, and who moves."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import losses
from dljax.models.adversarial import dcgan_small, stylegan_small
from dljax.models.adversaries import Adversaries
from dljax.objectives import even_paths, fool, hold_paths, penalise_real
from dljax.objectives.path_length import path_lengths
from dljax.recipes.players import adversarial_players
from dljax.training import Player, learner
from dljax.types import Array, PyTree, State, named_leaves

KEY = jax.random.key(0)
BATCH = {'image': np.zeros((6, 4, 4, 1), np.float32)}


class Linear(nn.Module):
    """An image that is linear in the styles: the gradient is known."""

    dtype: None = None
    param_dtype: None = jnp.float32
    shape = (4, 4, 1)

    def setup(self) -> None:
        """Make the one matrix."""
        ones = nn.initializers.ones
        self.matrix = self.param('matrix', ones, (2 * 3, 16))
        self.kept = self.variable('batch_stats', 'calls', jnp.zeros, ())

    def __call__(self, noise: Array, *, train: bool = False) -> Array:
        """Make images."""
        return self.synthesise(self.styles(noise, train=train), train=train)

    def styles(self, noise: Array, *, train: bool = False) -> Array:
        """Repeat the noise for two layers."""
        if train and not self.is_initializing():
            self.kept.value += 1
        return jnp.broadcast_to(noise[:, None], (len(noise), 2, 3))

    def synthesise(self, styles: Array, *, train: bool = False) -> Array:
        """Multiply."""
        return (styles.reshape(-1, 6) @ self.matrix).reshape(-1, 4, 4, 1)


class Score(nn.Module):
    """A discriminator that is not asked."""

    dtype: None = None
    param_dtype: None = jnp.float32

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Score."""
        return nn.Dense(1)(image.reshape(len(image), -1))


NET = Adversaries(Linear(), Score(), latent=3)
PLAYER = Player(optax.sgd(0.0), loss=even_paths(2.0, decay=0.75), trains=('generator',))


@functools.cache
def updated() -> tuple[State, State, PyTree]:
    train = learner(NET, {'paths': PLAYER})
    state = jax.jit(train.init)(KEY, BATCH)
    matrix = np.random.default_rng(0).normal(size=(6, 16)).astype(np.float32)
    state = state.replace(
        params={**state.params, 'generator': {'matrix': jnp.asarray(matrix)}}
    )
    after, metrics = jax.jit(train.update)(KEY, state, BATCH)
    return state, after, metrics


def test_lengths_are_those_of_the_jacobian_and_their_mean_moves() -> None:
    """Of an orthogonal matrix all lengths would be those of the images themselves."""
    state, after, metrics = updated()
    assert state.collections['path_length']['mean'] == 0
    moved = after.collections['path_length']['mean']
    assert moved == pytest.approx(0.25 * float(metrics['paths/length']), rel=1e-5)
    assert metrics['paths/mean'] == moved
    # E ‖J y‖² over both layers' mean is the sum of squares / (2 · pixels).
    matrix = np.asarray(state.params['generator']['matrix'])
    wanted = np.sqrt((matrix**2).sum() / 2 / 16)
    assert float(metrics['paths/length']) == pytest.approx(wanted, rel=0.35)
    assert metrics['paths/loss'] > 0


def test_only_the_mean_moves_in_the_turn() -> None:
    state, after, _ = updated()
    moved = {
        path
        for path, leaf in named_leaves(state.collections).items()
        if not np.array_equal(leaf, named_leaves(after.collections)[path])
    }
    assert moved == {'path_length/mean'}


def test_a_root_of_the_mean_over_layers() -> None:
    gradient = np.random.default_rng(0).normal(size=(5, 3, 4))
    wanted = np.sqrt((gradient**2).sum(2).mean(1))
    np.testing.assert_allclose(path_lengths(jnp.asarray(gradient)), wanted, rtol=1e-5)
    slope = jax.grad(lambda x: path_lengths(x).sum())(jnp.zeros((2, 3, 4)))
    np.testing.assert_array_equal(slope, 0)


def test_a_generator_pays_in_its_own_turn_as_well() -> None:
    game = losses.wasserstein_game()
    found = {}
    for name, task in (('without', None), ('with', hold_paths(3.0, decay=0.75))):
        loss = fool(game, task=task)
        player = Player(optax.sgd(0.0), loss=loss, trains=('generator',))
        train = learner(NET, {'generator': player})
        state = jax.jit(train.init)(KEY, BATCH)
        after, metrics = jax.jit(train.update)(KEY, state, BATCH)
        found[name] = float(metrics['generator/loss'])
        if task is not None:
            mean = after.collections['path_length']['mean']
            length = float(metrics['generator/length'])
            assert mean == pytest.approx(0.25 * length, rel=1e-5)
            # At least as much as the mean alone is off.
            least = 3 * (0.75 * length) ** 2
    assert found['with'] - found['without'] > 0.99 * least
    with pytest.raises(ValueError, match='weight is 0'):
        hold_paths(0)


@pytest.mark.heavy
def test_steps_become_even() -> None:
    """One direction counts ten times as much as the others, until they are alike."""
    player = Player(optax.adam(0.02), loss=even_paths(), trains=('generator',))
    train = learner(NET, {'paths': player})
    state = jax.jit(train.init)(KEY, BATCH)
    matrix = np.random.default_rng(0).normal(size=(6, 16)).astype(np.float32)
    matrix[:, 0] *= 10
    state = state.replace(
        params={**state.params, 'generator': {'matrix': jnp.asarray(matrix)}}
    )

    def spread(matrix: np.ndarray) -> float:
        direction = np.random.default_rng(1).normal(size=(500, 16))
        lengths = np.linalg.norm(direction @ np.asarray(matrix).T, axis=1)
        return lengths.std() / lengths.mean()

    @jax.jit
    def many(state: State) -> State:
        return jax.lax.fori_loop(
            0, 3000, lambda _, state: train.update(KEY, state, BATCH)[0], state
        )

    after = many(state)
    assert spread(after.params['generator']['matrix']) < 0.6 * spread(matrix)


def test_a_generator_without_styles_and_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"has no \['styles', 'synthesise'\]"):
        learner(dcgan_small(), {'paths': PLAYER}).check(BATCH)
    with pytest.raises(ValueError, match='weight is 0 and decay 0.99'):
        even_paths(0)
    with pytest.raises(ValueError, match='decay 1'):
        even_paths(decay=1)


@pytest.mark.heavy
def test_each_turn_of_a_style_game_moves_its_own_group_and_collections() -> None:
    net = stylegan_small(width=2, multipliers=(2, 1), style=3, latent=3)
    sgd = optax.sgd(0.1)
    players = adversarial_players(
        losses.non_saturating_game(),
        sgd,
        penalty=penalise_real(1.0),
        average=0.5,
        generator_task=hold_paths(),
    )
    players['paths'] = Player(sgd, loss=even_paths(), trains=('generator',))
    image = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 1)).astype(np.float32)
    first = jax.jit(learner(net, players).init)(KEY, {'image': image})
    for mover, group, collections in (
        ('discriminator', 'discriminator', set()),
        (
            'generator',
            'generator',
            {'style_mean/generator/mapping/mean', 'path_length/mean'},
        ),
        ('paths', 'generator', {'path_length/mean'}),
    ):
        train = learner(net, {mover: players[mover]})
        state = first.replace(opt_state={mover: first.opt_state[mover]})
        after, metrics = jax.jit(train.update)(KEY, state, {'image': image})
        for old, new, wanted in (
            (state.params, after.params, None),
            (state.collections, after.collections, collections),
        ):
            moved = {
                path
                for path, leaf in named_leaves(old).items()
                if not np.array_equal(leaf, named_leaves(new)[path])
            }
            if wanted is None:
                assert {path.split('/')[0] for path in moved} == {group}, mover
            else:
                assert moved == wanted, mover
        assert np.isfinite(list(metrics.values())).all(), mover
