"""Parts of scikit-learn's photographs, and simple pictures of them (U4.3)."""

from typing import Literal, get_args

import numpy as np

from dljax.data.image_pairs import ImagePairs, paint_segments
from dljax.data.parting import SPLITS
from dljax.data.textures import columns, photograph_strips

Kind = Literal['segments', 'edges']
COUNTS = {'train': 800, 'validation': 48, 'test': 96}
SEGMENTS, ROUNDS = 80, 12  # of a photograph, and of k-means
PLACE = 3.0  # pixels that weigh as much as a brightness of 1 in 255
BLUR = 2.0  # pixels, before it is segmented and before edges are found


def photograph_pairs(
    kind: Kind = 'segments', *, size: int = 64, part: int = 96, seed: int = 0
) -> ImagePairs:
    """Cut parts out of two photographs, each with a picture that tells less.

    'segments': regions of like colour, each painted with its mean; 'edges': how steep
    the brightness is, light on dark. Both are found in the whole photograph by rule.
    Parts lie in the columns that belong to their split, see `photograph_strips`.

    Args:
        kind: of the simple pictures, A.
        size: height and width of all pictures in pixels.
        part: height and width of a part of the photograph, in pixels, at most 128; 64
            where those to validate have no more room.
        seed: of the places.

    Returns:
        Pairs of A and the part itself, B, in colour.

    Raises:
        ValueError: for an unknown kind, or sizes out of range.

    Example:
        >>> made = photograph_pairs('edges', size=16)
        >>> made.splits['test']['a'].shape
        (96, 16, 16, 3)
    """
    from PIL import Image

    if kind not in get_args(Kind):
        raise ValueError(f'kind is {kind!r}, wanted one of {get_args(Kind)}')
    if not 1 <= size <= 512 or not 8 <= part <= 128:
        raise ValueError(
            f'size is {size} and part {part}, wanted 1 to 512 and 8 to 128 pixels'
        )
    simplify = edge_map if kind == 'edges' else flat_segments
    whole = photograph_strips('all')
    simple = [simplify(photograph) for photograph in whole]
    random = np.random.default_rng([seed, 0x9A1B])
    splits, names = {}, {}
    for split in SPLITS:
        strips = columns(split, whole[0].shape[1])
        side = min(part, *(last - first for first, last in strips))
        chosen: dict[str, list[np.ndarray]] = {'a': [], 'b': []}
        names[split] = []
        for _ in range(COUNTS[split]):
            number = int(random.integers(len(whole)))
            first, last = strips[int(random.integers(len(strips)))]
            top = int(random.integers(whole[number].shape[0] - side + 1))
            left = first + int(random.integers(last - first - side + 1))
            box = (left, top, left + side, top + side)
            for name, image in (('a', simple[number]), ('b', whole[number])):
                resized = Image.fromarray(image).resize(
                    (size, size), Image.Resampling.BILINEAR, box=box
                )
                chosen[name].append(np.asarray(resized))
            names[split].append(f'{number} {top} {left}')
        splits[split] = {name: np.stack(images) for name, images in chosen.items()}
    counts = ', '.join(f'{COUNTS[split]} {split}' for split in SPLITS)
    summary = (
        f"{kind} and parts (real) of scikit-learn's two photographs, {size}x{size} "
        f'pixels: {counts}'
    )
    return ImagePairs(splits, names, summary)


def edge_map(photograph: np.ndarray) -> np.ndarray:
    """Tell how steep the brightness is, by Sobel's filters on a blurred image.

    Args:
        photograph: [height, width, 3] uint8.

    Returns:
        [height, width, 3] uint8, grey; the steepest hundredth is white.
    """
    grey = _blurred(photograph).astype(np.float64).mean(-1)
    wide = np.pad(grey, 1, mode='edge')
    across = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    down = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    steep = np.hypot(across[2:] - across[:-2], down[:, 2:] - down[:, :-2])
    steep = np.clip(steep / max(np.quantile(steep, 0.99), 1e-9), 0, 1)
    return np.repeat(np.rint(255 * steep).astype(np.uint8)[..., None], 3, axis=-1)


def flat_segments(photograph: np.ndarray) -> np.ndarray:
    """Paint regions of like colour and place with their mean colour.

    The regions are the clusters of k-means over the blurred colours and the place.

    Args:
        photograph: [height, width, 3] uint8.

    Returns:
        [height, width, 3] uint8.
    """
    height, width = photograph.shape[:2]
    grid = np.meshgrid(np.arange(height), np.arange(width), indexing='ij')
    place = np.stack(grid, axis=-1) / PLACE
    features = np.concatenate([_blurred(photograph), place], axis=-1)
    features = features.reshape(-1, 5).astype(np.float32)
    some = features[::29]
    centres = some[np.linspace(0, len(some) - 1, SEGMENTS).astype(int)].copy()
    for _ in range(ROUNDS):
        nearest = _nearest(some, centres)
        for number in np.unique(nearest):
            centres[number] = some[nearest == number].mean(0)
    labels = _nearest(features, centres)
    return paint_segments(labels.reshape(height, width), photograph)


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Give the number of the nearest centre of each point."""
    return ((centres**2).sum(1) - 2 * points @ centres.T).argmin(1)


def _blurred(photograph: np.ndarray) -> np.ndarray:
    from PIL import Image, ImageFilter

    return np.asarray(
        Image.fromarray(photograph).filter(ImageFilter.GaussianBlur(BLUR))
    )
