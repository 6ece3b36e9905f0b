"""What the documentation shows is what happens."""

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import jax
import pytest
from flax import linen as nn

import dljax
from dljax import layers, training

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(dljax.__path__, 'dljax.')
    if not info.name.endswith('__main__')
)
# Rooms whose examples compile much: they train nets, or draw parameters and images.
SLOW = {
    'data',
    'decoding',
    'explain',
    'layers',
    'losses',
    'metrics',
    'models',
    'objectives',
    'recipes',
    'rules',
    'training',
}


@pytest.fixture
def as_users_have_it() -> None:
    """Examples are for users, who have not set what our own tests are strict about."""
    with jax.numpy_rank_promotion('allow'):
        yield


@pytest.mark.parametrize(
    'name',
    [
        pytest.param(name, marks=[pytest.mark.heavy] * (name.split('.')[1] in SLOW))
        for name in MODULES
    ],
)
def test_the_examples_of_a_module_run(name: str, as_users_have_it: None) -> None:
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0


@pytest.mark.parametrize('room', [layers, training], ids=lambda room: room.__name__)
def test_every_layer_and_engine_function_shows_an_example(room: object) -> None:
    public = {name: getattr(room, name) for name in room.__all__}
    acting = {
        name: thing
        for name, thing in public.items()
        if inspect.isfunction(thing)
        or (inspect.isclass(thing) and issubclass(thing, nn.Module))
    }
    assert len(acting) > 10
    assert [name for name, thing in acting.items() if '>>>' not in thing.__doc__] == []


@pytest.mark.heavy
def test_the_readme_runs(as_users_have_it: None) -> None:
    outcome = doctest.testfile(str(ROOT / 'README.md'), module_relative=False)
    assert outcome.failed == 0 and outcome.attempted >= 20
