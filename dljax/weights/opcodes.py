"""The pickles of PyTorch, read without running any of what they name.

A pickle is a program for a small machine. The one here knows the instructions that
state dicts are made of, and builds nothing but tensors' descriptions, containers and
inert things: what is named is looked up in a table of our own, never imported.
"""

import pickletools
import warnings
from collections.abc import Callable
from typing import IO, Any

from dljax.weights.refusal import Refusal
from dljax.weights.torch_names import (
    Inert,
    Storage,
    describe_call,
    key_of,
    look_up,
    storage_of,
)

MOST = 2**23  # bytes of a pickle, each of which may become some tens in memory
_TOO_LONG = 'it describes its tensors in more than {:,} bytes'


_MARK = object()
_PLAIN = {
    'NONE': None,
    'NEWTRUE': True,
    'NEWFALSE': False,
}
_VALUES = {
    *('BININT', 'BININT1', 'BININT2', 'LONG1', 'LONG4', 'BINFLOAT'),
    *('BINUNICODE', 'SHORT_BINUNICODE', 'BINUNICODE8'),
    *('BINSTRING', 'SHORT_BINSTRING', 'BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8'),
    *('INT', 'LONG', 'FLOAT', 'UNICODE', 'STRING', 'BYTEARRAY8'),
}
_EMPTY: dict[str, Callable[[], Any]] = {
    'EMPTY_DICT': dict,
    'EMPTY_LIST': list,
    'EMPTY_SET': list,
    'EMPTY_TUPLE': tuple,
}
_TUPLES = {'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}


def load(file: IO[bytes], storages: dict[str, Storage] | None = None) -> Any:
    """Read one pickle, up to its end.

    Args:
        file: at its beginning.
        storages: where those that it names are noted, by their keys.

    Returns:
        What it holds: containers, numbers, texts, and the classes of `torch_names`.

    Raises:
        Refusal: for anything that could run code, or that no state dict holds.
        ValueError: for a damaged pickle.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of damaged texts; they are read or not
        return _run(file, {} if storages is None else storages)


def _run(file: IO[bytes], storages: dict[str, Storage]) -> Any:
    start, stack, memo = file.tell(), [], {}
    # To be read from is all that genops asks, whatever its stub does.
    operations = pickletools.genops(_Sparing(file))  # pyright: ignore[reportArgumentType]
    for opcode, argument, _ in operations:
        if file.tell() - start > MOST:
            raise Refusal(_TOO_LONG.format(MOST))
        kind = opcode.name
        if kind == 'STOP':
            return _popped(stack)
        _step(kind, argument, stack, memo)
        if kind == 'BINPERSID':
            storages[stack[-1].key] = stack[-1]
    raise ValueError('the pickle has no end')


class _Sparing:
    """A file that makes no room for more than a pickle may take, whatever is asked."""

    def __init__(self, file: IO[bytes]) -> None:
        """Read from where the file stands."""
        self.file, self.tell = file, file.tell

    def read(self, size: int) -> bytes:
        """Read so many bytes, or what is left; refuse more than a pickle may take."""
        if size > MOST:
            raise Refusal(_TOO_LONG.format(MOST))
        return self.file.read(size)

    def readline(self) -> bytes:
        """Read up to the end of a line, or a byte more than a pickle may take."""
        return self.file.readline(MOST + 1)


def _step(kind: str, argument: Any, stack: list, memo: dict[int, Any]) -> None:
    """Do what one instruction says."""
    if kind in ('PROTO', 'FRAME'):
        return
    if kind in _PLAIN:
        stack.append(_PLAIN[kind])
    elif kind in _VALUES:
        stack.append(argument)
    elif kind in _EMPTY:
        stack.append(_EMPTY[kind]())
    elif kind == 'MARK':
        stack.append(_MARK)
    elif kind == 'POP':
        _popped(stack)
    elif kind in ('PUT', 'BINPUT', 'LONG_BINPUT'):
        memo[argument] = _top(stack)
    elif kind == 'MEMOIZE':
        memo[len(memo)] = _top(stack)
    elif kind in ('GET', 'BINGET', 'LONG_BINGET'):
        if argument not in memo:
            raise ValueError(f'the pickle recalls {argument}, which it never kept')
        stack.append(memo[argument])
    elif kind in _TUPLES:
        stack.append(tuple(reversed([_popped(stack) for _ in range(_TUPLES[kind])])))
    elif kind in ('TUPLE', 'LIST', 'DICT'):
        items = _since_mark(stack)
        made = {'TUPLE': tuple, 'LIST': list, 'DICT': _paired}[kind]
        stack.append(made(items))
    elif kind in ('APPEND', 'APPENDS', 'ADDITEMS'):
        items = [_popped(stack)] if kind == 'APPEND' else _since_mark(stack)
        if isinstance(into := _top(stack), list):
            into.extend(items)
        elif not isinstance(into, Inert):
            raise ValueError(f'the pickle appends to a {type(into).__name__}')
    elif kind in ('SETITEM', 'SETITEMS'):
        items = _two(stack) if kind == 'SETITEM' else _since_mark(stack)
        if isinstance(into := _top(stack), dict):
            into.update(_paired(items))
        elif not isinstance(into, Inert):
            raise ValueError(f'the pickle sets an item of a {type(into).__name__}')
    elif kind == 'GLOBAL':
        stack.append(look_up(*argument.split(' ', 1)))
    elif kind == 'STACK_GLOBAL':
        stack.append(look_up(*_two(stack)))
    elif kind in ('REDUCE', 'NEWOBJ'):
        function, arguments = _two(stack)
        stack.append(describe_call(function, arguments))
    elif kind == 'BUILD':
        _popped(stack)  # attributes, which no container that we read needs
    elif kind == 'BINPERSID':
        stack.append(storage_of(_popped(stack)))
    else:
        raise Refusal(f'its pickle says {kind}, which no state dict needs')


def _top(stack: list) -> Any:
    if not stack or stack[-1] is _MARK:
        raise ValueError('the pickle takes more than it has')
    return stack[-1]


def _popped(stack: list) -> Any:
    _top(stack)
    return stack.pop()


def _two(stack: list) -> list:
    return [_popped(stack), _popped(stack)][::-1]


def _since_mark(stack: list) -> list:
    for place in range(len(stack) - 1, -1, -1):
        if stack[place] is _MARK:
            items = stack[place + 1 :]
            del stack[place:]
            return items
    raise ValueError('the pickle misses a mark')


def _paired(items: list) -> dict:
    if len(items) % 2:
        raise ValueError('the pickle has a key without a value')
    return {key_of(k): v for k, v in zip(items[::2], items[1::2], strict=True)}
