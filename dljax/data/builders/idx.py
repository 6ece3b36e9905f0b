"""The four IDX files in which MNIST and its relatives are published."""

import contextlib
import glob
import gzip
import io
import math
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dljax.data.builders.files import Example, Form, require_regular, tenth

_FILES = {
    'train': ('train-images', 'train-labels'),
    'test': ('t10k-images', 't10k-labels'),
}
_OTHER = {
    't10k-images': 'test-images',
    't10k-labels': 'test-labels',
}  # as EMNIST has it
_UNSIGNED_BYTE = 8
CHUNK = 2**20  # bytes read at a time
DEFLATE = 1032  # the most that gzip makes of a byte
WIDE = 16  # bytes that a label takes while it is looked at, with its index


class IdxSet(NamedTuple):
    """The content of the four files.

    Attributes:
        files: their paths.
        images: [example, height, width] uint8, by split.
        labels: [example] int64, by split.
    """

    files: list[str]
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


def idx_set(path: str, prefix: str, limit: int) -> IdxSet:
    """Read the four files and check that they fit together.

    Args:
        path: of the folder.
        prefix: of their names, such as 'emnist-letters-'.
        limit: bytes that one file may hold, unpacked.

    Returns:
        What they hold.

    Raises:
        FileNotFoundError: for a file that is not there.
        ValueError: for one that is no IDX file of the right form.
    """
    found = {
        split: [_file(path, prefix, name) for name in names]
        for split, names in _FILES.items()
    }
    # All that the files declare is looked at before any of it is read.
    for pictures, targets in found.values():
        wanted, given = _shape(pictures, 3, limit)[0], _shape(targets, 1, limit)[0]
        if wanted != given:
            raise ValueError(
                f"'{pictures}' holds {wanted} images and '{targets}' {given} labels, "
                'wanted as many: they are of two sets'
            )
    images, labels = {}, {}
    for split, (pictures, targets) in found.items():
        labels[split] = read_idx(targets, 1, limit // WIDE).astype(np.int64)
        images[split] = read_idx(pictures, 3, limit)
    sizes = {split: values.shape[1:] for split, values in images.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"the images in '{path}' have sizes {sizes}, wanted one: they are of two "
            'sets'
        )
    return IdxSet([file for pair in found.values() for file in pair], images, labels)


def read_idx(path: str, axes: int, limit: int) -> np.ndarray:
    """Read one IDX file of unsigned bytes, packed by gzip or not.

    The file begins with two zeros, a code of the type, the number of axes and their
    lengths, 32 bits each with the highest byte first.

    Args:
        path: of the file.
        axes: how many it has to have: 3 for images, 1 for labels.
        limit: bytes that it may hold, unpacked.

    Returns:
        An array of uint8.

    Raises:
        ValueError: for another beginning, or another length than it declares.

    Reference:
        LeCun et al. (1998), The MNIST Database of Handwritten Digits,
        http://yann.lecun.com/exdb/mnist/
    """
    shape = _shape(path, axes, limit)
    size = math.prod(shape)
    # Memory is taken as it is filled: a file that declares too much takes none.
    values = np.empty(size, np.uint8)
    filled, more = 0, b''
    with _opened(path) as file:
        file.read(4 + 4 * axes)
        view = values.data
        while filled < size:
            read = file.readinto(view[filled : filled + CHUNK])
            if not read:
                break
            filled += read
        more = file.read(1)
    if filled < size or more:
        raise ValueError(
            _another_length(path, shape, 'more' if more else f'{filled:,}')
        )
    return values.reshape(shape)


def _shape(path: str, axes: int, limit: int) -> tuple[int, ...]:
    """Read what a file declares, and refuse what it cannot hold."""
    with _opened(path) as file:
        magic = file.read(4)
        wanted = bytes((0, 0, _UNSIGNED_BYTE, axes))
        if magic != wanted:
            raise ValueError(
                f"'{path}' begins with 0x{magic.hex()}, wanted 0x{wanted.hex()}, "
                f'an IDX file of bytes with {axes} axes: is it another file?'
            )
        head = file.read(4 * axes)
        packed = isinstance(file, gzip.GzipFile)
    shape = struct.unpack(f'>{len(head) // 4}I', head[: len(head) // 4 * 4])
    size = math.prod(shape)
    if len(shape) != axes or not 0 < size <= limit:
        raise ValueError(
            f"'{path}' declares {list(shape)}, wanted {axes} lengths of "
            f'1 or more, and {limit:,} bytes or less in all'
        )
    held = os.path.getsize(path) - 4 - 4 * axes
    if packed and size > DEFLATE * (held + 4 + 4 * axes):
        raise ValueError(_another_length(path, shape, 'cannot hold as many'))
    if not packed and held != size:
        raise ValueError(
            _another_length(path, shape, 'more' if held > size else f'{held:,}')
        )
    return shape


def _another_length(path: str, shape: Sequence[int], holds: str) -> str:
    holds = holds if holds.startswith('cannot') else f'holds {holds}'
    return (
        f"'{path}' declares {list(shape)}, that is {math.prod(shape):,} bytes, and "
        f'{holds}: fetch it again'
    )


@contextlib.contextmanager
def _opened(path: str) -> Iterator[io.BufferedIOBase]:
    """Open a file, packed by gzip or not; damage is told in words."""
    with open(path, 'rb') as file:
        packed = file.read(2) == b'\x1f\x8b'
    try:
        with gzip.open(path) if packed else open(path, 'rb') as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"'{path}' is damaged ({type(error).__name__}: {error}), wanted a whole "
            'gzip file: fetch it again'
        ) from error


def idx_form(
    content: IdxSet,
    first_label: int,
    class_names: Sequence[str] | None,
    transposed: bool,
) -> Form:
    """Check the labels and say what is to be prepared.

    Args:
        content: of the four files.
        first_label: what the files call the first class.
        class_names: by label, or `None` to number them.
        transposed: whether rows and columns of the images are to be exchanged.

    Returns:
        A tenth of the training images, the same fraction of each class, validates.

    Raises:
        ValueError: for labels without a class, or a class without training images.
    """
    labels = {split: values - first_label for split, values in content.labels.items()}
    images = {
        split: (values.transpose(0, 2, 1) if transposed else values)[..., None]
        for split, values in content.images.items()
    }
    highest = int(labels['train'].max())
    names = class_names or [str(i + first_label) for i in range(highest + 1)]
    counts = np.bincount(labels['train'].clip(0), minlength=len(names))
    for split, values in labels.items():
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= len(names):
            raise ValueError(
                f'the labels of {split} go from {low + first_label} to '
                f'{high + first_label}, wanted {first_label} to '
                f'{len(names) - 1 + first_label}, as there are {len(names)} classes '
                f'and first_label={first_label}'
            )
    if len(names) < 2 or (counts == 0).any():
        lacking = (np.flatnonzero(counts == 0) + first_label).tolist()
        raise ValueError(
            f'there are {len(names)} classes and no training image with label '
            f'{lacking[:12]}, wanted two classes or more and images of each: labels '
            'that begin at 1, as those of EMNIST letters, take first_label=1'
        )
    train, validation = tenth(labels['train'])
    parts = {
        'train': (images['train'][train], labels['train'][train]),
        'validation': (images['train'][validation], labels['train'][validation]),
        'test': (images['test'], labels['test']),
    }

    def examples(split: str) -> Iterator[Example]:
        for image, label in zip(*parts[split], strict=True):
            yield {'image': image, 'label': int(label)}

    return Form(
        description=(
            'Images from IDX files of the user. Splits: test is that of the files; of '
            'their training images a tenth is for validation, stratified by class, '
            'random_state=0; order as in the files.'
        ),
        citation='',
        shape=images['train'].shape[1:],
        dtype='uint8',
        classes={'label': tuple(names)},
        examples={split: lambda split=split: examples(split) for split in parts},
    )


def _file(path: str, prefix: str, name: str) -> str:
    """Find one of the four files under the names that people have it by."""
    names = [
        f'{base}{mark}idx{axes}-ubyte{packed}'
        for base in (name, _OTHER.get(name, name))
        for packed in ('', '.gz')  # what is unpacked already comes first
        for mark in '-.'
        for axes in [3 if 'images' in name else 1]
    ]
    for candidate in names:
        file = os.path.join(path, prefix + candidate)
        if os.path.lexists(file):
            require_regular(file)
            return file
    others = sorted(
        {
            os.path.basename(file)[: -len(candidate)]
            for candidate in names
            for file in glob.glob(f'{glob.escape(path)}/*{candidate}')
        }
    )
    hint = f', but files with a prefix: choose one of {others}' if others else ''
    raise FileNotFoundError(
        f"'{path}' holds no '{prefix}{names[0]}' (or .gz, or with a dot before idx)"
        f'{hint}; wanted train-images, train-labels, t10k-images and t10k-labels'
    )
