"""What objectives want of their data: checks on the host, with the advice that fits."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dljax.losses import binary_cross_entropy, binomial_loss, cross_entropy, hinge
from dljax.losses.meaning import ROUNDING, WHOLE

Arrays = Mapping[str, Any]


def take(arrays: Arrays, *names: str) -> tuple[np.ndarray, ...]:
    """Take features out of some data, and refuse data without them.

    Args:
        arrays: [example, ...] by feature.
        *names: of the features.

    Returns:
        NumPy arrays, without a copy where they are in the memory of the host.

    Raises:
        ValueError: for a feature that is not there, or whose number of examples is not
            that of the first one.
    """
    for name in names:
        if name not in arrays:
            raise ValueError(
                f"there is no feature '{name}', only {sorted(arrays)}: rename one, or "
                'name another one where the objective is made'
            )
    found = tuple(np.asarray(arrays[name]) for name in names)
    for name, values in zip(names, found, strict=True):
        if values.shape[:1] != found[0].shape[:1]:
            raise ValueError(
                f"'{name}' has shape {values.shape} and '{names[0]}' {found[0].shape}, "
                'wanted as many examples of both'
            )
    return found


def finite(arrays: Arrays, *names: str) -> None:
    """Refuse numbers that are not finite.

    Args:
        arrays: [example, ...] by feature.
        *names: of the features to check; those of other types than floats pass.

    Raises:
        ValueError: naming the first example with such a number.
    """
    for name, values in zip(names, take(arrays, *names), strict=True):
        if values.dtype.kind in 'biu' or not values.size:
            continue
        low, high = values.min(), values.max()  # NaN if any is, and no large copies
        if not (np.isfinite(low) and np.isfinite(high)):
            _refuse(
                name,
                values,
                ~np.isfinite(values),
                'finite numbers',
                'drop or fill the missing values',
            )


def all_finite(*names: str) -> Callable[[Any, Arrays], None]:
    """Make a check that some features are there and finite.

    Args:
        *names: of the features.

    Returns:
        `(net, arrays) -> None`, for `training.declared`.
    """
    return lambda net, arrays: finite(arrays, *names)


def interval(
    arrays: Arrays, name: str, low: float = 0.0, high: float = 1.0, why: str = ''
) -> None:
    """Refuse numbers out of an interval.

    Args:
        arrays: [example, ...] by feature.
        name: of the feature to check.
        low: the smallest number wanted.
        high: the largest.
        why: what wants it, for the message.

    Raises:
        ValueError: naming the first such example, the range that there is, and how to
            come from there to the one wanted.
    """
    (values,) = take(arrays, name)
    if not values.size:
        return
    least, most = float(values.min()), float(values.max())
    slack = ROUNDING * (high - low)
    if low - slack <= least and most <= high + slack:
        return
    finite(arrays, name)  # what is NaN is in no range either
    if least < low:
        if (low, high) == (0, 1) and least >= -1 - slack and most <= 1 + slack:
            advice = 'map [-1, 1] to [0, 1] by (x + 1) / 2'
        else:
            advice = f'rescale it to [{low:g}, {high:g}]'
    elif low == -1:
        advice = 'divide by half the largest value there can be and subtract 1: bytes '
        advice += 'are x / 127.5 - 1'
    else:
        advice = 'divide by the largest value there can be: bytes by 255'
    _refuse(
        name,
        values,
        (values < low - slack) | (values > high + slack),
        f'numbers in [{low:g}, {high:g}]{why}, while it reaches from {least:g} to '
        f'{most:g}',
        advice,
    )


def classes(
    arrays: Arrays,
    name: str,
    count: int | None,
    *,
    shape: tuple[int | None, ...] | None = None,
    single: bool = False,
    ignore: int | None = None,
    where: np.ndarray | None = None,
    what: str = 'class',
) -> None:
    """Refuse labels that stand for none of the classes.

    Args:
        arrays: [example, ...] by feature.
        name: of the labels.
        count: of the classes; None where it is unknown, so that only the type, the
            shape and the sign are checked.
        shape: of an example's labels, None for any size; None for any shape.
        single: whether a single logit tells the two classes apart.
        ignore: a label outside of the classes that is allowed.
        where: bool of the shape of the labels, those that count; None counts all.
        what: a label stands for.

    Raises:
        ValueError: naming the first such example, and what is likely the cause.
    """
    (labels,) = take(arrays, name)
    wanted = 'integers' if count is None else f'integers in [0, {count})'
    if labels.dtype.kind not in 'iu' and not (single and labels.dtype.kind == 'b'):
        whole = labels.dtype.kind == 'b' or (
            labels.dtype.kind not in 'OSU' and bool((labels == np.round(labels)).all())
        )
        advice = 'number the classes from 0 on, or learn numbers by regress()'
        if whole:
            advice = "convert it, for instance by astype('int32')"
        if shape is not None and labels.ndim == len(shape) + 2:
            advice = 'give one integer in the place of a one-hot vector by argmax(-1)'
        raise ValueError(
            f"'{name}' has type {labels.dtype}, wanted {wanted}, one for each {what}: "
            f'{advice}'
        )
    if shape is not None and (
        labels.ndim != len(shape) + 1
        or any(w not in (None, g) for w, g in zip(shape, labels.shape[1:], strict=True))
    ):
        raise ValueError(
            f"'{name}' has examples of shape {labels.shape[1:]}, wanted {shape}, as "
            'the net outputs: reshape the labels, or give one integer in the place of '
            'a one-hot vector by argmax(-1)'
        )
    counted = np.ones(labels.shape, bool) if where is None else where
    if ignore is not None:
        counted = counted & (labels != ignore)
    outside = (labels < 0) | (labels >= (np.inf if count is None else count))
    outside &= counted
    if outside.any():
        seen = labels[counted]
        advice = _advice(int(seen.min()), int(seen.max()), count, seen, single, what)
        _refuse(name, labels, outside, wanted, advice)


def _advice(
    low: int, high: int, count: int | None, seen: np.ndarray, single: bool, what: str
) -> str:
    """Guess why labels lie outside of [0, count)."""
    if low == -1 and high == 1 and count == 2 and not (seen == 0).any():
        return 'map -1 and 1 to 0 and 1 by (label + 1) // 2'
    if (low, high, count) == (0, 255, 2) and ((seen == 0) | (seen == 255)).all():
        return 'map 0 and 255 to 0 and 1 by label // 255'
    if low == 1 and high == count:
        return 'they start at 1: subtract 1'
    if low < 0:
        return (
            f'{low} often marks what has no {what}: drop or mask those, or renumber '
            'from 0 on'
        )
    if high == 255:
        return f'255 often marks what has no {what}: mask those, or ignore=255'
    if single:
        return (
            f'a single logit tells two apart: give the net {high + 1} outputs, or make '
            'it two classes'
        )
    return f'give the net {high + 1} outputs (from 0 to {high}), or renumber from 0 on'


def lengths(arrays: Arrays, name: str, sequence: str) -> np.ndarray:
    """Refuse lengths that are none of a padded sequence.

    Args:
        arrays: [example, ...] by feature.
        name: of the lengths, [example].
        sequence: of what they are the lengths of, [example, time, ...].

    Returns:
        [example, time] bool, the true steps.

    Raises:
        ValueError: for a length below 1, or beyond the time.
    """
    values, length = take(arrays, sequence, name)
    time = values.shape[1]
    if length.dtype.kind not in 'iu' or length.ndim != 1:
        raise ValueError(
            f"'{name}' is {length.dtype} of shape {length.shape}, wanted [example] "
            'integers: count the true steps of each'
        )
    _check_range(
        name, length, 1, time, f"lengths of '{sequence}': count the true steps"
    )
    return np.arange(time)[None, :] < length[:, None]


def _check_range(
    name: str, values: np.ndarray, low: int, high: int, advice: str
) -> None:
    outside = (values < low) | (values > high)
    if outside.any():
        _refuse(name, values, outside, f'integers in [{low}, {high}]', advice)


def target_of(
    loss: Callable[..., Any], arrays: Arrays, name: str, outputs: int | None = None
) -> None:
    """Refuse targets that a loss has no meaning for.

    Args:
        loss: of `dljax.losses`, or a `functools.partial` of one; of another one only
            that they are finite is checked.
        arrays: [example, ...] by feature.
        name: of the targets.
        outputs: of the net, where the loss is of classes; None where it is unknown.

    Raises:
        ValueError: naming the first such example.
    """
    while isinstance(loss, functools.partial):
        loss = loss.func
    if loss in (binary_cross_entropy, binomial_loss):
        interval(arrays, name, why=' as the odds of yes and no are')
    elif loss is cross_entropy and take(arrays, name)[0].dtype.kind in 'iu':
        classes(arrays, name, outputs)
    elif loss is cross_entropy:
        interval(arrays, name, why=' as probabilities of classes are')
        total = take(arrays, name)[0].sum(-1, dtype=np.float32)
        if (outside := np.abs(total - 1) > WHOLE).any():
            _refuse(name, total, outside, 'a sum of 1 over the classes', 'divide by it')
    elif loss is hinge:
        (values,) = take(arrays, name)
        if (outside := np.abs(values) != 1).any():
            _refuse(name, values, outside, '-1 or 1', 'labels of 0 and 1: 2 * x - 1')
    else:
        finite(arrays, name)


def _refuse(
    name: str, values: np.ndarray, outside: np.ndarray, wanted: str, advice: str
) -> None:
    where = tuple(int(i) for i in np.argwhere(outside)[0])
    value = values[where].item()
    got = f'{value:g}' if isinstance(value, float) else value
    raise ValueError(
        f"'{name}' of example {where[0]} is {got}, wanted {wanted}: {advice}"
    )
