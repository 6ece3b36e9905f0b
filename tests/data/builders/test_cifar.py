"""CIFAR in its binary version, written by hand, as a folder and as a tar file."""

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dljax import data
from dljax.data.builders import cifar as reading

TEN = [f'kind_{i}' for i in range(10)]


def records(count: int, seed: int, hundred: bool = False) -> bytes:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 3072), np.uint8)
    labels = (np.arange(count) % (100 if hundred else 10)).astype(np.uint8)[:, None]
    parts = [labels // 5, labels, pixels] if hundred else [labels, pixels]
    return np.concatenate(parts, 1).tobytes()


def ten() -> dict[str, bytes]:
    return {
        'batches.meta.txt': '\n'.join([*TEN, '', '']).encode(),
        **{f'data_batch_{i}.bin': records(20, i) for i in range(1, 6)},
        'test_batch.bin': records(10, 6),
    }


def hundred() -> dict[str, bytes]:
    return {
        'coarse_label_names.txt': '\n'.join(f'group_{i}' for i in range(20)).encode(),
        'fine_label_names.txt': '\n'.join(f'kind_{i}' for i in range(100)).encode(),
        'train.bin': records(1000, 1, hundred=True),
        'test.bin': records(100, 2, hundred=True),
    }


def write(root: Path, files: dict[str, bytes]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / name).write_bytes(content)


def packed(
    path: Path, files: dict[str, bytes], folder: str, mode: str = 'w:gz'
) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f'{folder}/{name}')
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def opened(path: Path) -> data.DataSet:
    return data.cifar(path, data_dir=path.parent / 'prepared')


def image_of(record: bytes, labels: int, row: int, column: int) -> list[int]:
    """Read one pixel as the page of the data describes it."""
    place = labels + row * 32 + column
    return [record[place], record[place + 1024], record[place + 2048]]


def test_cifar10_is_kept_to_the_bit(tmp_path: Path) -> None:
    files = ten()
    write(tmp_path / 'a', files)
    cifar10 = opened(tmp_path / 'a')
    assert cifar10.summary == (
        'cifar10 (files of the user): 90 train, 10 validation, 10 test'
    )
    assert cifar10.class_names == tuple(TEN)
    assert np.bincount(cifar10['validation']['label']).tolist() == [1] * 10
    source = files['test_batch.bin']
    test = cifar10['test']
    for number in range(10):
        record = source[number * 3073 : (number + 1) * 3073]
        assert test['label'][number] == record[0]
        for row, column in ((0, 0), (3, 17), (31, 31)):
            pixel = test['image'][number, row, column].tolist()
            assert pixel == image_of(record, 1, row, column)
    whole = b''.join(files[f'data_batch_{i}.bin'] for i in range(1, 6))
    wanted = sorted(whole[n * 3073 :][:3073] for n in range(100))
    got = [
        bytes([label]) + image.transpose(2, 0, 1).tobytes()
        for split in ('train', 'validation')
        for image, label in zip(*cifar10[split].values(), strict=True)
    ]
    assert sorted(got) == wanted


def test_the_tar_file_and_the_folder_above_give_the_same_set(tmp_path: Path) -> None:
    files = ten()
    write(tmp_path / 'down/cifar-10-batches-bin', files)
    folder = opened(tmp_path / 'down')
    archive = packed(tmp_path / 'a.tar.gz', files, 'cifar-10-batches-bin')
    tar = opened(archive)
    for split in folder.splits:
        for name, values in folder[split].items():
            np.testing.assert_array_equal(tar[split][name], values)
    # One key: the second was there already.
    assert len(list((tmp_path / 'prepared/dljax_files').iterdir())) == 1
    assert [p.name for p in tmp_path.iterdir() if 'cifar' in p.name] == []


def test_cifar100_has_fine_and_coarse_labels(tmp_path: Path) -> None:
    files = hundred()
    archive = packed(tmp_path / 'a.tar', files, 'cifar-100-binary', mode='w')
    cifar100 = opened(archive)
    assert cifar100.splits == {'train': 900, 'validation': 100, 'test': 100}
    assert cifar100.class_names[99] == 'kind_99'
    assert cifar100.specs['coarse_label'].high == 19
    test, record = cifar100['test'], files['test.bin'][37 * 3074 :]
    assert (test['coarse_label'][37], test['label'][37]) == (record[0], record[1])
    assert test['image'][37, 5, 9].tolist() == image_of(record, 2, 5, 9)


@pytest.mark.parametrize(
    'names, folder',
    [
        (['data_batch_1', 'batches.meta', 'test_batch'], 'cifar-10-batches-py'),
        (['train', 'test', 'meta'], 'cifar-100-python'),
    ],
)
def test_the_python_version_is_refused_and_the_way_out_named(
    names: list[str], folder: str, tmp_path: Path
) -> None:
    files = dict.fromkeys(names, b'pickle')
    write(tmp_path / folder, files)
    archive = packed(tmp_path / 'a.tar.gz', files, folder)
    for path in (tmp_path / folder, tmp_path, archive):
        with pytest.raises(
            ValueError, match='runs whatever code .* the binary version'
        ):
            opened(path)


