"""Clipping, groups by path, averages, accumulation: on gradients and in a learner."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.training import (
    Player,
    averaged,
    by_path,
    clipped,
    data_mesh,
    fit,
    forms_of_clipping,
    layer_rates,
    learner,
    scale_to_norm,
    sharded,
    with_averages,
)
from dljax.types import Array, PyTree, State
from tests.training.sources import in_order

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
SET = {'x': RNG.normal(size=(16, 4)).astype(np.float32)}
SET['y'] = (1e3 * SET['x'].sum(1, keepdims=True)).astype(np.float32)


class Net(nn.Module):
    """Two layers, so that there are groups."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Answer with one number."""
        return nn.Dense(1, name='output')(nn.relu(nn.Dense(4, name='hidden')(x)))


def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}


def moved(rule: optax.GradientTransformation, gradient: PyTree) -> PyTree:
    """Give the update that a rule makes of a gradient."""
    params = jax.tree.map(jnp.ones_like, gradient)
    return rule.update(gradient, rule.init(params), params)[0]


def steps(
    rule: optax.GradientTransformation, count: int, batch_size: int | None = None
) -> State:
    train = learner(Net(), {'p': Player(rule, loss=loss)})
    source = in_order(SET, batch_size or 16)
    chunk = count if count > 9 else 1
    return fit(train, source, steps=count, key=KEY, chunk=chunk)[0]


@pytest.mark.others('heavy')
@pytest.mark.parametrize('size', [1e3, 1e-3, 1.0])
def test_clipping_bounds_the_global_norm_and_keeps_the_direction(size: float) -> None:
    gradient = {'a': size * jnp.array([3.0, 0.0]), 'b': size * jnp.array([4.0])}
    update = jax.jit(lambda g: moved(clipped(optax.sgd(1.0), 2.0), g))(gradient)
    assert optax.tree.norm(update) == pytest.approx(min(5 * size, 2.0), rel=1e-5)
    assert update['b'][0] / update['a'][0] == pytest.approx(4 / 3, rel=1e-5)


@pytest.mark.others('heavy')
@pytest.mark.parametrize('size', [1e-6, 1.0, 1e6])
def test_scaling_gives_every_gradient_the_same_norm(size: float) -> None:
    gradient = {'a': size * jnp.array([3.0, 0.0]), 'b': size * jnp.array([4.0])}
    update = jax.jit(lambda g: moved(scale_to_norm(0.5), g))(gradient)
    assert optax.tree.norm(update) == pytest.approx(0.5, rel=1e-5)
    assert update['b'][0] / update['a'][0] == pytest.approx(4 / 3, rel=1e-5)


def test_scaling_leaves_a_zero_gradient_at_zero() -> None:
    update = moved(scale_to_norm(1.0), {'a': jnp.zeros(3)})
    np.testing.assert_array_equal(update['a'], 0.0)


def test_impossible_norms_are_refused() -> None:
    for make in (scale_to_norm, lambda norm: clipped(optax.sgd(1.0), norm)):
        for norm in (0.0, -1.0, float('nan')):
            with pytest.raises(ValueError, match='wanted a positive number'):
                make(norm)


@pytest.mark.parametrize(
    'form',
    [
        pytest.param(scale_to_norm(1.0), marks=pytest.mark.heavy),
        *[
            pytest.param(form, marks=pytest.mark.exhaustive)
            for form in (
                optax.clip_by_global_norm(1.0),
                optax.clip(0.5),
                optax.adaptive_grad_clip(0.01),
            )
        ],
    ],
    ids=['scaled', 'norm', 'value', 'adaptive'],
)
def test_each_form_of_clipping_tames_an_exploding_regression(form) -> None:
    wild = optax.sgd(0.01, momentum=0.9)
    train = learner(Net(), {'p': Player(wild, loss=loss)})
    state = jax.jit(train.init)(KEY, SET)
    update = jax.jit(train.update)
    for _ in range(200):
        state, _ = update(KEY, state, SET)
    assert not all(np.isfinite(x).all() for x in jax.tree.leaves(state.params))
    tame = steps(optax.chain(form, wild), 200)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(tame.params))


