"""Pairs of pictures: A, and what it should become, B (U4.3)."""

import math
import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dljax.data.builders.listing import File, escape
from dljax.data.parting import SPLITS
from dljax.data.plain_pictures import decode, part_names, picture_files, refusal
from dljax.types import HostBatch


class ImagePairs(NamedTuple):
    """Pictures that belong together.

    Attributes:
        splits: 'a' and 'b', [pair, height, width, channels] uint8, by 'train',
            'validation' and 'test'.
        names: of the pairs, by split.
        summary: one line for the start of a run.
    """

    splits: Mapping[str, HostBatch]
    names: Mapping[str, list[str]]
    summary: str


def paired_folders(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    size: tuple[int, int],
    suffixes: tuple[str, str] = ('', ''),
    labels: bool = False,
    crop: float | None = 1.0,
    channels: tuple[int, int] = (3, 3),
) -> ImagePairs:
    """Read two folders of pictures, those of one name being a pair.

    `a/train/1_edges.png` belongs to `b/train/1.jpg` with the suffixes '_edges' and ''.
    Folders of splits are the same in both; what is not there is dealt out, see
    `part_names`. With a suffix, pictures whose names end otherwise are passed over.

    Args:
        a: of the pictures to translate.
        b: of those that they should become.
        size: (height, width) to resize to, bilinearly.
        suffixes: of the names in either, before the ending.
        labels: whether pictures of A tell by their grey value to which segment a pixel
            belongs; then each segment is painted with its mean colour in B, before
            anything is resized.
        crop: fraction of the largest central window of that shape that is kept, in (0,
            1]; None stretches the whole picture instead.
        channels: of A and of B, 1 or 3.

    Returns:
        The pairs.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for other splits in A than in B; with the names of all that have no
            partner, another size than theirs, or cannot be read; for too few.
    """
    found_a, found_b = picture_files(a), picture_files(b)
    if found_a.splits.keys() != found_b.splits.keys():
        raise ValueError(
            f"'{escape(found_a.root)}' has {sorted(found_a.splits)} and "
            f"'{escape(found_b.root)}' {sorted(found_b.splits)}, wanted the same "
            'folders of splits in both, or none'
        )
    faults, matched = [*found_a.faults, *found_b.faults], {}
    for split in found_a.splits:
        of_a = _without(found_a.splits[split], suffixes[0])
        of_b = _without(found_b.splits[split], suffixes[1])
        for there, other, root in (
            (of_a, of_b, found_b.root),
            (of_b, of_a, found_a.root),
        ):
            lonely = sorted(there.keys() - other.keys())
            faults += [
                f"{escape(there[name].path)} has no partner in '{escape(root)}'"
                for name in lonely
            ]
        both = sorted(of_a.keys() & of_b.keys())
        matched[split] = [(name, of_a[name], of_b[name]) for name in both]
    if faults:
        raise refusal(os.path.commonpath([found_a.root, found_b.root]), faults)
    parts = part_names(matched, f"'{escape(found_a.root)}'")
    splits, names = {}, {}
    for split in SPLITS:
        names[split] = [name for name, _, _ in parts[split]]
        files_a, files_b = ([row[n] for row in parts[split]] for n in (1, 2))
        form = {'size': size, 'crop': crop}
        if labels:
            images = _painted(files_a, found_a.root, files_b, found_b.root)
            images = [_resized(image, size, crop) for image in images]
        else:
            images = decode(files_a, found_a.root, channels=channels[0], **form)
        truth = decode(files_b, found_b.root, channels=channels[1], **form)
        splits[split] = {'a': np.stack(images), 'b': np.stack(truth)}
    counts = ', '.join(f'{len(names[split]):,} {split}' for split in SPLITS)
    of = f"'{os.path.basename(found_a.root)}' and '{os.path.basename(found_b.root)}'"
    form = f'{size[0]}x{size[1]} pixels'
    return ImagePairs(splits, names, f'pairs of {of} (of the user), {form}: {counts}')