def test_what_is_missing_or_damaged_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ten()
    bad = bytearray(files['data_batch_2.bin'])
    bad[3073 * 4] = 10
    without = {k: v for k, v in files.items() if k != 'data_batch_3.bin'}
    for number, (changed, error, message) in enumerate(
        [
            ({}, FileNotFoundError, 'no data_batch_1.bin and no train.bin'),
            (without, FileNotFoundError, 'lacks data_batch_3.bin of cifar10'),
            ({**files, **hundred()}, FileNotFoundError, 'holds cifar10 and cifar100'),
            (
                {**files, 'data_batch_2.bin': bytes(bad)},
                ValueError,
                "'data_batch_2.bin' has label 10 in record 4, wanted 0 to 9",
            ),
            (
                {**files, 'test_batch.bin': files['test_batch.bin'][:-1]},
                ValueError,
                "'test_batch.bin' has 30,729 bytes, wanted records of 3,073",
            ),
            ({**files, 'test_batch.bin': b''}, ValueError, 'has 0 bytes'),
            (
                {**files, 'batches.meta.txt': b'cat dog'},
                ValueError,
                "'batches.meta.txt' names 2 classes, wanted 10",
            ),
        ]
    ):
        write(tmp_path / str(number), changed)
        with pytest.raises(error, match=message):
            opened(tmp_path / str(number))
    with pytest.raises(FileNotFoundError, match='neither a folder nor a file'):
        opened(tmp_path / 'none')
    monkeypatch.setattr(reading, 'LARGEST', 1000)
    for path in (tmp_path / '3', packed(tmp_path / 'a.tar', files, 'a', 'w')):
        with pytest.raises(ValueError, match='bytes, wanted 1,000 or less'):
            opened(path)
    assert not list((tmp_path / 'prepared').glob('dljax_files/*/*'))


def test_a_tar_file_cannot_lead_elsewhere(tmp_path: Path) -> None:
    files, secret = ten(), tmp_path / 'secret'
    secret.write_bytes(files.pop('test_batch.bin'))
    for kind, target in (
        (tarfile.SYMTYPE, str(secret)),
        (tarfile.SYMTYPE, '../secret'),
        (tarfile.LNKTYPE, 'a/data_batch_1.bin'),
    ):
        path = packed(tmp_path / 'a.tar', files, 'a', 'w')
        with tarfile.open(path, 'a') as archive:
            member = tarfile.TarInfo('a/test_batch.bin')
            member.type, member.linkname = kind, target
            archive.addfile(member)
        with pytest.raises(ValueError, match='test_batch.bin.* is a link, or there'):
            opened(path)
    write(tmp_path / 'c', files)
    (tmp_path / 'c/test_batch.bin').symlink_to(secret)
    with pytest.raises(ValueError, match='test_batch.bin. is a link'):
        opened(tmp_path / 'c')
    (tmp_path / 'd').mkdir()
    (tmp_path / 'd/cifar-10-batches-bin').symlink_to(tmp_path / 'c')
    with pytest.raises(ValueError, match='cifar-10-batches-bin. is a link'):
        opened(tmp_path / 'd')
    twice = packed(tmp_path / 'b.tar', files, 'a', 'w')
    packed(twice, {'data_batch_1.bin': b''}, '../../etc', 'a')
    with pytest.raises(ValueError, match='there twice'):
        opened(twice)


@pytest.mark.parametrize('keep', [0.5, 0.0])
def test_a_tar_file_that_is_not_whole_is_refused(keep: float, tmp_path: Path) -> None:
    path = packed(tmp_path / 'a.tar.gz', ten(), 'a')
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(ValueError, match='cannot be read as a tar file'):
        opened(path)


@pytest.mark.heavy
def test_a_tar_file_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, 'LARGEST', 2**20)
    monkeypatch.setattr(reading, 'TOTAL', 2**22)
    # A header of 64 MiB, 64 MiB before the files, and files without end.
    head = tarfile.TarInfo('a/long')
    head.type, head.size = tarfile.XHDTYPE, 2**26
    before = tarfile.TarInfo('a/other')
    before.size = 2**26
    empty = tarfile.TarInfo('a/b').tobuf() * 2000
    tracemalloc.start()
    try:
        for content, message in (
            (head.tobuf() + bytes(2**26), 'in one piece'),
            (before.tobuf() + bytes(2**26), 'holds more than 4,194,304 bytes'),
            (empty, 'more than 1000 files'),
        ):
            path = tmp_path / 'a.tar.gz'
            path.write_bytes(gzip.compress(content, 1, mtime=0))
            del content
            tracemalloc.reset_peak()
            with pytest.raises(ValueError, match=message):
                opened(path)
            assert tracemalloc.get_traced_memory()[1] < 2**28
    finally:
        tracemalloc.stop()


def check_any_tar(folder: Path, examples: int) -> None:
    whole = packed(folder / 'a.tar', {'test.bin': b'ab', 'meta': b'c'}, 'a', 'w')
    whole = whole.read_bytes()

    @settings(max_examples=examples, deadline=None, database=None)
    @given(
        some.lists(
            some.tuples(some.integers(0, 2047), some.integers(1, 255)), max_size=3
        ),
        some.integers(0, 2048),
        some.booleans(),
    )
    def check(flips: list, keep: int, compressed: bool) -> None:
        changed = bytearray(whole)
        for place, flip in flips:
            changed[place] ^= flip
        changed = changed[:keep] if keep % 2 else changed
        path = folder / 'b.tar'
        path.write_bytes(gzip.compress(changed, 1, mtime=0) if compressed else changed)
        with pytest.raises((ValueError, FileNotFoundError)) as refused:
            reading.cifar_files(str(path))
        assert str(path) in str(refused.value)

    check()


def test_any_tar_file_is_refused_in_words(tmp_path: Path) -> None:
    check_any_tar(tmp_path, 60)


@pytest.mark.faults
def test_many_tar_files_are_refused_in_words(tmp_path: Path) -> None:
    check_any_tar(tmp_path, 2000)
