"""Photographs without classes, and patches of them."""

from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from dljax import data
from dljax.data.photographs import photograph_folder, sample_photographs

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


def paint(place: Path, *names: str, size: tuple[int, int] = (9, 12)) -> Path:
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = RNG.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(place / name)
    return place


def test_a_pool_is_parted_always_in_the_same_way(tmp_path: Path) -> None:
    names = [f'{"deep/" * (n % 2)}{n}.png' for n in range(20)]
    made = photograph_folder(paint(tmp_path, *names))
    assert {s: len(v) for s, v in made.splits.items()} == {
        'train': 16,
        'validation': 2,
        'test': 2,
    }
    files = sum(made.files.values(), [])
    assert sorted(files) == sorted(names)
    assert photograph_folder(tmp_path).files == made.files
    for split, pictures in made.splits.items():
        for name, picture in zip(made.files[split], pictures, strict=True):
            wanted = np.asarray(Image.open(tmp_path / name))
            np.testing.assert_array_equal(picture, wanted)


def test_folders_of_splits_are_splits_and_what_is_missing_comes_from_train(
    tmp_path: Path,
) -> None:
    paint(tmp_path, *(f'train/{n}.png' for n in range(12)), 'test/a/x.png')
    made = photograph_folder(tmp_path)
    assert made.files['test'] == ['test/a/x.png']
    assert len(made.files['train']) == 10 and len(made.files['validation']) == 2
    assert made.files['validation'][0].startswith('train/')
    paint(tmp_path, 'val/y.png')
    made = photograph_folder(tmp_path)
    assert made.files['validation'] == ['val/y.png'] and len(made.files['train']) == 12
    assert made.summary == 'pictures of the user: 12 train, 1 validation, 1 test'


def test_pictures_keep_their_sizes_and_may_be_made_grey(tmp_path: Path) -> None:
    paint(tmp_path, 'a.png', 'b.png', size=(5, 8))
    paint(tmp_path, 'c.png', size=(11, 6))
    (tmp_path / 'notes.txt').write_text('not a picture')
    (tmp_path / '.hidden.png').write_text('nor this')
    made = photograph_folder(tmp_path, channels=1)
    shapes = sorted(p.shape for each in made.splits.values() for p in each)
    assert shapes == [(5, 8, 1), (5, 8, 1), (11, 6, 1)]


def test_every_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    paint(tmp_path, *(f'{n}.png' for n in range(5)))
    paint(tmp_path, 'narrow.png', size=(40, 3))
    (tmp_path / 'broken.jpg').write_bytes(b'not a picture')
    (tmp_path / 'link.png').symlink_to(tmp_path / '0.png')
    with pytest.raises(ValueError, match='3 files have to be mended') as caught:
        photograph_folder(tmp_path, smallest=4)
    said = str(caught.value)
    assert 'narrow.png is 40 x 3 pixels, wanted at least 4 along each side' in said
    assert 'broken.jpg cannot be read' in said
    assert 'link.png is a link' in said


def test_folders_that_cannot_be_used_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match='wanted one of pictures'):
        photograph_folder(tmp_path / 'nowhere')
    with pytest.raises(ValueError, match='has no picture, wanted some'):
        photograph_folder(tmp_path)
    paint(tmp_path, 'train/1.png', 'training/2.png', 'test/3.png')
    with pytest.raises(ValueError, match='wanted folders of splits alone, each once'):
        photograph_folder(tmp_path)
    with pytest.raises(ValueError, match='channels 2, wanted'):
        photograph_folder(
            paint(tmp_path / 'good', '1.png', '2.png', '3.png'), channels=2
        )
    few = paint(tmp_path / 'few', '1.png', '2.png')
    with pytest.raises(ValueError, match='has 2 examples to learn from, wanted 3'):
        photograph_folder(few)
    other = paint(tmp_path / 'other', 'train/1.png', 'train/2.png', 'test/3.png')
    paint(other, 'lost.png')
    with pytest.raises(
        ValueError, match=r"holds 'lost.png', .* wanted folders of splits alone"
    ):
        photograph_folder(other)
    (other / 'lost.png').unlink()
    monkeypatch.setattr(data.plain_pictures, 'MEMORY', 700)
    with pytest.raises(ValueError, match=r'need 0.0 GiB, wanted .* or less'):
        photograph_folder(other)


