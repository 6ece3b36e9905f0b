"""A net comes back from its description, and nothing else does."""

import functools
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model, zoo
from dljax.export.matching import is_model, model_of
from dljax.layers import LSTM, RecurrentStack
from dljax.models.container import container
from dljax.models.fields import reconfigured
from dljax.models.rebuilding import pieces, rebuilt, structure
from dljax.models.standardised import Standardised
from dljax.types import Array


class Pair(nn.Module):
    """Two nets side by side, by a class of its own."""

    left: nn.Module
    right: nn.Module


class Own(nn.Module):
    """A class with code."""

    inner: nn.Module

    def __call__(self, x: Array) -> Array:
        """Call the net."""
        return self.inner(x)


def through_json(net: nn.Module) -> nn.Module:
    return rebuilt(json.loads(json.dumps(structure(net))))


@pytest.mark.parametrize('name', ['cgan', 'infogan', 'resnet18', 'vae', 'lenet5'])
def test_a_net_of_the_zoo_comes_back(name: str) -> None:
    net = reconfigured(create_model(name), dtype=jnp.bfloat16)
    again = through_json(net)
    assert type(again) is type(net) and structure(again) == structure(net)


@pytest.mark.heavy
def test_every_net_of_the_zoo_comes_back_and_is_known_by_its_name() -> None:
    for name in zoo.list_models():
        net = create_model(name)
        assert structure(through_json(net)) == structure(net)
        assert is_model(name, net)
        assert is_model(model_of(net), net)
    assert model_of(create_model('conditional_vae')) == 'conditional_vae'
    assert not is_model('resnet34', create_model('resnet18'))
    assert is_model('resnet_cifar', create_model('resnet_cifar', depth=14))


def test_settings_of_every_kind_come_back() -> None:
    scale = np.float32([[1.5, -2.0]])
    parts = {
        'table': Standardised(nn.Dense(3), (0.1, float('1e-300')), (0.2, 1.0)),
        'stack': RecurrentStack(LSTM(4), 2, bidirectional=True),
        'calls': nn.Sequential(
            [functools.partial(nn.max_pool, window_shape=(2, 2)), jax.nn.gelu]
        ),
        'exact': nn.Dense(2, precision=jax.lax.Precision.HIGHEST),
        'array': nn.Sequential([scale]),
        'infinite': nn.Dropout(float('inf')),
    }
    again = through_json(container(**parts))
    assert again.table.offset == (0.1, 1e-300)
    assert again.stack.cell.features == 4 and again.stack.bidirectional
    pool, gelu = again.calls.layers
    assert pool.func is nn.max_pool and pool.keywords == {'window_shape': (2, 2)}
    assert gelu is jax.nn.gelu
    assert again.exact.precision is jax.lax.Precision.HIGHEST
    np.testing.assert_array_equal(again.array.layers[0], scale)
    assert again.infinite.rate == float('inf')


def test_a_class_of_ones_own_is_a_container_or_unknown_but_its_parts_are_not() -> None:
    pair = Pair(create_model('lenet5'), nn.Dense(2))
    assert [path for path, _ in pieces(structure(pair))] == ['', 'left', 'right']
    assert through_json(pair).right.features == 2
    made = structure(Own(create_model('lenet5')))
    with pytest.raises(
        ValueError, match=r'the net is .*test_rebuilding\.Own, which is'
    ):
        rebuilt(made)
    assert rebuilt(dict(pieces(made))['inner']).classes == 10
    with pytest.raises(ValueError, match=r'activation is .*<lambda>, which is'):
        through_json(create_model('mlp', activation=lambda x: x))


@pytest.mark.parametrize(
    'made',
    [
        {'name': 'os.system'},
        {'module': 'subprocess.Popen', 'fields': {'args': ['touch', 'here']}},
        {'module': 'antigravity.fly', 'fields': {}},
        {'module': 'flax.linen.Dense', 'fields': {'parent': None, 'features': 1}},
        {'module': 'dljax.models.resnet18', 'fields': {}},
        {'dataclass': 'flax.linen.Dense', 'fields': {'features': 1}},
        {'container': {'apply': {'module': 'flax.linen.Dense', 'fields': {}}}},
        {'container': {'__call__': {'name': 'jax.nn.relu'}}},
        {'partial': {'name': 'builtins.exec'}, 'arguments': ['1'], 'keywords': {}},
        {'module': 'flax.linen.Dense', 'fields': {'features': {'name': ['a']}}},
        {'enum': 'jax.lax.Precision', 'member': 'mro'},
        {'type': 'float32'},
        {'array': [[1], [1, 2]], 'type': 'float32'},
        [],
        None,
        {'module': 'flax.linen.Dense', 'fields': []},
        {'module': 'flax.linen.Dense', 'fields': {}},
    ],
    ids=str,
)
def test_what_is_no_description_is_refused_and_nothing_is_imported(
    made: object,
) -> None:
    before = set(sys.modules)
    with pytest.raises(ValueError):
        rebuilt(made)
    assert not {'antigravity', 'subprocess_'} & (set(sys.modules) - before)


def test_a_description_that_never_ends_is_refused() -> None:
    made: dict = {}
    made |= {'module': 'flax.linen.Sequential', 'fields': {'layers': [made]}}
    with pytest.raises(ValueError, match='nested too deeply'):
        rebuilt(made)
