"""The four IDX files, written by hand."""

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dljax import data
from dljax.data.builders.idx import read_idx

NAMES = {
    'train': ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte'),
    'test': ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'),
}


def idx(values: np.ndarray, code: int = 8) -> bytes:
    head = bytes((0, 0, code, values.ndim)) + struct.pack(
        f'>{values.ndim}I', *values.shape
    )
    return head + values.tobytes()


def arrays(first: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    return {
        split: (
            random.integers(0, 256, (count, 5, 3), np.uint8),
            (np.arange(count) % 4 + first).astype(np.uint8),
        )
        for split, count in (('train', 80), ('test', 12))
    }


def write(
    root: Path, sets: dict, prefix: str = '', mark: str = '-', packed: bool = False
) -> None:
    root.mkdir(exist_ok=True)
    for split, pair in sets.items():
        for name, values in zip(NAMES[split], pair, strict=True):
            name = prefix + name.replace('-idx', f'{mark}idx')
            if packed:
                (root / f'{name}.gz').write_bytes(gzip.compress(idx(values)))
            else:
                (root / name).write_bytes(idx(values))


def opened(root: Path, **settings: object) -> data.DataSet:
    return data.idx(root, data_dir=root.parent / 'prepared', **settings)


@pytest.mark.parametrize('mark', '-.')
@pytest.mark.parametrize('packed', [False, True])
def test_images_and_labels_are_kept_to_the_bit_and_in_order(
    mark: str, packed: bool, tmp_path: Path
) -> None:
    root, sets = tmp_path / 'mnist', arrays()
    write(root, sets, mark=mark, packed=packed)
    mnist = opened(root)
    assert mnist.summary == (
        'mnist (files of the user): 72 train, 8 validation, 12 test'
    )
    assert mnist.class_names == ('0', '1', '2', '3')
    np.testing.assert_array_equal(mnist['test']['image'][..., 0], sets['test'][0])
    np.testing.assert_array_equal(mnist['test']['label'], sets['test'][1])
    assert np.bincount(mnist['validation']['label']).tolist() == [2, 2, 2, 2]
    # The two parts of the training images are those of the file, each in its order.
    source, places = sets['train'], []
    for split in ('train', 'validation'):
        place = [
            int(np.flatnonzero((source[0] == image[..., 0]).all((1, 2)))[0])
            for image in mnist[split]['image']
        ]
        assert place == sorted(place)
        np.testing.assert_array_equal(source[1][place], mnist[split]['label'])
        places += place
    assert sorted(places) == list(range(80))


def test_letters_begin_at_one_are_transposed_and_have_a_prefix(tmp_path: Path) -> None:
    root, sets = tmp_path / 'emnist', arrays(first=1)
    write(root, sets, prefix='emnist-letters-')
    for path in root.glob('*t10k*'):
        path.rename(path.with_name(path.name.replace('t10k', 'test')))
    with pytest.raises(FileNotFoundError, match=r"choose one of \['emnist-letters-'\]"):
        opened(root)
    with pytest.raises(ValueError, match=r'label \[0\].*take first_label=1'):
        opened(root, prefix='emnist-letters-')
    letters = opened(
        root,
        prefix='emnist-letters-',
        first_label=1,
        class_names='abcd',
        transposed=True,
    )
    assert letters.class_names == ('a', 'b', 'c', 'd')
    assert letters.name == 'emnist-letters'
    np.testing.assert_array_equal(letters['test']['label'], sets['test'][1] - 1)
    np.testing.assert_array_equal(
        letters['test']['image'][..., 0], sets['test'][0].transpose(0, 2, 1)
    )
    numbered = opened(root, prefix='emnist-letters-', first_label=1)
    assert numbered.class_names == ('1', '2', '3', '4')


def test_other_files_of_equal_size_and_time_are_another_set(tmp_path: Path) -> None:
    root, sets = tmp_path / 'mnist', arrays()
    write(root, sets)
    assert opened(root)['test']['image'][0, 0, 0, 0] == sets['test'][0][0, 0, 0]
    sets['test'][0][0, 0, 0] ^= 255
    write(root, sets)
    assert opened(root)['test']['image'][0, 0, 0, 0] == sets['test'][0][0, 0, 0]


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'begins with 0x, wanted 0x00000803'),
        (idx(np.zeros((2, 3), np.uint8)), 'begins with 0x00000802'),
        (idx(np.zeros((2, 3, 3), np.uint8), code=13), 'begins with 0x00000d03'),
        (idx(np.zeros((2, 3, 3), np.uint8))[:-1], '18 bytes, and holds 17: fetch'),
        (idx(np.zeros((2, 3, 3), np.uint8)) + b'0', '18 bytes, and holds more'),
        (idx(np.zeros((0, 3, 3), np.uint8)), r'declares \[0, 3, 3\], wanted 3 lengths'),
        (idx(np.zeros((2, 3, 3), np.uint8))[:9], 'declares .*, wanted 3 lengths'),
        (b'\0\0\x08\x03' + b'\xff' * 12, 'declares .* 4,096 bytes or less'),
        # Without a time, or the workers' names of the test would differ by a second.
        (gzip.compress(idx(np.zeros((2, 3, 3), np.uint8)), mtime=0)[:-9], 'is damaged'),
        (gzip.compress(b'a', mtime=0)[:-8] + b'0' * 8, 'is damaged|begins with'),
    ],
)
def test_files_of_another_form_are_refused(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / 'train-images-idx3-ubyte'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_idx(str(path), axes=3, limit=4096)


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    sets = arrays()
    (images, labels), test = sets['train'], sets['test']
    root = tmp_path / 'a'
    for changed, message in (
        ({'train': (images, labels[:-1]), 'test': test}, '80 images and .* 79 labels'),
        ({'train': (images, labels), 'test': (test[0][:, 1:], test[1])}, 'have sizes'),
        ({'train': (images, labels), 'test': (test[0], test[1] + 1)}, 'test go from 1'),
        (
            {'train': (images, labels * 2), 'test': test},
            r'training image with .*\[1, 3',
        ),
    ):
        write(root, changed)
        with pytest.raises(ValueError, match=message):
            opened(root)
    write(root, sets)
    with pytest.raises(ValueError, match='go from 0 to 3, wanted 1 to'):
        opened(root, first_label=1)
    with pytest.raises(ValueError, match='wanted 0 to 2, as there are 3 classes'):
        opened(root, class_names=['a', 'b', 'c'])
    (root / NAMES['test'][1]).unlink()
    with pytest.raises(FileNotFoundError, match="no 't10k-labels-idx1-ubyte'"):
        opened(root)
    (root / NAMES['test'][1]).symlink_to(root / NAMES['train'][1])
    with pytest.raises(ValueError, match='t10k-labels-idx1-ubyte. is a link'):
        opened(root)
    with pytest.raises(FileNotFoundError, match='is no folder'):
        opened(root / 'none')
    assert not list((tmp_path / 'prepared').glob('dljax_files/*/*'))


def test_what_is_declared_is_looked_at_before_memory_is_taken(tmp_path: Path) -> None:
    root, sets = tmp_path / 'mnist', arrays()
    write(root, sets, packed=True)
    labels = root / 'train-labels-idx1-ubyte.gz'
    count = 2**25
    head = bytes((0, 0, 8, 1)) + struct.pack('>I', count)
    labels.write_bytes(gzip.compress(head + bytes(count), 1, mtime=0))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match='80 images and .* 33554432 labels'):
            opened(root)
        # One that is not packed, and one that cannot unpack to as much.
        for packed, message in ((True, 'and cannot hold as many'), (False, 'holds 80')):
            content = bytes((0, 0, 8, 1)) + b'\x40\0\0\0' + bytes(80)
            path = tmp_path / 'labels'
            path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
            with pytest.raises(ValueError, match=message):
                read_idx(str(path), axes=1, limit=2**32)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def check_any_bytes(folder: Path, examples: int) -> None:
    path = folder / 'labels'
    whole = [idx(np.zeros(9, np.uint8)), idx(np.ones((2, 2, 2), np.uint8))]
    whole += [gzip.compress(content, mtime=0) for content in whole]

    @settings(max_examples=examples, deadline=None, database=None)
    @given(
        some.sampled_from(whole),
        some.lists(
            some.tuples(some.integers(0, 60), some.integers(1, 255)), max_size=3
        ),
        some.integers(0, 60),
        some.sampled_from([1, 3]),
    )
    def check(content: bytes, flips: list, cut: int, axes: int) -> None:
        changed = bytearray(content)
        for place, flip in flips:
            changed[place % len(content)] ^= flip
        path.write_bytes(changed[: len(content) - cut])
        try:
            values = read_idx(str(path), axes, 2**20)
        except ValueError as error:
            assert str(path) in str(error)
        else:
            assert values.ndim == axes and values.size in (8, 9)

    check()


def test_any_bytes_are_an_idx_file_or_refused_in_words(tmp_path: Path) -> None:
    check_any_bytes(tmp_path, 100)


@pytest.mark.faults
def test_many_bytes_are_an_idx_file_or_refused_in_words(tmp_path: Path) -> None:
    check_any_bytes(tmp_path, 3000)
