"""Numbers that are no longer finite: which update, whose turn, where."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import resident
from dljax.training import NonFiniteError, Player, clipped, ensemble, fit, learner
from dljax.training.guard import first_non_finite, require_finite
from dljax.types import Source, State, fold

KEY = jax.random.key(0)


def state(step, params, **collections):
    return State(jnp.int32(step), params, collections, {'p': ()})


def flags(*values):
    return np.array(values, bool)


def constant_source():
    batch = {'x': jnp.ones((4, 2))}
    return Source(lambda key: (jnp.int32(0), batch), lambda key, p, s: (p + 1, batch))


def test_finite_metrics_pass():
    metrics = {'a/finite': flags(1, 1), 'a/loss': np.array([1.0, np.nan])}
    require_finite(metrics, state(2, {'w': jnp.ones(2)}))


def test_the_error_names_update_player_and_leaf():
    metrics = {
        'a/finite': flags(1, 1, 1, 0),
        'b/finite': flags(1, 0, 0, 0),
        'b/loss': np.ones(4),
    }
    params = {'ok': jnp.ones(2), 'worse': {'w': jnp.array([1.0, jnp.inf])}}
    with pytest.raises(NonFiniteError) as caught:
        require_finite(metrics, state(14, params))
    error = caught.value
    assert (error.step, error.player, error.leaf) == (11, 'b', 'params/worse/w')
    assert "player 'b' is not finite in update 11 (first in params/worse/w)" in str(
        error
    )
    assert isinstance(error, FloatingPointError)


def test_the_error_names_the_member():
    metrics = {'a/finite': flags([1, 1, 1], [1, 1, 0])}
    members = State(jnp.full(3, 8), {'w': jnp.ones(3)}, {}, {'p': ()})
    with pytest.raises(NonFiniteError, match="'a' of member 2 .* update 7") as caught:
        require_finite(metrics, members)
    assert caught.value.leaf is None
    assert 'the state itself is still finite' in str(caught.value)


def test_parameters_are_named_before_collections_and_any_type_is_read():
    nan = jnp.full(2, jnp.nan)
    good = jnp.ones(2, jnp.bfloat16)
    assert first_non_finite(state(0, {'w': good, 'i': jnp.arange(3)})) is None
    assert first_non_finite(state(0, {'w': good}, stats={'m': nan})) == (
        'collections/stats/m'
    )
    both = state(0, {'w': nan.astype(jnp.bfloat16)}, stats={'m': nan})
    assert first_non_finite(both) == 'params/w'


@pytest.mark.others('heavy')
@pytest.mark.parametrize('chunk', [4, 1])
def test_the_first_player_to_fail_is_named_whatever_its_name(chunk):
    class Two(nn.Module):
        left: nn.Module = nn.Dense(1)
        right: nn.Module = nn.Dense(1)

        def __call__(self, x):
            return self.left(x), self.right(x)

    def bad(net, batch, step):
        left, right = net(batch['x'])
        return (left + right).sum() * jnp.where(step == 5, jnp.nan, 1.0), {}

    def good(net, batch, step):
        left, right = net(batch['x'])
        return (left * right).sum(), {}

    players = {
        'z': Player(clipped(optax.adam(1e-3)), loss=bad, trains=('left',)),
        'a': Player(clipped(optax.adam(1e-3)), loss=good, trains=('right',)),
    }
    with pytest.raises(NonFiniteError) as caught:
        fit(learner(Two(), players), constant_source(), steps=9, key=KEY, chunk=chunk)
    assert (caught.value.step, caught.value.player) == (5, 'z')
    assert caught.value.leaf.startswith('params/left')


def test_a_player_that_sits_out_is_no_failure():
    def loss(net, batch, step):
        return net(batch['x']).sum(), {}

    seldom = Player(optax.sgd(1e-3), loss=loss, every=4)
    _, history = fit(
        learner(nn.Dense(1), {'seldom': seldom}), constant_source(), steps=6, key=KEY
    )
    assert np.isnan(history['seldom/loss']).tolist() == [0, 1, 1, 1, 0, 1]


def test_a_gradient_that_is_not_finite_under_a_finite_loss_is_found():
    def root(net, batch, step):
        w = net(batch['x'])
        return jnp.sqrt(jnp.abs(w - jax.lax.stop_gradient(w)).sum()), {}

    with pytest.raises(NonFiniteError, match='update 0'):
        fit(
            learner(nn.Dense(1), {'p': Player(optax.sgd(0.1), loss=root)}),
            constant_source(),
            steps=3,
            key=KEY,
        )


@pytest.mark.heavy
def test_a_diverging_member_is_named():
    def loss(net, batch, step):
        unlucky = batch['x'][0, 0] > 0.5
        return net(batch['x']).sum() * jnp.where(
            unlucky & (step == 2), jnp.inf, 1.0
        ), {}

    second = jax.random.key_data(fold(KEY, 1))

    def draw(key):
        chosen = (jax.random.key_data(key) == second).all()
        return {'x': jnp.full((4, 2), chosen, jnp.float32)}

    source = Source(lambda k: (jnp.int32(0), draw(k)), lambda k, p, s: (p + 1, draw(k)))
    one = learner(nn.Dense(1), {'p': Player(optax.sgd(0.1), loss=loss)})
    many, each = ensemble(one, source, 3)
    with pytest.raises(NonFiniteError, match='of member 1 is not finite in update 2'):
        fit(many, each, steps=6, key=KEY)


def labelled(net, batch, step):
    logits = net(batch['x'])
    return -jnp.log(logits[:, 0]).mean() * (batch['label'] >= 0).mean(), {}


@pytest.mark.parametrize('first', [True, False])
def test_the_message_names_the_range_of_labels_before_the_learning_rate(first):
    source = resident({'x': jnp.ones((4, 1)), 'label': jnp.array([-1, 0, 1, 1])})
    start = nn.initializers.constant(-1.0 if first else 1.0)
    player = Player(optax.sgd(-50.0), loss=labelled)
    train = learner(nn.Dense(1, kernel_init=start), {'p': player})
    with pytest.raises(NonFiniteError, match=r"'label' in \[-1, 1\]") as caught:
        fit(train, source, steps=9, key=jax.random.key(0))
    message = str(caught.value)
    assert (caught.value.step == 0) == first
    assert ('learning rate' in message) != first  # which has moved nothing by then
    assert 'label or an input out of range' in message.split('learning rate')[0]
