"""Comparisons: what is drawn, written and entered is the table that was computed."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax import pictures
from dljax.experiment import Outcome, once
from dljax.measures.tables import entered
from dljax.types import State

TABLE = {
    'small': {'error': np.array([1.0, 3.0]), 'accuracy': np.array([0.5, 0.7])},
    'large': {'error': np.array([0.5, 1.5]), 'accuracy': np.array([0.9, 0.9])},
}
TITLES = {'accuracy': 'fraction right', 'error': 'what is missed'}


def outcome(members: int) -> Outcome:
    step = jnp.zeros(members, jnp.int32) if members else jnp.int32(0)
    state = State(step, {}, {}, {})
    return Outcome(nn.Dense(1), state, state, {}, [])


def test_a_comparison_has_a_panel_a_column_and_a_dot_a_row() -> None:
    figure = pictures.compared(lambda _: TABLE, TITLES)(outcome(2))
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert list(panels) == ['fraction right', 'what is missed']
    small, small_ends, large, large_ends = panels['what is missed'].lines
    assert small.get_xdata() == [2.0] and large.get_xdata() == [1.0]
    assert list(small_ends.get_xdata()) == [1, 3]
    assert list(large_ends.get_xdata()) == [0.5, 1.5]
    ticks = panels['fraction right'].get_yticklabels()
    places = {tick.get_text(): tick.get_position()[1] for tick in ticks}
    assert [places['small'], places['large']] == [
        *small.get_ydata(),
        *large.get_ydata(),
    ]


def test_a_table_lists_the_means_in_the_order_of_the_heads() -> None:
    text = pictures.listed(lambda _: TABLE, TITLES)(outcome(2))
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ['fraction', 'right', 'what', 'is', 'missed']
    assert rows[1:] == [['small', '0.600', '2.000'], ['large', '0.900', '1.000']]


def test_figures_are_entered_by_member() -> None:
    several = entered(lambda _: TABLE)(outcome(2))
    np.testing.assert_array_equal(several['small/error'], [1, 3])
    assert len(several) == 4


def test_a_table_is_computed_once_for_each_outcome() -> None:
    asked = []
    table = once(lambda outcome: asked.append(outcome) or TABLE)
    first, second = outcome(2), outcome(2)
    assert table(first) is table(first) is TABLE and len(asked) == 1
    table(second)
    assert asked == [first, second]
