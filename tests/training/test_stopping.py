"""Rules that end a run."""

import math

import pytest

from dljax.training import reached, settled, stalled


def rows(*values, name='net/loss'):
    return [{'step': i, name: value} for i, value in enumerate(values)]


def first_stop(rule, history):
    """The number of rows after which a rule speaks for the first time, or None."""
    return next((n for n in range(len(history) + 1) if rule(history[:n])), None)


def test_settled_stops_at_a_small_change_in_either_direction():
    rule = settled('net/loss', 0.1)
    assert first_stop(rule, rows(5.0, 3.0, 2.0, 1.95, 1.0)) == 4
    assert first_stop(rule, rows(1.0, 3.0, 3.05)) == 3
    assert first_stop(rule, rows(5.0, 3.0, 1.0)) is None
    assert 'net/loss changed by less than 0.1' in rule(rows(1.0, 1.0))


def test_settled_refuses_a_tolerance_that_is_not_positive():
    with pytest.raises(ValueError, match='tolerance=0'):
        settled('net/loss', 0)


def test_reached_compares_the_last_value():
    assert first_stop(reached('net/loss', 0.5), rows(2.0, 0.6, 0.5, 3.0)) == 3
    up = reached('net/accuracy', 0.9, maximize=True)
    assert first_stop(up, rows(0.5, 0.8, 0.95, name='net/accuracy')) == 3
    assert first_stop(up, rows(0.5, name='net/accuracy')) is None
    assert 'reached 0.5' in reached('net/loss', 0.5)(rows(0.1))


def test_stalled_waits_for_its_patience():
    rule = stalled('net/loss', 2)
    assert first_stop(rule, rows(3.0, 2.0, 2.5, 1.0, 1.0, 1.5, 0.1)) == 6
    assert first_stop(rule, rows(3.0, 2.0, 1.0, 0.5)) is None
    up = stalled('net/accuracy', 1, maximize=True)
    assert first_stop(up, rows(0.1, 0.3, 0.2, name='net/accuracy')) == 3


def test_stalled_asks_for_more_than_the_margin():
    history = rows(1.0, 0.95, 0.9, 0.85)
    assert first_stop(stalled('net/loss', 2, margin=0.1), history) == 3
    assert first_stop(stalled('net/loss', 2, margin=0.01), history) is None


def test_stalled_refuses_no_patience():
    with pytest.raises(ValueError, match='patience=0'):
        stalled('net/loss', 0)


RULES = [
    settled('net/loss', 0.1),
    reached('net/loss', 0.1),
    stalled('net/loss', 2),
]


@pytest.mark.parametrize('rule', RULES)
def test_a_turn_that_was_sat_out_is_no_measurement(rule):
    out = [{'step': 0, 'other/loss': 1.0}]
    history = [*out, *rows(5.0), *out * 4, *rows(4.0), *out * 2, *rows(2.0)]
    assert first_stop(rule, history) is None
    assert first_stop(rule, [*history, *out, *rows(2.0), *out, *rows(2.0, 0.05)])


def test_a_measurement_that_is_no_number_is_no_improvement():
    nan = math.nan
    assert first_stop(stalled('net/loss', 3), rows(nan, nan, nan)) == 3
    assert first_stop(stalled('net/loss', 2), rows(nan, 3.0, nan, 2.0, nan, nan)) == 6
    assert first_stop(reached('net/loss', 0.5), rows(nan, nan, 0.4)) == 3
    assert first_stop(reached('net/loss', 0.5, maximize=True), rows(nan, 0.4)) is None
    assert first_stop(settled('net/loss', 0.1), rows(nan, nan, 1.0, nan, 1.0)) is None
    assert first_stop(settled('net/loss', 0.1), rows(nan, 1.0, 1.05)) == 3


@pytest.mark.parametrize('rule', RULES)
def test_a_misspelt_metric_is_an_error(rule):
    assert rule([]) is None
    history = [{'step': i, 'net/lose': 1.0, 'val/loss': 1.0} for i in range(3)]
    with pytest.raises(ValueError, match="'net/loss'; there are .*'net/lose'"):
        rule(history)


@pytest.mark.parametrize('rule', RULES)
def test_a_metric_of_an_evaluation_may_be_yet_to_come(rule):
    history = [{'step': i, 'train/loss': 1.0} for i in range(5)]
    assert rule(history) is None
