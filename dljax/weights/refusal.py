"""What is refused in a file, whole as it may be."""

from pathlib import Path

RATIO = 64
SMALL = 2**28


class Refusal(ValueError):
    """A file holds what is never read: says what, and what is wanted."""


def require_room(path: Path, declared: int) -> None:
    """Refuse a file that declares far more than it can hold, before it takes memory.

    Args:
        path: the file.
        declared: bytes of all its arrays. Up to a quarter of a GiB is always granted,
            beyond that 64 times the file's size, which no real weights are packed to.

    Raises:
        Refusal: for more.
    """
    size = path.stat().st_size
    if declared > max(SMALL, RATIO * size):
        raise Refusal(
            f'its {size:,} bytes declare arrays of {declared:,} bytes, which they '
            'cannot hold'
        )
