"""Two domains of images without pairs, ready to be translated (U4.2, U4.3)."""

import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dljax.data.dataset import DataSet
from dljax.data.images import as_float, resize
from dljax.data.load import load
from dljax.data.own import idx
from dljax.data.parting import SPLITS
from dljax.data.photographs import photograph_folder
from dljax.data.plain_pictures import read_pictures
from dljax.data.textures import on_textures, photograph_strips
from dljax.types import HostBatch


class Domains(NamedTuple):
    """Images of A and of B.

    Attributes:
        splits: 'a' and 'b', [example, height, width, 3] float32 in [-1, 1], by 'train',
            'validation' and 'test'; with 'label_a' and 'label_b', [example] int32,
            where there are classes. As many of both but in 'train'.
        judged: 'a' and 'b', each 'image' and 'label' for a classifier that is to read
            translations; empty without classes.
        summary: one line for the start of a run.
    """

    splits: Mapping[str, HostBatch]
    judged: Mapping[str, HostBatch]
    summary: str


def digit_domains(
    size: int = 32,
    *,
    digits: str | os.PathLike[str] | None = None,
    photographs: str | os.PathLike[str] | None = None,
    seed: int = 0,
) -> Domains:
    """Make digits, and other digits on photographs, of real ones.

    A is every second digit, grey on black; B the others, each blended into a part of a
    photograph by `on_textures`, so that no digit of the training is in both. Digits to
    validate and test with are in both, on parts of other photographs; scikit-learn's
    two are parted by their columns.

    Args:
        size: height and width that digits are resized to.
        digits: a folder of IDX files, as `idx` reads it; None for scikit-learn's.
        photographs: a folder of them; None for scikit-learn's two.
        seed: of the places in the photographs.

    Returns:
        The domains; B made of MNIST and BSDS500 is MNIST-M.

    Raises:
        FileNotFoundError: for files that are not there.
        ValueError: as `idx`, `photograph_folder` and `on_textures` raise it.

    Reference:
        Ganin et al. (2016), Domain-Adversarial Training of Neural Networks, section
        5.2.4, https://arxiv.org/abs/1505.07818
    """
    if size < 8:
        raise ValueError(f'size is {size}, wanted 8 pixels or more')
    source = load('digits') if digits is None else idx(digits)
    if photographs is None:
        ground = {split: photograph_strips(split) for split in SPLITS}
        told = "scikit-learn's two photographs"
    else:
        ground = photograph_folder(photographs).splits
        count = sum(map(len, ground.values()))
        name = os.path.basename(os.path.realpath(photographs))
        told = f"{count} photographs of '{name}'"
    splits, judged = {}, {}
    for number, split in enumerate(SPLITS):
        plain, label = _digits(source, split, size)
        blended = on_textures(plain, ground[split], seed=10 * seed + number)
        a, b = (_signed(np.repeat(plain, 3, axis=-1)), _signed(blended))
        rows = (slice(0, None, 2), slice(1, None, 2)) if split == 'train' else ()
        of_a, of_b = rows or (slice(None), slice(None))
        splits[split] = {
            'a': a[of_a],
            'b': b[of_b],
            'label_a': label[of_a],
            'label_b': label[of_b],
        }
        if split == 'train':
            judged = {'a': {'image': a, 'label': label}}
            judged['b'] = {'image': b, 'label': label}
    sizes = [len(splits['train'][name]) for name in ('a', 'b')]
    summary = (
        f'{source.summary}; A: {sizes[0]:,} training digits of {size}x{size} pixels, B '
        f'(composed): {sizes[1]:,} others, |photograph - digit| on {told}'
    )
    return Domains(splits, judged, summary)


def folder_domains(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    size: tuple[int, int],
    crop: float | None = 1.0,
) -> Domains:
    """Read two folders of pictures, which need not belong together.

    Args:
        a: of A, see `picture_files`; folders of splits are known by their names.
        b: of B.
        size: (height, width) to resize to.
        crop: fraction of the largest central window of that shape that is kept; None
            stretches the whole picture instead.

    Returns:
        The domains, without classes, in colour.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for too few pictures, or with the names of all that cannot be used.
    """
    of_a = read_pictures(a, size=size, crop=crop)
    of_b = read_pictures(b, size=size, crop=crop)
    splits = {}
    for split in SPLITS:
        count = None
        if split != 'train':
            count = min(len(of_a[split]), len(of_b[split]))
        splits[split] = {
            'a': _signed(of_a[split][:count]),
            'b': _signed(of_b[split][:count]),
        }
    names = [os.path.basename(os.path.realpath(folder)) for folder in (a, b)]
    counts = [
        ', '.join(f'{len(of[split]):,} {split}' for split in SPLITS)
        for of in (of_a, of_b)
    ]
    summary = '; '.join(
        f"{letter}: '{name}' (of the user), {size[0]}x{size[1]} pixels, {count}"
        for letter, name, count in zip('AB', names, counts, strict=True)
    )
    return Domains(splits, {}, summary)


def _digits(source: DataSet, split: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Give digits in [0, 1], all of one size, and their classes."""
    arrays = source.images(split)
    images, label = np.asarray(arrays['image']), np.asarray(arrays['label'], np.int32)
    if images.shape[1:3] != (size, size):
        images = np.asarray(resize(images, (size, size)))
    return np.clip(images, 0.0, 1.0), label


def _signed(images: np.ndarray) -> np.ndarray:
    return 2 * as_float(images) - 1
