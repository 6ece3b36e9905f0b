"""The text that Python carries, of whatever version runs the tests."""

import sys
from pydoc_data.topics import topics

import pytest

from dljax.data import load
from dljax.data.builders.python_help import split_topics


def joined(split: str) -> str:
    return '\n'.join(text.decode() for text in load('python_help')[split]['text'])


def test_the_two_parts_are_the_text_of_this_python_to_the_character() -> None:
    whole = '\n'.join(topics[name] for name in sorted(topics))
    training, held_out = joined('train'), joined('test')
    assert training + held_out == whole
    assert len(training) == len(whole) * 9 // 10
    assert len(whole) > 400_000


def test_the_set_says_what_it_is() -> None:
    data = load('python_help')
    assert data.kind == 'real' and '(real)' in data.summary
    assert list(data.splits) == ['train', 'test']
    assert 'Real data' in data.description and 'https://' in data.citation
    assert str(data.builder.version) == '.'.join(map(str, sys.version_info[:3]))
    names = [name.decode() for name in data['train']['topic']]
    assert names == sorted(topics)[: len(names)]


@pytest.mark.parametrize('length', range(1, 12))
def test_a_cut_anywhere_loses_no_character(length: int) -> None:
    texts = {'c': 'x' * length, 'a': '', 'b': '12'}  # in order: '', '12', 'xxx'
    whole = '\n'.join(['', '12', 'x' * length])
    training, held_out = (
        '\n'.join(text for _, text in parts) for parts in split_topics(texts).values()
    )
    assert training + held_out == whole
    assert len(training) == len(whole) * 9 // 10


def test_a_cut_at_the_end_of_a_topic_loses_no_newline() -> None:
    for last in range(8):
        texts = {'a': '12345678', 'b': 'x' * last}
        parts = split_topics(texts)
        whole = '12345678\n' + 'x' * last
        both = ['\n'.join(text for _, text in part) for part in parts.values()]
        assert ''.join(both) == whole and len(both[0]) == len(whole) * 9 // 10


def test_nothing_cannot_be_parted() -> None:
    with pytest.raises(ValueError, match='no topic'):
        split_topics({})
