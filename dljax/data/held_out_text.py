"""A text to learn from and the part of it that is held out."""

import os
from pathlib import Path
from typing import NamedTuple

from dljax.data.load import load
from dljax.data.text import read_text


class HeldOutText(NamedTuple):
    """A text in two parts.

    Attributes:
        train: the first nine tenths.
        test: the rest.
        summary: what it is.
    """

    train: str
    test: str
    summary: str


def held_out_text(
    path: str | os.PathLike[str] | None = None, *, shortest: int = 2
) -> HeldOutText:
    """Read a text of the user's own, or the help of Python itself; part it.

    Args:
        path: of a file in UTF-8; None for Python's help, which is English and differs
            from version to version.
        shortest: characters that a file must have.

    Returns:
        The first nine tenths and the last; of Python's help its topics, in order.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a file that is no text, or too short.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'counting.txt'
        >>> _ = path.write_text('0123456789')
        >>> held_out_text(path).test
        '9'
    """
    if path is not None:
        text = read_text(Path(path), shortest=shortest)
        cut = len(text) * 9 // 10
        return HeldOutText(
            text[:cut], text[cut:], f'{Path(path).name} (a file of the user)'
        )
    topics = load('python_help')
    train, test = (
        '\n'.join(topic.decode() for topic in topics[split]['text'])
        for split in ('train', 'test')
    )
    return HeldOutText(train, test, topics.summary)
