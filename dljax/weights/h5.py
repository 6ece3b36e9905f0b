"""Arrays in HDF5 files: plain, and in the two layouts of Keras."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import h5py
import jax.numpy as jnp
import numpy as np

from dljax.weights.archive import open_archive
from dljax.weights.keras_layers import class_names, sort_by_layer, weight_names
from dljax.weights.refusal import Refusal, granted_bytes

PATIENCE = 20.0
READER = Path(__file__).with_name('h5_reader.py')


def read(
    path: Path, patience: float = PATIENCE, room: int | None = None
) -> dict[str, np.ndarray]:
    """Read all arrays; named LAYER/WEIGHT where Keras wrote the file.

    libhdf5 reads it in a process of its own, see `h5_reader`.

    Args:
        path: the file.
        patience: seconds without headway, after which the file is given up.
        room: bytes that its arrays may take; by `granted_bytes` where None.

    Returns:
        NumPy arrays by name.

    Raises:
        Refusal: for what is never read, or not in time.
        ValueError: for a damaged file.
    """
    room = granted_bytes(path) if room is None else room
    with _reader(path, patience, room) as process:
        found = _answer(process, patience)
        tree = Tree(found['groups'], found['sets'], found['ranks'])
        names = _keras_2(tree) or _keras_3(tree) or {n: n for n in tree.sets}
        _tell(process, list(names.values()))
        forms = _answer(process, patience)
        return {
            name: _numbers(process, patience, *form)
            for name, form in zip(names, forms, strict=True)
        }


def read_keras_model(path: Path, patience: float = PATIENCE) -> dict[str, np.ndarray]:
    """Read the weights out of a .keras archive; its code is not looked at."""
    with (
        open_archive(path, packed=True) as archive,
        tempfile.TemporaryDirectory(prefix='dljax-') as folder,
    ):
        inner = Path(folder) / 'model.weights.h5'
        if inner.name not in archive.entries:
            raise Refusal(f'it holds no {inner.name}, as the models of Keras 3 do')
        with archive.file.open(inner.name) as source, inner.open('wb') as target:
            shutil.copyfileobj(source, target)
        return read(inner, patience, granted_bytes(path))


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write each array under its name; in the layout of Keras 2 where all fit that."""
    layers = sort_by_layer(arrays)
    with h5py.File(path, 'w', libver='earliest') as file:
        if layers is None:
            for name, array in arrays.items():
                _put(file, name, array)
            return
        _put_texts(file, 'layer_names', list(layers))
        file.attrs['backend'], file.attrs['keras_version'] = b'jax', b'3.0.0'
        for layer, weights in layers.items():
            group = file.create_group(layer)
            _put_texts(group, 'weight_names', [f'{layer}/{name}' for name in weights])
            for name, array in weights.items():
                _put(group, f'{layer}/{name}', array)
        _put_texts(file.create_group('top_level_model_weights'), 'weight_names', [])


def write_keras_3(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays named LAYER/WEIGHT, layers in the model's order, as Keras 3 does."""
    layers = sort_by_layer(arrays)
    if layers is None:
        raise Refusal(
            '.weights.h5 takes arrays named LAYER/kernel, LAYER/bias, LAYER/gamma and '
            f'so on, but there is {next(iter(arrays))}: name the file .h5'
        )
    with h5py.File(path, 'w', libver='earliest') as file:
        for layer, kind in class_names(layers).items():
            group = file.create_group(f'layers/{kind}/vars')
            group.attrs['name'] = layer
            for place, array in enumerate(layers[layer].values()):
                _put(group, str(place), array)


@contextmanager
def _reader(path: Path, patience: float, room: int) -> Iterator[subprocess.Popen]:
    """Start the process that reads, and end it whatever happens."""
    # -P: the folder of the script, whose files are no modules of their own, stays off
    # the path.
    words = [sys.executable, '-P', READER, path, str(patience), str(room)]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, 'OPENBLAS_NUM_THREADS': '1'},
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            assert process.stdin is not None  # a pipe, as the other
            with suppress(BrokenPipeError):  # of a line that it did not hear
                process.stdin.close()


def _answer(process: subprocess.Popen, patience: float) -> Any:
    """Hear a line of the process."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.endswith(b'\n'):
        _give_up(process, patience)
    words = json.loads(line)
    if 'refused' in words:
        raise Refusal(words['refused'])
    if 'damaged' in words:
        raise ValueError(words['damaged'])
    return words


def _tell(process: subprocess.Popen, words: Any) -> None:
    """Say a line to the process, which may have ended."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # how it has ended is told later
        process.stdin.write(json.dumps(words).encode() + b'\n')
        process.stdin.flush()


