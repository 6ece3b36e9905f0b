"""What an objective gives is looked at before anything is trained."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import resident
from dljax.objectives import regress
from dljax.training import Player, fit, learner
from dljax.types import Array

KEY = jax.random.key(0)
BATCH = {'x': np.ones((4, 3), np.float32), 'y': np.ones((4, 1), np.float32)}


def begin(
    objective: Callable, *, net: Any = None, kind: str = 'direction', trains: Any = ()
) -> Any:
    """Make the first state of a training by one objective."""
    player = Player(optax.sgd(0.1), trains=trains, **{kind: objective})
    train = learner(net or nn.Dense(1), {'rule': player})
    return jax.eval_shape(train.init, KEY, BATCH)


def gives(answer: Callable) -> Callable:
    """An objective that calls the net and answers with something of its parameters."""

    def objective(net: nn.Module, batch: dict, step: Array) -> Any:
        net(batch['x'])
        return answer(net.variables['params'])

    return objective


@pytest.mark.parametrize(
    ('answer', 'message'),
    [
        (
            lambda p: p,
            r"'rule' gives a dictionary of \['kernel', 'bias'\], wanted \(dic",
        ),
        (lambda p: p['kernel'], r"'rule' gives an array float32\[3, 1\], wanted"),
        (
            lambda p: (p['kernel'], {}),
            r"'rule' is an array float32\[3, 1\], wanted a d",
        ),
        (lambda p: ({'kernel': p['kernel']}, {}), r"'rule'.*\n  bias: missing"),
        (lambda p: ({'k': 1.0, **p}, {}), r'\n  k: not what it trains'),
        (lambda p: ({**p, 'bias': 0.0}, {}), r'\n  bias: \[\], wanted \[1\]'),
        (
            lambda p: ({**p, 'bias': np.zeros(1, int)}, {}),
            r'\n  bias: int\d+, wanted fl',
        ),
        (lambda p: ({**p, 'bias': [p['bias']]}, {}), r'\n  bias/0: not a param'),
        (
            lambda p: (p, None),
            r"metrics of player 'rule' are a NoneType, wanted a dict",
        ),
        (lambda p: (p, jnp.zeros(())), r"metrics of player 'rule' are an array"),
        (
            lambda p: (p, {'size': jnp.zeros(2)}),
            r"'size' .*float32\[2\], wanted a real",
        ),
        (lambda p: (p, {'size': 'large'}), r"'size' of player 'rule' is a str, wanted"),
        (lambda p: (p, {'size': 1j}), r"'size' .*complex64\[\], wanted a real scalar"),
        (lambda p: (p, {3: 1.0}), r"player 'rule' names a metric 3"),
        (lambda p: (p, {'finite': True}), r"'finite' of player 'rule' is the engine's"),
        (lambda p: (p, {'a/finite': True}), r"'a/finite' .* is the engine's own"),
        (lambda p: (p, {}, 1), r"'rule' gives 3 values in a tuple, wanted"),
    ],
)
def test_a_direction_of_another_form_is_refused(answer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        begin(gives(answer))


@pytest.mark.parametrize(
    ('answer', 'message'),
    [
        (
            lambda p: p['bias'].sum(),
            r"loss of player 'rule' gives an array float32\[\], ",
        ),
        (lambda p: (p, {}), r"loss of player 'rule' is a dictionary"),
        (
            lambda p: (p['bias'], {}),
            r"loss of player 'rule' has shape \(1,\), wanted a s",
        ),
        (
            lambda p: (jnp.int32(1), {}),
            r"loss of player 'rule' has type int32, wanted a",
        ),
        (
            lambda p: (p['bias'].sum(), p['bias']),
            r"metrics of player 'rule' are an arr",
        ),
        (lambda p: (p['bias'].sum(), {'loss': 1.0}), r"'loss' .* is the engine's own"),
    ],
)
def test_a_loss_of_another_form_is_refused(answer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        begin(gives(answer), kind='loss')


def test_numbers_of_every_kind_are_metrics() -> None:
    metrics = {'a': True, 'b': 3, 'c': np.float64(1.0), 'd': jnp.bfloat16(1.0)}
    player = Player(
        optax.sgd(0.1), loss=gives(lambda p: (p['bias'].sum(), metrics)), every=2
    )
    train = learner(nn.Dense(1), {'rule': player})
    _, history = fit(train, resident(BATCH), steps=2, key=KEY)
    assert history['rule/b'][0] == 3.0 and np.isnan(history['rule/b'][1])


def test_a_group_by_path_is_named_by_it() -> None:
    class Holder(nn.Module):
        inner: nn.Module

        def __call__(self, x: Array) -> Array:
            return self.inner(x)

    def answer(params: dict) -> tuple:
        return {'inner/kernel': params['inner']['kernel']}, {}

    settings = {'net': Holder(nn.Dense(1)), 'trains': ('inner/kernel',)}
    begin(gives(answer), **settings)
    with pytest.raises(ValueError, match=r'inner/kernel: missing'):
        begin(gives(lambda p: (p, {})), **settings)


def test_parameters_that_are_read_too_early_are_said() -> None:
    def early(net: nn.Module, batch: dict, step: Array) -> tuple:
        return net.variables['params'], {}

    with pytest.raises(ValueError, match=r"'rule' asks for 'params'.*so call it"):
        begin(early)

    def misnamed(net: nn.Module, batch: dict, step: Array) -> tuple:
        return net(batch['image']).mean(), {}

    with pytest.raises(ValueError, match=r"asks for 'image'.*\['x', 'y'\]"):
        begin(misnamed, kind='loss')
    # What another player's objective makes may be read by one that comes before it.
    players = {
        'rule': Player(optax.sgd(0.1), direction=early),
        'line': Player(optax.sgd(0.1), loss=regress('x', 'y'), trains=('bias',)),
    }
    state = learner(Line(), players).init(KEY, BATCH)
    assert state.params['kernel'].shape == (3, 1)


class Line(nn.Module):
    """Takes one input."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        """Answer with one number an example."""
        kernel = self.param('kernel', nn.initializers.ones, (x.shape[-1], 1))
        return x @ kernel + self.param('bias', nn.initializers.zeros, (1, 1))


class Listed(nn.Module):
    """Takes a list of inputs."""

    @nn.compact
    def __call__(self, inputs: list, train: bool = False) -> Array:
        """Answer with one number an example."""
        return nn.Dense(1)(jnp.concatenate(inputs, -1))


class Two(nn.Module):
    """Takes two inputs."""

    @nn.compact
    def __call__(self, x: Array, y: Array, *, train: bool = False) -> Array:
        """Answer with one number an example."""
        return nn.Dense(1)(jnp.concatenate([x, y], -1))


def test_a_net_that_takes_other_inputs_is_said() -> None:
    begin(regress(('x', 'y'), 'y'), net=Two(), kind='loss')
    for net, feature, message in (
        (Listed(), ('x', 'y'), r"'rule' calls a net.*Listed takes \(inputs: list"),
        (Line(), ('x', 'y'), r'each feature an argument of its own'),
        (Two(), 'x', r"missing 1 required positional argument: 'y'.*Two takes \(x: "),
        (nn.Dense(1), 'x', r"unexpected keyword argument 'train'"),
    ):
        with pytest.raises(ValueError, match=message):
            begin(regress(feature, 'y'), net=net, kind='loss')


def test_an_error_of_the_objective_itself_is_left_as_it_is() -> None:
    def wrong(net: nn.Module, batch: dict, step: Array) -> tuple:
        return net(batch['x']) + 'a', {}

    with pytest.raises(TypeError, match='str'):
        begin(wrong, kind='loss')
