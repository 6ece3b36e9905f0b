"""Batches of examples of like length, on the host."""

from collections.abc import Iterator, Mapping

import jax
import numpy as np

from dljax.data.arrays import check_arrays
from dljax.data.batches import batches
from dljax.data.buckets import Buckets, assign
from dljax.data.shuffle import permute
from dljax.types import HostBatch, Key, Source, State, fold


def bucketed(
    arrays: Mapping[str, np.ndarray],
    buckets: Buckets,
    *,
    shard: tuple[int, int] = (0, 1),
) -> Source:
    """Draw batches whose examples are of one bucket, and no longer than it is.

    An epoch visits the examples of each bucket in an order of its own and the batches
    of all buckets mixed; what is left of a bucket after its last full batch is dropped
    and differs from epoch to epoch. Which batch it is follows from key and position
    alone. The compiled step is compiled once for each bucket, and takes one batch at a
    time (`chunk=1`, as it is for every source on the host).

    Args:
        arrays: [example, ...] by feature, those that `buckets` was made of.
        buckets: of `length_buckets`.
        shard: (index, count): which of equal parts of each batch is read.

    Returns:
        A host source; position: int; batch: NumPy [batch_size / count, ...] by feature,
        the padded ones as long as the bucket.

    Raises:
        ValueError: for arrays of other examples, or a shard that does not divide the
            batch.

    Example:
        >>> from dljax.data.buckets import length_buckets
        >>> arrays = {'tokens': np.zeros((6, 9), int), 'length': [2, 2, 3, 8, 9, 9]}
        >>> buckets = length_buckets(arrays, {'tokens': 'length'}, 3)
        >>> source = bucketed(arrays, buckets)
        >>> key = jax.random.key(0)
        >>> sorted(source.next(key, i, None)[1]['tokens'].shape for i in range(2))
        [(3, 3), (3, 9)]
    """
    arrays = check_arrays(arrays)
    examples = len(next(iter(arrays.values())))
    counts = [len(index) for index in buckets.members]
    size, (part, parts) = buckets.batch_size, shard
    if sum(counts) != examples:
        raise ValueError(
            f'the buckets are of {sum(counts)} examples and the arrays of {examples}, '
            'wanted the same: make the buckets of these arrays'
        )
    if not 0 <= part < parts or size % parts:
        raise ValueError(
            f'shard is {shard} of batch_size {size}, wanted (index, count) with '
            '0 <= index < count and a batch that count divides: change the batch_size'
        )
    firsts = np.cumsum([0, *(count // size for count in counts)])
    rows = np.arange(part * size // parts, (part + 1) * size // parts)

    known: tuple[Key, list[np.ndarray]] | None = None  # a key, and what follows from it

    def words_of(key: Key) -> list[np.ndarray]:
        nonlocal known
        if known is None or known[0] is not key:
            each = [_words(key, 'examples', bucket) for bucket in range(len(counts))]
            known = key, [_words(key, 'batches'), *each]
        return known[1]

    def batch_at(key: Key, position: int) -> HostBatch:
        epoch, place = divmod(position, int(firsts[-1]))
        words, *others = words_of(key)
        (batch,) = permute(np.array([place]), int(firsts[-1]), words, epoch)
        bucket = int(np.searchsorted(firsts, batch, side='right')) - 1
        places = (batch - firsts[bucket]) * size + rows
        places = permute(places, counts[bucket], others[bucket], epoch)
        index = buckets.members[bucket][places]
        return {
            name: _cut(name, values[index], buckets, bucket)
            for name, values in arrays.items()
        }

    def init(key: Key) -> tuple[int, HostBatch]:
        return 0, batch_at(key, 0)

    def after(key: Key, position: int, state: State) -> tuple[int, HostBatch]:
        del state  # the data do not depend on what was learned
        return int(position) + 1, batch_at(key, int(position))

    def one_part(index: int, count: int) -> Source:
        return bucketed(arrays, buckets, shard=(index, count))

    return Source(
        init, after, host=True, arrays=arrays, part=one_part if parts == 1 else None
    )


def bucket_batches(
    arrays: Mapping[str, np.ndarray], buckets: Buckets
) -> Iterator[dict[str, np.ndarray]]:
    """Cut examples into batches for evaluation: every one once, bucket after bucket.

    Args:
        arrays: [example, ...] by feature, of any split.
        buckets: of the training examples, whose programs then serve here too.

    Returns:
        An iterator over batches with 'mask', as `batches` gives them.

    Raises:
        ValueError: as `batches` does, and for lengths that are none.
    """
    arrays = check_arrays(arrays)
    parted = list(zip(*assign(arrays, buckets), strict=True))

    def drawn() -> Iterator[dict[str, np.ndarray]]:
        for index, bounds in parted:
            chosen = {name: values[index] for name, values in arrays.items()}
            cut = {name: chosen[name][:, :length] for name, length in bounds.items()}
            if len(index):
                yield from batches({**chosen, **cut}, buckets.batch_size)

    return drawn()


def _cut(name: str, values: np.ndarray, buckets: Buckets, bucket: int) -> np.ndarray:
    bounds = buckets.bounds.get(name)
    return values if bounds is None else values[:, : bounds[bucket]]


def _words(key: Key, *names: str | int) -> np.ndarray:
    return np.asarray(jax.random.key_data(fold(key, *names)))
