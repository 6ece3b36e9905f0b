"""CIFAR-10 and CIFAR-100 in their binary version, as a folder or as it is published."""

import bz2
import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np

from dljax.data.builders.files import Example, Form, require_regular, tenth

SIDE = 32
PIXELS = 3 * SIDE * SIDE
LARGEST = 2**28  # bytes of one file; the largest that is published has 154 million
TOTAL = 2**30  # bytes of all; those that are published have 185 million
MEMBERS = 1000  # files in a tar file; those that are published have ten
CITATION = (
    'A. Krizhevsky, 2009, Learning multiple layers of features from tiny images, '
    'https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf'
)


class Version(NamedTuple):
    """One of the two sets.

    Attributes:
        name: of it.
        folder: in which its files are published.
        train: files of training images.
        test: file of test images.
        names: file of class names, and how many, by label, in the order of the bytes
            before an image.
        pickled: files of the Python version.
    """

    name: str
    folder: str
    train: tuple[str, ...]
    test: str
    names: dict[str, tuple[str, int]]
    pickled: tuple[str, ...]


VERSIONS = (
    Version(
        name='cifar10',
        folder='cifar-10-batches-bin',
        train=tuple(f'data_batch_{i}.bin' for i in range(1, 6)),
        test='test_batch.bin',
        names={'label': ('batches.meta.txt', 10)},
        pickled=('data_batch_1', 'batches.meta', 'cifar-10-batches-py'),
    ),
    Version(
        name='cifar100',
        folder='cifar-100-binary',
        train=('train.bin',),
        test='test.bin',
        names={
            'coarse_label': ('coarse_label_names.txt', 20),
            'label': ('fine_label_names.txt', 100),
        },
        pickled=('train', 'meta', 'cifar-100-python'),
    ),
)
_WANTED = {
    name
    for version in VERSIONS
    for name in (*version.train, version.test, *(n for n, _ in version.names.values()))
}


def cifar_files(path: str) -> tuple[Version, dict[str, bytes]]:
    """Read the files of one set, from a folder or from the tar file.

    A tar file is never unpacked: regular members with one of the known names are read,
    wherever they stand in it, and nothing else.

    Args:
        path: of the folder, of the one above, or of the tar file, packed or not.

    Returns:
        Which set it is, and the content of each file by its name.

    Raises:
        FileNotFoundError: if it is not there, or not complete.
        ValueError: for the Python version, links or damage.
    """
    if os.path.isdir(path):
        found, all_names = _from_folder(path)
    elif os.path.isfile(path):
        found, all_names = _from_tar(path)
    else:
        raise FileNotFoundError(
            f"'{path}' is neither a folder nor a file, wanted the binary version of "
            'CIFAR-10 or CIFAR-100, unpacked or not'
        )
    versions = [version for version in VERSIONS if found.keys() & {*version.train}]
    if len(versions) == 1:
        (version,) = versions
        needed = [*version.train, version.test, *(n for n, _ in version.names.values())]
        missing = [name for name in needed if name not in found]
        if missing:
            raise FileNotFoundError(
                f"'{path}' lacks {', '.join(missing)} of {version.name}, wanted all of "
                f'{", ".join(needed)}: unpack or fetch it again'
            )
        return version, {name: found[name] for name in needed}
    if any(
        all_names.issuperset(v.pickled[:2]) or v.pickled[2] in all_names
        for v in VERSIONS
    ):
        raise ValueError(
            f"'{path}' is the Python version of CIFAR, which is not read since "
            'unpickling a file runs whatever code is in it: fetch the binary version '
            '(cifar-10-binary.tar.gz, cifar-100-binary.tar.gz) from the same page'
        )
    both = ' and '.join(version.name for version in versions)
    raise FileNotFoundError(
        f"'{path}' holds {both or 'no data_batch_1.bin and no train.bin'}, wanted the "
        'binary version of either CIFAR-10 or CIFAR-100'
    )


def cifar_form(version: Version, content: dict[str, bytes]) -> Form:
    """Check the records and say what is to be prepared.

    Args:
        version: which set it is.
        content: of its files.

    Returns:
        A tenth of the training images, the same fraction of each class, validates.

    Raises:
        ValueError: for names or records that are not those of the set.
    """
    classes = {}
    for label, (file, count) in version.names.items():
        names = content[file].decode('utf-8', 'replace').split()
        if len(set(names)) != count:
            raise ValueError(
                f"'{file}' names {len(set(names))} classes, wanted {count}: fetch it "
                'again'
            )
        classes[label] = tuple(names)
    records = {
        'train': np.concatenate([_records(n, content, version) for n in version.train]),
        'test': _records(version.test, content, version),
    }
    fine = list(version.names).index('label')
    train, validation = tenth(records['train'][:, fine])
    records['validation'] = records['train'][validation]
    records['train'] = records['train'][train]

    def examples(split: str) -> Iterator[Example]:
        count = len(version.names)
        for record in records[split]:
            # Red, green and blue one after the other, each row by row.
            image = record[count:].reshape(3, SIDE, SIDE).transpose(1, 2, 0)
            labels = map(int, record[:count])
            yield {'image': image, **dict(zip(version.names, labels, strict=True))}

    return Form(
        description=(
            f'{version.name} from the files that A. Krizhevsky published. Splits: test '
            'is that of the files; of their training images a tenth is for validation, '
            'stratified by class, random_state=0; order as in the files.'
        ),
        citation=CITATION,
        shape=(SIDE, SIDE, 3),
        dtype='uint8',
        classes=classes,
        examples={
            split: lambda split=split: examples(split)
            for split in ('train', 'validation', 'test')
        },
    )


