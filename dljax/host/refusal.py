"""What a command refuses in one line, and what ends in a stack trace instead."""

import dis
import errno
import os
import shutil
from pathlib import Path

RAISE = dis.opmap['RAISE_VARARGS']
# What the system answers to a user's path, and how to mend it.
ANSWERS = {
    errno.EACCES: 'permission denied: choose another place, or have it opened to you',
    errno.EPERM: 'not permitted: choose another place, or have it opened to you',
    errno.EROFS: 'the file system can only be read: choose a place on another',
    errno.ENOENT: 'there is no such file or folder: check the path',
    errno.ENOTDIR: 'a part of the path is a file, wanted a folder: choose another',
    errno.EEXIST: 'it is there already and is no folder: choose another',
    errno.EISDIR: 'it is a folder, wanted a file: choose another',
    errno.ENAMETOOLONG: 'the name is too long: choose a shorter one',
    errno.ELOOP: 'its symbolic links lead in a circle: mend them, or choose another',
}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def refusal(error: BaseException, *files: Path) -> str | None:
    """Put a refusal into words, and tell it from a fault.

    A refusal says to its user what to change. That is what the system answers
    (OSError), and what a `raise` of this package, or of one of the files, says. Any
    other ValueError is a fault whose place is worth knowing, also where the innermost
    frame is ours: JAX takes its own frames out of a traceback, and functions written in
    C have none, so it is the instruction that counts.

    Args:
        error: that was raised.
        files: of the user's that refuse as well, such as the experiment's.

    Returns:
        The words, or None for a fault.

    Example:
        >>> refusal(NotADirectoryError(20, 'Not a directory', 'a/b'))
        'a/b: a part of the path is a file, wanted a folder: choose another'
        >>> try:
        ...     int('one')
        ... except ValueError as error:
        ...     refusal(error) is None
        True
    """
    if isinstance(error, OSError):
        return _answer(error)
    kinds = (ValueError, TypeError, ImportError, FloatingPointError, RuntimeError)
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    if last is None or not isinstance(error, kinds):
        return None
    code = last.tb_frame.f_code
    place = Path(code.co_filename)
    ours = place in files or Path(__file__).parents[1] in place.parents
    return str(error) if ours and code.co_code[last.tb_lasti] == RAISE else None


def _answer(error: OSError) -> str:
    """Say what the system did not do, and what would mend it."""
    path = error.filename2 or error.filename
    if error.errno in FULL:
        where = Path(os.fsdecode(path)) if path else Path.cwd()
        return f'{path or "a file"}: {full(where)}'
    if path is None or error.errno not in ANSWERS:
        return str(error)
    return f'{os.fsdecode(path)}: {ANSWERS[error.errno]}'


def full(path: Path, need: int | None = None) -> str:
    """Say that a disk is full, how much is free and how much is needed.

    Args:
        path: on it; it need not be there.
        need: bytes, where they are known.
    """
    folder = path.absolute()
    while not folder.is_dir():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    wanted = 'more' if need is None else f'{need:,}'
    return (
        f'the disk is full, or a limit is reached: {free:,} bytes are free there, '
        f'wanted {wanted}: make room, or choose a place on another disk'
    )
