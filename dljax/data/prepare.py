"""What every door to a data set shares: prepare it once, then open it."""

import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dljax.data.dataset import DataSet
from dljax.data.whole import check, seal, whole
from dljax.types import Spec


def prepare(name: str, make: Callable[[], Any], folder: Callable[[], str]) -> Any:
    """Prepare what a builder writes, unless that was done before.

    TFDS writes to a folder of its own and renames it at the end, so that half a set is
    never seen; where two processes prepare at once, both use the one that came first.

    Args:
        name: of the set, for the message.
        make: the builder; called again to look for what another process has done.
        folder: tells where the set lies, for the message if it is damaged.

    Returns:
        A builder whose data are there.

    Raises:
        OSError: if they cannot be written, or are there and damaged.
    """
    import tensorflow_datasets as tfds

    with without_warnings(), whole(folder):
        builder = make()
        if builder.is_prepared():
            return builder
    try:
        # Short work deserves no progress bar.
        with (
            without_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            builder.download_and_prepare(
                file_format='array_record',
                download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            )
        seal(builder.data_dir)
        return builder
    except (OSError, RuntimeError) as error:
        if not isinstance(error, OSError) and 'writing' not in str(error):
            raise  # not what ArrayRecord says of a disk that is full
        # Where two processes prepare at once, the second cannot rename: it uses the
        # other's set, which is whole.
        with without_warnings():
            other = make()
            if other.is_prepared():
                return other
        raise OSError(
            f"'{name}' cannot be prepared in {builder.data_dir} ({error}), wanted a "
            'folder with room that may be written to: choose one by data_dir or the '
            'environment variable TFDS_DATA_DIR'
        ) from error


def open_builder(
    builder: Any,
    *,
    name: str,
    kind: str,
    memory_limit: int,
    description: str | None = None,
) -> DataSet:
    """Describe what a builder has prepared; no example is read.

    Args:
        builder: of TFDS, prepared.
        name: the name it was asked for by.
        kind: 'real', 'composed', 'synthetic', 'TFDS', or whose files they are.
        memory_limit: bytes above which a split is not read into memory.
        description: in the place of the one that was prepared.

    Returns:
        The data set.

    Raises:
        OSError: if it is damaged.
    """
    check(builder.data_dir)
    with whole(builder.data_dir):
        return _described(builder, name, kind, memory_limit, description)


def _described(
    builder: Any, name: str, kind: str, memory_limit: int, description: str | None
) -> DataSet:
    features = builder.info.features
    if not builder.info.splits:
        raise ValueError('it has no splits')
    label = features['label'] if 'label' in features else None
    return DataSet(
        name=name,
        kind=kind,
        description=description or builder.info.description,
        citation=builder.info.citation,
        specs=_specs(features),
        class_names=tuple(getattr(label, 'names', None) or ()),
        splits={
            split: info.num_examples for split, info in builder.info.splits.items()
        },
        memory_limit=memory_limit,
        builder=builder,
    )


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Silence TFDS, which warns of every set that is not prepared yet."""
    log = logging.getLogger('absl')
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def expand_user(data_dir: str | os.PathLike[str] | None) -> str | None:
    """Write a folder's name out; `None` stays, for TFDS's own folders."""
    return None if data_dir is None else os.path.expanduser(data_dir)


def _specs(features: Any) -> dict[str, Spec]:
    """Translate TFDS features to specs; text and nested features have none."""
    import tensorflow_datasets as tfds

    specs = {}
    for name, feature in features.items() if hasattr(features, 'items') else ():
        if isinstance(feature, tfds.features.ClassLabel):
            count = feature.num_classes  # None where the set does not say it
            specs[name] = Spec((), 'int32', 0, None if count is None else count - 1)
        elif type(feature) in (
            tfds.features.Image,
            tfds.features.Tensor,
            tfds.features.Scalar,
        ):
            dtype = np.dtype(feature.np_dtype)
            if dtype.kind not in 'biuf':
                continue
            canonical = {'int64': 'int32', 'float64': 'float32'}
            image = isinstance(feature, tfds.features.Image) and dtype.kind == 'u'
            image = image or dtype.name == 'uint16'  # those TFDS has only as tensors
            specs[name] = Spec(
                # TFDS decorates what is a tuple of theirs.
                shape=tuple(feature.shape),  # pyright: ignore[reportArgumentType]
                dtype=canonical.get(dtype.name, dtype.name),
                low=0 if image else None,
                high=float(np.iinfo(dtype).max) if image else None,
            )
    return specs