def _records(name: str, content: dict[str, bytes], version: Version) -> np.ndarray:
    """Cut a file into records of labels and pixels: [example, byte] uint8."""
    size = len(version.names) + PIXELS
    if not content[name] or len(content[name]) % size:
        raise ValueError(
            f"'{name}' has {len(content[name]):,} bytes, wanted records of {size:,} as "
            f'{version.name} has them: fetch it again'
        )
    records = np.frombuffer(content[name], np.uint8).reshape(-1, size)
    for place, (label, (_, count)) in enumerate(version.names.items()):
        highest = int(records[:, place].max())
        if highest >= count:
            where = int(records[:, place].argmax())
            raise ValueError(
                f"'{name}' has {label} {highest} in record {where}, wanted 0 to "
                f'{count - 1}: is it a file of {version.name}?'
            )
    return records


def _from_folder(path: str) -> tuple[dict[str, bytes], set[str]]:
    names = set(os.listdir(path))
    inside = [v.folder for v in VERSIONS if v.folder in names]
    if len(inside) == 1 and not names & _WANTED:
        path = os.path.join(path, inside[0])
        require_regular(path, folder=True)
        names = set(os.listdir(path))
    found = {}
    for name in sorted(names & _WANTED):
        file = os.path.join(path, name)
        require_regular(file)
        if os.path.getsize(file) > LARGEST:
            raise ValueError(_too_large(name, os.path.getsize(file)))
        with open(file, 'rb') as opened:
            found[name] = opened.read()
    return found, names


def _from_tar(path: str) -> tuple[dict[str, bytes], set[str]]:
    found, names = {}, set()
    try:
        with (
            _Bounded(path) as file,
            # Its stubs want what writes, too.
            tarfile.open(fileobj=file, mode='r:') as archive,  # pyright: ignore[reportCallIssue, reportArgumentType]
        ):
            for count, member in enumerate(archive):
                if count == MEMBERS:
                    raise ValueError(
                        f"'{path}' holds more than {MEMBERS} files, wanted those of "
                        'CIFAR: is it another file?'
                    )
                folder, name = os.path.split(member.name)
                names |= {name, os.path.basename(folder)}
                if name not in _WANTED:
                    continue
                if not member.isreg() or name in found:
                    raise ValueError(
                        f"'{member.name}' in '{path}' is a link, or there twice, "
                        'wanted one regular file: fetch it again'
                    )
                if member.size > LARGEST:
                    raise ValueError(_too_large(name, member.size))
                found[name] = archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError, OverflowError, zlib.error) as error:
        raise ValueError(
            f"'{path}' cannot be read as a tar file ({type(error).__name__}: {error}), "
            'wanted cifar-10-binary.tar.gz or cifar-100-binary.tar.gz, whole: fetch it '
            'again'
        ) from error
    return found, names


class _Bounded:
    """An unpacked tar file of which never too much is read at once, nor in all."""

    def __init__(self, path: str) -> None:
        with open(path, 'rb') as file:
            start = file.read(3)
        opening = {b'\x1f\x8b': gzip.open, b'BZ': bz2.open}.get(start[:2], open)
        self._path, self._file = path, opening(path, 'rb')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Read as many bytes, if that is not beyond what CIFAR has."""
        # A header of tar's may ask for any number.
        self._check(size if size >= 0 else TOTAL + 1)
        return self._file.read(size)

    def seek(self, place: int) -> int:
        """Go to a place, by unpacking what lies before it."""
        self._check(place - self._file.tell())
        return self._file.seek(place)

    def tell(self) -> int:
        """Tell the place."""
        return self._file.tell()

    def _check(self, size: int) -> None:
        if size > LARGEST or self._file.tell() + size > TOTAL:
            raise ValueError(
                f"'{self._path}' holds more than {TOTAL:,} bytes, or {LARGEST:,} in "
                'one piece, wanted less, as CIFAR has: is it another file?'
            )


def _too_large(name: str, size: int) -> str:
    return f"'{name}' has {size:,} bytes, wanted {LARGEST:,} or less: is it of CIFAR?"
