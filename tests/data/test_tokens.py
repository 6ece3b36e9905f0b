"""Tokens of words and byte pairs: there and back, what is unknown, what is refused."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from dljax import data
from dljax.data.tokens import END, FIXED, UNKNOWN, Tokens

TEXTS = [
    'the dog sees the cat .',
    'the cat runs , the dog sleeps .',
    'Ünïcode 日本 🙂 "x"',
]


def made(kind: str) -> Tokens:
    if kind == 'words':
        return data.Words.of(TEXTS)
    pytest.importorskip('tokenizers')
    return data.BytePairs.of(TEXTS, 300)


@pytest.mark.parametrize('kind', ['words', 'byte pairs'])
def test_texts_come_back_and_ends_end_them(kind: str, tmp_path: Path) -> None:
    tokens = made(kind)
    for text in TEXTS:
        ids = tokens.encode(text)
        assert ids.dtype == np.int32 and FIXED <= ids.min() <= ids.max() < tokens.size
        assert tokens.decode(ids) == text
        padded = np.concatenate([ids, [END, 0, 0], ids])
        assert tokens.decode(padded) == text
    assert tokens.encode('').shape == (0,) and tokens.decode([]) == ''
    assert '\ufffd' in tokens.decode([UNKNOWN])
    for wrong in ([tokens.size], [-1]):
        with pytest.raises(ValueError, match='the vocabulary that encoded'):
            tokens.decode(wrong)
    with pytest.raises(ValueError, match='one text at a time'):
        tokens.decode(np.zeros((2, 3), np.int32))
    again = data.load_tokens(data.save_tokens(tmp_path / 'run/tokens.json', tokens))
    assert type(again) is type(tokens) and again.size == tokens.size
    assert again.to_json() == tokens.to_json()
    np.testing.assert_array_equal(again.encode('a cat!'), tokens.encode('a cat!'))
    assert [p.name for p in (tmp_path / 'run').iterdir()] == ['tokens.json']


def test_characters_are_kept_as_other_vocabularies_are(tmp_path: Path) -> None:
    characters = data.Vocabulary.of('banana"\n')
    again = data.load_tokens(data.save_tokens(tmp_path / 'tokens.json', characters))
    assert again == characters
    assert again.decode(again.encode('ban')) == 'ban'


def test_letters_are_words_where_that_is_asked() -> None:
    letters = data.Words.of(['a bab'], letters=True)
    assert set(letters.words) == {'a', 'b', ' '}
    assert letters.decode(letters.encode('a bc')) == 'a b\ufffd'
    assert data.tokens_from_json(letters.to_json()) == letters


def test_rare_words_are_unknown_and_frequent_ones_first() -> None:
    words = data.Words.of(TEXTS, minimum=2)
    assert words.words == ('the', '.', 'cat', 'dog')
    assert words.encode('the bird').tolist() == [3, UNKNOWN]
    assert data.Words.of(TEXTS, largest=2).words == ('the', '.')
    assert data.Words.of(reversed(TEXTS)).words == data.Words.of(TEXTS).words


def test_signs_are_words_where_that_is_asked() -> None:
    words = data.Words.of(["Don't stop, he said."], lowercase=True, signs=True)
    assert set(words.words) == {"don't", 'stop', ',', 'he', 'said', '.'}
    assert words.decode(words.encode("DON'T, stop")) == "don't , stop"


def test_any_text_is_bytes_and_frequent_pairs_are_joined() -> None:
    tokens = made('byte pairs')
    for text in ('unseen words', '\0\n\t  two blanks ', '<end>', 'ß€𝄞', '\x1f'):
        assert tokens.decode(tokens.encode(text)) == text
    assert len(tokens.encode('the dog')) < len(b'the dog')
    assert UNKNOWN not in tokens.encode('🙃')


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, 'tokenizers', None)
    monkeypatch.delitem(sys.modules, 'tokenizers.decoders', raising=False)
    with pytest.raises(ImportError, match=r"pip install 'dljax\[text\]'"):
        data.BytePairs.of(['a'], 300)


def words_json(words: list[str], **flags: object) -> str:
    plain = {'lowercase': False, 'signs': False, 'letters': False}
    return json.dumps({'kind': 'words', 'words': words, **plain, **flags})


@pytest.mark.parametrize(
    'text, message',
    [
        ('{', 'is no JSON'),
        ('[' * 100_000, 'is no JSON'),
        ('[]', "kind 'list'"),
        ('{"kind": "pickle"}', "kind 'pickle', wanted 'words' or 'byte pairs'"),
        ('{"kind": "words", "words": "abc"}', "wanted a list 'words'"),
        (words_json(['a b']), "hold 'a b'"),
        (words_json(['a', 'a'], signs=True), 'twice'),
        (words_json(['A'], lowercase=True), "hold 'A'"),
        (words_json(['ab'], letters=True), "hold 'ab'"),
        (words_json(['a'], letters=1), "'letters', each true or false"),
        ('{"kind": "characters", "characters": "ba"}', "are 'ba', wanted a text of"),
        ('{"kind": "characters", "characters": ["a"]}', 'wanted a text of characters'),
    ],
)
def test_a_damaged_vocabulary_is_refused(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        data.tokens_from_json(text)
    (tmp_path / 'tokens.json').write_text(text)
    with pytest.raises(ValueError, match='tokens.json'):
        data.load_tokens(tmp_path / 'tokens.json')


def test_damaged_byte_pairs_are_refused() -> None:
    fields = json.loads(made('byte pairs').to_json())
    with pytest.raises(ValueError, match="'tokenizer' cannot be read"):
        data.tokens_from_json(json.dumps({**fields, 'tokenizer': {'model': 3}}))
    vocabulary = fields['tokenizer']['model']
    vocabulary['vocab'], vocabulary['merges'] = {'a': 0}, []
    with pytest.raises(ValueError, match='lacks 255 of 256 bytes'):
        data.tokens_from_json(json.dumps(fields))


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda: data.Words.of('abc'), 'one text'),
        (lambda: data.BytePairs.of('abc', 300), 'one text'),
        (lambda: data.Words.of(['a'], minimum=0), 'minimum is 0'),
        (lambda: data.Words.of(['a'], minimum=2), 'none is seen 2 times'),
        (lambda: data.BytePairs.of(['a'], 258), 'size is 258'),
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file '.*absent.json'"):
        data.load_tokens(tmp_path / 'absent.json')
