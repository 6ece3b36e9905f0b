"""One door to labelled images, whatever files they lie in."""

import os
from pathlib import Path

from dljax.data.dataset import DataSet
from dljax.data.load import load
from dljax.data.own import cifar, folder, idx


def open_images(path: str | os.PathLike[str] | None = None) -> DataSet:
    """Open labelled images: files of your own, or scikit-learn's digits.

    Args:
        path: of a folder of the four IDX files of MNIST and its relatives, see `idx`;
            of CIFAR's binary files or their archive, see `cifar`; or of a folder with a
            folder of pictures for each class, all of one size, see `folder`. None
            stands for the digits of 8x8 that are built in.

    Returns:
        The data set, with 'image' and 'label'.

    Raises:
        FileNotFoundError: if there is nothing.
        ValueError: as the door for these files does.

    Example:
        >>> open_images().summary
        'digits (real): 1,257 train, 180 validation, 360 test'
    """
    if path is None:
        return load('digits')
    place = Path(path).expanduser()
    if not place.exists():
        raise FileNotFoundError(
            f"'{place}' is not there, wanted a folder of IDX files, CIFAR's binary "
            'files or their archive, or a folder with a folder of pictures a class'
        )
    if place.is_file():
        return cifar(place)
    names = [each.name for each in place.iterdir() if each.is_file()]
    if any('idx' in name and 'ubyte' in name for name in names):
        return idx(place)
    if any(name.endswith('.bin') for name in names):
        return cifar(place)
    return folder(place)
