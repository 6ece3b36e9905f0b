"""Examples of like length together: few shapes, and little padding."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dljax.data.arrays import check_arrays

_PLACES = 512  # lengths at which a bucket may end


class Buckets(NamedTuple):
    """Lengths to which examples are padded, and who belongs to which.

    Attributes:
        lengths: the feature that holds the lengths, by the feature that is padded.
        bounds: [bucket] the length of a batch, by the feature that is padded.
        members: [examples] of each bucket, their indices.
        batch_size: examples a batch.
        padding: fraction of the numbers of a pass that are padding, in [0, 1).
    """

    lengths: dict[str, str]
    bounds: dict[str, tuple[int, ...]]
    members: tuple[np.ndarray, ...]
    batch_size: int
    padding: float

    @property
    def summary(self) -> str:
        """One line for the start of a run."""
        shapes = zip(*self.bounds.values(), strict=True)
        sizes = ', '.join('x'.join(map(str, shape)) for shape in shapes)
        return (
            f'{len(self.members)} lengths of batches ({sizes}), {self.padding:.1%} of '
            'them padding'
        )


def length_buckets(
    arrays: Mapping[str, np.ndarray],
    lengths: Mapping[str, str],
    batch_size: int,
    *,
    padding: float = 0.15,
    most: int = 8,
) -> Buckets:
    r"""Choose the fewest lengths of batches that keep the padding small.

    In the order of their lengths (of the greater one, each by the mean of its feature,
    where there are two) the examples are parted so that
    $\sum_b n_b \sum_s \max_{i \in b} \ell_{is}$ is least, by dynamic programming over
    the lengths at which a bucket may end; each bucket holds a batch or more. The number
    of buckets grows from 1 until the padding is small enough.

    Args:
        arrays: [example, ...] by feature.
        lengths: by each feature that is padded, [example, time, ...], the feature that
            holds its lengths, [example] integers: {'tokens': 'length'}.
        batch_size: examples a batch, 1 or more.
        padding: fraction of the numbers that may be padding, in (0, 1).
        most: buckets, and so compiled programs, at most.

    Returns:
        The buckets.

    Raises:
        ValueError: for a setting out of range, lengths that are none, or if the padding
            cannot be kept so small; says how small it can be.

    Example:
        >>> arrays = {'tokens': np.zeros((6, 9), int), 'length': [2, 2, 3, 8, 9, 9]}
        >>> buckets = length_buckets(arrays, {'tokens': 'length'}, 3)
        >>> buckets.bounds, print(buckets.summary)
        2 lengths of batches (3, 9), 8.3% of them padding
        ({'tokens': (3, 9)}, None)
    """
    arrays = check_arrays(arrays)
    sizes = _sizes(arrays, lengths)
    examples = len(sizes)
    if not 1 <= batch_size <= examples or not 0 < padding < 1 or most < 1:
        raise ValueError(
            f'batch_size is {batch_size}, padding {padding} and most {most}, wanted a '
            f'batch of 1 to {examples}, the number of examples, a fraction in (0, 1) '
            'and 1 bucket or more'
        )
    keys = (sizes / sizes.mean(0)).max(1)
    order = np.argsort(keys, kind='stable')
    ends, costs = _costs(sizes[order], keys[order], batch_size)
    needed, best = int(sizes.sum()), costs[0]
    cuts: list[np.ndarray] = []
    wasted = 1 - needed / best[-1]
    while wasted > padding and len(cuts) + 1 < min(most, len(ends)):
        through = best[:-1, None] + costs[1:]
        cuts.append(through.argmin(0))
        best = through.min(0)
        reached = 1 - needed / best[-1] if np.isfinite(best[-1]) else math.inf
        if reached >= wasted:
            cuts.pop()
            break
        wasted = reached
    if wasted > padding:
        raise ValueError(
            f'padding is {wasted:.1%} of the numbers in {len(cuts) + 1} buckets of '
            f'{batch_size} examples or more, wanted {padding:.1%} or less: allow more, '
            'or more buckets, or take smaller batches'
        )
    place, starts = len(ends) - 1, []
    for cut in reversed(cuts):
        place = int(cut[place])
        starts.append(ends[place])
    members = tuple(np.split(order, starts[::-1]))
    bounds = np.array([sizes[index].max(0) for index in members])
    return Buckets(
        dict(lengths),
        {name: tuple(map(int, bounds[:, i])) for i, name in enumerate(lengths)},
        members,
        batch_size,
        float(wasted),
    )


def assign(
    arrays: Mapping[str, np.ndarray], buckets: Buckets
) -> tuple[list[np.ndarray], list[dict[str, int]]]:
    """Put other examples, such as those that validate, into the same buckets.

    Args:
        arrays: [example, ...] by feature.
        buckets: of the training examples.

    Returns:
        [examples] indices of each bucket, and its bounds by feature. Examples that fit
        into none make one more bucket, of all the time that their arrays have.

    Raises:
        ValueError: for lengths that are none.
    """
    sizes = _sizes(arrays, buckets.lengths)
    bounds = np.array(list(buckets.bounds.values())).T
    fits = (sizes[:, None] <= bounds[None]).all(2)
    chosen = np.where(np.any(fits, axis=1), np.argmax(fits, axis=1), len(bounds))
    whole = [[np.shape(arrays[name])[1] for name in buckets.lengths]]
    found = [np.flatnonzero(chosen == bucket) for bucket in range(len(bounds) + 1)]
    named = (map(int, row) for row in [*bounds, *whole])
    return found, [dict(zip(buckets.lengths, row, strict=True)) for row in named]


def _sizes(arrays: Mapping[str, np.ndarray], lengths: Mapping[str, str]) -> np.ndarray:
    """Give the lengths, [example, feature]."""
    columns = []
    for name, length in lengths.items():
        if name not in arrays or length not in arrays:
            raise ValueError(
                f"there are {sorted(arrays)}, wanted '{name}' and its lengths "
                f"'{length}'"
            )
        values, found = np.asarray(arrays[name]), np.asarray(arrays[length])
        good = values.ndim >= 2 and found.ndim == 1 and found.dtype.kind in 'iu'
        if not good or found.min() < 1 or found.max() > values.shape[1]:
            raise ValueError(
                f"'{length}' is {found.dtype}{list(found.shape)} for '{name}' of "
                f'{list(values.shape)}, wanted an integer from 1 to the length of the '
                'array for each example'
            )
        columns.append(found.astype(np.int64))
    if not columns:
        raise ValueError(
            "lengths names no feature, wanted such as {'tokens': 'length'}"
        )
    return np.stack(columns, axis=1)


def _costs(
    sizes: np.ndarray, keys: np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Give where buckets may end, and the numbers in one from each end to each other.

    Args:
        sizes: [example, feature] lengths, in the order of the keys.
        keys: [example], ascending; where they are equal no bucket ends.
        least: examples of a bucket.

    Returns:
        [end] numbers of examples, and [start, end] numbers in a bucket between the end
        before the start and the end; infinite for too few examples.
    """
    ends = np.flatnonzero(np.diff(keys, append=np.inf)) + 1
    if len(ends) > _PLACES:
        ends = ends[np.linspace(0, len(ends) - 1, _PLACES).round().astype(int)]
    starts = np.concatenate([[0], ends[:-1]])
    tops = np.maximum.reduceat(sizes, starts, axis=0)
    costs = np.full((len(ends), len(ends)), np.inf)
    for end in range(len(ends)):
        top = np.maximum.accumulate(tops[end::-1], axis=0)[::-1].sum(1)
        count = ends[end] - starts[: end + 1]
        costs[: end + 1, end] = np.where(count >= least, count * top, np.inf)
    return ends, costs
