"""Named arrays in the files of the frameworks: one way in and one way out."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dljax.weights import h5, npz, pickled, safe
from dljax.weights.refusal import Refusal


class _Format(NamedTuple):
    words: str
    read: Callable[..., dict[str, np.ndarray]]
    write: Callable[[Path, Mapping[str, np.ndarray]], None] | None


_FORMATS = {
    '.safetensors': _Format('safetensors', safe.read, safe.write),
    '.npz': _Format('NumPy npz', npz.read, npz.write),
    '.h5': _Format('HDF5', h5.read, h5.write),
    '.hdf5': _Format('HDF5', h5.read, h5.write),
    '.weights.h5': _Format('Keras weights', h5.read, h5.write_keras_3),
    '.keras': _Format('Keras model', h5.read_keras_model, None),
    '.pt': _Format('PyTorch', pickled.read, pickled.write),
    '.pth': _Format('PyTorch', pickled.read, pickled.write),
}
_ALSO_READ = {
    '.ckpt': _Format('PyTorch', pickled.read, None),
    '.bin': _Format('PyTorch', pickled.read, None),
}
_BY_LIBHDF5 = ('HDF5', 'Keras weights', 'Keras model')
_TENSORFLOW = (
    'is a checkpoint of TensorFlow, which is not read: load it in TensorFlow and save '
    'its weights as .h5, .weights.h5 or .npz'
)
_BEGINNINGS = {
    b'': 'an empty file',
    b'\x89HDF': 'HDF5, as Keras writes it to .h5',
    b'PK': 'a ZIP archive, as NumPy writes it to .npz, PyTorch to .pt, Keras to .keras',
    b'\x80': 'a Python pickle, as PyTorch before 1.6 wrote it to .pt',
    b'\x1f\x8b': 'a gzip archive: unpack it',
    b'<': 'a page of HTML or XML: what was downloaded is not the file itself',
    b'version https://git-lfs': 'a pointer of Git LFS: run git lfs pull',
}


def read(path: str | Path, *, patience: float = h5.PATIENCE) -> dict[str, np.ndarray]:
    """Read named arrays; what a file declares is checked before it takes memory.

    Read are .safetensors; .npz; .h5 and .hdf5, plain or in the layouts of Keras 2 and
    3, where the names become LAYER/kernel and so on; .keras; and what PyTorch saves as
    .pt, .pth, .ckpt or .bin, without PyTorch and without running any code. Of a
    checkpoint the state dict is read, alone or as the entry 'state_dict' or 'model'.
    Nothing outside the file is followed. HDF5 is read in a process of its own, since
    damaged files let its library turn in circles for ever.

    Args:
        path: the file; its suffix says the format.
        patience: seconds that the library of HDF5 may take without headway.

    Returns:
        NumPy arrays by name, in the file's order, bit for bit as they are there.

    Raises:
        ValueError: for another suffix, or a file that is damaged, holds anything but
            arrays of numbers, or is not what its suffix says.
        OSError: where there is no such file, or it is a folder.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / 'weights.npz'
        ...     write(path, {'output/bias': np.zeros(3)})
        ...     read(path)
        {'output/bias': array([0., 0., 0.])}
    """
    path = Path(path)
    form = _format(path, _FORMATS | _ALSO_READ)
    if path.is_dir():
        raise IsADirectoryError(f'{path} is a folder, wanted a file of weights')
    if not path.exists():
        if path.with_name(f'{path.name}.index').exists():
            raise ValueError(f'{path} {_TENSORFLOW}')
        raise FileNotFoundError(f'there is no file {path}')
    if not path.is_file():
        raise ValueError(f'{path} is no regular file, wanted a file of weights')
    if not patience > 0:
        raise ValueError(f'patience={patience}, wanted seconds above 0')
    try:
        slow = form.words in _BY_LIBHDF5
        arrays = form.read(path, patience) if slow else form.read(path)
    except (ImportError, PermissionError, MemoryError):
        raise
    except Refusal as error:
        raise ValueError(f'{path} is refused: {error}') from error
    except Exception as error:  # damage raises whatever the parser meets first
        reason = ': '.join([type(error).__name__, *str(error).splitlines()[:1]])
        raise ValueError(
            f'{path} is no whole {form.words} file ({reason}). It begins as '
            f'{_beginning(path)}; fetch or write it anew, with the suffix of its format'
        ) from error
    if not arrays:
        raise ValueError(f'{path} holds no array, wanted weights by name')
    return arrays


def write(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays in one move, so that a kill never leaves half a file.

    Args:
        path: the file; its suffix says the format, as for `read`. Where all arrays are
            named as Keras does, LAYER/kernel and so on, .h5 is laid out as Keras 2 did,
            which Keras loads by order and by name, and .weights.h5, which takes no
            others, as Keras 3 does. A .keras file holds the model too: read only.
        arrays: by name; NumPy's or JAX's.

    Raises:
        ValueError: for another suffix, or arrays that the format cannot hold.
        OSError: where there is no such folder, or the path is a folder.
        ImportError: for .pt and .pth without torch.
    """
    path = Path(path)
    form = _format(path, _FORMATS)
    if form.write is None:
        raise ValueError(
            f'{path}: {form.words} files are read only, write one of '
            + ', '.join(suffix for suffix, other in _FORMATS.items() if other.write)
        )
    made = {name: np.asarray(array, order='C') for name, array in arrays.items()}
    faults = [f'{n} is of {a.dtype}' for n, a in made.items() if not _numbers(a)]
    if faults or not made:
        raise ValueError(
            f'{path}: {", ".join(faults) or "there is no array"}, wanted real numbers '
            'by name'
        )
    with whole(path) as temporary:
        try:
            form.write(temporary, made)
        except (ImportError, OSError, MemoryError):
            raise
        except Exception as error:  # each library refuses in its own words
            raise ValueError(f'{path} cannot hold these arrays: {error}') from error


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path beside another, which takes its place if nothing is raised."""
    if path.is_dir():
        raise IsADirectoryError(f'{path} is a folder, wanted the name of a file')
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f'there is no folder {path.parent} to write {path.name}'
        )
    temporary = path.with_name(f'.{os.getpid()}.{path.name}')
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _numbers(array: np.ndarray) -> bool:
    real = (jnp.bool_, jnp.integer, jnp.floating)
    return any(jnp.issubdtype(array.dtype, kind) for kind in real)


def _format(path: Path, formats: Mapping[str, _Format]) -> _Format:
    endings = [''.join(path.suffixes[-n:]).lower() for n in (2, 1)]
    if endings[1] == '.index' or endings[1].startswith('.data-'):
        raise ValueError(f'{path} {_TENSORFLOW}')
    for ending in endings:
        if ending in formats:
            return formats[ending]
    raise ValueError(
        f"{path} has the suffix '{path.suffix}', wanted one of {', '.join(formats)}"
    )


def _beginning(path: Path) -> str:
    with path.open('rb') as file:
        start = file.read(64)
        file.seek(max(path.stat().st_size - 8, 0))
        end = file.read(8)
    if end == b'\x57\xfb\x80\x8b\x24\x75\x47\xdb':  # of its tables
        return 'a checkpoint of TensorFlow, which is not read'
    for mark in sorted(_BEGINNINGS, key=len, reverse=True):
        if start.startswith(mark) and (mark or not start):
            return _BEGINNINGS[mark]
    if start[8:9] == b'{':
        return 'safetensors'
    return 'nothing that is known here'
