"""A turn tells the optimizer what Optax's extra arguments may be."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import resident
from dljax.training import (
    Learner,
    Player,
    averaged,
    by_path,
    clipped,
    data_mesh,
    ensemble,
    fit,
    learner,
    mapped,
    replicated,
    sharded,
)
from dljax.types import Array
from tests.training.sources import in_order

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3)).astype(np.float32)
SET = {'x': X, 'y': X @ np.array([[1.0], [-2.0], [0.5]], np.float32) + 1.0}


class Body(nn.Module):
    """A trained head on a frozen body, with noise and statistics."""

    noise: float = 0.5
    norm: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Answer with one number an example."""
        x = nn.Dense(4, name='body', dtype=self.dtype)(x)
        if self.norm:
            x = nn.BatchNorm(use_running_average=False, axis_name=None)(x)
        x = nn.Dropout(self.noise, deterministic=False)(jnp.tanh(x))
        return nn.Dense(1, name='head', dtype=self.dtype)(x).astype(jnp.float32)


def squares(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    return jnp.mean((net(batch['x']) - batch['y']) ** 2), {}


def pairs(left: Any, right: Any) -> zip:
    return zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)


def checking() -> optax.GradientTransformationExtraArgs:
    """Plain descent, whose state is the largest contradiction in what it was told."""

    def update(
        updates: dict,
        state: Array,
        params: dict,
        *,
        value: Array,
        grad: dict,
        value_fn: Any,
    ) -> tuple[dict, Array]:
        found, gradient = jax.value_and_grad(value_fn)(params)
        _, along = jax.jvp(value_fn, (params,), (grad,))
        squares = sum((g**2).sum() for g in jax.tree.leaves(grad))
        off = [abs(found - value), abs(along - squares)]
        off += [
            abs(a - b).max()
            for tree in (grad, gradient)
            for a, b in pairs(tree, updates)
        ]
        return jax.tree.map(lambda g: -0.1 * g, updates), jnp.maximum(
            state, jnp.stack(off).max()
        )

    return optax.GradientTransformationExtraArgs(lambda params: jnp.zeros(()), update)


def made(way: str, net: nn.Module, **player: Any) -> Learner:
    axis = 'data' if way in ('mapped', 'pmap') else None
    one = learner(net, {'p': Player(loss=squares, **player)}, axis=axis)
    if way == 'mesh':
        return sharded(one, data_mesh())
    if axis:
        return replicated(one) if way == 'pmap' else mapped(one, data_mesh())
    return one


@pytest.mark.parametrize(
    ('way', 'settings'),
    [
        ('one', {'every': 2, 'during': (1, 4)}),
        pytest.param('mapped', {}, marks=pytest.mark.heavy),
        *[
            pytest.param(way, {}, marks=pytest.mark.exhaustive)
            for way in ('pmap', 'mesh')
        ],
    ],
)
def test_what_the_optimizer_is_told_is_the_loss_of_this_turn(
    way: str, settings: dict
) -> None:
    train = made(way, Body(), optimizer=checking(), trains=('head',), **settings)
    state, history = fit(train, in_order(SET, 8), steps=4, key=KEY)
    assert np.nanmin(history['p/loss']) > 0
    assert float(state.opt_state['p']) < 1e-5


@pytest.mark.heavy
def test_members_are_told_their_own_losses() -> None:
    train, source = ensemble(
        made('one', nn.Dense(1), optimizer=checking()), resident(SET), 2
    )
    state, history = fit(train, source, steps=2, key=KEY)
    assert (state.opt_state['p'] < 1e-5).all()
    assert history['p/loss'][0, 0] != history['p/loss'][0, 1]


