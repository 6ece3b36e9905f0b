"""Tensors in PyTorch's files, read without PyTorch and without running any code."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import jax.numpy as jnp
import numpy as np

from dljax.weights import opcodes, reference
from dljax.weights.archive import Archive, open_archive
from dljax.weights.refusal import Refusal, require_room
from dljax.weights.torch_names import Odd, Storage, Tensor

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_KINDS = {
    'DoubleStorage': 'float64',
    'FloatStorage': 'float32',
    'HalfStorage': 'float16',
    'BFloat16Storage': 'bfloat16',
    'LongStorage': 'int64',
    'IntStorage': 'int32',
    'ShortStorage': 'int16',
    'CharStorage': 'int8',
    'ByteStorage': 'uint8',
    'BoolStorage': 'bool',
    'ComplexFloatStorage': 'complex64',
    'ComplexDoubleStorage': 'complex128',
    'UntypedStorage': 'uint8',
}
# Where training scripts keep the state dict, in the order in which one is taken.
_PLACES = ('state_dict', 'model_state_dict', 'model_state', 'model', 'net', 'module')
_DEPTH = 3
_Numbers = Callable[[Storage], bytes]


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a dictionary of tensors, or that of a checkpoint; see `find_tensors`."""
    with path.open('rb') as file:
        start = file.read(2)
    if start == b'PK':
        return _of_archive(path)
    if start.startswith(b'\x80'):
        with path.open('rb') as file:
            return _of_stream(path, file)
    raise ValueError('it does not begin as those files do')


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a dictionary of tensors."""
    torch = reference.torch()
    tensors = {}
    for name, array in arrays.items():
        if array.dtype == jnp.bfloat16:
            bits = torch.from_numpy(array.view(np.int16).copy())
            tensors[name] = bits.view(torch.bfloat16)
        else:
            tensors[name] = torch.from_numpy(array.copy())
    torch.save(tensors, path)


class Held(dict[str, np.ndarray]):
    """Arrays by name, and where in a checkpoint they stood.

    Attributes:
        entry: such as 'state_dict', or '' where they are the whole file.
        beside: the other entries of such arrays, which were not taken.
    """

    entry: str = ''
    beside: tuple[str, ...] = ()


def find_tensors(content: Any) -> tuple[dict[str, Tensor | Odd], str, tuple[str, ...]]:
    """Find the tensors by name in what a file holds.

    They are the whole of it, or one entry, or one of an entry. Of several entries the
    one that is usually called so is taken ('state_dict' before 'model'), never averages
    beside it.

    Args:
        content: of the pickle.

    Returns:
        Descriptions by name; the entry, and the others; see `Held`.

    Raises:
        Refusal: where there are none, or several and no saying which.
    """
    named = dict(_dictionaries(content, (), _DEPTH))
    if () in named:
        return named[()], '', ()
    best = sorted(named, key=lambda place: (len(place), _order(place)))
    alike = [p for p in best if (len(p), _order(p)) == (len(best[0]), _order(best[0]))]
    inside = ['/'.join(place) for place in best if len(place) == len(best[0])]
    if len(alike) == 1:
        return named[alike[0]], inside[0], tuple(inside[1:])
    parts = content if isinstance(content, Mapping) else {}
    held = ', '.join(f'{name!r}: {type(part).__name__}' for name, part in parts.items())
    raise Refusal(
        f'it holds {held[:400] or type(content).__name__}, wanted tensors by name, by '
        f'themselves or in one entry (here {inside or "none"}): write '
        'torch.save(model.state_dict(), ...)'
    )


def _order(place: tuple[str, ...]) -> int:
    last = place[-1]
    return _PLACES.index(last) if last in _PLACES else len(_PLACES)


def _dictionaries(content: Any, place: tuple[str, ...], depth: int) -> Any:
    """List the dictionaries of nothing but named tensors, by where they stand."""
    if not isinstance(content, Mapping) or not content:
        return
    kept = {k: v for k, v in content.items() if not str(k).endswith('_extra_state')}
    if kept and all(isinstance(value, Tensor | Odd) for value in kept.values()):
        if all(isinstance(name, str) for name in kept):
            yield place, kept
    elif depth:
        for name, part in content.items():
            if isinstance(name, str):
                yield from _dictionaries(part, (*place, name), depth - 1)


def _of_archive(path: Path) -> dict[str, np.ndarray]:
    """Read the ZIP archive of PyTorch since 1.6."""
    with open_archive(path, packed=False) as archive:
        tops = [n for n in archive.entries if n.count('/') == 1]
        pickles = [n for n in tops if n.endswith('/data.pkl')]
        if any(n.endswith('/constants.pkl') for n in tops):
            raise Refusal(
                'it is a program of TorchScript, wanted a state dict: load it in '
                'PyTorch and write torch.save(model.state_dict(), ...)'
            )
        if len(pickles) != 1:
            raise ValueError('the archive holds no data.pkl, as those of PyTorch do')
        top = pickles[0].removesuffix('data.pkl')
        with archive.file.open(pickles[0]) as file:
            content = opcodes.load(file)
            file.read()  # up to the end, where the checksum is compared
        order = '<'
        if f'{top}byteorder' in archive.entries:
            order = '>' if archive.file.read(f'{top}byteorder') == b'big' else '<'
        return _arrays(path, content, lambda s: _entry(archive, top, s), order)


def _entry(archive: Archive, top: str, storage: Storage) -> bytes:
    name = f'{top}data/{storage.key}'
    if name not in archive.entries:
        raise ValueError(f'the archive lacks {name}')
    return archive.file.read(name)


def _of_stream(path: Path, file: IO[bytes]) -> dict[str, np.ndarray]:
    """Read the pickles one after the other that PyTorch wrote before 1.6."""
    if opcodes.load(file) != _MAGIC or opcodes.load(file) != _PROTOCOL:
        raise ValueError('it does not begin as those files do')
    system, there = opcodes.load(file), {}
    little = not isinstance(system, dict) or system.get('little_endian', True)
    content = opcodes.load(file, there)
    keys, numbers, size = opcodes.load(file), {}, path.stat().st_size
    for key in keys if isinstance(keys, list) else []:
        if key not in there:
            raise ValueError(f'it holds a storage {str(key)[:40]} that nothing names')
        length = there[key].size * _dtype(there[key]).itemsize
        declared = int.from_bytes(file.read(8), 'little' if little else 'big')
        if declared != there[key].size or length > size - file.tell():
            raise ValueError(f'storage {key} declares more than the file holds')
        numbers[key] = file.read(length)
    return _arrays(path, content, lambda s: numbers[s.key], '<' if little else '>')


def _arrays(
    path: Path, content: Any, numbers: _Numbers, order: str
) -> dict[str, np.ndarray]:
    """Make the tensors, all of which were compared with what the file holds."""
    tensors, entry, beside = find_tensors(content)
    declared, dense = 0, dict[str, Tensor]()
    for name, tensor in tensors.items():
        if isinstance(tensor, Odd):
            raise Refusal(f'{name} is {tensor.why}, wanted a dense tensor')
        dense[name] = tensor
        declared += math.prod(tensor.shape) * _dtype(tensor.storage, tensor).itemsize
    require_room(path, declared)
    storages: dict[str, bytes] = {}
    arrays = Held()
    arrays.entry, arrays.beside = entry, beside
    for name, tensor in dense.items():
        storage = tensor.storage
        if storage.key not in storages:
            storages[storage.key] = numbers(storage)
        arrays[name] = _view(name, tensor, storages[storage.key], order)
    return arrays


def _view(name: str, tensor: Tensor, content: bytes, order: str) -> np.ndarray:
    """Copy a tensor out of the bytes of its storage."""
    kind, storage = _dtype(tensor.storage, tensor), tensor.storage
    if len(content) != storage.size * _dtype(storage).itemsize:
        raise ValueError(
            f'{name} lies in a storage of {storage.size:,} numbers that has '
            f'{len(content):,} bytes'
        )
    flat = np.frombuffer(content, kind, len(content) // kind.itemsize)
    if order == '>' and kind.itemsize > 1:
        flat = flat.byteswap()
    reach = sum(
        (n - 1) * by for n, by in zip(tensor.shape, tensor.strides, strict=True)
    )
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, kind)
    if tensor.offset + reach >= len(flat):
        raise ValueError(f'{name} reaches beyond its storage of {len(flat):,} numbers')
    strides = [by * kind.itemsize for by in tensor.strides]
    there = np.lib.stride_tricks.as_strided(
        flat[tensor.offset :], tensor.shape, strides
    )
    return there.copy(order='C')


def _dtype(storage: Storage, tensor: Tensor | None = None) -> np.dtype:
    name = tensor and tensor.dtype or _KINDS.get(storage.kind)
    if name is None:
        raise Refusal(f'it holds a {storage.kind}, wanted numbers')
    return jnp.dtype(name)
