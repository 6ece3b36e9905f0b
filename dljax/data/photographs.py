"""Pictures of any size and without classes: of a folder, or scikit-learn's two."""

import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dljax.data.builders.listing import escape
from dljax.data.plain_pictures import decode_splits, part_names, picture_files


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
    if smallest < 1:
        raise ValueError(f'smallest is {smallest}, wanted at least 1 pixel')
    files = picture_files(path)
    parts = part_names(files.splits, f"'{escape(files.root)}'")
    splits = decode_splits(
        parts, files.root, channels=channels, smallest=smallest, faults=files.faults
    )
    names = {split: [escape(f.path) for f in found] for split, found in parts.items()}
    counts = ', '.join(f'{len(found):,} {split}' for split, found in names.items())
    return Photographs(splits, names, f'pictures of the user: {counts}')


def sample_photographs(channels: int = 3) -> Photographs:
    """Read the two photographs that scikit-learn has, a temple and a flower.

    They have 427x640 pixels. Their left 416 columns are for the training, 96 beside
    them for the validation and the right 128 for the test: parts of the same two
    photographs, so what is measured on them is easier than on others.

    Args:
        channels: 3, or 1 to make them grey, by the weights of BT.601.

    Returns:
        The pictures.

    Raises:
        ValueError: for another number of channels.
        FileNotFoundError: where scikit-learn lacks them.
    """
    if channels not in (1, 3):
        raise ValueError(f'channels is {channels}, wanted 1 or 3')
    names, whole = ['china.jpg', 'flower.jpg'], whole_photographs()
    if channels == 1:
        bright = (picture @ np.array([0.299, 0.587, 0.114]) for picture in whole)
        whole = [np.rint(values).astype(np.uint8)[..., None] for values in bright]
    columns = {'train': (0, 416), 'validation': (416, 512), 'test': (512, 640)}
    return Photographs(
        {
            split: [picture[:, first:last] for picture in whole]
            for split, (first, last) in columns.items()
        },
        dict.fromkeys(columns, names),
        "scikit-learn's two photographs (real): left 416 columns to train, right 128 "
        'to test',
    )


def whole_photographs() -> list[np.ndarray]:
    """Read scikit-learn's two photographs, without scikit-learn.

    Returns:
        [427, 640, 3] uint8 each, the temple and the flower.

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
    return whole
