"""What lies in a folder of pictures or other files: names only, nothing is opened."""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dljax.data.builders.splits import parts

ENDINGS = (
    '.bmp',
    '.gif',
    '.jfif',
    '.jpe',
    '.jpeg',
    '.jpg',
    '.png',
    '.tif',
    '.tiff',
    '.webp',
)
# What systems leave in folders without being asked, besides hidden files.
SYSTEM = ('thumbs.db', 'desktop.ini', '__macosx', '@eadir')


class Kind(NamedTuple):
    """What files are looked for.

    Attributes:
        one: the word for one of them.
        many: the word for several.
        endings: of their names, in small letters.
    """

    one: str
    many: str
    endings: tuple[str, ...]


PICTURES = Kind('picture', 'pictures', ENDINGS)
TEXTS = Kind('text', 'texts', ('.txt',))
RECORDINGS = Kind('recording', 'recordings', ('.wav', '.wave'))


class File(NamedTuple):
    """One file.

    Attributes:
        path: below the root.
        size: in bytes.
        modified: when, in nanoseconds.
        label: its class.
    """

    path: str
    size: int
    modified: int
    label: int


class Listing(NamedTuple):
    """All pictures of a folder, or all files of another kind.

    Attributes:
        root: the folder, free of links.
        classes: their names, in alphabetical order.
        splits: the files, by the splits that there are; 'train' alone where the
            folder has none.
        passed_over: how many hidden files and files of the system there are.
        faults: what does not belong here, a line each.
    """

    root: str
    classes: tuple[str, ...]
    splits: dict[str, list[File]]
    passed_over: int
    faults: list[str]


def list_pictures(path: str | os.PathLike[str]) -> Listing:
    """List a folder of pictures, as `list_files` does."""
    return list_files(path, PICTURES)


def list_files(path: str | os.PathLike[str], kind: Kind) -> Listing:
    """List a folder of class folders, or of split folders of class folders.

    No link is followed: one inside is a fault, whatever it points to; the folder itself
    may be reached by one.

    Args:
        path: of the folder.
        kind: of the files.

    Returns:
        Its files, each class in alphabetical order. Single files that do not belong
        are told as faults, to be named together with those that cannot be read.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if the folders are no classes.
    """
    root = os.path.realpath(os.path.expanduser(path))
    if not os.path.isdir(root):
        raise FileNotFoundError(
            f"'{escape(root)}' is no folder, wanted one with a folder of {kind.many} "
            'for each class'
        )
    walk = _Walk(root, kind)
    folders, files = walk.entries('')
    divided = _parts(walk, folders)
    walk.outside(files)
    found: dict[str, dict[str, list[File]]] = {}
    for split, (folder, inside) in divided.items():
        if folder:
            inside, files = walk.entries(folder)
            walk.outside(files)
        found[split] = {
            _class(name): list(walk.files(os.path.join(folder, name)))
            for name in _distinct(folder, inside)
        }
    classes = _classes(found, walk)
    number = {name: label for label, name in enumerate(classes)}
    splits = {
        split: [
            file._replace(label=number[name])
            for name in sorted(by_class)
            for file in by_class[name]
        ]
        for split, by_class in found.items()
    }
    empty = [split for split, files in splits.items() if not files]
    if empty and not walk.faults:
        raise walk.refusal(
            f'has no {kind.one} in {", ".join(empty)}, wanted some: delete the folder, '
            'and part of train takes its place'
        )
    return Listing(root, classes, splits, walk.passed_over, walk.faults)


def escape(path: str) -> str:
    """Write a path so that it can be printed, whatever bytes it is made of."""
    return path.encode('utf-8', 'backslashreplace').decode()


