"""Files of weights that were damaged anywhere give an error of values or of files."""

import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dljax.weights import opcodes
from dljax.weights.files import read, write
from tests.weights.torch_files import pickled, save, save_legacy, tensors

SOME = {
    'layer/kernel': np.arange(6.0, dtype=np.float32).reshape(2, 3),
    'layer/bias': np.ones(3, np.float32),
}
MAKERS: dict[str, Callable[[Path], None]] = {
    '.npz': lambda path: write(path, SOME),
    '.safetensors': lambda path: write(path, SOME),
    '.pt': lambda path: save(path, {'epoch': 1, 'state_dict': tensors(SOME)}),
    '.ckpt': lambda path: save_legacy(path, tensors(SOME)),
    '.h5': lambda path: write(path, SOME),
    '.weights.h5': lambda path: write(path, SOME),
}
SLOW = ('.h5', '.weights.h5')  # a process each
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.binary(max_size=8), st.integers(0, 8)
    ),
    min_size=1,
    max_size=4,
)


def damaged(content: bytes, edits: list[tuple[float, bytes, int]]) -> bytes:
    """Put other bytes in the place of some."""
    for place, new, old in edits:
        at = int(place * len(content))
        content = content[:at] + new + content[at + old :]
    return content


def check(path: Path, many: int, slow: int) -> None:
    suffix = next(s for s in sorted(MAKERS, key=len)[::-1] if path.name.endswith(s))
    MAKERS[suffix](path)
    good = path.read_bytes()

    @settings(
        max_examples=slow if suffix in SLOW else many,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(EDITS)
    def one(edits: list[tuple[float, bytes, int]]) -> None:
        path.write_bytes(damaged(good, edits))
        try:
            found = read(path, patience=5)
        except (ValueError, OSError) as error:
            assert str(error)
            return
        assert all(isinstance(array, np.ndarray) for array in found.values())

    one()


@pytest.mark.parametrize('suffix', MAKERS)
def test_a_few_damaged_files_are_named(tmp_path: Path, suffix: str) -> None:
    check(tmp_path / f'a{suffix}', many=20, slow=2)


@pytest.mark.faults
@pytest.mark.parametrize('suffix', MAKERS)
def test_damaged_files_are_named(tmp_path: Path, suffix: str) -> None:
    check(tmp_path / f'a{suffix}', many=1000, slow=50)


def programs(many: int) -> None:
    good, _ = pickled({'epoch': 1, 'state_dict': tensors(SOME)}, 4)

    @settings(max_examples=many, deadline=None, derandomize=True, database=None)
    @given(EDITS)
    def one(edits: list[tuple[float, bytes, int]]) -> None:
        try:
            opcodes.load(io.BytesIO(damaged(good, edits)))
        except (ValueError, OverflowError, RecursionError) as error:
            assert str(error)  # `read` names them all as damage

    one()


def test_a_few_damaged_pickles_are_named() -> None:
    programs(50)


@pytest.mark.faults
def test_damaged_pickles_are_named() -> None:
    programs(2000)


@pytest.mark.faults
def test_flipped_bytes_all_over_an_hdf5_file_are_survived(tmp_path: Path) -> None:
    """Where the library turns in circles, it is given up."""
    path = tmp_path / 'a.h5'
    with h5py.File(path, 'w', libver='earliest') as file:
        file['g/a'] = np.ones(2)
    good = path.read_bytes()
    for place in range(0, len(good), 31):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        try:
            read(path, patience=2)
        except (ValueError, OSError) as error:
            assert str(error)
