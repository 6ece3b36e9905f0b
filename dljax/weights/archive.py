"""ZIP archives whose directory is compared with what they hold, before it is read."""

import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dljax.weights.refusal import Refusal, require_room

_HEADER = struct.Struct('<4s5H3L2H')  # of an entry, before its name
_ENCRYPTED = 1


class Archive(NamedTuple):
    """An open archive.

    Attributes:
        entries: by name.
        file: to read them from, `file.read(entry)` verifies the checksum.
    """

    entries: Mapping[str, zipfile.ZipInfo]
    file: zipfile.ZipFile


@contextmanager
def open_archive(path: Path, *, packed: bool) -> Iterator[Archive]:
    """Open an archive, none of whose entries is larger than the file can hold.

    Args:
        path: the file.
        packed: whether entries may be compressed (by deflate, no other way).

    Yields:
        The archive.

    Raises:
        Refusal: for entries of one name, that share bytes, or are encrypted, packed
            otherwise than allowed, or together larger than `require_room` grants.
        zipfile.BadZipFile: for a damaged directory.
    """
    with zipfile.ZipFile(path) as file:
        infos = file.infolist()
        entries = {info.filename: info for info in infos}
        if len(entries) < len(infos):
            raise Refusal('two of its arrays have one name')
        for info in infos:
            _require_plain(info, packed)
        require_room(path, sum(info.file_size for info in infos))
        _require_apart(path, infos)
        yield Archive(entries, file)


def _require_plain(info: zipfile.ZipInfo, packed: bool) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise Refusal(f'{info.filename} in it is encrypted')
    stored = info.compress_type == zipfile.ZIP_STORED
    if stored and info.compress_size != info.file_size:
        raise Refusal(
            f'{info.filename} in it declares {info.file_size} bytes but has '
            f'{info.compress_size}'
        )
    if not stored and not (packed and info.compress_type == zipfile.ZIP_DEFLATED):
        raise Refusal(
            f'{info.filename} in it is compressed, wanted entries that are stored as '
            f'they are{" or packed by deflate" if packed else ""}: pack it anew'
        )


def _require_apart(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that share bytes, by which small files hold much."""
    end, last = 0, ''
    with path.open('rb') as file:
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.header_offset < end:
                raise Refusal(f'{last} and {info.filename} in it share bytes')
            file.seek(info.header_offset)
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise zipfile.BadZipFile(f'{info.filename} lies beyond the end')
            *_, name, extra = _HEADER.unpack(header)
            end = info.header_offset + _HEADER.size + name + extra
            end, last = end + info.compress_size, info.filename
        if end > path.stat().st_size:
            raise zipfile.BadZipFile(f'{last} ends beyond the end')
