"""Pairs of lines: two files of which the same lines belong together, or a table."""

import os
from pathlib import Path
from typing import NamedTuple

from dljax.data.decoded import lines
from dljax.data.delimited import body, column_of, table

LARGEST = 2**30  # characters of a file of lines
_SPLITS = {'train': ('train',), 'validation': ('val', 'dev'), 'test': ('test',)}


class Pairs(NamedTuple):
    """Texts that are given, and the text that is wanted of each.

    Attributes:
        source: the given texts, without blanks around them.
        target: as many wanted texts.
        dropped: pairs left out since one text was empty.
    """

    source: list[str]
    target: list[str]
    dropped: int


def read_lines(
    path: str | os.PathLike[str], *, encoding: str | None = None
) -> list[str]:
    """Read a file of one text a line.

    Args:
        path: of the file, which may be packed by gzip.
        encoding: such as 'latin-1'; by default UTF-8, or what a byte-order mark says.

    Returns:
        The lines, without blanks around them; empty ones are kept, so that their
        numbers are those of an editor less one.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for an unknown encoding, what is no text of it, or too much.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted one text a line: check the path, seen "
            f"from '{Path.cwd()}'"
        )
    found, size = [], 0
    try:
        for line in lines(path, encoding):
            size += len(line)
            if size > LARGEST:
                raise ValueError(
                    f"'{path}' has more than {LARGEST:,} characters, wanted fewer: "
                    'part '
                    'it into several files'
                )
            found.append(line.strip())
    except ValueError as error:
        if encoding is None and 'is not in UTF-8' in str(error):
            raise ValueError(
                f'{error}, or say what it is in: encoding=, such as latin-1'
            ) from None
        raise
    except LookupError:
        raise ValueError(
            f'encoding is {encoding!r}, wanted one that Python knows, such as utf-8 or '
            'latin-1'
        ) from None
    return found


def read_pairs(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    columns: tuple[str, str] | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    quoted: bool = True,
    encoding: str | None = None,
    drop_empty: bool = False,
) -> Pairs:
    r"""Read pairs of texts from two files of lines, or from two columns of a table.

    Line n of one file belongs to line n of the other, so both have as many.

    Args:
        source: file of the given texts, or the table if `target` is left out.
        target: file of the wanted texts.
        columns: of a table: those of the given and of the wanted texts; by default the
            only two there are.
        delimiter: of a table, as `read_column` takes it.
        header: whether the first row of a table names the columns; if not, they are
            called '1', '2' and so on.
        quoted: of a table: whether quotes around a field belong to its form. Without,
            quotes are signs of the text, as in many files of tabs.
        encoding: of two files, as `read_lines` takes it.
        drop_empty: leave pairs out of which a text is empty, and count them; by default
            they are refused.

    Returns:
        The pairs, in the order of the files.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for files of unequal numbers of lines, a table without the columns,
            or empty texts, with their lines.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'pairs.tsv'
        >>> _ = path.write_text('english\tgerman\na dog\tein Hund\n')
        >>> read_pairs(path, columns=('german', 'english'))
        Pairs(source=['ein Hund'], target=['a dog'], dropped=0)
    """
    if target is None:
        return _of_table(Path(source), columns, delimiter, header, quoted, drop_empty)
    if columns or delimiter or header is not None:
        raise ValueError(
            'columns, delimiter and header are those of a table, wanted two files of '
            'lines without them: leave them out, or the second file'
        )
    given, wanted = (read_lines(path, encoding=encoding) for path in (source, target))
    if len(given) != len(wanted):
        raise ValueError(
            f"'{source}' has {len(given):,} lines and '{target}' {len(wanted):,}, "
            'wanted as many, since the same lines belong together: look for a line '
            'that is missing or broken in two'
        )
    numbers = list(range(1, len(given) + 1))
    return _checked(f"'{source}' or '{target}'", given, wanted, numbers, drop_empty)


def pair_folder(
    path: str | os.PathLike[str],
    languages: tuple[str, str],
    *,
    encoding: str | None = None,
    drop_empty: bool = False,
) -> dict[str, Pairs]:
    """Read a folder of two files of lines a split: `train.de`, `train.en` and so on.

    The last suffix of a name, but for '.gz', says the language, and how the name begins
    the split: 'train'; 'val' or 'dev'; 'test'. What is in between, as in
    `train.lc.norm.tok.de`, is the same in both files. Other files are left alone.

    Args:
        path: of the folder.
        languages: the suffixes of the given and of the wanted texts, ('de', 'en').
        encoding: as `read_lines` takes it.
        drop_empty: as `read_pairs` takes it.

    Returns:
        The pairs of 'train', of 'validation', and of each test by its name up to the
        first dot, such as 'test_2016'; of those that there are.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for no training pairs, a file without its other one, two files for
            one split, or files that `read_pairs` refuses.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, text in (('train.de', 'ein Hund'), ('train.en', 'a dog')):
        ...     _ = (folder / name).write_text(text)
        >>> pair_folder(folder, ('de', 'en'))
        {'train': Pairs(source=['ein Hund'], target=['a dog'], dropped=0)}
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder '{folder}', wanted one of files of lines: check the "
            f"path, seen from '{Path.cwd()}'"
        )
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir()):
        stem, _, language = file.name.removesuffix('.gz').rpartition('.')
        if language not in languages or not (split := _split_of(stem)):
            continue
        files = found.setdefault(split, {})
        if language in files:
            raise ValueError(
                f"'{files[language].name}' and '{file.name}' of '{folder}' are both "
                f'{split} in {language}, wanted one: take the other away'
            )
        files[language] = file
    if 'train' not in found:
        raise ValueError(
            f"'{folder}' has no pairs to learn from, wanted train.{languages[0]} and "
            f'train.{languages[1]}: name them so, or say which languages'
        )
    pairs = {}
    for split, files in sorted(found.items()):
        if len(files) == 1 or languages[0] == languages[1]:
            (alone,) = files.values()
            raise ValueError(
                f"'{alone}' stands alone, wanted it in both {languages[0]} and "
                f'{languages[1]}, which differ: add the other file'
            )
        first, second = (files[language] for language in languages)
        if _stem(first) != _stem(second):
            raise ValueError(
                f"'{first.name}' and '{second.name}' of '{folder}' are named "
                'differently, wanted one name but for the language: pairs of two '
                'preparations may not fit'
            )
        pairs[split] = read_pairs(
            first, second, encoding=encoding, drop_empty=drop_empty
        )
    return pairs


