"""Captions of the user: what a table and a folder say, and what is wrong with them."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dljax import data
from dljax.data.captioning import (
    captioned_source,
    encode_captions,
    picture_captioning,
    scene_captioning,
)
from dljax.data.words import Words

KEY = jax.random.key(0)


def pictures(folder: Path, count: int) -> Path:
    """Make grey pictures, each as bright as its number."""
    for n in range(count):
        pixels = np.full((6, 8, 3), 10 * n, np.uint8)
        Image.fromarray(pixels).save(folder / f'{n}.png')
    return folder


def written(folder: Path, *rows: str, head: str = 'image,caption') -> Path:
    table = folder / 'captions.csv'
    table.write_text('\n'.join([head, *rows]))
    return table


def test_a_picture_has_all_captions_of_its_rows(tmp_path: Path) -> None:
    pictures(tmp_path, 3)
    table = written(
        tmp_path, '1.png,"one, alone"', '0.png,none', '1.png,"say ""one"""', ''
    )
    made = data.captioned_folder(tmp_path, table, size=(3, 4))
    assert made.files == ['1.png', '0.png']
    assert made.captions == [('one, alone', 'say "one"'), ('none',)]
    assert made.images.shape == (2, 3, 4, 3) and made.images.dtype == np.uint8
    assert (made.images[0] == 10).all() and (made.images[1] == 0).all()
    assert made.summary == '2 pictures of 3x4 pixels with 1 to 2 captions'
    grey = data.captioned_folder(tmp_path, table, size=(6, 8), channels=1)
    assert grey.images.shape == (2, 6, 8, 1)


def test_columns_may_have_other_names_and_files_lie_deeper(tmp_path: Path) -> None:
    (tmp_path / 'in').mkdir()
    pictures(tmp_path / 'in', 1)
    table = written(tmp_path, 'a dog\t5\tin/0.png', head='said\tid\tfile')
    columns = 'file', 'said'
    made = data.captioned_folder(tmp_path, table, columns=columns, size=(2, 2))
    assert made.captions == [('a dog',)]
    with pytest.raises(ValueError, match="no column 'image', wanted one of 'said'"):
        data.captioned_folder(tmp_path, table, size=(2, 2))


def test_all_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    pictures(tmp_path, 1)
    (tmp_path / 'bad.png').write_bytes(b'no picture')
    (tmp_path / 'link.png').symlink_to(tmp_path / '0.png')
    table = written(
        tmp_path,
        '0.png,fine',
        '0.png,',
        ',nothing',
        'gone.png,not there',
        'bad.png,bytes',
        '../0.png,outside',
        'captions.csv,a table',
        'link.png,elsewhere',
    )
    with pytest.raises(ValueError, match='7 rows have to be mended') as error:
        data.captioned_folder(tmp_path, table, size=(2, 2))
    for words in (
        "row 3 has no 'caption'",
        "row 4 has no 'image'",
        "row 5: there is no picture 'gone.png'",
        "row 6: 'bad.png' cannot be read",
        "row 7: '../0.png' lies outside the folder",
        "row 8: 'captions.csv' is not named as a picture is",
        "row 9: 'link.png'",
    ):
        assert words.replace("'", '') in str(error.value).replace("'", '')


def test_places_and_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    pictures(tmp_path, 1)
    table = written(tmp_path, '0.png,one')
    with pytest.raises(FileNotFoundError, match="no folder '.*gone', wanted one of pi"):
        data.captioned_folder(tmp_path / 'gone', table, size=(2, 2))
    with pytest.raises(FileNotFoundError, match="no file '.*none.csv', wanted a table"):
        data.captioned_folder(tmp_path, tmp_path / 'none.csv', size=(2, 2))
    with pytest.raises(ValueError, match=r'size is \(0, 2\) and channels 3'):
        data.captioned_folder(tmp_path, table, size=(0, 2))
    with pytest.raises(ValueError, match='channels 2'):
        data.captioned_folder(tmp_path, table, size=(2, 2), channels=2)
    with pytest.raises(ValueError, match='crop is 2'):
        data.captioned_folder(tmp_path, table, size=(2, 2), crop=2)
    with pytest.raises(ValueError, match='need .* GiB, wanted 4 or less'):
        data.captioned_folder(tmp_path, table, size=(60_000, 60_000))
    table.write_text('image,caption\n')
    with pytest.raises(ValueError, match='has no row, wanted a picture and a caption'):
        data.captioned_folder(tmp_path, table, size=(2, 2))


