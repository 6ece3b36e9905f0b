"""Doors to files that the user has: folders of pictures, IDX files, CIFAR."""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dljax.data.dataset import DataSet
from dljax.data.prepare import expand_user, open_builder, prepare, without_warnings
from dljax.data.whole import folder_of, whole

MEMORY = 4 * 2**30
LARGEST = 2**26  # pixels of a picture that others are resized to


def folder(
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    crop: float | None = 1.0,
    channels: int | None = None,
    background: int = 255,
    data_dir: str | os.PathLike[str] | None = None,
    memory_limit: int = MEMORY,
) -> DataSet:
    """Open a folder of pictures, one folder for each class.

    `path/cat/1.png`, or `path/train/cat/1.png` where there are folders of splits:
    'train', 'validation' and 'test', or as people call them ('Training', 'val', 'dev',
    'test_set', 'seg_train/seg_train'). Folders that hold folders of the same names are
    refused, for they seem to be splits of another name, and so are 'train_cat' beside
    'test_cat'. Without splits the pictures
    are parted 70, 10 and 20 %, with train and test alone a tenth of train validates;
    both are stratified by class and always the same. Classes are in alphabetical order,
    and folders inside those of classes belong to them. The description says how many
    pictures of validation or test are in train too, byte for byte.

    The first time, and whenever names, sizes or times of the files have changed, the
    pictures are decoded and kept losslessly with the other prepared sets. A folder that
    was opened before with the same settings is opened at once. Copies of what it was
    before stay, as `dljax_files/NAME-*`, until you delete them.

    JPEG, PNG, BMP, GIF, WebP and TIFF, of one picture, are turned upright by their EXIF
    entry. What is transparent is laid on the background. A palette is written out; CMYK
    becomes RGB by the plain formula, and colour profiles are not applied. Grey of 16
    bits is kept where all pictures are grey, then `uint16`, else rounded to 8 bits; of
    16-bit colour Pillow reads the upper 8. Floats, 32 bits, Lab, animations and several
    pages are refused. A JPEG may be damaged inside without any decoder noticing.

    Links are never followed, not even inside the folder, but refused by name. Hidden
    files, those of the system, and other files outside the class folders are passed
    over and counted in the description.

    Args:
        path: of the folder.
        size: (height, width) to resize to, bilinearly; without, all must be of one.
        crop: fraction of the largest central window of that shape that is kept, in (0,
            1]; 0.875 is what ImageNet is evaluated with (224 of 256). `None` stretches
            the whole picture instead.
        channels: 1 or 3, to make all grey or colour; by default 1 where all are grey.
        background: behind what is transparent, 0 (black) to 255 (white).
        data_dir: where prepared sets lie, as in `load`.
        memory_limit: bytes above which `data[split]` refuses and points to `stream`.

    Returns:
        The data set: 'image' [height, width, channels] and 'label'.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for a setting out of range; for folders that are no classes; or that
            names every file that cannot be used, and leaves nothing prepared.
        OSError: if the set cannot be written.

    Example:
        >>> import pathlib, tempfile, numpy as np
        >>> from PIL import Image
        >>> place = tempfile.TemporaryDirectory()
        >>> root = pathlib.Path(place.name)
        >>> for number in range(40):
        ...     name = 'dark' if number % 2 else 'light'
        ...     (root / 'pictures' / name).mkdir(parents=True, exist_ok=True)
        ...     grey = np.full((6, 8), 255 - 200 * (number % 2), np.uint8)
        ...     Image.fromarray(grey).save(root / 'pictures' / name / f'{number}.png')
        >>> data = folder(root / 'pictures', size=(4, 4), data_dir=root / 'prepared')
        >>> data.class_names, data.splits, data['train']['image'].shape
        (('dark', 'light'), {'train': 28, 'validation': 4, 'test': 8}, (28, 4, 4, 1))
        >>> place.cleanup()
    """
    from dljax.data.builders.files import key_of
    from dljax.data.builders.folder import description, folder_form
    from dljax.data.builders.listing import list_pictures

    if size is not None and (
        len(size) != 2 or min(size) < 1 or math.prod(size) > LARGEST
    ):
        raise ValueError(
            f'size is {size}, wanted (height, width), each 1 or more, and at most '
            f'{LARGEST:,} pixels'
        )
    if crop is not None and not 0 < crop <= 1:
        raise ValueError(
            f'crop is {crop}, wanted a fraction in (0, 1], or None to stretch'
        )
    if channels not in (None, 1, 3) or not 0 <= background <= 255:
        raise ValueError(
            f'channels is {channels} and background {background}, wanted 1, 3 or None, '
            'and 0 (black) to 255 (white)'
        )
    listing = list_pictures(path)
    settings = (size and (size[0], size[1]), crop, channels, background)
    files = (file for split in listing.splits.items() for file in (split[0], *split[1]))
    key = key_of(listing.root, listing.root, listing.classes, settings, *files)
    return _opened(
        os.path.basename(listing.root),
        key,
        lambda: folder_form(listing, *settings),
        data_dir,
        apart=listing.root,
        kind='a folder of the user',
        memory_limit=memory_limit,
        description=description(listing),
    )


