"""A prepared data set: what it is, what an example looks like, and its splits."""

import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from dljax.data.arrays import canonical, narrow
from dljax.data.images import as_float, resize
from dljax.data.normalise import Normalizer
from dljax.data.whole import whole
from dljax.types import Spec

CHUNK = 1024  # records decoded at a time when a split is read into memory


def _no_hint(record: logging.LogRecord) -> bool:
    """Drop TFDS's advice to install OpenCV; Pillow, which we ask for, serves."""
    return 'OpenCV is not installed' not in str(record.msg)


class _Stored(Protocol):
    """What TFDS gives of a split: its examples by their numbers."""

    def __len__(self) -> int: ...

    def __getitems__(self, record_keys: Sequence[int], /) -> Sequence[Any]: ...


class Records:
    """Random access to one split as dictionaries of arrays, for `stream`.

    `len(records)` is the number of examples; `records[i]` decodes one of them. Numbers
    come in the types that `resident` would give; text is left as it is.
    """

    def __init__(self, source: _Stored, folder: str = ''):
        self._source, self._folder = source, folder

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        return [
            {
                name: canonical(name, value) if _is_numeric(value) else value
                for name, value in example.items()
            }
            for example in self.stored(indices)
        ]

    def stored(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Decode some examples, with numbers in the types that the set stores."""
        # Here and not at construction, so that it also holds in worker processes.
        logging.getLogger('absl').addFilter(_no_hint)
        wanted = [int(i) for i in indices]
        with whole(self._folder, IndexError):
            examples = self._source.__getitems__(wanted)
        return [
            {name: _as_array(value) for name, value in example.items()}
            for example in examples
        ]


def _as_array(value: Any) -> Any:
    """Give numbers as an array and leave the rest alone."""
    if isinstance(value, Mapping | str | bytes):
        return value
    array = np.asarray(value)
    return array if array.dtype.kind in 'biuf' else value


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in 'biuf'


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set with its declared form; its splits are read when they are asked for.

    `data['train']` is the split in memory, a dictionary of [example, ...] arrays that
    must not be written to; `data.records('train')` reads it from the disk, for
    `stream`. Both take TFDS's slices too, such as `'train[:90%]'`. Numbers come in the
    types that JAX computes with; only a float64 column that float32 would make constant
    stays in float64 in memory, for `table` or `z_score` to normalise.

    Attributes:
        name: the name it was asked for by.
        kind: 'real', 'composed', 'synthetic', 'TFDS' for a set that TFDS published, or
            'a folder of the user' and 'files of the user', where only the user knows.
        description: what it is and how it is split.
        citation: whom to cite.
        specs: declared form of each numeric feature, without the batch axis.
        class_names: names of the classes of 'label'; empty without classes.
        splits: number of examples by split.
        memory_limit: bytes above which a split is not read into memory.
        builder: the TFDS builder that reads it.
    """

    name: str
    kind: str
    description: str
    citation: str
    specs: dict[str, Spec]
    class_names: tuple[str, ...]
    splits: dict[str, int]
    memory_limit: int
    builder: Any = dataclasses.field(repr=False)
    _read: dict[str, dict[str, np.ndarray]] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def summary(self) -> str:
        """One line for the start of a run: the name, the kind and the splits."""
        sizes = ', '.join(f'{size:,} {split}' for split, size in self.splits.items())
        return f'{self.name} ({self.kind}): {sizes}'

    def __getitem__(self, split: str) -> dict[str, np.ndarray]:
        if split not in self._read:
            self._check_size(split)
            self._read[split] = self._in_memory(split)
        return dict(self._read[split])

    def images(
        self, split: str, size: tuple[int, int] | None = None
    ) -> dict[str, np.ndarray]:
        """Read a split with its images as floats, as nets take them.

        Args:
            split: name of a split, or a slice of one.
            size: height and width to resize to, bilinearly; by default their own.

        Returns:
            The arrays of the split, 'image' as [example, height, width, channel]
            float32 in [0, 1].

        Raises:
            KeyError: if there is no such split.
        """
        arrays = self[split]
        image = as_float(arrays['image'])
        made = np.asarray(resize(image, size)) if size else image
        return {**arrays, 'image': made}

    def table(self, split: str, normalizer: Normalizer) -> dict[str, np.ndarray]:
        """Read a split with its features normalised.

        Args:
            split: name of a split, or a slice of one.
            normalizer: fitted on the training split: `z_score(data['train'][...])`.

        Returns:
            The arrays of the split, 'features' as [example, feature] float32.

        Raises:
            KeyError: if there is no such split.
        """
        arrays = self[split]
        return {**arrays, 'features': normalizer(arrays['features'])}

    def records(self, split: str) -> Records:
        """Open a split for random access.

        Args:
            split: name of a split, or a slice of one.

        Returns:
            A picklable sequence of examples, for `stream`.

        Raises:
            KeyError: if there is no such split.
            OSError: if it is damaged, then or when it is read.
        """
        self._examples(split)
        folder = str(self.builder.data_dir)
        with whole(folder):
            source = self.builder.as_data_source(split)
            if len(source) != self._examples(split):
                raise ValueError(f'{len(source)} records of {split}')
        return Records(source, folder)

    def merged(self, *splits: str) -> dict[str, np.ndarray]:
        """Join whole splits, as for a last fit on training and validation examples.

        Args:
            *splits: names, in the order of the result. The test split is in it only if
                it is named.

        Returns:
            [example, ...] arrays by feature.

        Raises:
            KeyError: if there is no such split.
            ValueError: without a name.
        """
        if not splits:
            raise ValueError(
                f'merged() names no split, wanted one or more of {list(self.splits)}: '
                "say which, as in merged('train', 'validation')"
            )
        parts = [self[split] for split in splits]
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def _examples(self, split: str) -> int:
        """Count the examples of a split or of a slice of one."""
        if split.split('[')[0] not in self.splits:
            raise KeyError(
                f"'{self.name}' has no split '{split}', wanted one of "
                f'{list(self.splits)}, or a slice such as '
                f"'{next(iter(self.splits))}[:90%]'"
            )
        return self.builder.info.splits[split].num_examples

    def _check_size(self, split: str) -> None:
        """Refuse to fill the memory."""
        examples = self._examples(split)
        sizes = [
            math.prod(spec.sizes) * np.dtype(spec.dtype).itemsize
            for spec in self.specs.values()
            if None not in spec.shape
        ]
        # What has no fixed shape is counted by its bytes on the disk: a lower bound.
        stored = self.builder.info.splits[split].num_bytes
        needed = max(examples * sum(sizes), stored)
        if needed > self.memory_limit:
            raise ValueError(
                f"split '{split}' of '{self.name}' needs {needed / 2**20:,.1f} MiB of "
                f'memory, wanted {self.memory_limit / 2**20:,.1f} MiB or less: give '
                f"records('{split}') to dljax.data.stream, take a slice such as "
                f"'{split}[:1%]', or raise memory_limit in load()"
            )

    def _in_memory(self, split: str) -> dict[str, np.ndarray]:
        records = self.records(split)
        arrays = {}
        for name, value in records.stored([0])[0].items():
            if isinstance(value, Mapping):
                raise ValueError(
                    f"'{name}' of '{self.name}' is nested, wanted a flat example: give "
                    f"records('{split}') to dljax.data.stream with a transform that "
                    'picks what you need'
                )
            numeric = isinstance(value, np.ndarray)
            shape = (len(records), *value.shape) if numeric else len(records)
            arrays[name] = np.empty(shape, value.dtype if numeric else object)
        for start in range(0, len(records), CHUNK):
            index = range(start, min(start + CHUNK, len(records)))
            for i, record in zip(index, records.stored(index), strict=True):
                for name, array in arrays.items():
                    if np.shape(record[name]) != array.shape[1:]:
                        raise ValueError(
                            f"'{name}' of example {i} of '{self.name}' has shape "
                            f'{np.shape(record[name])}, wanted {array.shape[1:]} as '
                            f"the first one: give records('{split}') to "
                            'dljax.data.stream with a transform that resizes'
                        )
                    array[i] = record[name]
        for name, array in arrays.items():
            if _is_numeric(array):
                arrays[name] = narrow(name, array)
            arrays[name].flags.writeable = False  # the cache is shared by all who ask
        return arrays