def test_groups_have_ranges_of_their_own() -> None:
    gradient = {'hidden': {'kernel': jnp.array([500.0, -3.0])}}
    gradient['output'] = {'kernel': jnp.array([500.0, -3.0])}
    rule = by_path({'output/*': optax.clip(100.0), '*': optax.clip(10.0)})
    update = moved(rule, gradient)
    np.testing.assert_array_equal(update['output']['kernel'], [100.0, -3.0])
    np.testing.assert_array_equal(update['hidden']['kernel'], [10.0, -3.0])


@pytest.mark.others('heavy')
@pytest.mark.parametrize('optimizer', [optax.adamw(0.1), optax.adam(0.1)])
def test_a_frozen_group_stays_bit_for_bit(
    optimizer: optax.GradientTransformation,
) -> None:
    rule = by_path({'hidden/*': optax.set_to_zero(), '*': optimizer})
    start, end = steps(rule, 1), steps(rule, 3)
    for a, b in zip(
        jax.tree.leaves(start.params['hidden']),
        jax.tree.leaves(end.params['hidden']),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    assert not np.allclose(
        start.params['output']['kernel'], end.params['output']['kernel']
    )


def test_paths_without_a_rule_and_rules_without_a_path_are_refused() -> None:
    with pytest.raises(ValueError, match="no pattern of .* matches 'hidden/bias'"):
        steps(by_path({'output/*': optax.sgd(0.1)}), 1)
    with pytest.raises(ValueError, match=r"\['outptu/\*'\] match .* none"):
        steps(by_path({'outptu/*': optax.sgd(0.1), '*': optax.sgd(0.1)}), 1)


def test_earlier_layers_move_by_a_power_of_the_decay_less() -> None:
    gradient = {name: {'kernel': jnp.ones(2)} for name in ('a', 'b', 'c')}
    optimizer = optax.adamw(0.1, weight_decay=0.5)
    rule = layer_rates(optimizer, ('a/*', 'b/*', '*'), decay=3.0)
    whole, update = jax.jit(lambda g: (moved(optimizer, g), moved(rule, g)))(gradient)
    for name, factor in (('a', 9), ('b', 3), ('c', 1)):
        np.testing.assert_allclose(
            factor * update[name]['kernel'], whole[name]['kernel'], rtol=1e-6
        )
    assert whole['c']['kernel'][0] < -0.14  # the step and the decay


def test_impossible_layer_rates_are_refused() -> None:
    for layers in ((), ('a', 'a'), 'conv'):
        with pytest.raises(ValueError, match=r'layers=.*, wanted a tuple of one'):
            layer_rates(optax.sgd(0.1), layers)
    with pytest.raises(ValueError, match=r'decay=0\.5, wanted at least 1'):
        layer_rates(optax.sgd(0.1), ('*',), decay=0.5)


def test_the_average_is_the_one_computed_by_hand() -> None:
    rule, decay = averaged(optax.sgd(0.5), 0.8), 0.8
    params = {'w': jnp.array(1.0)}
    state, average = rule.init(params), 1.0

    @jax.jit
    def moved(params: dict, state: PyTree) -> tuple:
        updates, state = rule.update({'w': params['w']}, state, params)
        return optax.apply_updates(params, updates), state

    for count in range(12):
        params, state = moved(params, state)
        rate = min(decay, (1 + count) / (10 + count))
        average = rate * average + (1 - rate) * float(params['w'])
        assert float(state.average['w']) == pytest.approx(average, rel=1e-5)


def test_averages_take_the_place_of_the_parameters() -> None:
    state = steps(averaged(optax.sgd(1e-7), 0.9), 5)
    swapped = with_averages(state)
    average = optax.tree.get(state.opt_state['p'], 'average')
    np.testing.assert_array_equal(
        swapped.params['output']['kernel'], average['output']['kernel']
    )
    assert not np.array_equal(
        swapped.params['output']['kernel'], state.params['output']['kernel']
    )
    with pytest.raises(ValueError, match=r'wrap one in averaged\(\)'):
        with_averages(state.replace(opt_state={'p': optax.sgd(1e-7).init({})}))


def test_averages_of_a_player_leave_other_groups_alone() -> None:
    rule = averaged(optax.sgd(1e-6), 0.9)
    train = learner(Net(), {'p': Player(rule, loss=loss, trains=('output',))})
    state, _ = fit(train, in_order(SET, 16), steps=3, key=KEY)
    swapped = with_averages(state)
    assert swapped.params['hidden'] is state.params['hidden']
    assert swapped.params['output'] is not state.params['output']


@pytest.mark.exhaustive
def test_averages_are_the_same_on_two_devices() -> None:
    train = learner(Net(), {'p': Player(averaged(optax.sgd(1e-7)), loss=loss)})
    one, _ = fit(train, in_order(SET, 8), steps=3, key=KEY)
    two, _ = fit(sharded(train, data_mesh()), in_order(SET, 8), steps=3, key=KEY)
    for a, b in zip(
        jax.tree.leaves(with_averages(one).params),
        jax.tree.leaves(with_averages(two).params),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize('decay', [-0.1, 1.0])
def test_impossible_decays_are_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=r'wanted a number in \[0, 1\)'):
        averaged(optax.sgd(0.1), decay)


@pytest.mark.heavy
def test_accumulated_batches_move_as_one_large_batch() -> None:
    rule = optax.MultiSteps(optax.sgd(1e-6), every_k_schedule=4)
    rule = optax.GradientTransformation(rule.init, rule.update)
    four = steps(rule, 4, batch_size=4)  # an epoch: each example once
    one = steps(optax.sgd(1e-6), 1)
    for a, b in zip(
        jax.tree.leaves(four.params), jax.tree.leaves(one.params), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_schedule_warms_up_and_decays_by_the_players_own_moves() -> None:
    schedule = optax.warmup_cosine_decay_schedule(0.0, 1.0, 2, 4)

    class Point(nn.Module):
        @nn.compact
        def __call__(self) -> Array:
            return self.param('w', nn.initializers.zeros, ())

    def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
        return net(), {}

    player = Player(optax.sgd(schedule), loss=loss, every=3)
    train = learner(Point(), {'p': player})
    states, update = [jax.jit(train.init)(KEY, SET)], jax.jit(train.update)
    for _ in range(12):
        states.append(update(KEY, states[-1], SET)[0])
    path = np.array([float(state.params['w']) for state in states])
    taken = -np.diff(path)
    np.testing.assert_allclose(taken[0::3], [0.0, 0.5, 1.0, 0.5], atol=1e-6)
    np.testing.assert_array_equal(np.delete(taken, [0, 3, 6, 9]), 0.0)


def test_each_form_of_clipping_does_what_its_name_says():
    forms = forms_of_clipping(
        norm=2.0, value=1.0, ratio=0.5, ranges={'head/*': 100.0, '*': 10.0}
    )
    params = {
        'body': {'kernel': np.array([[3.0, 4.0]], np.float32)},
        'head': {'kernel': np.array([[30.0, 40.0]], np.float32)},
    }

    @jax.jit
    def moved(gradient):
        return {
            name: rule.update(gradient, rule.init(params), params)[0]
            for name, rule in forms.items()
        }

    large = moved(jax.tree.map(lambda p: 10 * p, params))

    norm = np.hypot(50.0, 500.0)
    wanted = {
        'norm': ([60 / norm, 80 / norm], [600 / norm, 800 / norm]),
        'value': ([1, 1], [1, 1]),
        'adaptive': ([1.5, 2], [15, 20]),  # half of each weight's own size
        'fixed': ([60 / norm, 80 / norm], [600 / norm, 800 / norm]),
        'groups': ([10, 10], [100, 100]),
        'plain': ([30, 40], [300, 400]),
    }
    assert list(forms) == list(wanted)
    for name, pair in wanted.items():
        found = [large[name][group]['kernel'][0] for group in ('body', 'head')]
        np.testing.assert_allclose(found, pair, rtol=1e-4, err_msg=name)
    small = jax.tree.map(lambda p: np.float32(1e-3) * p, params)
    for name, updates in moved(small).items():
        same = np.allclose(updates['head']['kernel'], small['head']['kernel'])
        assert same == (name != 'fixed')
