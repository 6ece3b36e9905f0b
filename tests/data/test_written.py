"""Images as files and back."""

from pathlib import Path

import numpy as np
import pytest

from dljax import data


def arrays(shape: tuple[int, ...], dtype: type, seed: int) -> dict[str, np.ndarray]:
    high = np.iinfo(dtype).max
    images = np.random.default_rng(seed).integers(0, high, shape, dtype, endpoint=True)
    return {'image': images, 'label': np.arange(shape[0]) % 2}


@pytest.mark.parametrize(
    'channels, dtype', [(1, np.uint8), (3, np.uint8), (1, np.uint16)]
)
def test_what_is_written_is_what_is_read(
    channels: int, dtype: type, tmp_path: Path
) -> None:
    splits = {
        split: arrays((count, 5, 4, channels), dtype, count)
        for split, count in (('train', 20), ('validation', 4), ('test', 6))
    }
    path = data.write_folder(tmp_path / 'a', splits, ('cat', 'dog'))
    assert [p.name for p in tmp_path.iterdir()] == ['a']
    again = data.folder(path, data_dir=tmp_path / 'prepared')
    assert again.class_names == ('cat', 'dog')
    for split, wanted in splits.items():
        got = again[split]
        assert got['image'].dtype == dtype
        pairs = [
            sorted(
                (int(label), image.tobytes())
                for image, label in zip(a['image'], a['label'], strict=True)
            )
            for a in (got, wanted)
        ]
        assert pairs[0] == pairs[1]
    with pytest.raises(FileExistsError, match='is there already'):
        data.write_folder(path, splits, ('cat', 'dog'))


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    floats = {'image': np.zeros((2, 4, 4, 1)), 'label': [0, 1]}
    with pytest.raises(ValueError, match='images of train are float64 of shape'):
        data.write_folder(tmp_path / 'a', {'train': floats}, ('cat', 'dog'))
    beyond = {'image': np.zeros((2, 4, 4, 1), np.uint8), 'label': [0, 2]}
    with pytest.raises(IndexError):
        data.write_folder(tmp_path / 'a', {'train': beyond}, ('cat', 'dog'))
    assert list(tmp_path.iterdir()) == []
