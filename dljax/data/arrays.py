"""What enters from outside: checked, and in one canonical type a kind of value."""

from collections.abc import Mapping, Sized

import numpy as np
from numpy.typing import ArrayLike

_CANONICAL = {'b': np.bool_, 'i': np.int32, 'u': np.int32, 'f': np.float32}
_ROWS = 4096  # that are looked at, evenly spaced
_FEW = 16  # rows that may differ by little although their column varies
_KEPT = ('bool', 'uint8', 'uint16', 'int32', 'float32', 'float16', 'bfloat16')


def require_unmasked(name: str, values: ArrayLike) -> np.ndarray:
    """Give values as an array, and refuse those of which some are masked.

    An array forgets the mask, and what stands behind it would be data.

    Args:
        name: of them, for the message.
        values: any shape and type.

    Returns:
        The same values.

    Raises:
        ValueError: where a value is masked, or rows are of unequal length.
    """
    if np.ma.is_masked(values):
        raise ValueError(
            f"'{name}' masks {int(np.ma.count_masked(values))} values, wanted all of "
            'them: drop or fill those that are missing'
        )
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"'{name}' is no array ({error}), wanted rows of one length: pad or cut "
            'them'
        ) from None


def canonical(name: str, values: np.ndarray) -> np.ndarray:
    """Convert values to the type that JAX would compute with, or refuse them.

    Args:
        name: the feature, for the message.
        values: any shape; numbers.

    Returns:
        The same values: `bool`, `uint8`, `uint16`, `int32` and floats of 16 or 32 bits
        as they are; other integers as `int32`, `float64` as `float32`.

    Raises:
        ValueError: for text or objects, for integers beyond 32 bits, for masked values
            and for a number that is not finite.
    """
    values = require_unmasked(name, values)
    kind = values.dtype.kind
    if values.dtype.name not in _KEPT:
        if kind not in _CANONICAL:
            raise ValueError(
                f"'{name}' has type {values.dtype}, wanted numbers: encode it as "
                'integers or floats, or leave the feature out'
            )
        if kind in 'iu' and values.size:
            low, high = int(values.min()), int(values.max())
            if low < -(2**31) or high >= 2**31:
                raise ValueError(
                    f"'{name}' holds {low} to {high}, wanted 32-bit integers: renumber "
                    'it, or leave the feature out'
                )
        values = values.astype(_CANONICAL[kind])
    # bfloat16 reports kind 'V'; it is a float all the same.
    if kind not in 'biu' and not np.isfinite(values).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(
            f"'{name}' is {values[where]} at {list(where)}, wanted finite numbers: "
            'drop or fill the missing values, or rescale those beyond float32'
        )
    return values


def check_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Make the arrays of a set canonical, and refuse a set that does not fit together.

    Args:
        arrays: [example, ...] by feature.

    Returns:
        The arrays, in canonical types: see `canonical`.

    Raises:
        ValueError: if there is no array or no example, if an array has no example axis,
            if the lengths differ, if `canonical` refuses the values, or if float32
            would round a column by more than a twentieth of what it varies by.
    """
    if not isinstance(arrays, Mapping):
        raise ValueError(
            f'the data are a {type(arrays).__name__}, wanted arrays by feature, such '
            "as {'image': ..., 'label': ...}"
        )
    given = {name: require_unmasked(name, values) for name, values in arrays.items()}
    arrays = {name: canonical(name, values) for name, values in given.items()}
    for name, values in given.items():
        _check_kept(name, values, arrays[name])
    scalars = [name for name, values in arrays.items() if not values.ndim]
    if scalars:
        raise ValueError(
            f'{scalars} have no axis, wanted [example, ...]: give one value an example'
        )
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(
            f'arrays have lengths {lengths}, wanted one or more of equal length: give '
            'every feature one row an example'
        )
    if not min(lengths.values()):
        raise ValueError(
            f'{list(arrays)} hold 0 examples, wanted 1 or more: check the split or the '
            'filter that chose them'
        )
    return arrays


def narrow(name: str, values: np.ndarray) -> np.ndarray:
    """Give an array its canonical type, but where float32 would lose what varies.

    Args:
        name: the feature, for the message.
        values: [example, ...] numbers.

    Returns:
        What `canonical` gives, or the float64 array where `check_arrays` would refuse
        it as it is: to be normalised first.

    Raises:
        ValueError: as `canonical` does.
    """
    narrowed = canonical(name, values)
    try:
        _check_kept(name, values, narrowed)
    except ValueError:
        return values
    return narrowed


def _check_kept(name: str, wide: np.ndarray, narrowed: np.ndarray) -> None:
    """Refuse columns of which float32 keeps the offset and loses what varies."""
    if wide.dtype != np.float64 or not wide.ndim or not wide.size:
        return
    some = slice(None, None, len(wide) // _ROWS + 1)
    columns = wide.shape[-1] if wide.ndim > 1 else 1
    wide, narrowed = (v[some].reshape(-1, columns) for v in (wide, narrowed))
    if len(wide) < _FEW:
        return
    deviation = (wide - wide[:1]).std(axis=0)
    lost = np.sqrt(np.square(narrowed - wide).mean(axis=0))
    # What varies in its last digits alone is a constant that was computed.
    varies = deviation > 1e-11 * np.abs(wide).max(axis=0)
    for place in np.flatnonzero(varies & (lost > 0.05 * deviation))[:1]:
        where = f"column {place} of '{name}'" if columns > 1 else f"'{name}'"
        raise ValueError(
            f'{where} holds numbers about {wide[0, place]:.9g} that vary by '
            f'{deviation[place]:.3g}, which float32 rounds by {lost[place]:.3g}, '
            'wanted numbers that differ by more than their rounding: normalise them '
            'first, by data.z_score of the training split, or subtract a constant'
        )


def labels_of(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Take the feature that is the class of an example.

    Args:
        arrays: [example, ...] by feature.
        name: of the labels.

    Returns:
        [example] integers.

    Raises:
        ValueError: where there is no such feature, or it is something else.
    """
    labels = require_unmasked(name, arrays.get(name, ()))
    if labels.ndim != 1 or labels.dtype.kind not in 'biu':
        there = (
            sorted(arrays) if name not in arrays else f'{labels.dtype}{labels.shape}'
        )
        raise ValueError(
            f"the class is '{name}' of {there}, wanted a feature of one integer for "
            'each example'
        )
    return labels


def batches_per_epoch(
    data: Mapping[str, np.ndarray] | Sized | int, batch_size: int | None
) -> int:
    """Count the full batches of one pass; the examples left over are dropped.

    Args:
        data: arrays by feature, records, or the number of examples.
        batch_size: examples a batch, or `None` for all.

    Returns:
        1 or more.

    Raises:
        ValueError: if `batch_size` is not in [1, examples].
    """
    if isinstance(data, Mapping):
        data = len(next(iter(data.values())))
    examples = data if isinstance(data, int) else len(data)
    if batch_size is None:
        return 1
    if not hasattr(batch_size, '__index__') or not 1 <= batch_size <= examples:
        raise ValueError(
            f'batch_size is {batch_size!r}, wanted 1 to {examples}, the number of '
            'examples, or None for all of them: choose a smaller batch'
        )
    return examples // batch_size
