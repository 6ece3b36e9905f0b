"""One builder for all sets that are made from files of the user."""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from dljax.data.builders.embedded import png

Example = dict[str, Any]


class Form(NamedTuple):
    """What is to be prepared.

    Attributes:
        description: what it is, and how it is split.
        citation: whom to cite, if that is known.
        shape: (height, width, channels) of every image.
        dtype: 'uint8' or 'uint16'.
        classes: their names, by feature.
        examples: by split, what gives its examples: 'image' as an array and labels.
    """

    description: str
    citation: str
    shape: tuple[int, int, int]
    dtype: str
    classes: dict[str, tuple[str, ...]]
    examples: dict[str, Callable[[], Iterable[Example]]]


class Files(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Images and labels from files of the user, kept under a key of what they are.

    The key is the name of the configuration, so that files that have changed are
    another set, and never an old copy of this one. 8-bit images are kept as PNG, 16-bit
    ones as compressed tensors, since TFDS decodes no such image without OpenCV.
    """

    name = 'dljax_files'
    VERSION = tfds.core.Version('1.0.0')
    code_path = None  # there are no checksums of downloads to look for

    def __init__(
        self, key: str, data_dir: str | None, form: Form | None = None
    ) -> None:
        """Look for the set; without `form` it can be found but not prepared.

        Args:
            key: of the set, fit for the name of a folder.
            data_dir: where prepared sets lie.
            form: what is to be prepared.
        """
        self._form = form
        config = tfds.core.BuilderConfig(name=key)
        super().__init__(data_dir=data_dir, config=config)

    def release(self) -> None:
        """Let go of what it was prepared from, since TFDS keeps every builder."""
        self._form = None

    def _info(self) -> tfds.core.DatasetInfo:
        form, features = self._form, None
        if form:
            features = {
                label: tfds.features.ClassLabel(names=list(names))
                for label, names in form.classes.items()
            }
            features = tfds.features.FeaturesDict({'image': _image(form), **features})
        return tfds.core.DatasetInfo(
            builder=self,
            description=form.description if form else self.name,
            citation=form.citation if form else None,
            features=features,
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, Example]]]:
        del dl_manager  # nothing is downloaded
        if self._form is None:
            raise RuntimeError('the set is opened without the files it is made from')
        return {
            split: self._generate_examples(examples())
            for split, examples in self._form.examples.items()
        }

    def _generate_examples(
        self, examples: Iterable[Example]
    ) -> Iterator[tuple[int, Example]]:
        for number, example in enumerate(examples):
            image = example['image']
            if image.dtype == np.uint8:
                flat = image[..., 0] if image.shape[-1] == 1 else image
                example = {**example, 'image': png(flat)}
            yield number, example


def _image(form: Form) -> tfds.features.FeatureConnector:
    if form.dtype == 'uint8':
        return tfds.features.Image(shape=form.shape, encoding_format='png')
    return tfds.features.Tensor(
        shape=form.shape, dtype=np.dtype(form.dtype), encoding='zlib'
    )


def key_of(path: str, *facts: Any) -> str:
    """Name a set by what decides its content.

    Args:
        path: of the files; its last part makes the key readable.
        *facts: bytes, a memoryview of such, or whatever has a faithful `repr`.

    Returns:
        Such as 'pets-3f2a91c04b7d5e68'.
    """
    digest = hashlib.sha256()
    for fact in facts:
        part = fact if isinstance(fact, bytes | memoryview) else repr(fact).encode()
        digest.update(b'%d:' % len(part))
        digest.update(part)
    stem = re.sub(r'[^A-Za-z0-9_]+', '_', os.path.basename(path))[:32].strip('_')
    return f'{stem or "files"}-{digest.hexdigest()[:16]}'


def require_regular(path: str, folder: bool = False) -> None:
    """Refuse a link, which may lead anywhere, and what is no file at all.

    Args:
        path: which is there.
        folder: whether it has to be a folder instead.

    Raises:
        ValueError: if it is something else.
    """
    mode = os.lstat(path).st_mode
    if not (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode)):
        wanted = 'folder' if folder else 'file'
        raise ValueError(
            f"'{path}' is a link or no {wanted}, wanted a {wanted}: links are not "
            'followed, put it there itself'
        )


def tenth(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Part training examples from a tenth that validates, always the same.

    Args:
        labels: [example] classes, whose fractions both parts keep.

    Returns:
        Ascending indices of the training and of the validation examples.

    Raises:
        ValueError: where there are too few of a class.
    """
    from sklearn.model_selection import train_test_split  # 2 s, and only to prepare

    try:
        train, validation = train_test_split(
            np.arange(len(labels)), test_size=0.1, random_state=0, stratify=labels
        )
    except ValueError as error:
        raise ValueError(
            f'a tenth of {len(labels)} training examples cannot validate ({error}), '
            'wanted ten or more of every class: add some'
        ) from error
    return np.sort(train), np.sort(validation)
