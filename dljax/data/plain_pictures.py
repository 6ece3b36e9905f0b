"""Folders of pictures that have no classes: what lies there, and its pixels."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from dljax.data.builders.listing import ENDINGS, SYSTEM, File, escape
from dljax.data.builders.splits import split_of
from dljax.data.parting import SPLITS, hold_out

MEMORY = 4 * 2**30  # bytes of all pictures
MOST_FAULTS = 20  # that are named one by one
Name = TypeVar('Name')


class PictureFiles(NamedTuple):
    """The pictures of a folder, nothing of which was opened.

    Attributes:
        root: the folder, free of links.
        splits: files by the name of the split and by their path in it without the
            ending, in alphabetical order; 'all' where there are no folders of splits.
        faults: what does not belong here, a line each.
    """

    root: str
    splits: dict[str, dict[str, File]]
    faults: list[str]


def picture_files(path: str | os.PathLike[str]) -> PictureFiles:
    """List a folder of pictures, or of folders of splits with pictures in them.

    Folders of splits are known by names such as 'train', 'val' and 'test', one of which
    is to train on. Hidden files and files with other endings are passed over; links are
    not followed but told as faults.

    Args:
        path: of the folder.

    Returns:
        Its pictures, those of folders further below too.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if there is no picture in it, or two differ in their ending alone.
    """
    root = os.path.realpath(os.path.expanduser(path))
    if not os.path.isdir(root):
        raise FileNotFoundError(
            f"there is no folder '{escape(root)}', wanted one of pictures: check the "
            f"path, seen from '{Path.cwd()}'"
        )
    faults: list[str] = []
    parts = _folders_of_splits(root) or {'all': ''}
    splits = {}
    for split, folder in parts.items():
        files: dict[str, File] = {}
        for file in _walk(root, folder, faults):
            stem = os.path.splitext(os.path.relpath(file.path, folder or '.'))[0]
            if stem in files:
                faults.append(
                    f'{escape(file.path)} and {escape(files[stem].path)} have one name '
                    'but for the ending'
                )
            files[stem] = file
        if not files:
            where = os.path.join(root, folder) if folder else root
            raise ValueError(
                f"'{escape(where)}' has no picture, wanted some "
                f'({", ".join(ENDINGS)}): is it another folder?'
            )
        splits[split] = dict(sorted(files.items()))
    return PictureFiles(root, splits, faults)


def decode(
    files: Sequence[File],
    root: str,
    *,
    size: tuple[int, int] | None = None,
    crop: float | None = 1.0,
    channels: int = 3,
    smallest: int = 1,
    faults: Sequence[str] = (),
) -> list[np.ndarray]:
    """Read the pixels of pictures, or name every one that cannot be read.

    Args:
        files: in the folder.
        root: the folder.
        size: (height, width) to resize to, bilinearly; None leaves each its own.
        crop: fraction of the largest central window of that shape that is kept, in (0,
            1]; None stretches the whole picture instead.
        channels: 1 or 3, to make all grey or colour.
        smallest: pixels that a picture needs at least along each side.
        faults: that were found before.

    Returns:
        [height, width, channels] uint8 of each.

    Raises:
        ValueError: for a setting out of range, pictures that would fill the memory, or
            with the names of all that cannot be used.
    """
    from dljax.data.builders.picture import Recipe, picture, pixels

    if channels not in (1, 3) or (size is not None and min(size) < 1):
        raise ValueError(
            f'size is {size} and channels {channels}, wanted (height, width), each 1 '
            'or more, and 1 or 3'
        )
    if crop is not None and not 0 < crop <= 1:
        raise ValueError(
            f'crop is {crop}, wanted a fraction in (0, 1], or None to stretch'
        )
    recipe = Recipe(channels, 'uint8', size, crop, 255)
    found: list[np.ndarray] = []
    wrong, total = list(faults), 0
    for file in files:
        try:
            with picture(root, file) as image:
                height, width = size or (image.height, image.width)
                total += height * width * channels
                if min(image.size) < smallest:
                    raise ValueError(
                        f'is {image.height} x {image.width} pixels, wanted at least '
                        f'{smallest} along each side'
                    )
                if total <= MEMORY:
                    found.append(pixels(image, recipe))
        except ValueError as error:
            wrong.append(f'{escape(file.path)} {error}')
        except Exception as error:  # of many types, from Pillow
            what = f'cannot be read ({type(error).__name__}: {error})'
            wrong.append(f'{escape(file.path)} {what}')
    if wrong:
        raise refusal(root, wrong)
    if total > MEMORY:
        raise ValueError(
            f"the {len(files):,} pictures of '{escape(root)}' need {total / 2**30:.1f} "
            f'GiB, wanted {MEMORY / 2**30:g} or less: take fewer, or a smaller size'
        )
    return found


def decode_splits(
    parts: Mapping[str, Sequence[File]], root: str, **form: Any
) -> dict[str, list[np.ndarray]]:
    """Read the pixels of the pictures of all splits at once.

    Args:
        parts: files by split.
        root: the folder.
        **form: as `decode` takes it.

    Returns:
        [height, width, channels] uint8 of each, by split.

    Raises:
        ValueError: as `decode` does, with the faults of all splits.
    """
    files = [file for chosen in parts.values() for file in chosen]
    read = iter(decode(files, root, **form))
    return {split: [next(read) for _ in chosen] for split, chosen in parts.items()}


def read_pictures(
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int],
    crop: float | None = 1.0,
    channels: int = 3,
) -> dict[str, np.ndarray]:
    """Read a folder of pictures without classes, parted as `part_names` does it.

    Args:
        path: of the folder, see `picture_files`.
        size: (height, width) to resize to.
        crop: as `decode` takes it.
        channels: 1 or 3, to make all grey or colour.

    Returns:
        [picture, height, width, channels] uint8, by 'train', 'validation' and 'test'.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for too few pictures, or with the names of all that cannot be used.
    """
    files = picture_files(path)
    name = f"'{escape(files.root)}'"
    form = {'size': size, 'crop': crop, 'channels': channels, 'faults': files.faults}
    parts = decode_splits(part_names(files.splits, name), files.root, **form)
    return {split: np.stack(images) for split, images in parts.items()}


def part_names(
    splits: Mapping[str, Sequence[Name] | Mapping[Any, Name]], name: str
) -> dict[str, list[Name]]:
    """Deal out what is to be validated and tested with, where no folder says it.

    Args:
        splits: names, or the values of a mapping, by split; 'all', or 'train' and what
            there is besides.
        name: of the set, for the message.

    Returns:
        Names by 'train', 'validation' and 'test': a tenth of what there is to train on
        for each of the others that is not there, one at least.

    Raises:
        ValueError: for too few to leave one to train on.

    Example:
        >>> parts = part_names({'train': list('abcdefghij'), 'test': ['k']}, 'letters')
        >>> {split: len(names) for split, names in parts.items()}
        {'train': 9, 'validation': 1, 'test': 1}
    """
    listed = {
        split: list(names.values() if isinstance(names, Mapping) else names)
        for split, names in splits.items()
    }
    train = listed.get('all') or listed['train']
    lacking = [split for split in ('test', 'validation') if split not in splits]
    folds = max(min(len(train), 10), len(lacking) + 1)
    rows = hold_out(len(train), lacking, folds=folds, name=name) if lacking else None
    parts = {split: names for split, names in listed.items() if split != 'all'}
    if rows is not None:
        parts |= {split: [train[n] for n in chosen] for split, chosen in rows.items()}
    return {split: parts[split] for split in SPLITS}


def refusal(root: str, faults: Sequence[str]) -> ValueError:
    """Make the error that names the pictures that cannot be used."""
    message = (
        f"'{escape(root)}' cannot be used as it is: {len(faults)} files have to be "
        'mended or taken out'
    )
    more = [f'and {len(faults) - MOST_FAULTS} more'] * (len(faults) > MOST_FAULTS)
    return ValueError('\n- '.join([message, *faults[:MOST_FAULTS], *more]))


def _folders_of_splits(root: str) -> dict[str, str]:
    """Give the folder of each split, or nothing where none is to train on."""
    with os.scandir(root) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    shown = [
        entry.name
        for entry in entries
        if not entry.name.startswith('.') and entry.name.casefold() not in SYSTEM
        if entry.is_dir() or entry.name.lower().endswith(ENDINGS)
    ]
    folders = {entry.name for entry in entries if entry.is_dir()}
    found = {name: split_of(name) for name in shown if name in folders}
    splits = [split for split in found.values() if split]
    if 'train' not in splits:
        return {}
    others = [name for name in shown if not found.get(name)]
    if len({*splits}) < len(splits) or others:
        listed = ', '.join(f"'{escape(name)}'" for name in shown[:12])
        raise ValueError(
            f"'{escape(root)}' holds {listed}, wanted folders of splits alone, each "
            "once ('train', and 'validation' or 'val', and 'test'), or none: move or "
            'rename what does not belong there'
        )
    return {split: name for name, split in found.items() if split}


def _walk(root: str, folder: str, faults: list[str]) -> Iterator[File]:
    """Give the pictures in a folder and below, in alphabetical order."""
    with os.scandir(os.path.join(root, folder)) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        path = os.path.join(folder, entry.name)
        if entry.name.startswith('.') or entry.name.casefold() in SYSTEM:
            continue
        if entry.is_symlink():
            faults.append(f'{escape(path)} is a link, and links are not followed')
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path, faults)
        elif entry.name.lower().endswith(ENDINGS):
            facts = entry.stat(follow_symlinks=False)
            yield File(path, facts.st_size, facts.st_mtime_ns, -1)
