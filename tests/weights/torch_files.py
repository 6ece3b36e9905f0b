"""PyTorch's files made without PyTorch, for tests."""

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {
    'float64': 'DoubleStorage',
    'float32': 'FloatStorage',
    'float16': 'HalfStorage',
    'bfloat16': 'BFloat16Storage',
    'int64': 'LongStorage',
    'int32': 'IntStorage',
    'int16': 'ShortStorage',
    'int8': 'CharStorage',
    'uint8': 'ByteStorage',
    'bool': 'BoolStorage',
}


class Saved:
    """An array that is pickled as PyTorch pickles a tensor."""

    def __init__(self, array: np.ndarray, **changes: Any) -> None:
        """Take an array; `changes` are lies about it."""
        self.array = np.asarray(array, order='C')
        self.changes = changes


class _Pickler(pickle.Pickler):
    def __init__(self, file: Any, torch: types.ModuleType, protocol: int) -> None:
        super().__init__(file, protocol)
        self.torch, self.storages = torch, {}

    def persistent_id(self, thing: Any) -> Any:
        """Name a storage."""
        if not isinstance(thing, _Storage):
            return None
        self.storages[thing.key] = thing.array
        kind = getattr(self.torch, KINDS[thing.array.dtype.name])
        more = self.legacy
        return ('storage', kind, thing.key, 'cpu', thing.size, *more)

    legacy: tuple = ()

    def reducer_override(self, thing: Any) -> Any:
        """Write an array as a view of a storage."""
        if not isinstance(thing, Saved):
            return NotImplemented
        array, said = thing.array, thing.changes
        key = said.get('key', str(len(self.storages)))
        size = said.get('size', array.size)
        strides = tuple(s // array.itemsize for s in array.strides)
        arguments = (
            _Storage(key, array, size),
            said.get('offset', 0),
            said.get('shape', array.shape),
            said.get('strides', strides),
            False,
            OrderedDict(),
        )
        return self.torch._utils._rebuild_tensor_v2, arguments


class _Storage:
    def __init__(self, key: str, array: np.ndarray, size: int) -> None:
        self.key, self.array, self.size = key, array, size


@contextmanager
def fake_torch() -> Iterator[types.ModuleType]:
    """Stand in for the modules that the pickles name, while they are written."""

    def function(module: types.ModuleType, name: str) -> None:
        made: Callable = lambda *arguments: None  # noqa: E731
        made.__module__, made.__qualname__, made.__name__ = module.__name__, name, name
        setattr(module, name, made)

    def kind(module: types.ModuleType, name: str) -> None:
        setattr(module, name, type(name, (), {'__module__': module.__name__}))

    torch, utils = types.ModuleType('torch'), types.ModuleType('torch._utils')
    torch._utils = utils
    function(utils, '_rebuild_tensor_v2')
    for name in KINDS.values():
        kind(torch, name)
    before = {name: sys.modules.get(name) for name in ('torch', 'torch._utils')}
    sys.modules.update({'torch': torch, 'torch._utils': utils})
    try:
        yield torch
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def tensors(arrays: Mapping[str, Any]) -> OrderedDict:
    """Make a state dict."""
    return OrderedDict(
        (name, Saved(a) if isinstance(a, np.ndarray) else a)
        for name, a in arrays.items()
    )


def pickled(content: Any, protocol: int = 2) -> tuple[bytes, dict[str, np.ndarray]]:
    """Pickle what holds `Saved` arrays, and tell the storages."""
    file = io.BytesIO()
    with fake_torch() as torch:
        pickler = _Pickler(file, torch, protocol)
        pickler.dump(content)
    return file.getvalue(), pickler.storages


def save(
    path: Path,
    content: Any,
    *,
    protocol: int = 2,
    packed: int = zipfile.ZIP_STORED,
    order: str = 'little',
) -> None:
    """Write the ZIP archive of PyTorch since 1.6, on a machine of either byte order."""
    data, storages = pickled(content, protocol)
    with zipfile.ZipFile(path, 'w', packed) as archive:
        archive.writestr('archive/data.pkl', data)
        archive.writestr('archive/byteorder', order)
        for key, array in storages.items():
            array = array if order == sys.byteorder else array.byteswap()
            archive.writestr(f'archive/data/{key}', array.tobytes())
        archive.writestr('archive/version', '3\n')


def save_legacy(path: Path, content: Any) -> None:
    """Write the pickles one after the other of PyTorch before 1.6."""
    file = io.BytesIO()
    for word in (0x1950A86A20F9469CFC6C, 1001, {'little_endian': True}):
        pickle.dump(word, file, 2)
    with fake_torch() as torch:
        pickler = _Pickler(file, torch, 2)
        pickler.legacy = (None,)
        pickler.dump(content)
    pickle.dump(sorted(pickler.storages), file, 2)
    for _, array in sorted(pickler.storages.items()):
        file.write(array.size.to_bytes(8, 'little') + array.tobytes())
    path.write_bytes(file.getvalue())
