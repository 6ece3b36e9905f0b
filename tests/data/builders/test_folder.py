"""A folder of the user's pictures: which are read, which are refused, and when anew."""

import os
import shutil
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from dljax import data
from dljax.data.builders import folder as preparing
from dljax.data.builders.listing import list_pictures


def write(root: Path, counts: Mapping[str, int], side: int = 4) -> None:
    """Write pictures whose first pixel numbers them and whose second is the class."""
    for label, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            values = np.full((side, side), 9, np.uint8)
            values[0, :2] = number, label
            Image.fromarray(values).save(root / name / f'{number}.png')


def opened(root: Path, **settings: object) -> data.DataSet:
    return data.folder(root, data_dir=root.parent / 'prepared', **settings)


def prepared(root: Path) -> list[str]:
    """Name what is left of preparations: finished sets and unfinished ones."""
    return sorted(p.name for p in (root.parent / 'prepared').glob('dljax_files/*/*'))


def test_every_picture_is_in_one_split_with_its_class(tmp_path: Path) -> None:
    root = tmp_path / 'pets'
    write(root, {'cat': 30, 'dog': 20})
    pets = opened(root)
    assert (pets.name, pets.class_names) == ('pets', ('cat', 'dog'))
    assert pets.splits == {'train': 35, 'validation': 5, 'test': 10}
    assert pets.summary == (
        'pets (a folder of the user): 35 train, 5 validation, 10 test'
    )
    assert '50 pictures in 2 class folders' in pets.description
    seen = set()
    for split in pets.splits:
        arrays = pets[split]
        for feature, spec in pets.specs.items():
            spec.check(feature, arrays[feature])
        np.testing.assert_array_equal(arrays['image'][:, 0, 1, 0], arrays['label'])
        fractions = np.bincount(arrays['label']) / len(arrays['label'])
        np.testing.assert_allclose(fractions, [0.6, 0.4], atol=0.01)
        seen |= {*zip(arrays['image'][:, 0, 0, 0], arrays['label'], strict=True)}
    assert len(seen) == 50
    # Any slice of a split holds all classes: they are not in order on the disk.
    assert len(set(pets['train[:10]']['label'])) == 2
    records = pets.records('test')
    np.testing.assert_array_equal(records[3]['image'], pets['test']['image'][3])


