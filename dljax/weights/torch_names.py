"""What the pickles of PyTorch may name, and what we make of it instead."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from dljax.weights.refusal import Refusal


class Name(NamedTuple):
    """Something of a module, only by name."""

    module: str
    name: str


class Inert(NamedTuple):
    """Something that is no tensor and no container, and that nobody asks for."""

    what: str


class Storage(NamedTuple):
    """Numbers that stand elsewhere in the file.

    Attributes:
        kind: of storage, such as 'FloatStorage'.
        key: its name.
        size: how many numbers.
    """

    kind: str
    key: str
    size: int


class Tensor(NamedTuple):
    """A view of a storage.

    Attributes:
        storage: of the numbers.
        offset: of the first of them.
        shape: of the view.
        strides: in numbers.
        dtype: where the storage does not say it, its name.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str | None = None


class Odd(NamedTuple):
    """A tensor that is not read, such as a sparse one."""

    why: str


def key_of(key: Any) -> Hashable:
    """Take a key whose hash costs nothing; any other becomes inert."""
    parts = key if type(key) is tuple else (key,)
    if all(isinstance(part, str | bytes | int | float | None) for part in parts):
        return key
    return Inert(type(key).__name__)


def look_up(module: Any, name: Any) -> Name:
    """Look a name up in the table.

    Raises:
        Refusal: where it is not there.
    """
    found = Name(str(module), str(name))
    harmless = found.module in _MODULES and (
        found.name in _MODULES[found.module]
        or (found.module in ('torch', 'torch.storage') and _of_torch(found.name))
    )
    if not harmless:
        raise Refusal(
            'it holds Python objects besides tensors, which could run code and are '
            'never loaded; where you trust it, load it in PyTorch and write '
            f'torch.save(model.state_dict(), ...) (it names {found.module[:60]}.'
            f'{found.name[:60]})'
        )
    return found


def _of_torch(name: str) -> bool:
    return name.endswith('Storage') or name in DTYPES


def describe_call(function: Any, arguments: Any) -> Any:
    """Describe what a call would give.

    Raises:
        Refusal: for a call of anything but a name.
        ValueError: for arguments that it does not take.
    """
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise Refusal('its pickle calls what it has made itself')
    make = _MODULES[function.module].get(function.name)
    if make is None:
        return Inert(function.name)
    try:
        return make(*arguments)
    except TypeError as error:
        raise ValueError(f'the pickle calls {function.name} wrongly: {error}') from None


def storage_of(said: Any) -> Storage:
    """Describe a storage from what the pickle calls it by.

    Raises:
        ValueError: where that is nothing of the kind.
    """
    kind, what, key, _, size, *_ = (
        said if isinstance(said, tuple) and len(said) >= 5 else (None,) * 5
    )
    if (
        kind != 'storage'
        or not isinstance(what, Name)
        or not (isinstance(size, int) and _whole(size))
    ):
        raise ValueError('the pickle names no storage where it wants one')
    return Storage(what.name, str(key), size)


def _whole(*numbers: Any) -> bool:
    return all(type(number) is int and 0 <= number < 2**63 for number in numbers)


def _view(
    storage: Any, offset: Any, shape: Any, strides: Any, dtype: Any = None
) -> Tensor:
    ranks = isinstance(shape, tuple) and isinstance(strides, tuple)
    if not isinstance(storage, Storage) or not ranks or len(shape) != len(strides):
        raise ValueError('the pickle describes no tensor where it wants one')
    if not _whole(offset, *shape, *strides):
        raise ValueError(f'a tensor has offset {offset}, shape {shape}, {strides}')
    name = dtype.name if isinstance(dtype, Name) else None
    return Tensor(storage, offset, shape, strides, name)


def _second(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    requires_grad: Any = None,
    hooks: Any = None,
    metadata: Any = None,
) -> Tensor | Odd:
    del requires_grad, hooks
    if metadata:  # negated or conjugated views
        return Odd('a view that is negated or conjugated')
    return _view(storage, offset, shape, strides)


def _third(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    requires_grad: Any,
    hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor | Odd:
    del requires_grad, hooks
    if metadata:
        return Odd('a view that is negated or conjugated')
    return _view(storage, offset, shape, strides, dtype)


def _of_type(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    del kind, state
    return describe_call(function, arguments)


def _dictionary(pairs: Any = ()) -> dict:
    """Make a dictionary of pairs, which are taken: a copy for each call could grow."""
    if isinstance(pairs, dict):
        return pairs
    items = list(pairs) if isinstance(pairs, list) else []
    if not all(isinstance(item, list | tuple) and len(item) == 2 for item in items):
        raise ValueError('the pickle makes a dictionary of no pairs')
    if items:
        pairs.clear()
    return {key_of(key): value for key, value in items}


def _size(sizes: Any = ()) -> tuple:
    if not isinstance(sizes, tuple):
        raise ValueError('the pickle makes a size of no tuple')
    return sizes


def _odd(why: str) -> Callable[..., Odd]:
    return lambda *arguments: Odd(why)


DTYPES = frozenset(
    'float64 float32 float16 bfloat16 float8_e4m3fn float8_e5m2 complex128 complex64 '
    'int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool'.split()
)
_Table = Mapping[str, Callable[..., Any] | None]
# What may be named; what is None, or any dtype or storage, is inert when it is called.
_MODULES: dict[str, _Table] = {
    'torch': {'Size': _size, 'device': None, 'Tensor': None, 'dtype': None},
    'torch.storage': {},
    'torch.nn.parameter': {'Parameter': None, 'Buffer': None},
    'torch._utils': {
        '_rebuild_tensor': _view,
        '_rebuild_tensor_v2': _second,
        '_rebuild_tensor_v3': _third,
        '_rebuild_parameter': lambda data, *rest: data,
        '_rebuild_parameter_with_state': lambda data, *rest: data,
        '_rebuild_sparse_tensor': _odd('sparse'),
        '_rebuild_qtensor': _odd('quantised'),
        '_rebuild_meta_tensor_no_storage': _odd('without numbers'),
        '_rebuild_nested_tensor': _odd('nested'),
    },
    'torch._tensor': {'_rebuild_from_type_v2': _of_type},
    'torch.serialization': {'_get_layout': None},
    'collections': {
        'OrderedDict': _dictionary,
        'Counter': _dictionary,
        'defaultdict': lambda *rest: {},
    },
    'builtins': dict.fromkeys(('set', 'complex', 'bytearray', 'dict', 'object')),
    '__builtin__': dict.fromkeys(('set', 'complex', 'bytearray', 'dict', 'object')),
    '_codecs': {'encode': None},
    'copy_reg': {'_reconstructor': None},
    'copyreg': {'_reconstructor': None},
    'argparse': {'Namespace': None},
    'numpy': {'dtype': None},
    'numpy.core.multiarray': {'scalar': None},
    'numpy._core.multiarray': {'scalar': None},
}