def test_the_two_photographs_are_parted_without_overlap() -> None:
    made = sample_photographs()
    widths = {split: [p.shape for p in each] for split, each in made.splits.items()}
    assert widths == {
        'train': [(427, 416, 3)] * 2,
        'validation': [(427, 96, 3)] * 2,
        'test': [(427, 128, 3)] * 2,
    }
    sklearn = pytest.importorskip('sklearn.datasets')
    for n, wanted in enumerate(sklearn.load_sample_images().images):
        whole = np.concatenate([each[n] for each in made.splits.values()], axis=1)
        np.testing.assert_array_equal(whole, wanted)


def test_the_two_photographs_may_be_made_grey() -> None:
    grey, colour = sample_photographs(1).splits, sample_photographs().splits
    wanted = colour['test'][0] @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_array_equal(grey['test'][0][..., 0], np.rint(wanted))
    with pytest.raises(ValueError, match='channels is 2, wanted 1 or 3'):
        sample_photographs(2)


def marked(sides: list[tuple[int, int]], scale: int) -> list[data.PicturePair]:
    """Make pairs whose pixels tell the picture, the row and the column."""
    pairs = []
    for n, (height, width) in enumerate(sides):
        row, column = np.mgrid[:height, :width]
        low = np.stack([np.full_like(row, n), row, column], -1).astype(np.uint8)
        pairs.append(data.PicturePair(low, low.repeat(scale, 0).repeat(scale, 1)))
    return pairs


def test_patches_are_of_one_place_in_both_and_every_place_is_as_likely() -> None:
    pairs = marked([(6, 9), (5, 5), (12, 4)], scale=2)
    draw = data.random_patches(pairs, 4, turned=False)
    batch = jax.jit(draw, static_argnums=1)(KEY, 6000)
    low, high = (np.rint(255 * np.asarray(batch[k])) for k in ('image', 'target'))
    assert low.shape == (6000, 4, 4, 3) and high.shape == (6000, 8, 8, 3)
    np.testing.assert_array_equal(low.repeat(2, 1).repeat(2, 2), high)
    steps = np.arange(4)
    assert (low[..., 0] == low[:, :1, :1, 0]).all()
    assert (low[..., 1] == low[:, :1, :1, 1] + steps[None, :, None]).all()
    assert (low[..., 2] == low[:, :1, :1, 2] + steps[None, None, :]).all()
    found, counts = np.unique(low[:, 0, 0], axis=0, return_counts=True)
    assert len(found) == 3 * 6 + 2 * 2 + 9 * 1
    assert counts.min() > 130 and counts.max() < 270  # 194 each


def test_patches_are_turned_alike_in_all_eight_ways() -> None:
    pairs = marked([(5, 5)], scale=2)
    batch = jax.jit(data.random_patches(pairs, 5), static_argnums=1)(KEY, 200)
    low, high = (np.rint(255 * np.asarray(batch[k])) for k in ('image', 'target'))
    np.testing.assert_array_equal(low.repeat(2, 1).repeat(2, 2), high)
    assert len(np.unique(low.reshape(200, -1), axis=0)) == 8


def test_middles_are_cut_from_both_at_one_place() -> None:
    made = data.middle_patches(marked([(6, 9), (5, 5), (12, 4)], 3), 4, most=2)
    low, high = made['image'], made['target']
    np.testing.assert_array_equal(low.repeat(3, 1).repeat(3, 2), high)
    np.testing.assert_allclose(255 * low[0, 0, 0], [0, 1, 2], atol=1e-4)
    np.testing.assert_allclose(255 * low[1, 0, 0], [2, 4, 0], atol=1e-4)


def test_small_pictures_are_those_of_the_bicubic_protocol() -> None:
    (pair,) = data.picture_pairs([RNG.integers(0, 256, (14, 21, 3), np.uint8)], 4)
    assert pair.high.shape == (12, 20, 3)
    np.testing.assert_array_equal(pair.low, data.shrink(pair.high, 4))


def test_pictures_without_patches_are_refused() -> None:
    pairs = marked([(5, 9)], 2)
    for bad, message in (
        ((pairs, 6), 'smallest picture has 5 pixels'),
        ((pairs, 0), 'at least 1'),
        (([], 2), 'there are 0 pictures'),
        ((pairs + marked([(5, 5)], 3), 2), 'one scale'),
    ):
        for cut in (data.random_patches, data.middle_patches):
            with pytest.raises(ValueError, match=message):
                cut(*bad)