@pytest.mark.parametrize(
    ('names', 'counts'),
    [
        (('Training', 'Testing'), {'train': 20, 'test': 4}),
        (('training', 'validation'), {'train': 20, 'validation': 4}),
        (('TRAIN', 'VAL'), {'train': 20, 'validation': 4}),
        (('Train', 'Valid'), {'train': 20, 'validation': 4}),
        (('train', 'dev'), {'train': 20, 'validation': 4}),
        (('training_set', 'test_set'), {'train': 20, 'test': 4}),
        (('trainset', 'TestSet'), {'train': 20, 'test': 4}),
        (('seg_train/seg_train', 'seg_test/seg_test'), {'train': 20, 'test': 4}),
        (('train2017', 'val2017'), {'train': 20, 'validation': 4}),
        (('horses-train', 'horses-test'), {'train': 20, 'test': 4}),
        (('Train Images', 'Test Images'), {'train': 20, 'test': 4}),
        (('train', 'test/test'), {'train': 20, 'test': 4}),
    ],
)
def test_folders_of_splits_are_known_by_what_people_call_them(
    names: tuple[str, str], counts: dict[str, int], tmp_path: Path
) -> None:
    for name, count in zip(names, counts.values(), strict=True):
        write(tmp_path / name, {'cat': count // 2, 'dog': count // 2})
    found = list_pictures(tmp_path)
    assert found.classes == ('cat', 'dog') and not found.faults
    assert {split: len(files) for split, files in found.splits.items()} == counts


@pytest.mark.parametrize(
    ('folders', 'message'),
    [
        (('past', 'future'), "'future', 'past', in each of which .* 'cat', 'dog'"),
        (('fold1', 'fold2', 'fold3'), "'fold1', 'fold2', 'fold3', in each"),
        (('eval', 'holdout'), "call the former 'train', 'validation' and 'test'"),
        (('test', 'val'), 'the first at least'),
        (('train', 'Training'), 'each once'),
        (('train', 'test', 'extra'), 'move or rename'),
    ],
)
def test_folders_that_seem_to_be_splits_are_refused(
    folders: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    for folder in folders:
        write(tmp_path / folder, {'cat': 2, 'dog': 2})
    with pytest.raises(ValueError, match=message):
        list_pictures(tmp_path)


@pytest.mark.parametrize(
    'counts, message',
    [
        (('train_cat', 'train_dog', 'test_cat', 'test_dog'), "make 'test_cat' 'test/c"),
        (('trainA', 'trainB', 'testA', 'testB'), "'testA', 'trainA', which seem to be"),
        (('past/cat', 'past/dog', 'now/cat', 'now/dog', 'view'), "'now', 'past', in e"),
    ],
)
def test_splits_are_not_learned_as_classes_of_their_own(
    counts: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    write(tmp_path, dict.fromkeys(counts, 2))
    with pytest.raises(ValueError, match=message):
        list_pictures(tmp_path)


def test_classes_that_are_parted_inside_are_refused(tmp_path: Path) -> None:
    for name in ('cat', 'dog'):
        write(tmp_path / 'a' / name, {'train': 2, 'test': 2})
    with pytest.raises(ValueError, match="in each of which there are 'test', 'train'"):
        list_pictures(tmp_path / 'a')
    # Folders of one name in every class are no classes, nor is what one class has.
    for name in ('cat', 'dog'):
        write(tmp_path / 'b' / name, {'images': 2})
    write(tmp_path / 'b', {'cat': 2})
    assert list_pictures(tmp_path / 'b').classes == ('cat', 'dog')
    write(tmp_path / 'b' / 'cat', {'old': 2, 'new': 1})
    assert len(list_pictures(tmp_path / 'b').splits['train']) == 9


def test_pictures_in_splits_without_classes_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {'train': 3, 'test': 3})
    with pytest.raises(ValueError, match='a folder for each class in each of the'):
        list_pictures(tmp_path)


def test_copies_in_other_splits_or_classes_are_told(tmp_path: Path) -> None:
    root = tmp_path / 'pets'
    write(root / 'train', {'cat': 20, 'dog': 20})
    write(root / 'test', {'cat': 3, 'dog': 2})
    shutil.copy(root / 'train/cat/0.png', root / 'train/dog/twin.png')
    description = opened(root).description
    assert '5 pictures of validation or test are in train too, such as test' in (
        description
    )
    assert 'have two classes, such as train/cat/0.png and train/dog/' in description
    assert opened(root).description == description  # read from the disk
    write(tmp_path / 'b', {'cat': 12, 'dog': 12})
    assert 'twice' not in opened(tmp_path / 'b').description
    shutil.copy(tmp_path / 'b/cat/0.png', tmp_path / 'b/cat/copy.png')
    assert '1 pictures are copies of others' in opened(tmp_path / 'b').description


@pytest.mark.parametrize('validation', ['validation', 'val'])
def test_splits_of_the_user_are_kept(validation: str, tmp_path: Path) -> None:
    root = tmp_path / 'pets'
    write(root / 'train', {'cat': 20, 'dog': 20})
    write(root / validation, {'cat': 3, 'dog': 2})
    write(root / 'test', {'cat': 1, 'dog': 4})
    assert opened(root).splits == {'train': 40, 'validation': 5, 'test': 5}
    assert len(set(opened(root)['train[:12]']['label'])) == 2
    shutil.rmtree(root / validation)
    again = opened(root)
    assert again.splits == {'train': 36, 'validation': 4, 'test': 5}
    assert 'of train a tenth for validation' in again.description
    assert again['validation']['label'].tolist().count(1) == 2


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    write(tmp_path / 'a', {'car': 12, 'test': 12, 'train': 12})
    assert opened(tmp_path / 'a').class_names == ('car', 'test', 'train')
    write(tmp_path / 'b', {'test tube': 2, 'train station': 2, 'trainer': 2})
    assert list_pictures(tmp_path / 'b').classes == (
        'test tube',
        'train station',
        'trainer',
    )


def test_classes_are_in_alphabetical_order_whatever_their_script(
    tmp_path: Path,
) -> None:
    root = tmp_path / 'a'
    composed = unicodedata.normalize('NFD', 'Äpfel')
    write(root, {'birne': 10, composed: 10, '猫': 10, '10 €': 10})
    (root / 'birne' / 'tief' / 'unten').mkdir(parents=True)
    Image.new('L', (4, 4)).save(root / 'birne' / 'tief' / 'unten' / 'ü.PNG')
    fruit = opened(root)
    assert fruit.class_names == ('10 €', 'birne', 'Äpfel', '猫')
    assert sum(fruit.splits.values()) == 41
    assert opened(root).class_names == fruit.class_names  # read from the disk


def test_pictures_of_many_kinds_take_one_form(tmp_path: Path) -> None:
    root = tmp_path / 'a'
    write(root, {'cat': 12, 'dog': 12})
    deep = np.full((6, 8), 32896, np.uint16)
    Image.fromarray(deep).save(root / 'cat' / 'deep.tif')
    square = opened(root, size=(4, 4))
    assert square['train']['image'].dtype == np.uint16  # all is grey: 16 bits are kept
    assert square.specs['image'].high == 65535
    whole = np.concatenate([square[s]['image'] for s in square.splits])
    assert (whole.reshape(25, -1) == 32896).all(1).sum() == 1
    Image.new('RGB', (9, 5), (1, 2, 3)).save(root / 'cat' / 'colour.jpg', quality=100)
    square = opened(root, size=(4, 4))
    images = np.concatenate([square[s]['image'] for s in square.splits])
    assert images.shape == (26, 4, 4, 3) and images.dtype == np.uint8
    assert (images.reshape(26, -1) == 128).all(1).sum() == 1
    grey = opened(root, size=(4, 4), channels=1)
    assert grey['train']['image'].shape[-1] == 1


def test_pictures_of_several_sizes_need_a_size(tmp_path: Path) -> None:
    root = tmp_path / 'a'
    write(root, {'cat': 12, 'dog': 12})
    write(root, {'elk': 12}, side=6)
    with pytest.raises(ValueError) as failure:
        opened(root)
    message = str(failure.value)
    assert '2 sizes, height x width: 4x4 (24), 6x6 (12)' in message
    assert 'size=(height, width)' in message and 'mended' not in message
    assert opened(root, size=(5, 5))['test']['image'].shape[1:] == (5, 5, 1)


def test_all_bad_files_are_named_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    root = tmp_path / 'a'
    write(root / 'train', {'cat': 20, 'dog': 20})
    write(root / 'test', {'cat': 3, 'dog': 3})
    whole = (root / 'train/dog/7.png').read_bytes()
    (root / 'train/dog/7.png').write_bytes(whole[: len(whole) - 30])
    (root / 'train/cat/empty.jpg').touch()
    (root / 'train/cat/notes.txt').write_text('soft fur')
    (root / 'test/dog/text.png').write_text('no picture')
    Image.new('F', (4, 4)).save(root / 'test/cat/float.tiff')
    outside = tmp_path / 'secret.png'
    Image.new('L', (4, 4)).save(outside)
    os.symlink(outside, root / 'train/cat/link.png')
    os.symlink(root / 'train/cat/1.png', root / 'train/cat/inside.png')
    os.symlink(tmp_path, root / 'test/elk')
    os.mkfifo(root / 'test/cat/pipe.png')
    Image.new('L', (4, 4)).save(root / 'test/stray.png')
    with pytest.raises(ValueError) as failure:
        opened(root)
    message = str(failure.value)
    lines = message.splitlines()
    assert '10 files have to be mended or taken out' in lines[0]
    for name, reason in {
        'train/dog/7.png': 'cannot be read (OSError: image file is truncated',
        'train/cat/empty.jpg': 'is empty',
        'train/cat/notes.txt': 'is no picture by its name',
        'test/dog/text.png': 'cannot be read (UnidentifiedImageError',
        'test/cat/float.tiff': "is of Pillow's mode 'F'",
        'train/cat/link.png': 'is a link',
        'train/cat/inside.png': 'is a link',
        'test/elk': 'is a link',
        'test/cat/pipe.png': 'is no regular file',
        'test/stray.png': 'lies in no folder of a class',
    }.items():
        assert any(line.startswith(f'- {name} {reason}') for line in lines), name
    assert len(lines) == 11
    assert prepared(root) == []


def test_damage_found_while_writing_names_all_of_it_too(tmp_path: Path) -> None:
    root = tmp_path / 'a'
    write(root / 'train', {'cat': 20, 'dog': 20})
    write(root / 'test', {'cat': 3, 'dog': 3})
    for name in ('train/cat/3.png', 'train/dog/5.png', 'test/dog/1.png'):
        whole = (root / name).read_bytes()  # the header is whole
        (root / name).write_bytes(whole[: len(whole) - 30])
    with pytest.raises(ValueError, match='3 files have to be mended') as failure:
        opened(root)
    for name in ('train/cat/3.png', 'train/dog/5.png', 'test/dog/1.png'):
        assert name in str(failure.value)
    assert prepared(root) == []


def test_hidden_and_system_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    root = tmp_path / 'a'
    write(root, {'cat': 12, 'dog': 12})
    for name in ('.DS_Store', 'README.txt', 'cat/.DS_Store', 'dog/Thumbs.db'):
        (root / name).write_text('of the system')
    write(root, {'.ipynb_checkpoints': 2, 'cat/.cache': 3})
    pets = opened(root)
    assert sum(pets.splits.values()) == 24 and pets.class_names == ('cat', 'dog')
    assert 'Passed over: 6 hidden or other files.' in pets.description


@pytest.mark.parametrize(
    'counts, message',
    [
        ({}, 'holds no folder, wanted two folders or more'),
        ({'cat': 9}, "holds 'cat', wanted two folders or more.*above or below"),
        ({'cat': 9, 'dog': 0}, "no picture to train on in 'dog'.*fill or delete"),
        ({'cat': 9, 'Cat': 9}, "'Cat' and 'cat' differ in capitals or accents alone"),
        ({'cat': 9, 'a\nb': 9}, r"called 'a\\nb', wanted printable"),
        ({'cat': 9, ' cat': 9}, 'without blanks around them'),
        ({'cat': 30, 'dog': 1}, "of 'dog' 1, which cannot be parted .*folders train"),
        ({'train/cat': 9, 'train/dog': 9, 'elk': 9}, "holds 'elk', 'train', wanted"),
        ({'train/a': 9, 'train/b': 9, 'val/a': 1, 'valid/a': 1}, 'each once'),
        ({'train/a': 9, 'train/b': 9, 'test/c': 1}, "has 'c' in test but not in train"),
        ({'train/a': 9, 'train/b': 9, 'test/a': 0}, 'no picture in test.*delete'),
    ],
)
def test_folders_that_are_no_classes_are_refused(
    counts: dict[str, int], message: str, tmp_path: Path
) -> None:
    root = tmp_path / 'a'
    root.mkdir()
    write(root, counts)
    with pytest.raises(ValueError, match=f'(?s){message}'):
        opened(root)
    assert prepared(root) == []


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    root = tmp_path / 'a'
    write(root, {'cat': 9})
    os.mkdir(os.fsencode(root) + b'/d\xffg')
    with pytest.raises(ValueError, match=r"called 'd\\\\udcffg', wanted printable"):
        opened(root)
    with pytest.raises(FileNotFoundError, match='is no folder, wanted one with'):
        opened(tmp_path / 'none')


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'size': (0, 4)}, r'size is \(0, 4\)'),
        ({'size': (4, 4), 'crop': 1.5}, r'crop is 1.5, wanted a fraction in \(0, 1\]'),
        ({'channels': 4}, 'channels is 4'),
        ({'background': 300}, 'background 300'),
    ],
)
def test_settings_out_of_range_are_refused(
    settings: dict, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        opened(tmp_path, **settings)


def test_prepared_sets_inside_the_folder_would_be_classes(tmp_path: Path) -> None:
    write(tmp_path, {'cat': 12, 'dog': 12})
    with pytest.raises(ValueError, match='would lie in .* wanted another place'):
        data.folder(tmp_path, data_dir=tmp_path / 'prepared')
    assert not (tmp_path / 'prepared').exists()


@pytest.mark.heavy
def test_a_folder_that_has_changed_is_prepared_anew(tmp_path: Path) -> None:
    root = tmp_path / 'a'
    write(root, {'cat': 12, 'dog': 12})
    first = opened(root)
    stale = first['train']['image'].copy()
    (directory,) = (tmp_path / 'prepared/dljax_files').iterdir()
    assert directory.name.startswith('a-')

    for path in root.glob('*/*.png'):
        values = np.array(Image.open(path))
        values[0, 2] += 1
        Image.fromarray(values).save(path)
    fresh = opened(root)['train']['image']
    np.testing.assert_array_equal(fresh[:, 0, 2], stale[:, 0, 2] + 1)
    (root / 'cat/3.png').unlink()
    assert sum(opened(root).splits.values()) == 23
    os.utime(root / 'cat/4.png', ns=(1, 1))
    opened(root)
    assert len(list((tmp_path / 'prepared/dljax_files').iterdir())) == 4


def test_a_folder_that_has_not_changed_is_not_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / 'a'
    write(root, {'cat': 12, 'dog': 12})
    first = opened(root)

    def never(*arguments: object) -> None:
        raise AssertionError('a picture was opened')

    monkeypatch.setattr(preparing, 'picture', never)
    again = opened(root)
    assert again.splits == first.splits and again.specs == first.specs
    np.testing.assert_array_equal(again['test']['image'], first['test']['image'])
    with pytest.raises(ValueError):
        opened(root, channels=3)  # other settings are another set


def test_an_interrupted_preparation_leaves_nothing_and_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / 'a'
    write(root, {'cat': 12, 'dog': 12})
    read, calls = preparing.pixels, []

    def interrupted(*arguments: object) -> np.ndarray:
        calls.append(arguments)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return read(*arguments)

    monkeypatch.setattr(preparing, 'pixels', interrupted)
    with pytest.raises(KeyboardInterrupt):
        opened(root)
    assert prepared(root) == []
    monkeypatch.undo()
    # What a process that was killed leaves is not taken for the set.
    (place,) = (tmp_path / 'prepared/dljax_files').iterdir()
    (place / 'incomplete.ABCDEF_1.0.0').mkdir()
    assert opened(root).splits['train'] == 16


def test_a_picture_that_changes_meanwhile_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / 'a'
    write(root, {'cat': 12, 'dog': 12})

    def then_changed(path: object) -> object:
        listing = list_pictures(path)
        os.utime(root / 'dog/5.png', ns=(1, 1))
        return listing

    monkeypatch.setattr('dljax.data.builders.listing.list_pictures', then_changed)
    with pytest.raises(ValueError, match='dog/5.png has changed while the folder'):
        opened(root)


NAME = some.one_of(
    some.sampled_from(['train', 'Test', 'val', 'cat', 'dog', 'images', '.x', 'a.txt']),
    some.text(
        some.characters(exclude_characters='/\0', exclude_categories=['Cs']),
        min_size=1,
        max_size=8,
    ).filter(lambda name: name not in ('.', '..')),
)


def check_any_folder(folder: Path, examples: int) -> None:
    numbers = iter(range(10**6))

    @settings(max_examples=examples, deadline=None, database=None)
    @given(some.lists(some.lists(NAME, min_size=1, max_size=4), max_size=6))
    def check(paths: list[list[str]]) -> None:
        root = folder / str(next(numbers))
        root.mkdir()
        for path in paths:
            place = root.joinpath(*path)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.with_name(place.name + '.png').touch()
            except OSError:
                continue  # a file stands where a folder would be
        try:
            found = list_pictures(root)
        except ValueError as error:
            assert 'wanted' in str(error) or 'in each of which' in str(error)
        else:
            assert len(found.classes) > 1
            assert (
                'train' in found.splits and all(found.splits.values()) or (found.faults)
            )

    check()


def test_any_folder_is_listed_or_refused_in_words(tmp_path: Path) -> None:
    check_any_folder(tmp_path, 40)


@pytest.mark.faults
def test_many_folders_are_listed_or_refused_in_words(tmp_path: Path) -> None:
    check_any_folder(tmp_path, 1500)