def idx(
    path: str | os.PathLike[str],
    *,
    prefix: str = '',
    first_label: int = 0,
    class_names: Sequence[str] | None = None,
    transposed: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    memory_limit: int = MEMORY,
) -> DataSet:
    """Open the four IDX files of MNIST, Fashion-MNIST, KMNIST or EMNIST.

    The names are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with
    `t10k` (or `test`); with a dot before `idx`, and packed as `.gz`, as people have
    them. Of the training images a tenth validates, stratified by class and always the
    same: 54,000, 6,000 and 10,000 images of MNIST.

    Args:
        path: of the folder.
        prefix: before the names, such as 'emnist-letters-'.
        first_label: what the files call the first class: 1 for EMNIST letters.
        class_names: by label; by default the numbers in the files.
        transposed: exchange rows and columns, as EMNIST needs it.
        data_dir: where prepared sets lie, as in `load`.
        memory_limit: bytes above which `data[split]` refuses and points to `stream`;
            files that hold more are refused too.

    Returns:
        The data set: 'image' [height, width, 1] uint8 and 'label'.

    Raises:
        FileNotFoundError: for a file that is not there, with the names looked for.
        ValueError: for a file with another beginning or length, images and labels that
            do not fit together, or labels out of range.
        OSError: if the set cannot be written.

    Reference:
        LeCun et al. (1998), The MNIST Database of Handwritten Digits,
        http://yann.lecun.com/exdb/mnist/
    """
    from dljax.data.builders.files import key_of
    from dljax.data.builders.idx import idx_form, idx_set

    root = _root(path)
    if not os.path.isdir(root):
        raise FileNotFoundError(
            f"'{root}' is no folder, wanted the one that holds the four IDX files"
        )
    content = idx_set(root, prefix, memory_limit)
    names = class_names and tuple(class_names)
    arrays = [*content.images.values(), *content.labels.values()]
    # As views, since copies would take the memory a second time.
    facts = [fact for a in arrays for fact in (a.shape, a.data.cast('B'))]
    return _opened(
        prefix.strip('-_.') or os.path.basename(root),
        key_of(root, first_label, names, transposed, *facts),
        lambda: idx_form(content, first_label, names, transposed),
        data_dir,
        kind='files of the user',
        memory_limit=memory_limit,
    )


def cifar(
    path: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    memory_limit: int = MEMORY,
) -> DataSet:
    """Open CIFAR-10 or CIFAR-100 in the binary version.

    Of the training images a tenth validates, stratified by class and always the same:
    45,000, 5,000 and 10,000 images. CIFAR-100 has 'label', the hundred classes, and
    'coarse_label', the twenty above them, as TFDS has it.

    Args:
        path: of the folder with the `.bin` files, or of `cifar-10-binary.tar.gz` or
            `cifar-100-binary.tar.gz`, which is read without being unpacked.
        data_dir: where prepared sets lie, as in `load`.
        memory_limit: bytes above which `data[split]` refuses and points to `stream`.

    Returns:
        The data set: 'image' [32, 32, 3] uint8 and the labels.

    Raises:
        FileNotFoundError: for a file that is not there.
        ValueError: for the Python version, which only unpickling could read; for
            damaged files, links in a tar file, or labels out of range.
        OSError: if the set cannot be written.

    Reference:
        Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images,
        https://www.cs.toronto.edu/~kriz/cifar.html
    """
    from dljax.data.builders.cifar import cifar_files, cifar_form
    from dljax.data.builders.files import key_of

    root = _root(path)
    version, content = cifar_files(root)
    return _opened(
        version.name,
        key_of(version.name, *content, *content.values()),
        lambda: cifar_form(version, content),
        data_dir,
        kind='files of the user',
        memory_limit=memory_limit,
    )


def _root(path: str | os.PathLike[str]) -> str:
    return os.path.realpath(os.path.expanduser(path))


def _opened(
    name: str,
    key: str,
    form: Callable[[], Any],
    data_dir: str | os.PathLike[str] | None,
    apart: str | None = None,
    description: str | None = None,
    **facts: Any,
) -> DataSet:
    """Open the set under its key, and prepare it if it is not there.

    Nothing is prepared inside the folder `apart`, where it would be taken for a class.
    """
    from tensorflow_datasets.core import read_only_builder

    from dljax.data.builders.files import Files
    from dljax.data.builders.twice import TWICE

    folder = expand_user(data_dir)

    def place_of() -> str:
        return folder_of(folder, Files.name, key, str(Files.VERSION))

    with without_warnings(), whole(place_of):
        builder = Files(key, folder)
        ready = builder.is_prepared()
    place = Path(builder.data_dir).resolve()
    if apart is not None and place.is_relative_to(apart):
        raise ValueError(
            f"prepared sets would lie in '{place}', inside '{apart}', wanted another "
            'place: choose it by data_dir or the environment variable TFDS_DATA_DIR'
        )
    if not ready:
        made = form()
        builder = prepare(name, lambda: Files(key, folder, made), place_of)
        builder.release()
    # Reads what is there, and needs neither the files nor their listing any more.
    with whole(place_of):
        builder = read_only_builder.builder_from_directory(builder.data_dir)
    if description is not None:
        # Copies were looked for when it was prepared.
        description += ''.join(builder.info.description.partition(TWICE)[1:])
    return open_builder(builder, name=name, description=description, **facts)