@pytest.mark.others('heavy')
@pytest.mark.parametrize('rule', [optax.polyak_sgd(), optax.lbfgs()])
def test_polyak_and_lbfgs_are_those_of_a_plain_loop(
    rule: optax.GradientTransformationExtraArgs,
) -> None:
    net, batch = nn.Dense(1), {k: jnp.asarray(v) for k, v in SET.items()}

    def value(params: dict) -> Array:
        return jnp.mean((net.apply({'params': params}, batch['x']) - batch['y']) ** 2)

    @jax.jit
    def plain(params: dict, state: Any) -> tuple:
        loss, gradient = jax.value_and_grad(value)(params)
        told = {'value': loss, 'grad': gradient, 'value_fn': value}
        updates, state = rule.update(gradient, state, params, **told)
        return optax.apply_updates(params, updates), state, loss

    train = made('one', net, optimizer=rule)
    params, wanted = jax.jit(train.init)(KEY, batch).params, []
    state = jax.jit(rule.init)(params)
    for _ in range(6):
        params, state, loss = plain(params, state)
        wanted.append(float(loss))
    ended, history = fit(train, resident(SET), steps=6, key=KEY)
    np.testing.assert_allclose(history['p/loss'], wanted, rtol=1e-4, atol=1e-7)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        ended.params,
        params,
    )
    assert wanted[-1] < 0.1 * wanted[0]


def test_a_plateau_lowers_the_rate() -> None:
    plateau = optax.contrib.reduce_on_plateau(0.5, patience=2)
    rule = optax.chain(optax.sgd(0.0), plateau)  # nothing ever improves
    state, _ = fit(
        made('one', nn.Dense(1), optimizer=rule), resident(SET), steps=7, key=KEY
    )
    assert optax.tree.get(state.opt_state['p'], 'scale') == 0.125


@pytest.mark.heavy
def test_rules_around_an_optimizer_pass_on_what_it_is_told() -> None:
    rule = optax.polyak_sgd()
    rules = {
        'clipped': clipped(rule, 1e6),
        'averaged': averaged(rule),
        'by path': by_path({'*': rule}),
        'injected': optax.inject_hyperparams(optax.polyak_sgd)(),
    }
    batch = {k: jnp.asarray(v) for k, v in SET.items()}

    @jax.jit
    def once() -> list:
        ends = []
        for around in (rule, *rules.values()):
            train = made('one', nn.Dense(1), optimizer=around)
            state = train.init(KEY, batch)
            ends.append(train.update(KEY, state, batch)[0].params)
        return ends

    wanted, *others = once()
    for name, found in zip(rules, others, strict=True):
        for a, b in pairs(found, wanted):
            np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=name)


@pytest.mark.heavy
def test_an_optimizer_of_some_leaves_searches_along_those() -> None:
    search = optax.scale_by_backtracking_linesearch(10)
    rule = by_path({'kernel': optax.chain(optax.sgd(1.0), search), '*': optax.sgd(0.1)})
    train = made('one', nn.Dense(1), optimizer=rule)
    _, history = fit(train, resident(SET), steps=8, key=KEY)
    assert history['p/loss'][-1] < 0.2 * history['p/loss'][0]


@pytest.mark.heavy
def test_a_search_with_bfloat16_inside_descends() -> None:
    net = Body(noise=0.0, norm=False, dtype=jnp.bfloat16)
    search = optax.scale_by_backtracking_linesearch(10)
    train = made('one', net, optimizer=optax.chain(optax.sgd(1.0), search))
    state, history = fit(train, resident(SET), steps=5, key=KEY)
    assert history['p/loss'][-1] < 0.5 * history['p/loss'][0]
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {
        jnp.dtype('float32')
    }


def test_an_optimizer_that_wants_a_loss_is_refused_for_a_direction() -> None:
    def rule(net: nn.Module, batch: dict, step: Array) -> tuple[dict, dict]:
        net(batch['x'])
        return net.variables['params'], {}

    batch = {k: jnp.asarray(v) for k, v in SET.items()}
    for wanting in (optax.lbfgs(), clipped(optax.polyak_sgd())):
        train = learner(nn.Dense(1), {'w': Player(wanting, direction=rule)})
        with pytest.raises(ValueError, match=r"'w' wants .*'value'.*no loss"):
            jax.eval_shape(train.init, KEY, batch)
    plain = learner(nn.Dense(1), {'w': Player(optax.adam(0.1), direction=rule)})
    jax.eval_shape(plain.init, KEY, batch)


def test_an_optimizer_that_wants_something_else_is_refused() -> None:
    def update(
        updates: dict, state: tuple, params: dict, *, curvature: Array, **rest: Any
    ) -> tuple:
        return updates, state

    odd = optax.GradientTransformationExtraArgs(lambda params: (), update)
    train = made('one', nn.Dense(1), optimizer=odd)
    with pytest.raises(ValueError, match=r"'p' wants 'curvature', but is told value"):
        fit(train, resident(SET), steps=1, key=KEY)