def _stem(file: Path) -> str:
    return file.name.removesuffix('.gz').rpartition('.')[0]


def _split_of(stem: str) -> str | None:
    name = stem.partition('.')[0]
    for split, begins in _SPLITS.items():
        if name.lower().startswith(begins):
            return name if split == 'test' else split
    return None


def _of_table(
    path: Path,
    columns: tuple[str, str] | None,
    delimiter: str | None,
    header: bool | None,
    quoted: bool,
    drop_empty: bool,
) -> Pairs:
    path = path.expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file '{path}', wanted a table of pairs: check the path, seen "
            f"from '{Path.cwd()}'"
        )
    found = table(path, delimiter, None, header, quoted=quoted)
    if columns is None:
        named = tuple(name for name in found.names if name)
        if len(named) != 2:
            raise ValueError(
                f"'{path}' has {len(named)} columns, wanted two: say which by columns"
            )
        columns = (named[0], named[1])
    first, second = (column_of(found, name, header) for name in columns)
    texts: tuple[list[str], list[str], list[int]] = ([], [], [])
    for line, fields in body(found, prose=True):
        padded = [*fields, *[''] * (len(found.names) - len(fields))]
        texts[0].append(padded[first])
        texts[1].append(padded[second])
        texts[2].append(line)
    return _checked(f"'{path}'", *texts, drop_empty)


def _checked(
    place: str,
    source: list[str],
    target: list[str],
    numbers: list[int],
    drop_empty: bool,
) -> Pairs:
    """Refuse empty texts, or leave their pairs out."""
    whole = [bool(a and b) for a, b in zip(source, target, strict=True)]
    empty = [number for number, good in zip(numbers, whole, strict=True) if not good]
    if empty and not drop_empty:
        few = ', '.join(map(str, empty[:5]))
        more = f' and {len(empty) - 5} more' if len(empty) > 5 else ''
        raise ValueError(
            f'{place} has an empty text in line {few}{more}, wanted two texts in each: '
            'fill or delete the lines in both, or say drop_empty=True'
        )
    if not any(whole):
        raise ValueError(f'{place} holds no pair of texts, wanted one or more')
    kept = [i for i, good in enumerate(whole) if good]
    return Pairs([source[i] for i in kept], [target[i] for i in kept], len(empty))
