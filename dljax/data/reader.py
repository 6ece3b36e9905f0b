"""From a position to a batch of records, on the host, in any process."""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from dljax.data.arrays import batches_per_epoch, canonical
from dljax.data.shuffle import permute
from dljax.types import Spec


class Examples(Protocol):
    """Random access to examples, such as a list of dictionaries."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> dict[str, Any]: ...


@dataclasses.dataclass(frozen=True)
class Reader:
    """The function from a position to this process's part of the batch there.

    Attributes:
        records: random access to examples.
        batch_size: examples in the global batch.
        words: [word] uint32, the data of the key that orders the examples.
        shard: (index, count) of this process's equal part of the batch.
        transform: from one example to another.
        specs: declared form of features after the transform.
    """

    records: Examples
    batch_size: int
    words: np.ndarray
    shard: tuple[int, int]
    transform: Callable[[dict[str, Any]], Mapping[str, Any]] | None
    specs: Mapping[str, Spec]

    def __call__(self, position: int) -> dict[str, np.ndarray]:
        """Read and check one batch.

        Args:
            position: number of the batch, 0 or more.

        Returns:
            [batch_size / count, ...] by feature.

        Raises:
            ValueError: with the number of the record that cannot be read, is of another
                form than the first or does not fit its spec.
        """
        size = len(self.records)
        epoch, place = divmod(int(position), batches_per_epoch(size, self.batch_size))
        part, parts = self.shard
        share = self.batch_size // parts
        first = place * self.batch_size + part * share
        index = permute(np.arange(first, first + share), size, self.words, epoch)
        examples = self._read(index)
        names = list(examples[0])
        missing = set(self.specs) - set(names)
        if missing:
            raise ValueError(
                f'record {index[0]} has features {names}, wanted {sorted(missing)} '
                'too, which specs declare: correct the specs or the transform'
            )
        return {name: self._stacked(name, index, examples) for name in names}

    def _read(self, index: np.ndarray) -> list[Mapping[str, Any]]:
        """Read at once where possible; one by one to say which record failed."""
        numbers = [int(i) for i in index]
        examples = [None] * len(numbers)
        several = getattr(self.records, '__getitems__', None)
        if several is not None:
            with contextlib.suppress(Exception):  # met again, with its number, below
                examples = several(numbers)
        return [self._one(i, e) for i, e in zip(numbers, examples, strict=True)]

    def _one(self, index: int, example: dict[str, Any] | None) -> Mapping[str, Any]:
        try:
            example = self.records[index] if example is None else example
            return example if self.transform is None else self.transform(example)
        except Exception as error:
            raise ValueError(
                f'record {index} cannot be read ({type(error).__name__}: {error}), '
                'wanted a dictionary of arrays: mend the record or the transform'
            ) from error

    def _stacked(
        self, name: str, index: np.ndarray, examples: list[Mapping[str, Any]]
    ) -> np.ndarray:
        """Join one feature of all examples, and check it."""
        values = []
        for i, example in zip(index, examples, strict=True):
            value = np.asarray(example.get(name))
            if values and value.shape != values[0].shape:
                raise ValueError(
                    f"'{name}' of record {i} has shape {value.shape}, wanted "
                    f'{values[0].shape} as in record {index[0]}: resize or pad in the '
                    'transform'
                )
            values.append(value)
        stacked = np.stack(values)
        try:
            return self._checked(name, stacked)
        except ValueError:
            for i, value in zip(index, values, strict=True):
                try:
                    self._checked(name, value[None])
                except ValueError as error:
                    raise ValueError(f'record {i}: {error}') from None
            raise

    def _checked(self, name: str, values: np.ndarray) -> np.ndarray:
        values = canonical(name, values)
        if name in self.specs:
            self.specs[name].check(name, values)
        return values
