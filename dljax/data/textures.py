"""Digits on photographs, as MNIST-M is made of MNIST (U4.2)."""

from collections.abc import Sequence

import numpy as np

from dljax.data.photographs import whole_photographs

# Of the columns of a photograph; none is in two, and both show their subject in all.
REGIONS = {
    'train': ((0.0, 0.2), (0.5, 1.0)),
    'validation': ((0.4, 0.5),),
    'test': ((0.2, 0.4),),
    'all': ((0.0, 1.0),),
}


def on_textures(
    images: np.ndarray, photographs: Sequence[np.ndarray], *, seed: int = 0
) -> np.ndarray:
    """Blend each image into a random part of a photograph: |photograph - image|.

    Where the image is black the photograph stays, where it is white its negative is
    seen. Photographs are drawn evenly, and so are the places in them.

    Args:
        images: [example, height, width, 1 or 3] uint8, or floats in [0, 1], bright on
            dark as digits are.
        photographs: [height, width, 3] uint8 each, none smaller than an image.
        seed: of the draws, whose order is that of the images.

    Returns:
        [example, height, width, 3] uint8.

    Raises:
        ValueError: for images or photographs that are none, or a photograph that is too
            small.

    Reference:
        Ganin et al. (2016), Domain-Adversarial Training of Neural Networks, section
        5.2.4, https://arxiv.org/abs/1505.07818; its MNIST-M is made of BSDS500.

    Example:
        >>> digits = np.zeros((2, 4, 4, 1), np.uint8)
        >>> digits[1] = 255
        >>> made = on_textures(digits, [np.full((9, 9, 3), 200, np.uint8)])
        >>> made[:, 0, 0, 0].tolist()
        [200, 55]
    """
    images = np.asarray(images)
    if images.dtype.kind == 'f':
        if images.size and not (images.min() >= 0 and images.max() <= 1):
            raise ValueError(
                f'images range from {images.min():g} to {images.max():g}, wanted '
                'floats in [0, 1], or uint8'
            )
        images = np.rint(255 * images).astype(np.uint8)
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[-1] not in (1, 3):
        raise ValueError(
            f'images are {images.dtype} of shape {images.shape}, wanted uint8 or '
            'floats [example, height, width, 1 or 3]: add the axis of the channel'
        )
    height, width = images.shape[1:3]
    if not photographs:
        raise ValueError('there is no photograph, wanted one or more')
    for number, photograph in enumerate(photographs):
        shape, kind = photograph.shape, photograph.dtype
        if len(shape) != 3 or shape[2] != 3 or kind != np.uint8:
            raise ValueError(
                f'photograph {number} is {kind} of shape {shape}, wanted uint8 '
                '[height, width, 3]'
            )
        if shape[0] < height or shape[1] < width:
            raise ValueError(
                f'photograph {number} has {shape[0]}x{shape[1]} pixels, wanted '
                f'{height}x{width} or more, the size of the images: leave it out'
            )
    made, random = np.empty((len(images), height, width, 3), np.uint8), _random(seed)
    for image, place in zip(images, made, strict=True):
        photograph = photographs[int(random.integers(len(photographs)))]
        top = int(random.integers(photograph.shape[0] - height + 1))
        left = int(random.integers(photograph.shape[1] - width + 1))
        part = photograph[top : top + height, left : left + width].astype(np.int16)
        place[...] = np.abs(part - image)
    return made


def photograph_strips(split: str = 'train') -> list[np.ndarray]:
    """Give the parts of scikit-learn's two photographs that belong to a split.

    A temple in China and a flower, 427x640 pixels. Of the columns the first 20 % and
    the last 50 % are to train on, 20 % after the former to test, 10 % to validate.

    Args:
        split: 'train', 'validation' or 'test'; 'all' for the whole.

    Returns:
        [427, width, 3] uint8, each part of both.

    Raises:
        ValueError: for another split.
        FileNotFoundError: where scikit-learn lacks them.

    Example:
        >>> [part.shape for part in photograph_strips('test')]
        [(427, 128, 3), (427, 128, 3)]
    """
    if split not in REGIONS:
        raise ValueError(f'split is {split!r}, wanted one of {list(REGIONS)}')
    return [
        np.ascontiguousarray(image[:, first:last])
        for image in whole_photographs()
        for first, last in columns(split, image.shape[1])
    ]


def columns(split: str, width: int) -> list[tuple[int, int]]:
    """Give the columns of each part that belongs to a split.

    Args:
        split: one of `REGIONS`.
        width: of the photograph, in pixels.

    Returns:
        The first column, and that after the last one.

    Example:
        >>> columns('train', 640)
        [(0, 128), (320, 640)]
    """
    return [(round(low * width), round(high * width)) for low, high in REGIONS[split]]


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 0x7E87])
