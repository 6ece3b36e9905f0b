"""A source that reads its batches from records on the host, through Grain."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from dljax.data.arrays import batches_per_epoch
from dljax.data.reader import Examples, Reader
from dljax.types import HostBatch, Key, Source, Spec, State, fold

LAST = 2**31 - 1  # positions are int32 wherever they are saved


def stream(
    records: Examples,
    batch_size: int,
    *,
    workers: int = 0,
    transform: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
    first_batch_timeout: float = 60.0,
    shard: tuple[int, int] = (0, 1),
    specs: Mapping[str, Spec] | None = None,
) -> Source:
    """Read batches from records, ahead of the training, in threads or processes.

    Draws the batches that `resident` draws from the same examples with the same key and
    batch size, whatever the number of workers: the order is computed from key and
    position, so a resumed run starts at its position without replaying what came
    before. Asked for another position than the next, it starts anew there.

    Worker processes import the main module again: a script that uses them must guard
    its entry by `if __name__ == '__main__':`. Records and transform must be picklable.

    Args:
        records: random access to examples, `len(records)` and `records[i]`, a
            dictionary of numbers or arrays of fixed shape: `DataSet.records(split)`.
        batch_size: examples in the global batch, of all processes together.
        workers: processes that read; 0 reads in two threads of this one.
        transform: from one example to another, before batching; runs in the workers.
        first_batch_timeout: seconds that the first batch after a start may take.
        shard: (index, count) of this process among those that train together. It reads
            its own equal part of every global batch; joined in order the parts are
            that batch.
        specs: declared form of features after the transform, checked on every batch.

    Returns:
        A host source; position: int; batch: NumPy [batch_size / count, ...] by feature.
        Its `next` raises ValueError with the number of the record that cannot be read
        or does not fit, and TimeoutError where the first batch does not come.

    Raises:
        ValueError: at construction, for a batch_size outside [1, examples], a shard out
            of range or not dividing the batch, or a negative setting.
    """
    batches_per_epoch(records, batch_size)
    part, parts = shard
    if not 0 <= part < parts or batch_size % parts:
        raise ValueError(
            f'shard is {shard} of batch_size {batch_size}, wanted (index, count) with '
            '0 <= index < count and a batch that count divides: change the batch_size'
        )
    if workers < 0 or not first_batch_timeout > 0:
        raise ValueError(
            f'workers is {workers} and first_batch_timeout {first_batch_timeout}, '
            'wanted 0 or more processes and a time above 0 s'
        )

    def reader(key: Key) -> Reader:
        words = np.asarray(jax.random.key_data(fold(key, 'batches')))
        return Reader(records, batch_size, words, shard, transform, dict(specs or {}))

    def init(key: Key) -> tuple[int, HostBatch]:
        return 0, reader(key)(0)

    # What follows is a cache: which batch comes depends on key and position alone.
    key_read: Key | None = None
    expected: int | None = None
    iterator: Iterator[HostBatch] | None = None

    def after(key: Key, position: int, state: State) -> tuple[int, HostBatch]:
        nonlocal key_read, expected, iterator
        del state  # the records do not depend on what was learned
        position = int(position)
        if key is not key_read or position != expected:
            _close(iterator)
            # Nothing is expected until a batch has come: an error starts it anew.
            key_read, expected = key, None
            iterator = _prefetched(reader(key), position, workers)
            batch = _first(iterator, workers, first_batch_timeout)
        else:
            assert iterator is not None  # it gave the batch before
            expected = None
            batch = next(iterator)
        expected = position + 1
        return expected, batch

    def one_part(index: int, count: int) -> Source:
        return stream(
            records,
            batch_size,
            workers=workers,
            transform=transform,
            first_batch_timeout=first_batch_timeout,
            shard=(index, count),
            specs=specs,
        )

    return Source(init, after, host=True, part=one_part if parts == 1 else None)


def _prefetched(reader: Reader, position: int, workers: int) -> Iterator[HostBatch]:
    """Read on from a position, ahead of the one who asks."""
    import grain

    dataset = grain.MapDataset.range(position, LAST).map(reader)
    # A few batches ahead hide the reading; Grain's own 500 would fill the memory.
    ahead = grain.ReadOptions(num_threads=2, prefetch_buffer_size=4)
    iterable = dataset.to_iter_dataset(ahead)
    if workers:
        from absl import flags

        # Grain's settings are absl flags, unreadable until someone has parsed them.
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()
        options = grain.multiprocessing.MultiprocessingOptions(
            num_workers=workers, per_worker_buffer_size=2
        )
        iterable = iterable.mp_prefetch(options)
    return iter(iterable)


def _first(iterator: Iterator[HostBatch], workers: int, timeout: float) -> HostBatch:
    """Wait for the first batch, but not for ever."""
    result: list[Any] = []

    def read() -> None:
        try:
            result.append(next(iterator))
        except BaseException as error:  # handed to the thread that waits
            result.append(error)

    before = set(multiprocessing.active_children())
    thread = threading.Thread(target=read, daemon=True, name='dljax-first-batch')
    thread.start()
    thread.join(timeout)
    advice = (
        "guard the script's entry by `if __name__ == '__main__':`, for every worker "
        'imports it again; or read without processes (workers=0)'
    )
    if not result:
        # Grain waits half a minute for each worker that hangs; nothing is lost in one
        # that has given nothing.
        for process in set(multiprocessing.active_children()) - before:
            process.kill()
        _close(iterator)
        advice = f'{advice}; or' if workers else 'look at what a record costs, or'
        raise TimeoutError(
            f'the first batch from {workers} workers took more than {timeout:g} s, '
            f'wanted it sooner: {advice} raise first_batch_timeout'
        )
    if isinstance(result[0], BaseException):
        if 'Worker process was terminated' in str(result[0]):
            raise RuntimeError(
                f'a worker of {workers} ended before its first batch, wanted it to '
                f'read: {advice}'
            ) from result[0]
        raise result[0]
    return result[0]


def _close(iterator: Any) -> None:
    """Let go of threads and processes without waiting for those that hang."""
    if iterator is not None:
        threading.Thread(target=iterator.close, daemon=True).start()
