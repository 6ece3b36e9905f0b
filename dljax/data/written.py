"""Images of a set as files, to look at or to give away."""

import operator
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np


def write_folder(
    path: str | os.PathLike[str],
    splits: Mapping[str, Mapping[str, np.ndarray]],
    class_names: Sequence[str],
) -> Path:
    """Write images as PNG files, in a folder for each class: what `folder` reads.

    The names are `path/SPLIT/CLASS/NUMBER.png`. All is written beside the folder and
    moved there at the end, so that half of it is never seen.

    Args:
        path: of the folder, which must not be there yet.
        splits: 'image' [example, height, width, channel] of one or three channels
            `uint8`, or one of `uint16`, and 'label' [example], by split.
        class_names: by label.

    Returns:
        The path.

    Raises:
        FileExistsError: if there is something at that path.
        ValueError: for images of another form.

    Example:
        >>> import tempfile
        >>> arrays = {'image': np.zeros((2, 4, 4, 1), np.uint8), 'label': [0, 1]}
        >>> with tempfile.TemporaryDirectory() as root:
        ...     path = write_folder(root + '/pets', {'train': arrays}, ('cat', 'dog'))
        ...     sorted(str(p.relative_to(path)) for p in path.rglob('*.png'))
        ['train/cat/0.png', 'train/dog/1.png']
    """
    from PIL import Image

    path = Path(path).expanduser()
    if path.exists():
        raise FileExistsError(f"'{path}' is there already, wanted a new folder")
    for split, arrays in splits.items():
        images = np.asarray(arrays['image'])
        form = (images.shape[3:], images.dtype.name)
        if form not in [((1,), 'uint8'), ((3,), 'uint8'), ((1,), 'uint16')]:
            raise ValueError(
                f'images of {split} are {images.dtype} of shape {images.shape}, wanted '
                '[example, height, width, channel] of one or three channels uint8, or '
                'one of uint16'
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = tempfile.mkdtemp(prefix=f'.{path.name}-', dir=path.parent)
    try:
        for split, arrays in splits.items():
            for name in class_names:
                os.makedirs(os.path.join(beside, split, name))
            pairs = zip(np.asarray(arrays['image']), arrays['label'], strict=True)
            for number, (image, label) in enumerate(pairs):
                image = Image.fromarray(
                    image[..., 0] if len(image[0, 0]) == 1 else image
                )
                name = class_names[operator.index(label)]
                image.save(os.path.join(beside, split, name, f'{number}.png'))
        os.chmod(beside, 0o755)  # made for its owner alone
        os.rename(beside, path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return path
