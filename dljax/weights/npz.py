"""Arrays in NumPy's archives, never a pickle."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from dljax.weights.archive import open_archive
from dljax.weights.refusal import Refusal


def read(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays, after their headers were compared with their lengths."""
    with open_archive(path, packed=True) as archive:
        arrays = {}
        for full, info in archive.entries.items():
            name = full.removesuffix('.npy')
            if name in arrays:
                raise Refusal('two of its arrays have one name')
            with archive.file.open(info) as file:
                declared = _declared(file, name) + file.tell()
            if declared != info.file_size:
                raise Refusal(
                    f'{name} declares {declared} bytes but has {info.file_size}'
                )
            with archive.file.open(info) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
                file.read()  # up to the end, where the checksum is compared
    return arrays


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write all arrays."""
    foreign = [n for n, array in arrays.items() if array.dtype.kind not in 'biuf']
    if foreign:
        raise Refusal(
            f'npz cannot hold {arrays[foreign[0]].dtype}, as of {", ".join(foreign)}: '
            'write .safetensors'
        )
    with zipfile.ZipFile(path, 'w') as archive:
        for name, array in arrays.items():
            with archive.open(f'{name}.npy', 'w', force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _declared(file: IO[bytes], name: str) -> int:
    """Tell how many bytes of numbers a header declares."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise Refusal(f'{name} is of version {version}, wanted 1 or 2')
    if dtype.hasobject:
        raise Refusal(f'{name} holds pickled Python objects, which are never loaded')
    if dtype.kind not in 'biuf':
        raise Refusal(f'{name} is of {dtype}, wanted numbers')
    return int(np.prod(shape, dtype=object)) * dtype.itemsize
