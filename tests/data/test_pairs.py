"""Pairs of lines and labelled texts: what is read, what is cut, what is refused."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from dljax import data

ENGLISH = ['a dog runs', 'two cats sleep here', '"one" #2']
GERMAN = ['ein Hund rennt', 'zwei Katzen schlafen hier', 'eins']


def two_files(folder: Path, english: str, german: str) -> tuple[Path, Path]:
    paths = folder / 'a.en', folder / 'a.de'
    for path, text in zip(paths, (english, german), strict=True):
        path.write_text(text, encoding='utf-8')
    return paths


def test_lines_and_tables_give_the_same_pairs(tmp_path: Path) -> None:
    files = two_files(tmp_path, '\n'.join(ENGLISH) + '\n', '\n'.join(GERMAN))
    wanted = data.Pairs(ENGLISH, GERMAN, 0)
    assert data.read_pairs(*files) == wanted
    for path in files:
        packed = path.with_name(path.name + '.gz')
        packed.write_bytes(gzip.compress(path.read_bytes()))
    assert data.read_pairs(*(f'{path}.gz' for path in files)) == wanted
    rows = [
        f'{i}\t{e}\t{g}\n' for i, (e, g) in enumerate(zip(*wanted[:2], strict=True))
    ]
    bare, named = tmp_path / 'bare.tsv', tmp_path / 'named.tsv'
    bare.write_text(''.join(rows))
    named.write_text('number\tenglish\tgerman\n' + ''.join(rows))
    settings = {'quoted': False}
    assert data.read_pairs(bare, columns=('2', '3'), header=False, **settings) == wanted
    got = data.read_pairs(named, columns=('german', 'english'), **settings)
    assert (got.source, got.target) == (GERMAN, ENGLISH)


def write_files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / name.replace('__', '.')).write_text(text)
    return folder


def test_a_folder_of_pairs_is_parted_by_its_names(tmp_path: Path) -> None:
    folder = write_files(
        tmp_path,
        train__lc__de='ein Hund\nzwei\n',
        train__lc__en='a dog\ntwo\n',
        train__lc__fr='un chien\ndeux\n',
        val__de='drei',
        val__en='three',
        test_2016__tok__de='vier',
        test_2016__tok__en='four',
        README__en='not a split',
    )
    (folder / 'test_2017.en.gz').write_bytes(gzip.compress(b'five'))
    (folder / 'test_2017.de').write_text('funf')
    found = data.pair_folder(folder, ('en', 'de'))
    assert list(found) == ['test_2016', 'test_2017', 'train', 'validation']
    assert found['train'] == (['a dog', 'two'], ['ein Hund', 'zwei'], 0)
    assert found['test_2017'] == (['five'], ['funf'], 0)


@pytest.mark.parametrize(
    'texts, message',
    [
        ({'val__de': 'a', 'val__en': 'b'}, 'no pairs to learn from, wanted train.de'),
        ({'train__de': 'a'}, "train.de' stands alone, wanted it in both"),
        ({'train__de': 'a', 'train__tok__en': 'b'}, 'named differently'),
        ({'train__de': 'a', 'train__tok__de': 'b'}, 'are both train in de'),
        ({'train__de': 'a\nb', 'train__en': 'b'}, 'has 2 lines'),
    ],
)
def test_a_folder_that_is_none_of_pairs_is_refused(
    texts: dict, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        data.pair_folder(write_files(tmp_path, **texts), ('de', 'en'))
    with pytest.raises(FileNotFoundError, match='no folder'):
        data.pair_folder(tmp_path / 'none', ('de', 'en'))


def test_signs_that_end_lines_elsewhere_do_not_here(tmp_path: Path) -> None:
    files = two_files(tmp_path, 'a\u2028b\x0bc\x85d\r\n', 'e\n')
    assert data.read_pairs(*files).source == ['a\u2028b\x0bc\x85d']


def test_empty_texts_are_refused_or_counted(tmp_path: Path) -> None:
    files = two_files(tmp_path, 'a\n\nc\nd', 'a\nb\n \nd')
    with pytest.raises(ValueError, match='empty text in line 2, 3, wanted'):
        data.read_pairs(*files)
    assert data.read_pairs(*files, drop_empty=True) == (['a', 'd'], ['a', 'd'], 2)


@pytest.mark.parametrize(
    'english, german, message',
    [
        ('a\nb', 'a', r"a.en' has 2 lines and '.*a.de' 1"),
        ('', '', 'holds no pair'),
        ('a\0b', 'a', 'NUL'),
    ],
)
def test_files_that_do_not_fit_are_refused(
    english: str, german: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        data.read_pairs(*two_files(tmp_path, english, german))


def test_damage_and_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / 'a.gz'
    path.write_bytes(gzip.compress(b'some text\n' * 1000)[:-20])
    with pytest.raises(ValueError, match='damaged after row'):
        data.read_lines(path)
    path.write_bytes('grün'.encode('latin-1'))
    with pytest.raises(ValueError, match='not in UTF-8'):
        data.read_lines(path)
    assert data.read_lines(path, encoding='latin-1') == ['grün']
    with pytest.raises(ValueError, match="encoding is 'latin-77'"):
        data.read_lines(path, encoding='latin-77')
    with pytest.raises(FileNotFoundError, match='absent'):
        data.read_pairs(tmp_path / 'absent', path)
    with pytest.raises(FileNotFoundError, match='absent'):
        data.read_pairs(tmp_path / 'absent')
    with pytest.raises(ValueError, match='wanted two files of lines'):
        data.read_pairs(path, path, columns=('a', 'b'))
    path.write_text('a,b,c\nx,y,z\n')
    with pytest.raises(ValueError, match='3 columns, wanted two: say which'):
        data.read_pairs(path)


def encoded(beyond: str) -> data.Encoded:
    words = data.Words.of(ENGLISH), data.Words.of(GERMAN)
    return data.encode_pairs(ENGLISH, GERMAN, *words, longest=(4, 9), beyond=beyond)


def test_what_is_too_long_is_told() -> None:
    arrays, summary = encoded('drop')
    assert summary == (
        '2 pairs of at most 4 tokens of the source and 4 tokens of the target, 1 left '
        'out, being longer than 4 and 9'
    )
    assert arrays['source'].shape == (2, 4) and arrays['source'].dtype == np.int32
    assert arrays['source_length'].tolist() == [4, 3]
    assert arrays['target_length'].tolist() == [4, 2]
    assert arrays['target'][1].tolist()[1:] == [1, 0, 0]
    arrays, summary = encoded('cut')
    assert arrays['source'].shape == (3, 4) and '1 cut to 4 and 9' in summary
    assert arrays['source'][1, 3] == 1 and arrays['target_length'][1] == 5
    with pytest.raises(ValueError, match=r'1 of 3 examples need more.*\(numbers 2\)'):
        encoded('refuse')


def test_texts_are_cut_with_their_labels() -> None:
    words = data.Words.of(ENGLISH)
    arrays, summary = data.encode_texts(
        ENGLISH, words, longest=4, labels=np.array([1, 0, 1]), beyond='drop'
    )
    assert arrays['label'].tolist() == [1, 1] and '1 left out' in summary
    whole = data.encode_texts(ENGLISH, words, longest=99)
    assert whole.arrays['tokens'].shape == (3, 5)
    assert whole.summary == '3 texts of at most 5 tokens'


@pytest.mark.parametrize(
    'change, message',
    [
        ({'longest': 1}, 'longest is 1'),
        ({'beyond': 'split'}, "beyond 'split'"),
        ({'labels': np.zeros(2)}, r'labels have shape \(2,\) for 3'),
        ({'longest': 2, 'beyond': 'drop'}, 'of 3 examples none has 2'),
    ],
)
def test_settings_out_of_range_are_refused(change: dict, message: str) -> None:
    settings = {'longest': 9, **change}
    with pytest.raises(ValueError, match=message):
        data.encode_texts(ENGLISH, data.Words.of(ENGLISH), **settings)


def test_labelled_texts_are_read_from_all_three(tmp_path: Path) -> None:
    table = tmp_path / 'a.csv'
    table.write_text('label,text\npos,"good, ""very"""\nneg,# bad\npos,Total\n')
    read = data.read_labelled(table, text='text', label='label')
    assert read.texts == ['good, "very"', '# bad', 'Total']
    assert read.labels.tolist() == [1, 0, 1] and read.class_names == ('neg', 'pos')
    again = data.read_labelled(
        table, text='text', label='label', class_names=('pos', 'neg')
    )
    assert again.labels.tolist() == [0, 1, 0]
    for split, name, text in (
        ('train', 'neg', 'bad'),
        ('train', 'pos', 'good'),
        ('test', 'pos', 'fine'),
    ):
        (tmp_path / 'texts' / split / name).mkdir(parents=True)
        (tmp_path / 'texts' / split / name / '1.txt').write_text(f'{text}\n')
    folder = data.text_folder(tmp_path / 'texts')
    assert folder['train'].texts == ['bad', 'good']
    assert folder['test'].labels.tolist() == [1]
    lines = data.labelled_lines({'a': table, 'b': table})
    assert lines.labels.tolist() == [0] * 4 + [1] * 4


