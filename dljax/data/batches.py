"""Batches for evaluation: every example once, in order."""

from collections.abc import Iterator, Mapping

import numpy as np

from dljax.data.arrays import batches_per_epoch, check_arrays


def batches(
    arrays: Mapping[str, np.ndarray], batch_size: int
) -> Iterator[dict[str, np.ndarray]]:
    """Cut arrays into batches of one shape, the last one padded and masked.

    One shape means one compilation, and `sum(score * mask) / sum(mask)` over all
    batches is the exact mean over the examples.

    Args:
        arrays: [example, ...] by feature: finite numbers. 64-bit types become 32-bit.
        batch_size: examples a batch, 1 or more; may exceed the number of examples.

    Returns:
        An iterator over dictionaries of [batch_size, ...], zero past the last example,
        with 'mask': [batch_size] float32, 1 for an example and 0 for padding.

    Raises:
        ValueError: at the call, for an empty set, unequal lengths, values that are no
            finite numbers, a feature named 'mask', or a `batch_size` below 1.

    Example:
        >>> [batch['mask'].tolist() for batch in batches({'x': np.arange(3)}, 2)]
        [[1.0, 1.0], [1.0, 0.0]]
    """
    arrays = check_arrays(arrays)
    examples = len(next(iter(arrays.values())))
    if 'mask' in arrays:
        raise ValueError(
            "arrays hold a feature named 'mask', wanted another name: the mask of the "
            'padding takes that one'
        )
    batches_per_epoch(max(examples, batch_size), batch_size)
    arrays['mask'] = np.ones(examples, np.float32)

    def cut() -> Iterator[dict[str, np.ndarray]]:
        for start in range(0, examples, batch_size):
            batch = {name: a[start : start + batch_size] for name, a in arrays.items()}
            missing = batch_size - len(batch['mask'])
            if missing:
                batch = {
                    name: np.pad(a, [(0, missing)] + [(0, 0)] * (a.ndim - 1))
                    for name, a in batch.items()
                }
            yield batch

    return cut()