def _numbers(
    process: subprocess.Popen,
    patience: float,
    dtype: str,
    shape: list[int],
    bfloat16: bool,
) -> np.ndarray:
    """Hear the numbers of an array."""
    array = np.empty(shape, dtype)
    view = array.reshape(-1).view(np.uint8).data
    assert isinstance(process.stdout, io.BufferedReader)
    while view:
        count = process.stdout.readinto(view)
        if not count:
            _give_up(process, patience)
        view = view[count:]
    return array.view(jnp.bfloat16) if bfloat16 else array


def _give_up(process: subprocess.Popen, patience: float) -> NoReturn:
    code = process.wait()
    if code == -signal.SIGALRM:
        raise Refusal(
            f'libhdf5 made no headway with it in {patience:g} s, as with damaged files '
            'that let it turn in circles: fetch or write it anew, or give it more time '
            'by `patience`'
        )
    raise Refusal(
        f'libhdf5 ended by {code} over it, as over damaged files: fetch or write it '
        'anew'
    )


class Tree(NamedTuple):
    """What a file holds, by path.

    Attributes:
        groups: their lists of texts by name.
        sets: the data sets, in the file's order.
        ranks: of those that have any size.
    """

    groups: dict[str, dict[str, list[str]]]
    sets: list[str]
    ranks: dict[str, int]

    def rank(self, path: str) -> int:
        """Give the number of a data set's axes."""
        return self.ranks.get(path, 0)


def _keras_2(tree: Tree) -> dict[str, str]:
    """Find the weights by layer: their own names have been several over the years."""
    sets, found = set(tree.sets), {}
    for layer in tree.groups[''].get('layer_names', []):
        if layer not in tree.groups:
            raise Refusal(f"it names a layer '{layer}' that is not there")
        names = tree.groups[layer].get('weight_names', [])
        paths = [f'{layer}/{name}' for name in names]
        if absent := [path for path in paths if path not in sets]:
            raise Refusal(f'it names weights that are not there: {", ".join(absent)}')
        names = weight_names([tree.rank(path) for path in paths])
        found |= {
            f'{layer}/{name}': path for name, path in zip(names, paths, strict=True)
        }
    return found


def _keras_3(tree: Tree) -> dict[str, str]:
    """Find the weights by layer, named as it was where the file says how."""
    for top in ('layers', '_layer_checkpoint_dependencies'):  # the latter Keras 2.13
        if top in tree.groups:
            break
    else:
        return {}
    groups: dict[str, dict[str, str]] = {}
    for path in tree.sets:
        if path.startswith(f'{top}/'):
            above, _, place = path.rpartition('/')
            if not above.endswith('/vars'):
                return {}
            groups.setdefault(above, {})[place] = path
    found = {}
    for above, places in groups.items():
        paths = [places[place] for place in sorted(places, key=lambda p: (len(p), p))]
        plain = above.removeprefix(f'{top}/').removesuffix('/vars')
        layer = tree.groups[above].get('name', [plain])[0]
        names = weight_names([tree.rank(path) for path in paths])
        for name, path in zip(names, paths, strict=True):
            if f'{layer}/{name}' in found:
                raise Refusal(f"two of its layers are named '{layer}'")
            found[f'{layer}/{name}'] = path
    return found


def _put_texts(group: h5py.Group, name: str, texts: list[str], some: int = 200) -> None:
    """Write a list of texts; an attribute holds less than 64 KiB."""
    parts = [texts[start : start + some] for start in range(0, len(texts), some)]
    for place, part in enumerate(parts or [[]]):
        words = np.array([text.encode() for text in part] or [], 'S')
        group.attrs[f'{name}{place}' if len(parts) > 1 else name] = words


def _put(group: h5py.Group, name: str, array: np.ndarray) -> None:
    if array.dtype.kind not in 'biuf' and array.dtype != jnp.bfloat16:
        raise Refusal(f'{name} is of {array.dtype}: write .safetensors')
    made = group.create_dataset(name, data=array)
    if array.dtype == jnp.bfloat16:  # HDF5 does not know it; Keras notes it so
        made.attrs['dtype'] = 'bfloat16'
