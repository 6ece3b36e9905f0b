"""What tells files apart: the hash of one, or of all that a folder holds."""

import hashlib
from pathlib import Path
from typing import NamedTuple


class FilesHash(NamedTuple):
    """What files hold.

    Attributes:
        sha256: in hexadecimal digits; of a folder, of the paths and contents of its
            files in the order of the paths.
        bytes: of all contents together.
    """

    sha256: str
    bytes: int


def hash_files(path: Path) -> FilesHash:
    """Hash a file, or all files of a folder with their names.

    Args:
        path: of the file or the folder.

    Returns:
        Hash and size.

    Raises:
        OSError: where a file cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / 'digits.txt'
        >>> _ = path.write_text('0123456789')
        >>> hash_files(path).sha256[:16], hash_files(path).bytes
        ('84d89877f0d4041e', 10)
    """
    names = sorted(
        (file.relative_to(path).as_posix(), file)
        for file in (path.rglob('*') if path.is_dir() else ())
        if file.is_file()
    )
    hashed, size = hashlib.sha256(), 0
    for name, file in names if path.is_dir() else [('', path)]:
        if name:
            hashed.update(f'{name}\0'.encode())
        with file.open('rb') as content:
            while block := content.read(2**20):
                hashed.update(block)
                size += len(block)
    return FilesHash(hashed.hexdigest(), size)