def test_every_file_of_a_folder_that_is_no_text_is_named(tmp_path: Path) -> None:
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        (tmp_path / name / '1.txt').write_text('text')
    (tmp_path / 'a/2.txt').write_bytes(b'\xff')
    (tmp_path / 'a/3.txt').write_text(' \n')
    (tmp_path / 'b/4.png').write_text('x')
    (tmp_path / 'b/5.txt').symlink_to(tmp_path / 'a/1.txt')
    with pytest.raises(ValueError, match='4 files have to be mended') as error:
        data.text_folder(tmp_path)
    for part in (
        'a/2.txt cannot be read',
        'a/3.txt is empty',
        'b/4.png is no text',
        'b/5.txt is a link',
    ):
        assert part in str(error.value)


@pytest.mark.parametrize(
    'text, message',
    [
        ('text,label\na,\nb,x\n', "'label' of .* is empty in row 2"),
        ('text,label\n,y\nb,x\n', "'text' of .* is empty in row 2"),
        ('text,label\na,x\nb,x\n', "classes 'x', wanted two"),
        ('text,what\na,x\n', "no column 'label', wanted one of 'text', 'what'"),
        ('text,label\na,x,y\n', 'has 3 fields'),
    ],
)
def test_labelled_tables_that_are_none_are_refused(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / 'a.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        data.read_labelled(tmp_path / 'a.csv', text='text', label='label')


def test_a_class_that_was_not_given_is_named(tmp_path: Path) -> None:
    (tmp_path / 'a.csv').write_text('t,l\na,x\nb,y\n')
    with pytest.raises(ValueError, match="is 'y' in row 3, wanted one of 'x', 'z'"):
        data.read_labelled(
            tmp_path / 'a.csv', text='t', label='l', class_names=('x', 'z')
        )


def test_folds_hold_every_example_once() -> None:
    folds = [data.hold_out(23, folds=5, fold=fold) for fold in range(5)]
    for parts in folds:
        assert sorted(np.concatenate(list(parts.values()))) == list(range(23))
        assert all((np.diff(rows) > 0).all() for rows in parts.values())
    tests = np.concatenate([parts['test'] for parts in folds])
    assert sorted(tests) == list(range(23))
    assert {len(parts['test']) for parts in folds} == {4, 5}
    for settings in ({'folds': 2}, {'fold': 10}, {'fold': -1}):
        with pytest.raises(ValueError, match='folds is'):
            data.hold_out(23, **settings)
    with pytest.raises(ValueError, match="'a.csv' has 9 examples to learn from, want"):
        data.hold_out(9, name="'a.csv'")
