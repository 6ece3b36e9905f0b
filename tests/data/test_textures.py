"""Digits on photographs, and the two domains that are made of them."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dljax.data.domains import digit_domains, folder_domains
from dljax.data.photograph_pairs import edge_map, flat_segments, photograph_pairs
from dljax.data.textures import columns, on_textures, photograph_strips

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 30, 3), np.uint8)


def test_a_blend_is_a_part_of_a_photograph_less_the_digit() -> None:
    digits = RNG.integers(0, 256, (20, 8, 8, 1), np.uint8)
    made = on_textures(digits, [PHOTO], seed=5)
    windows = np.lib.stride_tricks.sliding_window_view(PHOTO, (8, 8), (0, 1))
    windows = windows.transpose(0, 1, 3, 4, 2).reshape(-1, 8, 8, 3).astype(int)
    found = set()
    for digit, image in zip(digits.astype(int), made, strict=True):
        fits = (np.abs(windows - digit) == image).all((1, 2, 3))
        assert fits.sum() == 1
        found.add(int(fits.argmax()))
    assert len(found) > 15  # the places differ
    np.testing.assert_array_equal(made, on_textures(digits, [PHOTO], seed=5))
    assert (made != on_textures(digits, [PHOTO], seed=6)).any()
    # Floats in [0, 1] are the same digits.
    floats = digits.astype(np.float32) / 255
    np.testing.assert_array_equal(made, on_textures(floats, [PHOTO], seed=5))
    # A black one leaves the photograph, a white one its negative.
    flat = [np.full((9, 9, 3), (10, 100, 200), np.uint8)]
    plain = np.array([0, 255], np.uint8)[:, None, None, None] * np.ones((2, 4, 4, 1))
    ends = on_textures(plain.astype(np.uint8), flat)
    assert ends[:, 0, 0].tolist() == [[10, 100, 200], [245, 155, 55]]


def test_all_photographs_are_used() -> None:
    photographs = [np.full((9, 9, 3), tone, np.uint8) for tone in (1, 2, 3)]
    made = on_textures(np.zeros((60, 4, 4, 1), np.uint8), photographs)
    counts = np.bincount(made[:, 0, 0, 0], minlength=4)
    assert counts[0] == 0 and counts[1:].min() > 8


@pytest.mark.parametrize(
    ('images', 'photographs', 'message'),
    [
        (np.zeros((2, 8, 8), np.uint8), [PHOTO], r'shape \(2, 8, 8\), wanted uint8'),
        (np.full((2, 8, 8, 1), 2.0), [PHOTO], 'range from 2 to 2, wanted floats in'),
        (np.zeros((2, 8, 8, 1), np.uint8), [], 'there is no photograph'),
        (np.zeros((2, 8, 31, 1), np.uint8), [PHOTO], '40x30 pixels, wanted 8x31 or'),
        (np.zeros((2, 8, 8, 1), np.uint8), [PHOTO / 255.0], 'photograph 0 is float64'),
    ],
)
def test_what_cannot_be_blended_is_refused(images, photographs, message) -> None:
    with pytest.raises(ValueError, match=message):
        on_textures(images, photographs)


def test_no_column_of_a_photograph_is_in_two_splits() -> None:
    splits = ('train', 'validation', 'test')
    taken = np.zeros(640, int)
    for split in splits:
        for first, last in columns(split, 640):
            taken[first:last] += 1
    assert (taken == 1).all()
    assert sum(p.shape[1] for s in splits for p in photograph_strips(s)) == 2 * 640
    with pytest.raises(ValueError, match="split is 'val', wanted one of"):
        photograph_strips('val')


def test_domains_of_digits_share_no_digit_to_train_on() -> None:
    made = digit_domains(8)
    train, test = made.splits['train'], made.splits['test']
    assert {k: len(v) for k, v in train.items()} == {
        'a': 629, 'b': 628, 'label_a': 629, 'label_b': 628,
    }  # fmt: skip
    assert train['a'].min() == -1 and train['a'].max() == 1
    assert test['a'].shape == test['b'].shape == (360, 8, 8, 3)
    np.testing.assert_array_equal(test['label_a'], test['label_b'])
    # B at a digit's black places is a photograph; where it is white, its negative.
    black = test['a'] == -1
    values = np.concatenate([part.reshape(-1, 3) for part in photograph_strips('test')])
    ours = np.rint((test['b'] + 1) * 127.5).astype(int)[black.all(-1)]
    known = {tuple(row) for row in values.tolist()}
    assert all(tuple(row) in known for row in ours[:500].tolist())
    judged = made.judged['b']
    assert len(judged['image']) == len(judged['label']) == 1257
    np.testing.assert_array_equal(judged['image'][1::2], train['b'])
    with pytest.raises(ValueError, match='size is 4, wanted 8'):
        digit_domains(4)


def write_idx(folder: Path, name: str, values: np.ndarray) -> None:
    head = bytes((0, 0, 8, values.ndim)) + struct.pack(
        f'>{values.ndim}I', *values.shape
    )
    with gzip.open(folder / f'{name}.gz', 'wb') as file:
        file.write(head + values.tobytes())


def test_digits_and_photographs_of_the_user_make_domains(tmp_path: Path) -> None:
    digits, photographs = tmp_path / 'idx', tmp_path / 'photos'
    digits.mkdir()
    label = np.arange(200, dtype=np.uint8) % 10
    images = RNG.integers(0, 256, (200, 12, 12), np.uint8)
    for name, rows in (('train', slice(0, 160)), ('t10k', slice(160, 200))):
        write_idx(digits, f'{name}-images-idx3-ubyte', images[rows])
        write_idx(digits, f'{name}-labels-idx1-ubyte', label[rows])
    for split, tone in (('train', 20), ('val', 90), ('test', 200)):
        (photographs / split).mkdir(parents=True)
        grey = Image.new('RGB', (20, 16), (tone, tone, tone))
        grey.save(photographs / split / 'one.png')
    made = digit_domains(12, digits=digits, photographs=photographs)
    assert "3 photographs of 'photos'" in made.summary
    test = made.splits['test']
    plain = (test['a'] + 1) * 127.5
    np.testing.assert_allclose((test['b'] + 1) * 127.5, np.abs(200 - plain), atol=1e-3)
    small = tmp_path / 'small'
    small.mkdir()
    for number in range(10):
        Image.new('RGB', (9, 9)).save(small / f'{number}.png')
    with pytest.raises(ValueError, match='9x9 pixels, wanted 12x12 or more'):
        digit_domains(12, digits=digits, photographs=small)


def test_two_folders_without_classes_are_domains(tmp_path: Path) -> None:
    for name, count in (('horses', 12), ('zebras', 20)):
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.new('RGB', (8, 6), (number, 0, 0)).save(
                tmp_path / name / f'{number:02}.png'
            )
    made = folder_domains(tmp_path / 'horses', tmp_path / 'zebras', size=(4, 4))
    sizes = {s: (len(p['a']), len(p['b'])) for s, p in made.splits.items()}
    assert sizes == {'train': (8, 16), 'validation': (2, 2), 'test': (2, 2)}
    reds = {
        round(float((image[0, 0, 0] + 1) * 127.5))
        for part in made.splits.values()
        for image in part['a']
    }
    assert reds == set(range(12)) and not made.judged


@pytest.mark.heavy
def test_simple_pictures_tell_what_they_should() -> None:
    two = np.zeros((60, 90, 3), np.uint8)
    two[:, 45:] = 200
    edges = edge_map(two)
    assert edges.dtype == np.uint8 and edges.shape == two.shape
    assert edges[:, 43:47].min() > 150 and edges[:, :35].max() == 0
    flat = flat_segments(two)
    assert len(np.unique(flat.reshape(-1, 3), axis=0)) <= 80
    assert np.abs(flat.astype(float) - two)[:, :38].max() < 12
    whole = photograph_strips('all')[0]
    painted = flat_segments(whole).astype(float)
    assert abs(painted.mean() - whole.mean()) < 0.5  # means keep the mean
    made = photograph_pairs('segments', size=16)
    again = photograph_pairs('segments', size=16)
    np.testing.assert_array_equal(made.splits['test']['b'], again.splits['test']['b'])
    closeness = np.abs(
        made.splits['test']['a'].astype(float) - made.splits['test']['b']
    ).mean()
    other = np.abs(
        made.splits['test']['a'].astype(float) - made.splits['test']['b'][::-1]
    ).mean()
    assert closeness < 0.25 * other
    with pytest.raises(ValueError, match="kind is 'lines', wanted one of"):
        photograph_pairs('lines')
    with pytest.raises(ValueError, match='part 4, wanted 1 to 512 and 8 to 128'):
        photograph_pairs(part=4)
