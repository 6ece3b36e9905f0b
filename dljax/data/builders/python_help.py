"""The help that Python carries about itself: real English text, of every install."""

import platform
import sys
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

HELD_OUT = 10  # the last one of so many parts of the characters is the test split


def split_topics(topics: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    r"""Cut the topics, joined by newlines in the order of their names, in two.

    Args:
        topics: texts by name.

    Returns:
        'train', the first nine tenths of the characters, and 'test', the last tenth, as
        pairs of name and text. Joined by newlines the texts of a split are that part of
        the whole, to the character: one topic may be in both with a piece of each.

    Example:
        >>> parts = split_topics({'b': '3456789', 'a': '01'})
        >>> parts['train'], parts['test']
        ([('a', '01'), ('b', '345678')], [('b', '9')])
    """
    pairs = sorted(topics.items())
    whole = sum(len(text) + 1 for _, text in pairs) - 1
    left = whole * (HELD_OUT - 1) // HELD_OUT
    for index, (name, text) in enumerate(pairs):
        if left <= len(text):
            return {
                'train': [*pairs[:index], (name, text[:left])],
                'test': [(name, text[left:]), *pairs[index + 1 :]],
            }
        left -= len(text) + 1
    raise ValueError('there is no topic, wanted one or more')


class PythonHelp(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """The language reference as `help()` shows it: 'topic' and 'text', UTF-8.

    Every version of Python has its own text (3.11: 465,000 characters), so the version
    of the set is that of Python, and one prepared by another version is not used.
    """

    name = 'dljax_python_help'
    VERSION = tfds.core.Version('.'.join(map(str, sys.version_info[:3])))
    code_path = None  # there are no checksums of downloads to look for
    kind = 'real'

    def _info(self) -> tfds.core.DatasetInfo:
        text = tfds.features.Text()
        return tfds.core.DatasetInfo(
            builder=self,
            description=(
                'The topics of the Python language reference that help() shows: '
                'English text with examples of code. Real data, as installed with '
                f'Python {platform.python_version()}. Splits by characters, topics in '
                'the order of their names: train 90 %, test 10 %.'
            ),
            features=tfds.features.FeaturesDict({'topic': text, 'text': text}),
            homepage='https://docs.python.org/3/reference/',
            citation=(
                'Python Software Foundation, The Python Language Reference, '
                'https://docs.python.org/3/reference/'
            ),
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        from pydoc_data.topics import topics

        del dl_manager  # nothing is downloaded
        return {
            split: self._generate_examples(pairs)
            for split, pairs in split_topics(topics).items()
        }

    def _generate_examples(
        self, pairs: list[tuple[str, str]]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for key, (topic, text) in enumerate(pairs):
            yield key, {'topic': topic, 'text': text}