def combined_folder(
    path: str | os.PathLike[str], *, size: tuple[int, int], reverse: bool = False
) -> ImagePairs:
    """Read pictures that hold A on the left and B on the right, as pix2pix's sets do.

    Args:
        path: of the folder, see `picture_files`.
        size: (height, width) that either half is resized to.
        reverse: whether the right half is A.

    Returns:
        The pairs, in colour.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for too few pictures, or with the names of all that cannot be used,
            for instance since their width is odd.
    """
    found, splits, names = picture_files(path), {}, {}
    rows = {split: list(files.items()) for split, files in found.splits.items()}
    for split, chosen in part_names(rows, f"'{escape(found.root)}'").items():
        files = [file for _, file in chosen]
        whole = decode(files, found.root, faults=found.faults)
        odd = [
            f'{escape(file.path)} is {image.shape[1]} pixels wide, wanted an even '
            'number: two pictures side by side'
            for file, image in zip(files, whole, strict=True)
            if image.shape[1] % 2
        ]
        if odd:
            raise refusal(found.root, odd)
        halves = [
            [_resized(half, size, None) for half in np.split(image, 2, axis=1)]
            for image in whole
        ]
        left, right = (np.stack(side) for side in zip(*halves, strict=True))
        splits[split] = {'a': right, 'b': left} if reverse else {'a': left, 'b': right}
        names[split] = [name for name, _ in chosen]
    counts = ', '.join(f'{len(names[split]):,} {split}' for split in SPLITS)
    name, form = os.path.basename(found.root), f'{size[0]}x{size[1]} pixels'
    summary = f"pairs of '{name}' (of the user), side by side, {form}: {counts}"
    return ImagePairs(splits, names, summary)


def paint_segments(labels: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Paint each segment with its mean colour.

    Args:
        labels: [height, width] integers, equal within a segment.
        image: [height, width, channels] uint8.

    Returns:
        [height, width, channels] uint8.

    Example:
        >>> image = np.array([[[0], [100], [7]]], np.uint8)
        >>> paint_segments(np.array([[5, 5, 9]]), image)[..., 0].tolist()
        [[50, 50, 7]]
    """
    _, number = np.unique(labels, return_inverse=True)
    number = number.ravel()
    count = np.bincount(number)
    flat = image.reshape(-1, image.shape[-1]).astype(np.float64)
    means = np.stack(
        [np.bincount(number, weights=channel) / count for channel in flat.T], axis=-1
    )
    return np.rint(means).astype(np.uint8)[number].reshape(image.shape)


def _without(files: Mapping[str, File], suffix: str) -> dict[str, File]:
    """Name files without their suffix, and leave out those that have another one."""
    return {
        name[: len(name) - len(suffix)]: file
        for name, file in files.items()
        if name.endswith(suffix)
    }


def _painted(
    labels: list[File], root_a: str, images: list[File], root_b: str
) -> list[np.ndarray]:
    maps = decode(labels, root_a, channels=1)
    truth = decode(images, root_b, channels=3)
    faults = [
        f'{escape(file.path)} has {one.shape[0]}x{one.shape[1]} pixels and its partner '
        f'{other.shape[0]}x{other.shape[1]}, wanted labels of each of its pixels'
        for file, one, other in zip(labels, maps, truth, strict=True)
        if one.shape[:2] != other.shape[:2]
    ]
    if faults:
        raise refusal(root_a, faults)
    return [
        paint_segments(one[..., 0], other)
        for one, other in zip(maps, truth, strict=True)
    ]


def _resized(
    image: np.ndarray, size: tuple[int, int], crop: float | None
) -> np.ndarray:
    """Resize as `decode` does it, what is no file any more."""
    from PIL import Image

    height, width = image.shape[:2]
    scale = (crop or 1.0) * min(height / size[0], width / size[1])
    kept = (height, width) if crop is None else (size[0] * scale, size[1] * scale)
    top, left = (height - kept[0]) / 2, (width - kept[1]) / 2
    box = (left, top, left + kept[1], top + kept[0])
    resized = Image.fromarray(image).resize(
        (size[1], size[0]), Image.Resampling.BILINEAR, box=box
    )
    assert math.prod(size) > 0
    return np.asarray(resized)
