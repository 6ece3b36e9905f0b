"""Reads one HDF5 file that nobody vouches for, in a process of its own.

A damaged file can let libhdf5 turn in circles for ever, ask for any memory or crash;
none of that can be told from outside beforehand. `h5.read` runs this file as a script,
which ends itself where it makes no headway. It imports nothing of the package, which
would take seconds.

It says one line of JSON: what the file holds, or why it is refused; reads one line, the
paths of the arrays that are wanted; says one line again, their types and shapes; and
then their numbers.
"""

import json
import math
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue] # no stubs

LISTED = ('layer_names', 'weight_names')
BLOCK = 2**24  # bytes that are read at once
OWN = 2**31  # bytes of memory for the libraries and what is read at once


class RefusedError(ValueError):
    """The file holds what is never read."""


def main(path: str, patience: float, room: int) -> None:
    """Serve one file.

    Args:
        path: the file.
        patience: seconds without headway, after which this process ends.
        room: bytes that the wanted arrays may take.
    """
    if hasattr(signal, 'SIGALRM'):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # parents may ignore or block it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    headway(patience)
    confine(OWN + room)
    try:
        with h5py.File(path, 'r') as content:
            root: h5py.Group = content
            if holds(content, 'model_weights'):
                inner = content['model_weights']
                assert isinstance(inner, h5py.Group)
                root = inner
            groups, sets = walk(root)
            attributes = {name: texts_of(group) for name, group in groups.items()}
            say({
                'groups': attributes,
                'ranks': {n: array.ndim for n, array in sets.items() if array.shape},
                'sets': list(sets),
            })  # fmt: skip
            wanted = [(name, sets[name]) for name in json.loads(sys.stdin.readline())]
            for name, array in wanted:
                require_numbers(name, array)
            declared = sum(array.nbytes for _, array in wanted)
            if declared > room:
                raise RefusedError(
                    f'its {os.path.getsize(path):,} bytes declare arrays of '
                    f'{declared:,} bytes, which they cannot hold'
                )
            say([
                [array.dtype.str, list(array.shape), is_bfloat16(array)]
                for _, array in wanted
            ])  # fmt: skip
            for _, array in wanted:
                for block in blocks(array):
                    sys.stdout.buffer.write(block)
                    headway(patience)
            sys.stdout.buffer.flush()
    except RefusedError as error:
        say({'refused': str(error)})
    except Exception as error:  # damage raises whatever the parser meets first
        lines = str(error).splitlines()[:1]
        say({'damaged': ': '.join([type(error).__name__, *lines])})


def say(words: Any) -> None:
    """Write a line of JSON."""
    sys.stdout.buffer.write(json.dumps(words).encode() + b'\n')
    sys.stdout.buffer.flush()


def headway(patience: float) -> None:
    """Put off the signal that ends this process, whatever the library is doing."""
    if hasattr(signal, 'setitimer'):
        signal.setitimer(signal.ITIMER_REAL, patience)


def confine(most: int) -> None:
    """Refuse this process more memory."""
    try:
        import resource
    except ImportError:  # no such limits on this system
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ValueError, OSError):  # macOS refuses some
        return


def holds(group: h5py.Group, name: str) -> bool:
    """Tell whether a group of this name stands in the file itself."""
    link = group.get(name, getlink=True)
    return isinstance(link, h5py.HardLink) and isinstance(group[name], h5py.Group)


def walk(root: h5py.Group) -> tuple[dict[str, h5py.Group], dict[str, h5py.Dataset]]:
    """List groups and data sets by path; what could lead elsewhere is refused."""
    groups, sets, seen = {}, {}, set()

    def enter(path: str, group: h5py.Group) -> None:
        address = h5o.get_info(group.id).addr
        if address in seen:
            raise RefusedError(f"it comes to one group twice, as '{path}/'")
        seen.add(address)
        groups[path] = group
        for name, item in children(group, path):
            if isinstance(item, h5py.Group):
                enter(name, item)
            elif isinstance(item, h5py.Dataset):
                sets[name] = item

    enter('', root)
    return groups, sets


def children(group: h5py.Group, path: str) -> Iterator[tuple[str, Any]]:
    """List what stands in a group itself."""
    for name in map(str, group):
        inner = f'{path}/{name}' if path else name
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise RefusedError(
                f"'{inner}' is a link to elsewhere, which is not followed"
            )
        yield inner, group[name]


def texts_of(group: h5py.Group) -> dict[str, list[str]]:
    """Read the lists of texts that Keras keeps, in parts where one is too long."""
    found = {}
    for name in LISTED:
        parts = [group.attrs[name]] if name in group.attrs else []
        while f'{name}{len(parts)}' in group.attrs:
            parts.append(group.attrs[f'{name}{len(parts)}'])
        if parts:
            # Of what h5py gives, of which there are no stubs, texts alone are listed.
            found[name] = [
                text(item)
                for part in parts
                for item in np.ravel(part)  # pyright: ignore[reportCallIssue, reportArgumentType]
            ]
    if 'name' in group.attrs:
        found['name'] = [text(group.attrs['name'])]
    return found


def text(value: Any) -> str:
    """Read a text, or write what it is otherwise."""
    return value.decode() if isinstance(value, bytes) else str(value)


def require_numbers(name: str, array: h5py.Dataset) -> None:
    """Refuse what is not numbers in the file itself."""
    if array.external or array.is_virtual:
        raise RefusedError(f"'{name}' lies in other files, which are not followed")
    if array.shape is None or (
        array.dtype.kind not in 'biuf' and not is_bfloat16(array)
    ):
        raise RefusedError(f"'{name}' is of {array.dtype}, wanted an array of numbers")
    held, packed = array.id.get_storage_size(), array.id.get_create_plist()
    if not packed.get_nfilters() and held < array.nbytes:
        raise RefusedError(f"'{name}' declares {array.nbytes:,} bytes but has {held:,}")


def is_bfloat16(array: h5py.Dataset) -> bool:
    """Tell whether it is marked as Keras marks what HDF5 does not know."""
    return (
        array.dtype == np.dtype('V2') and text(array.attrs.get('dtype')) == 'bfloat16'
    )


def blocks(array: h5py.Dataset) -> Iterator[bytes]:
    """Read an array in parts of whole chunks, in order."""
    if not array.shape or 0 in array.shape:
        yield np.asarray(array[()]).tobytes()
        return
    row = array.dtype.itemsize * math.prod(array.shape[1:])
    chunk = array.chunks[0] if array.chunks else 1
    many = max(BLOCK // max(row, 1) // chunk, 1) * chunk
    for start in range(0, array.shape[0], many):
        yield array[start : start + many].tobytes()


if __name__ == '__main__':
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