class _Walk:
    """Goes through folders, and keeps what it passes over and what is wrong."""

    def __init__(self, root: str, kind: Kind) -> None:
        self.root, self.kind, self.passed_over, self.faults = root, kind, 0, []

    def wanted(self, entry: os.DirEntry) -> bool:
        """Tell whether a file is of the kind, by its name."""
        return os.path.splitext(entry.name)[1].lower() in self.kind.endings

    def entries(self, folder: str) -> tuple[list[str], list[os.DirEntry]]:
        """Give the folders, by name, and the regular files in a folder."""
        folders, files = [], []
        with os.scandir(os.path.join(self.root, folder)) as scan:
            for entry in sorted(scan, key=lambda entry: entry.name):
                if entry.name.startswith('.') or entry.name.casefold() in SYSTEM:
                    self.passed_over += 1
                elif entry.is_symlink():
                    self.fault(entry, 'is a link, and links are not followed')
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry)
                else:
                    self.fault(entry, 'is no regular file')
        return folders, files

    def files(self, folder: str) -> Iterator[File]:
        """Give the files in a folder and below."""
        folders, files = self.entries(folder)
        for entry in files:
            if not self.wanted(entry):
                endings = ', '.join(self.kind.endings)
                self.fault(entry, f'is no {self.kind.one} by its name ({endings})')
                continue
            facts = entry.stat(follow_symlinks=False)
            path = os.path.join(folder, entry.name)
            yield File(path, facts.st_size, facts.st_mtime_ns, -1)
        for name in folders:
            yield from self.files(os.path.join(folder, name))

    def outside(self, files: list[os.DirEntry]) -> None:
        """Refuse files of the kind beside the classes; pass other ones over."""
        for entry in files:
            if self.wanted(entry):
                self.fault(entry, 'lies in no folder of a class')
            else:
                self.passed_over += 1

    def fault(self, entry: os.DirEntry, what: str) -> None:
        """Keep in mind what does not belong here."""
        path = os.path.relpath(entry.path, self.root)
        self.faults.append(f'{escape(path)} {what}')

    def refusal(self, what: str) -> ValueError:
        """Refuse the folder as a whole, with the faults that may be why."""
        return ValueError('\n- '.join([f"'{escape(self.root)}' {what}", *self.faults]))


def _parts(walk: _Walk, folders: list[str]) -> dict[str, tuple[str, list[str]]]:
    """Tell split folders from class folders: (folder, its class folders) by split."""
    peek = _Walk(walk.root, walk.kind)  # what is found here will be found once more

    def inside(folder: str) -> tuple[list[str], bool]:
        below, files = peek.entries(folder)
        return below, any(map(walk.wanted, files))

    found = parts(folders, inside, walk.refusal, _names)
    if not found:
        return {'train': ('', folders)}
    return {split: (folder, []) for split, folder in found.items()}


def _class(name: str) -> str:
    """Write a name in one way: systems differ in how they compose accents."""
    return unicodedata.normalize('NFC', name)


def _distinct(folder: str, names: list[str]) -> list[str]:
    """Refuse names that cannot be kept apart, or written down."""
    seen: dict[str, str] = {}
    for name in names:
        if not name.isprintable() or name != name.strip():
            raise ValueError(
                f'a class folder is called {escape(name)!r}, wanted printable '
                'characters without blanks around them: rename it'
            )
        plain = _class(name).casefold()
        if plain in seen:
            raise ValueError(
                f"the class folders '{os.path.join(folder, seen[plain])}' and "
                f"'{os.path.join(folder, name)}' differ in capitals or accents alone, "
                'wanted one folder for each class: join or rename them'
            )
        seen[plain] = name
    return names


def _classes(found: dict[str, dict[str, list[File]]], walk: _Walk) -> tuple[str, ...]:
    """Name the classes: those that can be learned from the training files."""
    train = found['train']
    classes = tuple(sorted(train))
    if len(classes) < 2:
        raise walk.refusal(
            f'holds {_names(classes)}, wanted two folders or more, one for each class: '
            'is it the folder above or below?'
        )
    empty = [name for name in classes if not train[name]]
    if empty and not walk.faults:
        raise walk.refusal(
            f'has no {walk.kind.one} to train on in {_names(empty)}, wanted one or '
            f'more of each class ({", ".join(walk.kind.endings)}): fill or delete the '
            'folder'
        )
    for split, by_class in found.items():
        if unknown := sorted(by_class.keys() - train.keys()):
            raise walk.refusal(
                f'has {_names(unknown)} in {split} but not in train, wanted the same '
                'names of classes in all'
            )
    return classes


def _names(names: Sequence[str]) -> str:
    """Quote names, but not without end."""
    if not names:
        return 'no folder'
    more = f' and {len(names) - 12} more' if len(names) > 12 else ''
    return ', '.join(f"'{escape(name)}'" for name in names[:12]) + more
