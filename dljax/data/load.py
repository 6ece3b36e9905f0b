"""One door to every data set: the built-in ones and any that TFDS has prepared."""

import contextlib
import difflib
import importlib
import importlib.util
import io
import logging
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from dljax.data.dataset import DataSet
from dljax.types import Spec

BUILT_IN = {
    'digits': ('dljax.data.builders.digits', 'Digits'),
    'iris': ('dljax.data.builders.tabular', 'Iris'),
    'wine': ('dljax.data.builders.tabular', 'Wine'),
    'breast_cancer': ('dljax.data.builders.tabular', 'BreastCancer'),
    'diabetes': ('dljax.data.builders.tabular', 'Diabetes'),
    'python_help': ('dljax.data.builders.python_help', 'PythonHelp'),
}


def load(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    memory_limit: int = 4 * 2**30,
) -> DataSet:
    """Open a data set by name; a built-in one is prepared on first use.

    Sets are read as array_record, without TensorFlow. A set of TFDS's own that is not
    prepared yet is downloaded and prepared once where TensorFlow is installed.

    Args:
        name: a built-in set (`digits`, `iris`, `wine`, `breast_cancer`, `diabetes`,
            `python_help`), or a TFDS name: `'mnist'`, `'name/config'`,
            `'name:version'`.
        data_dir: where prepared sets lie; by default TFDS's folders (the environment
            variable TFDS_DATA_DIR, else ~/tensorflow_datasets).
        memory_limit: bytes above which `data[split]` refuses and points to `stream`.

    Returns:
        The data set; no example has been read yet.

    Raises:
        FileNotFoundError: if no such set is prepared and it cannot be prepared here;
            says where it was looked for, and the ways out.
        OSError: if a built-in set cannot be written.

    Example:
        >>> data = load('digits')
        >>> data['train']['image'].shape, data.splits
        ((1257, 8, 8, 1), {'train': 1257, 'validation': 180, 'test': 360})
    """
    data_dir = None if data_dir is None else os.path.expanduser(data_dir)
    if name in BUILT_IN:
        builder = _built_in(name, data_dir)
        kind = builder.kind
    else:
        builder, kind = _published(name, data_dir), 'TFDS'
    features = builder.info.features
    label = features['label'] if 'label' in features else None
    return DataSet(
        name=name,
        kind=kind,
        description=builder.info.description,
        citation=builder.info.citation,
        specs=_specs(features),
        class_names=tuple(getattr(label, 'names', None) or ()),
        splits={
            split: info.num_examples for split, info in builder.info.splits.items()
        },
        memory_limit=memory_limit,
        builder=builder,
    )


def _built_in(name: str, data_dir: str | None) -> Any:
    """Open one of our builders, preparing its data if this is the first time."""
    import tensorflow_datasets as tfds

    module, builder_class = BUILT_IN[name]
    make = getattr(importlib.import_module(module), builder_class)
    with _without_warnings():
        builder = make(data_dir=data_dir)
        if builder.is_prepared():
            return builder
    try:
        # A second's work deserves no progress bar. TFDS writes to a folder of its own
        # and renames it at the end, so that half a set is never seen.
        with (
            _without_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            builder.download_and_prepare(
                file_format='array_record',
                download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            )
        return builder
    except OSError as error:
        # Where two processes prepare at once, the second cannot rename: it uses the
        # other's set, which is whole.
        builder = make(data_dir=data_dir)
        if builder.is_prepared():
            return builder
        raise OSError(
            f"'{name}' cannot be prepared in {builder.data_dir} ({error}), wanted a "
            'folder with room that may be written to: choose one by data_dir or the '
            'environment variable TFDS_DATA_DIR'
        ) from error


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence TFDS, which warns of every set that is not prepared yet."""
    log = logging.getLogger('absl')
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _published(name: str, data_dir: str | None) -> Any:
    """Open a prepared set of TFDS's, or prepare it where TensorFlow is installed."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import read_only_builder

    not_found = tfds.core.registered.DatasetNotFoundError
    try:
        return read_only_builder.builder_from_files(
            name, data_dir=data_dir, file_format='array_record'
        )
    except not_found:
        pass
    except ValueError as error:
        if 'File format' not in str(error):
            raise
        raise FileNotFoundError(
            f"'{name}' is prepared in another file format ({error}), wanted "
            "array_record: convert it by TFDS's `tfds convert_format`, or delete the "
            'copy and let load() prepare it anew, where TensorFlow is installed'
        ) from None
    if importlib.util.find_spec('tensorflow') is not None:
        with contextlib.suppress(not_found):
            builder = tfds.builder(name, data_dir=data_dir, file_format='array_record')
            builder.download_and_prepare(file_format='array_record')
            return builder
    raise FileNotFoundError(_not_found(name, data_dir))


def _not_found(name: str, data_dir: str | None) -> str:
    """Say what was looked for, where, and the ways out."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.utils import file_utils

    folders = [os.fspath(f) for f in file_utils.list_data_dirs(given_data_dir=data_dir)]
    known = {*BUILT_IN, *tfds.list_builders(with_community_datasets=False)}
    for folder in folders:
        with contextlib.suppress(OSError):
            known.update(entry.name for entry in os.scandir(folder) if entry.is_dir())
    known.discard(name)
    near = difflib.get_close_matches(name.split('/')[0].split(':')[0], known)
    lines = [
        f"data set '{name}' was looked for in {', '.join(folders)}, wanted a copy that "
        'TFDS prepared there as array_record, and there is none. Ways out:',
        f'- one of the built-in sets, which need no download: {", ".join(BUILT_IN)}',
        "- prepare it here: pip install 'dljax[prepare]' (TensorFlow), then call again",
        '- point data_dir or the environment variable TFDS_DATA_DIR to a folder that '
        'holds it',
    ]
    if near:
        lines.append(f'- a name like it: {", ".join(near)}')
    return '\n'.join(lines)


def _specs(features: Any) -> dict[str, Spec]:
    """Translate TFDS features to specs; text and nested features have none."""
    import tensorflow_datasets as tfds

    specs = {}
    for name, feature in features.items() if hasattr(features, 'items') else ():
        if isinstance(feature, tfds.features.ClassLabel):
            specs[name] = Spec((), 'int32', 0, feature.num_classes - 1)
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
            specs[name] = Spec(
                shape=tuple(feature.shape),
                dtype=canonical.get(dtype.name, dtype.name),
                low=0 if image else None,
                high=float(np.iinfo(dtype).max) if image else None,
            )
    return specs
