"""Texts with a class: in a table, in a folder a class, in a file of lines a class."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dljax.data.builders.listing import TEXTS, File, escape, list_files
from dljax.data.delimited import body, column_of, quote, table
from dljax.data.pairs import read_lines
from dljax.data.text import read_text


class LabelledTexts(NamedTuple):
    """Texts and what they are.

    Attributes:
        texts: without blanks around them.
        labels: [text] int32.
        class_names: by label.
    """

    texts: list[str]
    labels: np.ndarray
    class_names: tuple[str, ...]


def read_labelled(
    path: str | os.PathLike[str],
    *,
    text: str,
    label: str,
    class_names: Sequence[str] | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    quoted: bool = True,
) -> LabelledTexts:
    r"""Read a table with a column of texts and one of classes.

    Args:
        path: of the file, in UTF-8, or in UTF-16 with its mark.
        text: the column of the texts.
        label: the column of their classes, by name or number.
        class_names: by label, all there are; by default those of the file in
            alphabetical order. For a test file give those of the training.
        delimiter: between two fields, as `read_column` takes it.
        header: whether the first row names the columns; if not, they are called '1',
            '2' and so on.
        quoted: whether quotes around a field belong to the form and not to the text.

    Returns:
        The texts in the order of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is no such table, a text or a class is empty, a class is
            not among those given, or there is one class alone.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'reviews.csv'
        >>> _ = path.write_text('review,is\n"good, very",positive\nbad,negative\n')
        >>> read = read_labelled(path, text='review', label='is')
        >>> read.texts, read.labels.tolist(), read.class_names
        (['good, very', 'bad'], [1, 0], ('negative', 'positive'))
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted a table of texts: check the path, seen "
            f"from '{Path.cwd()}'"
        )
    found = table(path, delimiter, None, header, quoted=quoted)
    place, label_place = (column_of(found, name, header) for name in (text, label))
    texts, classes, lines = [], [], []
    for line, fields in body(found, prose=True):
        fields = [*fields, *[''] * (len(found.names) - len(fields))]
        for name, value in ((text, fields[place]), (label, fields[label_place])):
            if not value:
                raise ValueError(
                    f"'{name}' of '{path}' is empty in row {line}, wanted a value: "
                    'fill '
                    'it, or leave the row out'
                )
        texts.append(fields[place])
        classes.append(fields[label_place])
        lines.append(line)
    names = tuple(class_names) if class_names else tuple(sorted(set(classes)))
    if len(names) < 2 or len(set(names)) != len(names):
        raise ValueError(
            f"'{label}' of '{path}' has the classes {quote(names)}, wanted two or more"
        )
    number = {name: i for i, name in enumerate(names)}
    for line, name in zip(lines, classes, strict=True):
        if name not in number:
            raise ValueError(
                f"'{label}' of '{path}' is {name[:40]!r} in row {line}, wanted one of "
                f'{quote(names)}'
            )
    return LabelledTexts(texts, np.array([number[c] for c in classes], np.int32), names)


def text_folder(path: str | os.PathLike[str]) -> dict[str, LabelledTexts]:
    """Read a folder of text files, one folder for each class.

    `path/cat/1.txt`, or `path/train/cat/1.txt` where there are folders of splits, as
    `folder` has it for pictures. Links, other files inside and empty texts are faults.

    Args:
        path: of the folder.

    Returns:
        The texts by split, which is 'train' alone where there are no folders of splits;
        each class in alphabetical order.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for folders that are no classes; or that names every file that
            cannot be used.
    """
    listing = list_files(path, TEXTS)
    faults, found = list(listing.faults), {}
    for split, files in listing.splits.items():
        texts = [_text(listing.root, file, faults) for file in files]
        labels = np.array([file.label for file in files], np.int32)
        found[split] = LabelledTexts(texts, labels, listing.classes)
    if faults:
        message = (
            f"'{escape(listing.root)}' cannot be used as it is: {len(faults)} files "
            'have to be mended or taken out'
        )
        raise ValueError('\n- '.join([message, *sorted(faults)]))
    return found


def labelled_lines(
    paths: Mapping[str, str | os.PathLike[str]], *, encoding: str | None = None
) -> LabelledTexts:
    """Read a file of one text a line for each class.

    Args:
        paths: of the files, by class; the labels are in this order.
        encoding: as `read_lines` takes it.

    Returns:
        The texts, class after class.

    Raises:
        FileNotFoundError: if a file is not there.
        ValueError: for fewer than two classes, an empty line, or a file that cannot be
            read.
    """
    if len(paths) < 2:
        raise ValueError(
            f'there are {len(paths)} classes, wanted a file for each of two'
        )
    texts, labels = [], []
    for label, path in enumerate(paths.values()):
        found = read_lines(path, encoding=encoding)
        if '' in found or not found:
            raise ValueError(
                f"'{path}' is empty in line {[*found, ''].index('') + 1}, wanted a "
                'text: '
                'delete the line'
            )
        texts += found
        labels += [label] * len(found)
    return LabelledTexts(texts, np.array(labels, np.int32), tuple(paths))


def _text(root: str, file: File, faults: list[str]) -> str:
    """Read one file; what is wrong with it goes to the faults."""
    try:
        text = read_text(Path(root) / file.path).strip()
    except (OSError, ValueError) as error:
        faults.append(f'{escape(file.path)} cannot be read ({error})')
        return ''
    if not text:
        faults.append(f'{escape(file.path)} is empty')
    return text
