"""Pictures of any size and without classes: of a folder, or scikit-learn's two."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dljax.data.builders.listing import ENDINGS, SYSTEM, File, escape
from dljax.data.builders.splits import split_of

MEMORY = 4 * 2**30  # bytes of all pictures
MOST_FAULTS = 20  # that are named one by one
SPLITS = ('train', 'validation', 'test')


class Photographs(NamedTuple):
    """Pictures by split.

    Attributes:
        splits: [height, width, channels] uint8 each, by 'train', 'validation', 'test'.
        files: their names, from the folder on, by split.
        summary: one line for the start of a run.
    """

    splits: dict[str, list[np.ndarray]]
    files: dict[str, list[str]]
    summary: str


def photograph_folder(
    path: str | os.PathLike[str], *, channels: int = 3, smallest: int = 1
) -> Photographs:
    """Read all pictures in a folder and the folders inside, each at its own size.

    Where the folder holds folders of splits alone ('train', 'val' or 'validation',
    'test', and what else people call them), these are the splits; else all pictures
    are one pool, whatever folders they are in. Of the pool a tenth is for the
    validation and a tenth for the test, one picture at least, drawn always in the same
    way; what the splits lack is taken so from 'train'.

    Pictures are turned upright, what is transparent is laid on white, and the others
    are read as they are; links are not followed, and hidden files passed over.

    Args:
        path: of the folder.
        channels: 3, or 1 to make them grey.
        smallest: pixels that a picture needs at least along each side.

    Returns:
        The pictures.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for a setting out of range, too few pictures or more than the
            memory should hold; or that names the files that cannot be used.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> for n in range(5):
        ...     grey = np.full((6 + n, 8), 40 * n, np.uint8)
        ...     Image.fromarray(grey).save(folder / f'{n}.png')
        >>> found = photograph_folder(folder)
        >>> {split: len(pictures) for split, pictures in found.splits.items()}
        {'train': 3, 'validation': 1, 'test': 1}
    """
    root = Path(path).expanduser()
    if channels not in (1, 3) or smallest < 1:
        raise ValueError(
            f'channels is {channels} and smallest {smallest}, wanted 1 or 3, and at '
            'least 1 pixel'
        )
    if not root.is_dir():
        raise FileNotFoundError(
            f"there is no folder '{escape(str(root))}', wanted one of pictures: check "
            f"the path, seen from '{Path.cwd()}'"
        )
    root = root.resolve()
    faults: list[str] = []
    listed = _parted(root, faults)
    splits = _read(root, listed, channels, smallest, faults)
    if faults:
        more = [f'and {len(faults) - MOST_FAULTS} more'] * (len(faults) > MOST_FAULTS)
        raise ValueError(
            '\n- '.join(
                [
                    f"'{escape(str(root))}' cannot be used as it is: {len(faults)} "
                    'files have to be mended or taken out',
                    *faults[:MOST_FAULTS],
                    *more,
                ]
            )
        )
    files = {split: [escape(f.path) for f in found] for split, found in listed.items()}
    counts = ', '.join(f'{len(found):,} {split}' for split, found in files.items())
    return Photographs(splits, files, f'pictures of the user: {counts}')


def sample_photographs() -> Photographs:
    """Read the two photographs that scikit-learn has, a temple and a flower.

    They have 427x640 pixels. Their left 416 columns are for the training, 96 beside
    them for the validation and the right 128 for the test: parts of the same two
    photographs, so what is measured on them is easier than on others.

    Returns:
        The pictures.

    Raises:
        FileNotFoundError: where scikit-learn lacks them.
    """
    # Not before: whoever imports the room need not have Pillow.
    from PIL import Image

    found = importlib.util.find_spec('sklearn')  # imports nothing, which takes seconds
    places = found.submodule_search_locations if found is not None else None
    folder = Path(places[0] if places else '.', 'datasets', 'images')
    names = ['china.jpg', 'flower.jpg']
    if not all((folder / name).is_file() for name in names):
        raise FileNotFoundError(
            f"scikit-learn's photographs {' and '.join(names)} are not there, wanted "
            'them in its datasets/images: install it, or give a folder of your own'
        )
    whole = []
    for name in names:
        with Image.open(folder / name) as image:
            whole.append(np.asarray(image.convert('RGB')))
    columns = {'train': (0, 416), 'validation': (416, 512), 'test': (512, 640)}
    return Photographs(
        {
            split: [picture[:, first:last] for picture in whole]
            for split, (first, last) in columns.items()
        },
        dict.fromkeys(SPLITS, names),
        "scikit-learn's two photographs (real): left 416 columns to train, right 128 "
        'to test',
    )


def _parted(root: Path, faults: list[str]) -> dict[str, list[File]]:
    """List the pictures, by split."""
    beside = [e for e in _entries(root) if not e.is_dir(follow_symlinks=False)]
    folders = [e.name for e in _entries(root) if e.is_dir(follow_symlinks=False)]
    told = {name: split_of(name) for name in folders}
    if 'train' not in told.values() or None in told.values():
        pool = list(_files(root, root, faults))
        return _with_all({'train': pool}, root)
    for entry in beside:
        if entry.name.lower().endswith(ENDINGS):
            faults.append(f'{escape(entry.name)} lies beside the folders of the splits')
    listed: dict[str, list[File]] = {}
    for name, split in told.items():
        assert split is not None  # none of them is
        if split in listed:
            raise ValueError(
                f"'{escape(str(root))}' has two folders for {split}, wanted one: join "
                f'them, or rename one of {", ".join(map(repr, folders))}'
            )
        listed[split] = list(_files(root, root / name, faults))
    return _with_all(listed, root)


def _with_all(listed: dict[str, list[File]], root: Path) -> dict[str, list[File]]:
    """Take what splits are missing from the training pictures."""
    wanted = [split for split in ('validation', 'test') if not listed.get(split)]
    pool, taken = listed['train'], {}
    least = len(wanted) + 1
    if len(pool) < least:
        raise ValueError(
            f"'{escape(str(root))}' has {len(pool)} pictures to train on, wanted "
            f'{least} or more ({", ".join(ENDINGS)}): some of them are for '
            f'{" and ".join(["training", *wanted])}'
        )
    order = np.random.default_rng(0).permutation(len(pool))
    count = max(len(pool) // 10, 1)
    for number, split in enumerate(wanted):
        taken[split] = {int(n) for n in order[number * count : (number + 1) * count]}
    out = set().union(*taken.values())
    found = {'train': [file for n, file in enumerate(pool) if n not in out]}
    for split in ('validation', 'test'):
        chosen = taken.get(split)
        found[split] = (
            listed[split]
            if chosen is None
            else [file for n, file in enumerate(pool) if n in chosen]
        )
    return found


def _entries(folder: Path) -> list[os.DirEntry]:
    """Give what lies in a folder by name, without hidden and system files."""
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    return [
        entry
        for entry in entries
        if not entry.name.startswith('.') and entry.name.casefold() not in SYSTEM
    ]


def _files(root: Path, folder: Path, faults: list[str]) -> Iterator[File]:
    """Give the pictures in a folder and below; other files are passed over."""
    for entry in _entries(folder):
        path = os.path.relpath(entry.path, root)
        if entry.is_symlink():
            faults.append(f'{escape(path)} is a link, and links are not followed')
        elif entry.is_dir(follow_symlinks=False):
            yield from _files(root, Path(entry.path), faults)
        elif entry.name.lower().endswith(ENDINGS):
            facts = entry.stat(follow_symlinks=False)
            yield File(path, facts.st_size, facts.st_mtime_ns, -1)


def _read(
    root: Path,
    listed: dict[str, list[File]],
    channels: int,
    smallest: int,
    faults: list[str],
) -> dict[str, list[np.ndarray]]:
    """Read the pictures; what is wrong with one is told of it."""
    # Not before: whoever imports the room need not have Pillow.
    from dljax.data.builders.picture import Recipe, picture, pixels

    recipe, total = Recipe(channels, 'uint8', None, None, 255), 0
    read: dict[str, list[np.ndarray]] = {split: [] for split in listed}
    for split, files in listed.items():
        for file in files:
            try:
                with picture(str(root), file) as image:
                    total += image.width * image.height * channels
                    if min(image.size) < smallest:
                        raise ValueError(
                            f'is {image.height} x {image.width} pixels, wanted at '
                            f'least {smallest} along each side'
                        )
                    if total <= MEMORY:
                        read[split].append(pixels(image, recipe))
            except ValueError as error:
                faults.append(f'{escape(file.path)} {error}')
            except Exception as error:  # of many types, from Pillow
                what = f'cannot be read ({type(error).__name__}: {error})'
                faults.append(f'{escape(file.path)} {what}')
    if total > MEMORY:
        raise ValueError(
            f"the pictures of '{escape(str(root))}' need {total / 2**30:.1f} GiB, "
            f'wanted {MEMORY / 2**30:g} or less: take fewer, or smaller ones'
        )
    return read
