"""Arrays in safetensors files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def read(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays; the library compares all lengths with the file's first."""
    with safe_open(path, framework='np') as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write all arrays."""
    save_file(dict(arrays), path)
