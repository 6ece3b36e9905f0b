"""Pictures in a folder and sentences about them in a table, read together."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dljax.data.builders.listing import ENDINGS, File, escape
from dljax.data.delimited import body, column_of, table

MEMORY = 4 * 2**30  # bytes of all pictures
MOST_FAULTS = 20  # that are named one by one


class CaptionedPictures(NamedTuple):
    """Pictures, and what was said about each.

    Attributes:
        images: [picture, height, width, channels] uint8.
        captions: one or more of each picture, in the order of the table.
        files: their names, from the folder on.
        summary: one line for the start of a run.
    """

    images: np.ndarray
    captions: list[tuple[str, ...]]
    files: list[str]
    summary: str


def captioned_folder(
    path: str | os.PathLike[str],
    captions: str | os.PathLike[str],
    *,
    columns: tuple[str, str] = ('image', 'caption'),
    size: tuple[int, int],
    crop: float | None = 1.0,
    channels: int = 3,
    delimiter: str | None = None,
) -> CaptionedPictures:
    r"""Read the pictures that a table names, with the captions that stand beside them.

    A picture may have several captions, a row each, as the `captions.txt` of Flickr8k
    has five. Pictures that the table does not name are left alone. Links are not
    followed; pictures are turned upright, and what is transparent is laid on white, as
    `folder` does it.

    Args:
        path: of the folder of pictures.
        captions: of the table, a CSV file whose first row names the columns.
        columns: those of the files, whose paths begin in the folder and do not lead out
            of it, and of the captions.
        size: (height, width) to resize to, bilinearly.
        crop: fraction of the largest central window of that shape that is kept, in (0,
            1]; None stretches the whole picture instead.
        channels: 1 or 3, to make all grey or colour.
        delimiter: between two fields of the table, as `read_column` takes it.

    Returns:
        The pictures, in the order in which the table names them first.

    Raises:
        FileNotFoundError: if there is no such folder or table.
        ValueError: for a setting out of range, a table without the columns or without
            a row, pictures that would fill the memory; or that names the rows without
            a caption, and the pictures that are missing or cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> from PIL import Image
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(folder / 'night.png')
        >>> _ = (folder / 'said.csv').write_text(
        ...     'image,caption\nnight.png,a dark night\nnight.png,nothing\n')
        >>> made = captioned_folder(folder, folder / 'said.csv', size=(4, 4))
        >>> made.images.shape, made.captions
        ((1, 4, 4, 3), [('a dark night', 'nothing')])
    """
    # Not before: whoever imports the room need not have Pillow.
    from dljax.data.builders.picture import Recipe, picture, pixels

    root, said = Path(path).expanduser(), Path(captions).expanduser()
    _check(root, said, size, crop, channels)
    texts, faults = _texts(said, root, columns, delimiter)
    bytes_needed = len(texts) * size[0] * size[1] * channels
    if bytes_needed > MEMORY:
        raise ValueError(
            f'{len(texts):,} pictures of {size[0]}x{size[1]} pixels need '
            f'{bytes_needed / 2**30:.1f} GiB, wanted {MEMORY / 2**30:g} or less: take '
            'a smaller size, or one channel'
        )
    recipe = Recipe(channels, 'uint8', (size[0], size[1]), crop, 255)
    images = np.zeros((len(texts), *size, channels), np.uint8)
    for place, (name, (line, _)) in enumerate(texts.items()):
        try:
            facts = (root / name).lstat()
            file = File(name, facts.st_size, facts.st_mtime_ns, 0)
            with picture(str(root), file) as image:
                images[place] = pixels(image, recipe)
        except FileNotFoundError:
            faults.append(f'row {line}: there is no picture {escape(name)}')
        except ValueError as error:
            faults.append(f'row {line}: {escape(name)} {error}')
        except Exception as error:  # of many types, from Pillow
            what = f'cannot be read ({type(error).__name__}: {error})'
            faults.append(f'row {line}: {escape(name)} {what}')
    if faults or not texts:
        raise _refusal(said, root, faults)
    found = [tuple(several) for _, several in texts.values()]
    counts = [len(several) for several in found]
    many = f'{min(counts)} to {max(counts)}' if len(set(counts)) > 1 else f'{counts[0]}'
    return CaptionedPictures(
        images,
        found,
        list(texts),
        f'{len(found):,} pictures of {size[0]}x{size[1]} pixels with {many} captions',
    )


def _check(
    root: Path,
    said: Path,
    size: tuple[int, int],
    crop: float | None,
    channels: int,
) -> None:
    if not root.is_dir():
        raise FileNotFoundError(
            f"there is no folder '{root}', wanted one of pictures: check the path, "
            f"seen from '{Path.cwd()}'"
        )
    if not said.is_file():
        raise FileNotFoundError(
            f"there is no file '{said}', wanted a table of captions: check the path, "
            f"seen from '{Path.cwd()}'"
        )
    if len(size) != 2 or min(size) < 1 or channels not in (1, 3):
        raise ValueError(
            f'size is {size} and channels {channels}, wanted (height, width), each 1 '
            'or more, and 1 or 3'
        )
    if crop is not None and not 0 < crop <= 1:
        raise ValueError(
            f'crop is {crop}, wanted a fraction in (0, 1], or None to stretch'
        )


def _texts(
    said: Path, root: Path, columns: tuple[str, str], delimiter: str | None
) -> tuple[dict[str, tuple[int, list[str]]], list[str]]:
    """Give by file the first row and the captions, and what is wrong with the rows."""
    found = table(said, delimiter, None, None)
    image, caption = (column_of(found, name, None) for name in columns)
    texts: dict[str, tuple[int, list[str]]] = {}
    faults, inside = [], root.resolve()
    for line, fields in body(found, prose=True):
        name, text = (
            fields[place] if place < len(fields) else '' for place in (image, caption)
        )
        if not name or not text:
            empty = columns[1] if name else columns[0]
            faults.append(f"row {line} has no '{empty}'")
        elif not (inside / name).resolve().is_relative_to(inside):
            faults.append(f'row {line}: {escape(name)} lies outside the folder')
        elif not name.lower().endswith(ENDINGS):
            faults.append(f'row {line}: {escape(name)} is not named as a picture is')
        else:
            texts.setdefault(name, (line, []))[1].append(text)
    return texts, faults


def _refusal(said: Path, root: Path, faults: list[str]) -> ValueError:
    if not faults:
        return ValueError(f"'{said}' has no row, wanted a picture and a caption in one")
    message = (
        f"'{said}' with the pictures of '{root}' cannot be used as it is: "
        f'{len(faults)} rows have to be mended or taken out'
    )
    more = [f'and {len(faults) - MOST_FAULTS} more'] * (len(faults) > MOST_FAULTS)
    return ValueError('\n- '.join([message, *faults[:MOST_FAULTS], *more]))
