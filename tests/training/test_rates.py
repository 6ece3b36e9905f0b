"""Learning rates are read out of optimizers, and compared where a run goes on."""

import jax.numpy as jnp
import optax
import pytest

from dljax.training import Player, averaged, by_path, clipped
from dljax.training.rates import compare, rates, schedules

FALLING = optax.linear_schedule(0.1, 0.0, 10)
PARAMS = {'w': jnp.ones(2)}
ADAM = optax.adam(FALLING)


@pytest.mark.parametrize(
    ('optimizer', 'count'),
    [
        (optax.sgd(FALLING, momentum=0.9), 1),
        (averaged(clipped(optax.adamw(FALLING))), 1),
        (by_path({'x': optax.sgd(FALLING), '*': optax.adam(FALLING)}), 2),
        (optax.MultiSteps(ADAM, 2).gradient_transformation(), 1),
        (optax.apply_if_finite(ADAM, 3), 1),
        (optax.adam(0.1), 0),
        (optax.set_to_zero(), 0),
    ],
    ids=['sgd', 'averaged', 'paths', 'several', 'finite', 'constant', 'none'],
)
def test_schedules_are_found_in_any_combination(optimizer, count):
    found = [abs(float(schedule(5))) for schedule in schedules(optimizer)]
    assert found == pytest.approx([0.05] * count)


def moved(optimizer, moves):
    state = optimizer.init(PARAMS)
    for _ in range(moves):
        _, state = optimizer.update(PARAMS, state, PARAMS)
    return state


def test_a_longer_schedule_is_said_with_both_rates():
    players = {
        'one': Player(ADAM, loss=lambda net, batch, step: (0.0, {})),
        'two': Player(optax.sgd(0.1), loss=lambda net, batch, step: (0.0, {})),
    }
    state = {name: moved(player.optimizer, 10) for name, player in players.items()}
    saved = rates(players, state)
    assert saved == {'one': [pytest.approx(0.01)]}
    assert compare(saved, players, state) == []
    longer = optax.adam(optax.linear_schedule(0.1, 0.0, 100))
    assert compare(saved, {**players, 'one': Player(longer, loss=print)}, state) == [
        "the schedule of 'one' is another now: its learning rate was 0.01 in the last "
        'update and is 0.09 in the next, 9 times as much'
    ]
    assert compare(None, players, state) is None


def test_who_has_not_moved_has_no_rate():
    players = {'one': Player(ADAM, loss=print)}
    assert rates(players, {'one': ADAM.init(PARAMS)}) == {}
