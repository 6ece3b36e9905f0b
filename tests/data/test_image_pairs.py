"""Pairs of pictures in folders: who belongs to whom, and what is told of faults."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dljax.data.image_pairs import combined_folder, paint_segments, paired_folders
from dljax.data.plain_pictures import part_names, picture_files, read_pictures


def save(path: Path, colour: tuple[int, int, int], size: tuple = (8, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size, colour).save(path)


def fill(root: Path, splits: dict[str, int]) -> tuple[Path, Path]:
    """Pairs whose red is their number, in A of '_map' names."""
    for split, count in splits.items():
        for number in range(count):
            save(root / 'a' / split / f'{number:02}_map.png', (number, 0, 0))
            save(root / 'a' / split / f'{number:02}_other.png', (99, 9, 9))
            save(root / 'b' / split / f'{number:02}.png', (number, 7, 0))
    return root / 'a', root / 'b'


def test_pairs_are_found_by_their_names_and_splits(tmp_path: Path) -> None:
    a, b = fill(tmp_path, {'train': 20, 'val': 3, 'test': 4})
    made = paired_folders(a, b, size=(4, 4), suffixes=('_map', ''))
    sizes = {split: len(names) for split, names in made.names.items()}
    assert sizes == {'train': 20, 'validation': 3, 'test': 4}
    for split, arrays in made.splits.items():
        numbers = [int(name) for name in made.names[split]]
        assert arrays['a'][:, 0, 0, 0].tolist() == numbers
        assert arrays['b'][:, 0, 0, :2].tolist() == [[n, 7] for n in numbers]
    assert '20 train, 3 validation, 4 test' in made.summary


def test_without_splits_a_tenth_each_is_held_out(tmp_path: Path) -> None:
    a, b = fill(tmp_path, {'': 30})
    made = paired_folders(a, b, size=(4, 4), suffixes=('_map', ''))
    sizes = {split: len(names) for split, names in made.names.items()}
    assert sizes == {'train': 24, 'validation': 3, 'test': 3}
    names = [name for split in made.names.values() for name in split]
    assert len(set(names)) == 30
    few = {name: len(part) for name, part in part_names({'all': 'abc'}, '').items()}
    assert few == {'train': 1, 'validation': 1, 'test': 1}
    with pytest.raises(ValueError, match='has 2 examples to learn from, wanted 3'):
        part_names({'all': range(2)}, 'the set')


def test_every_picture_without_a_partner_or_a_use_is_named(tmp_path: Path) -> None:
    a, b = fill(tmp_path, {'train': 12, 'test': 2})
    (b / 'train' / '03.png').unlink()
    (a / 'test' / '01_map.png').unlink()
    with pytest.raises(ValueError, match='2 files have to be mended') as caught:
        paired_folders(a, b, size=(4, 4), suffixes=('_map', ''))
    assert '03_map.png has no partner' in str(caught.value)
    assert 'test/01.png has no partner' in str(caught.value)
    (b / 'train' / '03.png').write_bytes(b'no picture')
    save(a / 'test' / '01_map.png', (1, 0, 0))
    with pytest.raises(ValueError, match='train/03.png cannot be read'):
        paired_folders(a, b, size=(4, 4), suffixes=('_map', ''))
    save(b / 'train' / '03.png', (0, 0, 0))
    (b / 'test' / '00.png').rename(tmp_path / 'kept.png')
    (b / 'test' / '00.png').symlink_to(tmp_path / 'kept.png')
    with pytest.raises(ValueError, match='test/00.png is a link'):
        paired_folders(a, b, size=(4, 4), suffixes=('_map', ''))


def test_folders_that_are_no_pairs_are_refused(tmp_path: Path) -> None:
    a, b = fill(tmp_path, {'train': 12, 'test': 2})
    with pytest.raises(FileNotFoundError, match='there is no folder'):
        paired_folders(a, tmp_path / 'c', size=(4, 4))
    (b / 'test').rename(b / 'val')
    with pytest.raises(ValueError, match='wanted the same folders of splits'):
        paired_folders(a, b, size=(4, 4))
    save(b / 'more' / '1.png', (1, 1, 1))
    with pytest.raises(ValueError, match="holds 'more', 'train', 'val', wanted fold"):
        picture_files(b)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='has no picture, wanted some'):
        picture_files(tmp_path / 'empty')
    save(tmp_path / 'twice' / '1.png', (1, 1, 1))
    save(tmp_path / 'twice' / '1.bmp', (1, 1, 1))
    assert 'have one name but for the' in picture_files(tmp_path / 'twice').faults[0]
    with pytest.raises(ValueError, match='crop is 1.5, wanted a fraction'):
        read_pictures(a, size=(4, 4), crop=1.5)


def test_labels_are_painted_with_the_mean_of_their_segment(tmp_path: Path) -> None:
    labels = np.zeros((6, 8), np.uint8)
    labels[:, 3:] = 1
    photograph = np.zeros((6, 8, 3), np.uint8)
    photograph[:, :3] = (10, 20, 30)
    photograph[:3, 3:] = (100, 0, 0)  # half of the other segment
    for number in range(10):
        (tmp_path / 'a').mkdir(exist_ok=True)
        (tmp_path / 'b').mkdir(exist_ok=True)
        Image.fromarray(labels).save(tmp_path / f'a/{number}.png')
        Image.fromarray(photograph).save(tmp_path / f'b/{number}.png')
    form = {'size': (6, 8), 'labels': True}
    made = paired_folders(tmp_path / 'a', tmp_path / 'b', **form)
    image = made.splits['train']['a'][0]
    np.testing.assert_array_equal(image[:, :3], np.full((6, 3, 3), (10, 20, 30)))
    np.testing.assert_array_equal(image[:, 3:], np.full((6, 5, 3), (50, 0, 0)))
    np.testing.assert_array_equal(image, paint_segments(labels, photograph))
    Image.fromarray(labels[:5]).save(tmp_path / 'a/3.png')
    with pytest.raises(ValueError, match='3.png has 5x8 pixels and its partner 6x8'):
        paired_folders(tmp_path / 'a', tmp_path / 'b', **form)


def test_pictures_side_by_side_are_parted(tmp_path: Path) -> None:
    for number in range(10):
        both = np.zeros((6, 16, 3), np.uint8)
        both[:, :8], both[:, 8:] = number, 100 + number
        Image.fromarray(both).save(tmp_path / f'{number}.png')
    made = combined_folder(tmp_path, size=(4, 4))
    turned = combined_folder(tmp_path, size=(4, 4), reverse=True)
    for split in ('train', 'validation', 'test'):
        a, b = (made.splits[split][name] for name in 'ab')
        assert a.shape[1:] == (4, 4, 3) and (b == 100 + a.astype(int)).all()
        np.testing.assert_array_equal(turned.splits[split]['a'], b)
    save(tmp_path / '7.png', (0, 0, 0), size=(15, 6))
    with pytest.raises(ValueError, match='7.png is 15 pixels wide, wanted an even'):
        combined_folder(tmp_path, size=(4, 4))
