"""Which door a path of the user's leads through."""

from pathlib import Path

import numpy as np
import pytest

from dljax import data
from dljax.data import opened


@pytest.mark.parametrize(
    ('files', 'door'),
    [
        (['train-images-idx3-ubyte.gz', 'readme'], 'idx'),
        (['train-images.idx3-ubyte'], 'idx'),
        (['data_batch_1.bin'], 'cifar'),
        (['cat/1.png', 'dog/2.png'], 'folder'),
    ],
)
def test_files_are_opened_as_what_they_are(
    files: list[str], door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ('idx', 'cifar', 'folder'):
        monkeypatch.setattr(opened, name, lambda path, name=name: (name, path))
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b'')
    assert data.open_images(tmp_path) == (door, tmp_path)
    archive = tmp_path / 'cifar-10-binary.tar.gz'
    archive.write_bytes(b'')
    assert data.open_images(archive) == ('cifar', archive)


def test_without_a_path_there_are_digits_and_nothing_is_said_to_be_nothing(
    tmp_path: Path,
) -> None:
    with pytest.raises(FileNotFoundError, match='is not there, wanted a folder of IDX'):
        data.open_images(tmp_path / 'none')
    digits = data.open_images()
    assert digits.name == 'digits' and np.prod(digits.specs['image'].shape) == 64
