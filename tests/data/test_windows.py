"""Windows: their borders, their order, and that none reaches into another part."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import all_windows, by_time, count_windows, cut_windows, window_source

KEY = jax.random.key(0)
SERIES = np.arange(50.0)


def epoch(source: object, batches: int, start: int = 0) -> list[dict]:
    take = jax.jit(source.next)
    return [take(KEY, jnp.int32(start + i), None)[1] for i in range(batches)]


def test_a_window_is_a_history_and_what_follows_it() -> None:
    windows = cut_windows(jnp.asarray(SERIES), jnp.array([0, 43]), 5, 2)
    assert windows['history'].shape == (2, 5, 1)
    np.testing.assert_array_equal(windows['history'][1, :, 0], [43, 44, 45, 46, 47])
    np.testing.assert_array_equal(windows['target'], [[5, 6], [48, 49]])


def test_an_epoch_visits_every_window_once_up_to_both_borders() -> None:
    source = window_source(SERIES, history=5, horizon=2, batch_size=11)
    first, second = epoch(source, 4), epoch(source, 4, start=4)
    starts = [
        np.concatenate([b['history'][:, 0, 0] for b in e]) for e in (first, second)
    ]
    for found in starts:
        np.testing.assert_array_equal(np.sort(found), np.arange(44))
    assert (starts[0] != starts[1]).any()
    for batch in first:
        whole = np.concatenate([batch['history'][..., 0], batch['target']], axis=1)
        np.testing.assert_array_equal(np.diff(whole), np.ones((11, 6)))


def test_without_a_batch_size_all_windows_come_in_the_order_of_time() -> None:
    _, batch = window_source(SERIES, 5, 2).next(KEY, jnp.int32(3), None)
    viewed = all_windows(SERIES, 5, 2)
    np.testing.assert_array_equal(batch['history'], viewed['history'])
    np.testing.assert_array_equal(batch['target'], viewed['target'])


def test_windows_of_the_host_are_views_of_the_series() -> None:
    windows = all_windows(SERIES, 5, 2, every=20)
    assert all(np.shares_memory(values, SERIES) for values in windows.values())
    np.testing.assert_array_equal(windows['history'][:, 0, 0], [0, 20, 40])


def test_the_device_holds_the_series_once() -> None:
    series = np.zeros(10_000, np.float32)
    source = window_source(series, history=500, horizon=100, batch_size=4)
    closed = jax.make_jaxpr(lambda p: source.next(KEY, p, None))(jnp.int32(0))
    assert sum(np.size(c) for c in closed.consts) < 10_100


def test_no_value_is_in_windows_of_two_parts() -> None:
    parts = by_time(SERIES)
    seen = {
        name: set(np.ravel(all_windows(part, 3, 2)['history']))
        | set(np.ravel(all_windows(part, 3, 2)['target']))
        for name, part in parts.items()
    }
    assert set.union(*seen.values()) == set(SERIES)
    assert sum(map(len, seen.values())) == len(SERIES)  # disjoint
    assert max(seen['train']) < min(seen['validation'])
    assert max(seen['validation']) < min(seen['test'])
    batch = window_source(parts['train'], 3, 2).init(KEY)[1]
    assert float(batch['target'].max()) == max(seen['train'])


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: count_windows(6, 5, 2), 'has 6 values, wanted 7'),
        (lambda: count_windows(6, 0, 2), 'history is 0'),
        (lambda: window_source(SERIES, 5, 2, batch_size=45), 'batch_size is 45'),
        (lambda: window_source(SERIES[:, None, None], 5, 2), r'wanted \[time\]'),
        (lambda: window_source(np.array([0, 1, np.nan, 3]), 1, 1), 'finite'),
        (lambda: all_windows(SERIES, 5, 2, every=0), 'every is 0'),
    ],
)
def test_a_wrong_setting_is_named(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
    assert count_windows(7, 5, 2) == 1
