"""What the builders of embedded data share: splits, provenance, the file format."""

import io
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

FRACTIONS = 'train 70 %, validation 10 %, test 20 %'


def split_indices(examples: int, labels: np.ndarray | None) -> dict[str, np.ndarray]:
    """Part a set into training, validation and test examples, always the same.

    Args:
        examples: number of examples.
        labels: [example] classes, whose fractions each split keeps, or `None`.

    Returns:
        Shuffled, disjoint indices that together cover the set: 'train' 70 %,
        'validation' 10 % and 'test' 20 % of it.
    """
    from sklearn.model_selection import train_test_split  # 2 s, and only to prepare

    def part(index: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        classes = None if labels is None else labels[index]
        more, less = train_test_split(
            index, test_size=size, random_state=0, shuffle=True, stratify=classes
        )
        return np.asarray(more), np.asarray(less)

    rest, test = part(np.arange(examples), math.ceil(0.2 * examples))
    train, validation = part(rest, math.ceil(0.1 * examples))
    return {'train': train, 'validation': validation, 'test': test}


def png(image: np.ndarray) -> io.BytesIO:
    """Encode [height, width] uint8 as PNG, the form that TFDS takes without TensorFlow.

    Args:
        image: [height, width] uint8.

    Returns:
        The file's bytes, to be read from the start.
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format='PNG')
    buffer.seek(0)
    return buffer


class Embedded(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base of the builders whose data are installed with scikit-learn.

    A subclass names its set `dljax_*`, so that its folder never meets one of TFDS's own
    (`iris`), is not registered, for the same reason, and gives `_features` and
    `_arrays`.
    The splits are stated in the description and fixed: stratified by class where there
    are classes, `random_state=0`, the order on disk that of the split.

    Attributes:
        kind: 'real', 'composed' or 'synthetic'.
        about: what the set is, in a sentence or two, for the description.
        source: homepage.
        reference: whom to cite.
    """

    VERSION = tfds.core.Version('1.0.0')
    # TFDS looks beside the code for checksums of downloads, of which there are none,
    # through importlib_resources, which it does not install.
    code_path = None
    kind: ClassVar[str] = 'real'
    about: ClassVar[str]
    source: ClassVar[str]
    reference: ClassVar[str]

    def _features(self) -> dict[str, Any]:
        """Return the TFDS feature of every value of an example."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return the whole set in scikit-learn's order, [example, ...] by feature."""
        raise NotImplementedError

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=(
                f'{self.about} {self.kind.capitalize()} data, as installed with '
                f'scikit-learn. Splits: {FRACTIONS}, stratified by class where there '
                'are classes, random_state=0, disjoint.'
            ),
            features=tfds.features.FeaturesDict(self._features()),
            homepage=self.source,
            citation=self.reference,
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        del dl_manager  # nothing is downloaded
        arrays = self._arrays()
        examples = len(next(iter(arrays.values())))
        parts = split_indices(examples, arrays.get('label'))
        return {
            split: self._generate_examples(arrays, index)
            for split, index in parts.items()
        }

    def _generate_examples(
        self, arrays: dict[str, np.ndarray], index: np.ndarray
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for key, i in enumerate(index):
            example: dict[str, Any] = {
                name: values[i] for name, values in arrays.items()
            }
            if 'image' in example:
                example['image'] = png(example['image'])
            yield key, example
