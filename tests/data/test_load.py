"""One door to every data set."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from dljax.data import load, resident, z_score
from dljax.data.builders.embedded import png
from dljax.data.builders.tabular import Iris


class Scenes(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Stands for a set that TFDS published: many kinds of features."""

    name = 'scenes_of_a_test'
    VERSION = tfds.core.Version('2.1.0')
    code_path = None

    def _info(self):
        features = {
            'image': tfds.features.Image(shape=(None, 4, 1)),
            'label': tfds.features.ClassLabel(names=['cat', 'dog']),
            'number': tfds.features.Scalar(dtype=np.int64),
            'caption': tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, dl_manager):
        return {'train': self._generate_examples()}

    def _generate_examples(self):
        for i in range(6):
            yield (
                i,
                {
                    'image': png(np.full((3 + i % 2, 4), i, np.uint8)),
                    'label': i % 2,
                    'number': i,
                    'caption': f'scene {i}',
                },
            )


class Meters(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Stands for a set whose numbers vary by little beside what they are."""

    name = 'meters_of_a_test'
    VERSION = tfds.core.Version('1.0.0')
    code_path = None

    def _info(self):
        features = {
            # Without an encoding TFDS stores 32 bits of each.
            'features': tfds.features.Tensor(
                shape=(1,), dtype=np.float64, encoding='zlib'
            ),
            'target': tfds.features.Scalar(dtype=np.float64),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, dl_manager):
        return {'train': self._generate_examples()}

    def _generate_examples(self):
        for i in range(32):
            yield i, {'features': [98_765_432.0 + 3 * (-1) ** i], 'target': i / 7}


def test_numbers_that_float32_would_make_constant_are_normalised_first(tmp_path):
    Meters(data_dir=tmp_path).download_and_prepare(file_format='array_record')
    meters = load('meters_of_a_test', data_dir=tmp_path)
    assert meters['train']['target'].dtype == np.float32
    with pytest.raises(ValueError, match="'features' holds .*z_score"):
        resident(meters['train'])
    fitted = z_score(meters['train']['features'])
    values = meters.table('train', fitted)['features']
    assert values.dtype == np.float32
    np.testing.assert_allclose(np.sort(values[:, 0]), [-1.0] * 16 + [1.0] * 16)


def prepare(folder, file_format='array_record'):
    Scenes(data_dir=folder).download_and_prepare(file_format=file_format)


def test_a_set_that_tfds_prepared_is_read_by_its_name(tmp_path):
    prepare(tmp_path)
    for name in ('scenes_of_a_test', 'scenes_of_a_test:2.1.0'):
        data = load(name, data_dir=tmp_path)
        assert data.kind == 'TFDS' and data.class_names == ('cat', 'dog')
        assert data.splits == {'train': 6}
        assert set(data.specs) == {'image', 'label', 'number'}
        assert data.specs['image'].shape == (None, 4, 1)
        assert (data.specs['label'].high, data.specs['number'].dtype) == (1, 'int32')
    records = data.records('train')
    numbers = sorted(int(records[i]['number']) for i in range(len(records)))
    assert numbers == list(range(6))
    assert records[0]['label'].dtype == np.int32
    assert records[0]['caption'].startswith(b'scene')


def test_images_of_many_sizes_are_not_read_into_one_array(tmp_path):
    prepare(tmp_path)
    with pytest.raises(
        ValueError, match="'image' of example .* transform that resizes"
    ):
        load('scenes_of_a_test', data_dir=tmp_path)['train']


def test_another_file_format_is_named_with_the_way_out(tmp_path):
    prepare(tmp_path, 'parquet')
    with pytest.raises(FileNotFoundError, match='(?s)parquet.*wanted array_record'):
        load('scenes_of_a_test', data_dir=tmp_path)


@pytest.mark.skipif(
    importlib.util.find_spec('tensorflow') is not None, reason='would be prepared'
)
def test_a_set_that_is_not_prepared_says_where_it_looked_and_the_ways_out(tmp_path):
    with pytest.raises(FileNotFoundError) as failure:
        load('mnist', data_dir=tmp_path)
    message = str(failure.value)
    for part in (
        "'mnist'",
        str(tmp_path),
        "pip install 'dljax[prepare]'",
        'TFDS_DATA_DIR',
        'digits',
        'a name like it: kmnist',
        "data.idx('FOLDER')",
    ):
        assert part in message
    for name, part in (
        ('cifar100:3.0.2', "data.cifar('FOLDER or cifar-100-binary.tar.gz')"),
        ('oxford_pets', "data.folder('FOLDER')"),
    ):
        with pytest.raises(FileNotFoundError, match=re.escape(part)):
            load(name, data_dir=tmp_path)


@pytest.mark.skipif(
    importlib.util.find_spec('tensorflow') is not None, reason='TFDS is asked first'
)
@pytest.mark.parametrize(
    'name, nearest', [('digit', 'digits'), ('brest_cancer', 'breast_cancer')]
)
def test_an_unknown_name_is_answered_with_the_nearest(tmp_path, name, nearest):
    with pytest.raises(FileNotFoundError, match=f'a name like it: .*{nearest}'):
        load(name, data_dir=tmp_path)


def test_tensorflow_where_installed_prepares_once_as_array_record(
    tmp_path, monkeypatch
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name, *rest: name == 'tensorflow' or find(name, *rest),
    )
    asked = []

    def builder(name, data_dir, file_format):
        asked.append((name, file_format))
        return Scenes(data_dir=data_dir)

    monkeypatch.setattr(tfds, 'builder', builder)
    for _ in range(2):
        data = load('scenes_of_a_test', data_dir=tmp_path)
        assert len(data.records('train')) == 6
    assert asked == [('scenes_of_a_test', 'array_record')]


def test_an_unknown_split_is_answered_with_the_known_ones():
    data = load('iris')
    with pytest.raises(KeyError, match="no split 'tset', wanted one of"):
        data['tset']
    with pytest.raises(KeyError, match="no split 'tset', wanted one of"):
        data.records('tset')


def test_slices_and_merged_splits():
    data = load('iris')
    assert len(data['train[:20%]']['label']) == 21
    joined = data.merged('train', 'validation')
    assert len(joined['label']) == 120
    np.testing.assert_array_equal(joined['features'][:105], data['train']['features'])
    with pytest.raises(ValueError, match='names no split'):
        data.merged()


def test_a_split_in_memory_is_read_once_and_cannot_be_changed_by_accident():
    data = load('iris')
    assert data['train']['label'] is data['train']['label']
    with pytest.raises(ValueError, match='read-only'):
        data['train']['label'][0] = 2
    data['train']['extra'] = np.zeros(3)
    assert 'extra' not in data['train']


def test_records_are_the_split_in_memory_one_by_one():
    data = load('digits')
    records, arrays = data.records('validation'), data['validation']
    assert len(records) == 180
    for i in (0, 17, 179):
        for name, values in arrays.items():
            np.testing.assert_array_equal(records[i][name], values[i])
            assert records[i][name].dtype == values.dtype


def test_a_split_too_large_for_memory_points_to_stream():
    with pytest.raises(ValueError, match='(?s)MiB of memory.*stream'):
        load('digits', memory_limit=10_000)['train']
    assert len(load('digits', memory_limit=10_000)['train[:5]']['label']) == 5


def versions(folder):
    return sorted(path.name for path in (folder / 'dljax_iris').iterdir())


def test_an_interrupted_preparation_leaves_nothing_that_is_used(tmp_path, monkeypatch):
    def interrupted(self):
        arrays = original(self)
        arrays['features'] = Stops(arrays['features'])
        return arrays

    class Stops(np.ndarray):
        def __new__(cls, values):
            return values.view(cls)

        def __getitem__(self, index):
            if index == 7:
                raise KeyboardInterrupt
            return np.asarray(super().__getitem__(index))

    original = Iris._arrays
    monkeypatch.setattr(Iris, '_arrays', interrupted)
    with pytest.raises(KeyboardInterrupt):
        load('iris', data_dir=tmp_path)
    assert versions(tmp_path) == []
    monkeypatch.undo()
    # What a process that was killed leaves behind is not taken for the set.
    (tmp_path / 'dljax_iris' / 'incomplete.ABCDEF_1.0.0').mkdir()
    assert load('iris', data_dir=tmp_path).splits['train'] == 105


def test_the_slower_of_two_preparations_uses_the_faster_ones_set(tmp_path, monkeypatch):
    original = Iris._arrays

    def overtaken(self):
        # Another process begins and ends while this one is reading.
        monkeypatch.setattr(Iris, '_arrays', original)
        load('iris', data_dir=tmp_path)
        return original(self)

    monkeypatch.setattr(Iris, '_arrays', overtaken)
    data = load('iris', data_dir=tmp_path)
    assert len(data['train']['label']) == 105
    assert versions(tmp_path) == ['1.0.0']


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='(?s)file/inside.*TFDS_DATA_DIR'):
        load('iris', data_dir=tmp_path / 'file' / 'inside')


@pytest.mark.heavy
def test_two_processes_preparing_at_once_both_get_the_set(tmp_path):
    code = (
        'from dljax.data import load\n'
        f'print(len(load("digits", data_dir={str(tmp_path)!r})["train"]["label"]))'
    )
    both = [
        subprocess.Popen(
            [sys.executable, '-c', code], stdout=subprocess.PIPE, env=os.environ
        )
        for _ in range(2)
    ]
    assert [p.communicate(timeout=120)[0].strip() for p in both] == [b'1257'] * 2


@pytest.mark.heavy
def test_importing_data_brings_in_no_reader():
    heavy = ('tensorflow_datasets', 'grain', 'sklearn', 'PIL', 'tensorflow', 'torch')
    code = f'import sys, dljax.data; print([m for m in {heavy} if m in sys.modules])'
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, check=True)
    assert run.stdout.strip() == b'[]'


def test_images_come_as_floats_of_the_size_that_is_asked_for():
    digits = load('digits')
    own = digits.images('train')
    np.testing.assert_allclose(own['image'] * 255, digits['train']['image'], atol=1e-4)
    np.testing.assert_array_equal(own['label'], digits['train']['label'])
    large = digits.images('test[:5]', (32, 32))['image']
    assert large.shape == (5, 32, 32, 1) and large.dtype == np.float32
    assert 0 <= large.min() and large.max() <= 1


def test_tables_are_normalised_by_what_the_training_split_was_fitted_to():
    iris = load('iris')
    normalizer = z_score(iris['train']['features'])
    train, test = (iris.table(s, normalizer)['features'] for s in ('train', 'test'))
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(0), 1, atol=1e-5)
    assert abs(test.mean(0)).max() > 1e-3


@pytest.mark.parametrize(
    'name',
    ['', '.', '..', '../x', '/etc', 'a/../b', 'iris/..', 'a b', 'x:..', 'a\0b', 'é', 7]
    + ['x' * 300, 'digits/', 'mnist:1.2'],
)
def test_what_is_no_name_of_a_set_is_refused(name: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='name is .*, wanted that of a data set'):
        load(name, data_dir=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope='module')
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('iris')
    load('iris', data_dir=folder)
    return folder


@pytest.mark.parametrize('way', ['lost', 'empty', 'half', 'changed'])
@pytest.mark.parametrize(
    'file',
    ['dataset_info.json', 'features.json', 'label.labels.txt']
    + ['dljax_iris-train.array_record-00000-of-00001'],
)
def test_a_damaged_set_says_which_folder_to_delete(
    file: str, way: str, iris: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(iris, tmp_path / 'sets') / 'dljax_iris' / '1.0.0'
    path, content = folder / file, (folder / file).read_bytes()
    if way == 'lost':
        path.unlink()
    elif way == 'changed':
        at = min(100, len(content) // 2)
        # The records have hashes of their own, but in their padding.
        path.write_bytes(content[:100] + bytes([content[at] ^ 64]) + content[at + 1 :])
    else:
        path.write_bytes(content[: len(content) // 2 if way == 'half' else 0])
    with pytest.raises(OSError, match='is damaged .* delete this folder') as refused:
        load('iris', data_dir=tmp_path / 'sets')['train']
    assert f"'{folder}'" in str(refused.value)
    shutil.rmtree(folder)
    assert load('iris', data_dir=tmp_path / 'sets').splits['train'] == 105
