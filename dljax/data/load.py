"""One door to every data set: the built-in ones and any that TFDS has prepared."""

import contextlib
import difflib
import importlib
import importlib.util
import os
import re
from typing import Any

from dljax.data.dataset import DataSet
from dljax.data.prepare import expand_user, open_builder, prepare
from dljax.data.whole import folder_of, whole

BUILT_IN = {
    'digits': ('dljax.data.builders.digits', 'Digits'),
    'iris': ('dljax.data.builders.tabular', 'Iris'),
    'wine': ('dljax.data.builders.tabular', 'Wine'),
    'breast_cancer': ('dljax.data.builders.tabular', 'BreastCancer'),
    'diabetes': ('dljax.data.builders.tabular', 'Diabetes'),
    'python_help': ('dljax.data.builders.python_help', 'PythonHelp'),
}
# Of these parts a path is made, which leads nowhere else.
_NAME = re.compile(
    r'(\w+:)?[A-Za-z]\w*(/(?!\.)[\w.=,+-]+)?(:(\d+|\*)(\.(\d+|\*)){2})?(/\w+=[\w.,=+-]+)?',
    re.ASCII,
)


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
        OSError: if a built-in set cannot be written, or a prepared one is damaged.
        ValueError: for what is no name of a set.

    Example:
        >>> data = load('digits')
        >>> data['train']['image'].shape, data.splits
        ((1257, 8, 8, 1), {'train': 1257, 'validation': 180, 'test': 360})
    """
    if not isinstance(name, str) or len(name) > 255 or not _NAME.fullmatch(name):
        raise ValueError(
            f"name is {name!r:.80}, wanted that of a data set, such as 'digits', "
            "'mnist', 'name/config' or 'name:1.0.0': for files of your own call "
            'data.folder, data.idx or data.cifar with their path'
        )
    data_dir = expand_user(data_dir)
    if name in BUILT_IN:
        builder = _built_in(name, data_dir)
        kind = builder.kind
    else:
        builder, kind = _published(name, data_dir), 'TFDS'
    return open_builder(builder, name=name, kind=kind, memory_limit=memory_limit)


def _built_in(name: str, data_dir: str | None) -> Any:
    """Open one of our builders, preparing its data if this is the first time."""
    module, builder_class = BUILT_IN[name]
    make = getattr(importlib.import_module(module), builder_class)
    return prepare(
        name,
        lambda: make(data_dir=data_dir),
        lambda: folder_of(data_dir, make.name, str(make.VERSION)),
    )


def _published(name: str, data_dir: str | None) -> Any:
    """Open a prepared set of TFDS's, or prepare it where TensorFlow is installed."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import read_only_builder, registered

    not_found = registered.DatasetNotFoundError
    try:
        with whole(
            lambda: folder_of(data_dir, *name.split(':')[0].split('/')),
            not_found,
            ValueError,
        ):
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


def _files(name: str) -> list[str]:
    """Say which files of the user's would serve, for sets that are published so."""
    base = name.split('/')[0].split(':')[0]
    if base.endswith('mnist'):
        return [
            '- its four IDX files, where you have them (train-images-idx3-ubyte.gz and '
            "so on), without TensorFlow: data.idx('FOLDER')"
        ]
    if base in ('cifar10', 'cifar100'):
        return [
            '- its binary version, where you have it, without TensorFlow: '
            f"data.cifar('FOLDER or {base.replace('cifar', 'cifar-')}-binary.tar.gz')"
        ]
    return ["- pictures of your own in a folder for each class: data.folder('FOLDER')"]


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
        *_files(name),
        "- prepare it here: pip install 'dljax[prepare]' (TensorFlow), then call again",
        '- point data_dir or the environment variable TFDS_DATA_DIR to a folder that '
        'holds it',
    ]
    if near:
        lines.append(f'- a name like it: {", ".join(near)}')
    return '\n'.join(lines)
