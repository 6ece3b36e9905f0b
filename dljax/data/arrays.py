"""What enters from outside: checked, and in one canonical type a kind of value."""

from collections.abc import Mapping, Sized

import numpy as np

_CANONICAL = {'b': np.bool_, 'i': np.int32, 'u': np.int32, 'f': np.float32}
_KEPT = ('bool', 'uint8', 'uint16', 'int32', 'float32', 'float16', 'bfloat16')


def canonical(name: str, values: np.ndarray) -> np.ndarray:
    """Convert values to the type that JAX would compute with, or refuse them.

    Args:
        name: the feature, for the message.
        values: any shape; numbers.

    Returns:
        The same values: `bool`, `uint8`, `uint16`, `int32` and floats of 16 or 32 bits
        as they are; other integers as `int32`, `float64` as `float32`.

    Raises:
        ValueError: for text or objects, for integers beyond 32 bits, and for a number
            that is not finite.
    """
    values = np.asarray(values)
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


def checked(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Make the arrays of a set canonical, and refuse a set that does not fit together.

    Args:
        arrays: [example, ...] by feature.

    Returns:
        The arrays, in canonical types: see `canonical`.

    Raises:
        ValueError: if there is no array or no example, if an array has no example axis,
            if the lengths differ, or if `canonical` refuses the values.
    """
    arrays = {name: canonical(name, values) for name, values in arrays.items()}
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
    if not 1 <= batch_size <= examples:
        raise ValueError(
            f'batch_size is {batch_size}, wanted 1 to {examples}, the number of '
            'examples, or None for all of them: choose a smaller batch'
        )
    return examples // batch_size