def test_the_source_draws_any_caption_of_its_picture_and_no_padding() -> None:
    said = [('a dog', 'one dog here'), ('two',), ('three',)]
    words = Words.of([text for several in said for text in several])
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) * np.uint8(51)
    arrays = encode_captions(np.broadcast_to(images, (3, 2, 2, 1)), said, words)
    source = captioned_source(arrays, 3)

    @jax.jit
    def draw(position: int) -> dict:
        return source.next(KEY, position, None)

    first = {'place': jnp.int32(0), 'batches': jnp.int32(0)}
    position, once = draw(first)
    jax.tree.map(np.testing.assert_array_equal, once, draw(first)[1])
    seen = {n: set() for n in range(3)}
    for _ in range(20):
        position, batch = draw(position)
        numbers = np.rint(np.asarray(batch['image'])[:, 0, 0, 0] * 5).astype(int)
        assert sorted(numbers) == [0, 1, 2]
        rows = zip(numbers, batch['caption'], batch['caption_length'], strict=True)
        for n, row, length in rows:
            assert row[length - 1] == 1 and not row[length:].any()
            seen[n].add(words.decode(row))
    assert seen == {0: {'a dog', 'one dog here'}, 1: {'two'}, 2: {'three'}}


def test_pictures_are_parted_and_words_are_those_of_the_training(
    tmp_path: Path,
) -> None:
    pictures(tmp_path, 20)
    texts = [f'{n}.png,"A {"big " * (n % 2)}Dog."' for n in range(20)]
    texts += [f'{n}.png,a dog and again a dog and again a dog' for n in range(20)]
    table = written(tmp_path, *texts)
    made = picture_captioning(tmp_path, table, size=4, longest=6)
    assert made.words.words == ('a', 'dog', 'again', 'and', '.', 'big')
    assert made.summary == (
        '20 pictures of 4x4 pixels with 2 captions (of the user): 16 train, 2 '
        'validation, 2 test; 9 words; 16 captions longer than 6 left out'
    )
    for each in made.evaluation.values():
        assert each['image'].shape == (2, 4, 4, 3) and each['image'].max() <= 1
        for row, refs in zip(each['caption'], each['references'], strict=True):
            np.testing.assert_array_equal(row, refs[0])
            assert made.words.decode(refs[0]) in ('a dog .', 'a big dog .')
            assert made.words.decode(refs[1]) == 'a dog and again a'
            assert refs[1, -1] == 1
    batch = jax.eval_shape(made.source(50).init, KEY)[1]
    assert batch['image'].shape == (16, 4, 4, 3) and batch['image'].dtype == np.float32
    with pytest.raises(ValueError, match='longest is 1'):
        picture_captioning(tmp_path, table, longest=1)
    with pytest.raises(ValueError, match='has 3 tokens or fewer with its end'):
        picture_captioning(tmp_path, table, longest=3)


@pytest.mark.heavy
def test_scenes_of_the_splits_are_of_digits_of_their_own() -> None:
    made = scene_captioning(32, 5)
    assert made.steps == 7 and made.words.size == 20
    validation, test = (made.evaluation[s]['image'] for s in ('validation', 'test'))
    assert validation.shape == (5, 32, 32, 1) and (validation != test).any()
    again = scene_captioning(32, 5).evaluation['test']
    jax.tree.map(np.testing.assert_array_equal, again, made.evaluation['test'])
