"""Windows of a series: a history and what follows it."""

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.arrays import batches_per_epoch, check_arrays
from dljax.data.shuffle import permute
from dljax.types import Array, Batch, Key, Source, State, fold


def window_source(
    series: np.ndarray, history: int, horizon: int, batch_size: int | None = None
) -> Source:
    """Cut batches of windows on the device from a series that is put there once.

    A window is an index: neighbours share all but one of their values, so the values
    themselves are never stored twice. An epoch visits every window of the series in an
    order of its own, without replacement, as `resident` does with examples.

    Args:
        series: [time] or [time, channel] of the training part only: finite numbers.
        history: values that a window gives, 1 or more.
        horizon: values after them that are to be predicted, 1 or more.
        batch_size: windows a batch; `None` is all of them, in the order of time.

    Returns:
        A traced source; position: int32 scalar; batch: as `cut_windows` gives it.

    Raises:
        ValueError: for a series of another rank or too short, values that are no
            finite numbers, or a `batch_size` outside [1, windows].

    Example:
        >>> source = window_source(np.arange(10.0), history=3, horizon=2, batch_size=4)
        >>> _, batch = source.init(jax.random.key(0))
        >>> batch['history'].shape, batch['target'].shape
        ((4, 3, 1), (4, 2))
    """
    windows = count_windows(len(series), history, horizon)
    values = check_arrays({'series': series})['series']
    if values.ndim not in (1, 2):
        raise ValueError(
            f'the series has shape {values.shape}, wanted [time] or [time, channel]'
        )
    per_epoch = batches_per_epoch(windows, batch_size)
    values = jnp.asarray(values)

    def batch_at(key: Key, position: Array) -> Batch:
        if batch_size is None:
            return cut_windows(values, jnp.arange(windows), history, horizon)
        words = jax.random.key_data(fold(key, 'batches'))
        epoch, place = position // per_epoch, position % per_epoch
        index = place * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
        starts = permute(index, windows, words, epoch)
        return cut_windows(values, starts, history, horizon)

    def init(key: Key) -> tuple[Array, Batch]:
        position = jnp.zeros((), jnp.int32)
        return position, batch_at(key, position)

    def after(key: Key, position: Array, state: State) -> tuple[Array, Batch]:
        del state  # the data do not depend on what was learned
        return position + 1, batch_at(key, position)

    return Source(init, after)


def cut_windows(
    series: Array, starts: Array, history: int, horizon: int
) -> dict[str, Array]:
    """Gather windows from where they start.

    Args:
        series: [time] or [time, channel].
        starts: [batch] integers in [0, time - history - horizon].
        history: values that a window gives.
        horizon: values after them.

    Returns:
        'history': [batch, history, channel], of one channel for [time]; 'target':
        [batch, horizon], or [batch, horizon, channel] where there are channels.

    Example:
        >>> windows = cut_windows(jnp.arange(9), jnp.array([0, 4]), 3, 2)
        >>> print(windows['history'][..., 0], windows['target'])
        [[0 1 2]
         [4 5 6]] [[3 4]
         [7 8]]
    """
    places = starts[:, None] + jnp.arange(history + horizon)[None, :]
    # In bounds by construction; the promise spares a clamp on every gather.
    pieces = series.at[places].get(mode='promise_in_bounds')
    given = pieces[:, :history]
    return {
        'history': given if series.ndim > 1 else given[..., None],
        'target': pieces[:, history:],
    }


def all_windows(
    series: np.ndarray, history: int, horizon: int, *, every: int = 1
) -> dict[str, np.ndarray]:
    """View a series as its windows, for evaluation on the host; nothing is copied.

    Args:
        series: [time] or [time, channel].
        history: values that a window gives, 1 or more.
        horizon: values after them, 1 or more.
        every: steps between the starts of two windows, 1 or more.

    Returns:
        'history': [windows, history, channel], of one channel for [time]; 'target':
        [windows, horizon], or [windows, horizon, channel] where there are channels.

    Raises:
        ValueError: if the series holds no window or a size is below 1.

    Example:
        >>> all_windows(np.arange(10.), 3, 2, every=3)['target'].tolist()
        [[3.0, 4.0], [6.0, 7.0]]
    """
    count_windows(len(series), history, horizon)
    if every < 1:
        raise ValueError(f'every is {every}, wanted 1 or more')
    steps = history + horizon
    view = np.lib.stride_tricks.sliding_window_view(series, steps, axis=0)[::every]
    view = np.moveaxis(view, -1, 1)
    given = view[:, :history]
    return {
        'history': given if series.ndim > 1 else given[..., None],
        'target': view[:, history:],
    }


def average_windows(values: np.ndarray) -> np.ndarray:
    """Average what the windows of a series say of each of its steps.

    Args:
        values: [..., windows, history], of windows that start one step apart.

    Returns:
        [..., windows + history - 1]: the mean over all windows that hold the step.

    Example:
        >>> average_windows(np.array([[1., 2.], [4., 6.]])).tolist()
        [1.0, 3.0, 6.0]
    """
    *rest, windows, history = values.shape
    total = np.zeros((*rest, windows + history - 1))
    count = np.zeros(windows + history - 1)
    for place in range(history):
        total[..., place : place + windows] += values[..., place]
        count[place : place + windows] += 1
    return total / count.reshape((1,) * len(rest) + (-1,))


def count_windows(length: int, history: int, horizon: int) -> int:
    """Count the windows of a series.

    Args:
        length: of the series.
        history: values that a window gives, 1 or more.
        horizon: values after them, 1 or more.

    Returns:
        1 or more.

    Raises:
        ValueError: if the series holds no window or a size is below 1.

    Example:
        >>> count_windows(10, 3, 2)
        6
    """
    if history < 1 or horizon < 1:
        raise ValueError(
            f'history is {history} and horizon {horizon}, wanted 1 or more of each'
        )
    if length < history + horizon:
        raise ValueError(
            f'the series has {length} values, wanted {history + horizon} or more for '
            'one window: give a longer series, or a shorter history or horizon'
        )
    return length - history - horizon + 1
