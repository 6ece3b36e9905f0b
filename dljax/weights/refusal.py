"""What is refused in a file, whole as it may be."""

from pathlib import Path

RATIO = 64
SMALL = 2**28


class Refusal(ValueError):
    """A file holds what is never read: says what, and what is wanted."""


def granted_bytes(path: Path) -> int:
    """Tell how many bytes the arrays of a file may take.

    A quarter of a GiB always, or 64 times the file's size, to which no real weights are
    packed.
    """
    return max(SMALL, RATIO * path.stat().st_size)


def require_room(path: Path, declared: int) -> None:
    """Refuse a file that declares far more than it can hold, before it takes memory.

    Args:
        path: the file.
        declared: bytes of all its arrays.

    Raises:
        Refusal: for more than is `granted_bytes`.
    """
    if declared > granted_bytes(path):
        raise Refusal(
            f'its {path.stat().st_size:,} bytes declare arrays of {declared:,} bytes, '
            'which they cannot hold'
        )
