"""Tables of what another library names, and where it stands in our variables."""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from dljax.types import PyTree, named_leaves

_ADVICE = 'Is it another model, or another setting of it, such as its classes?'


class Form(NamedTuple):
    """How an array is laid out there and here.

    Attributes:
        rank: of the array there.
        words: what it is, for messages.
        read: theirs to ours.
        write: ours to theirs.
        divisor: what the second size there is a multiple of.
        rank_here: of ours, where it is another one.
    """

    rank: int
    words: str
    read: Callable[[np.ndarray], np.ndarray]
    write: Callable[[np.ndarray], np.ndarray]
    divisor: int = 1
    rank_here: int | None = None


class Part(NamedTuple):
    """One of several equal parts of an array there, side by side.

    Attributes:
        index: of the part.
        count: of all parts, whose entries follow each other.
        axis: along which they stand there.
    """

    index: int
    count: int
    axis: int = 0


class Entry(NamedTuple):
    """One array of another library, or a part of one.

    Attributes:
        theirs: its name there.
        ours: its path in our variables, such as 'params/stem/conv/kernel'.
        form: how it is laid out.
        part: which part it is there, where several of ours are one.
    """

    theirs: str
    ours: str
    form: Form
    part: Part | None = None


def as_it_is(rank: int, words: str) -> Form:
    """Describe an array that is laid out alike there and here."""
    return Form(rank, words, lambda x: x, lambda x: x)


def read(
    what: str,
    entries: Iterable[Entry],
    arrays: Mapping[str, np.ndarray],
    like: PyTree,
    mend: str | None = None,
) -> dict[str, PyTree]:
    """Make our variables from the arrays of another library.

    Args:
        what: the model, for messages.
        entries: the whole table, in which an array there may have several parts.
        arrays: by their names there.
        like: our variables or their shapes, to compare with; None for no comparison.
        mend: what to do where they do not fit; None for the usual advice.

    Returns:
        Variables by collection; copies, so that no array is shared.

    Raises:
        ValueError: where anything is missing, unexpected or of another shape; all is
            named.
    """
    entries = list(entries)
    table = {entry.theirs: entry for entry in entries}
    wanted = {}
    if like is not None:
        empty = write(f'{what} that is to take them', entries, hollow(like))
        wanted = {name: array.shape for name, array in empty.items()}
    wrong = {
        name: fault
        for name, entry in table.items()
        if name in arrays and (fault := _fault(arrays[name], entry, wanted.get(name)))
    }
    complain(
        what,
        {
            n: str(list(wanted[n])) if n in wanted else table[n].form.words
            for n in table
            if n not in arrays
        },
        {n: _shape(arrays[n]) for n in arrays if n not in table},
        wrong,
        mend,
    )
    flat = {
        entry.ours: np.array(
            entry.form.read(_taken(arrays[entry.theirs], entry.part)), order='C'
        )
        for entry in entries
    }
    return nest(flat)


def write(
    what: str, entries: Iterable[Entry], variables: Mapping[str, PyTree]
) -> dict[str, np.ndarray]:
    """Make the arrays of another library from our variables: `read` backwards.

    Args:
        what: the model, for messages.
        entries: the whole table.
        variables: by collection.

    Returns:
        Arrays by their names there; they may share the memory of the variables.

    Raises:
        ValueError: where anything is missing, unexpected or of another shape; all is
            named.
    """
    flat = named_leaves(variables)
    table = {entry.ours: entry for entry in entries}
    complain(
        what,
        {n: table[n].form.words for n in table if n not in flat},
        {n: _shape(flat[n]) for n in flat if n not in table},
        {
            n: fault
            for n, entry in table.items()
            if n in flat and (fault := _fault(flat[n], entry, None, ours=True))
        },
    )
    found: dict[str, np.ndarray] = {}
    for entry in table.values():
        array = entry.form.write(np.asarray(flat[entry.ours]))
        if entry.part is not None and entry.part.index:
            pair = [found[entry.theirs], array]
            array = np.concatenate(pair, axis=entry.part.axis)
        found[entry.theirs] = array
    return found


def complain(
    what: str,
    missing: Mapping[str, str],
    unexpected: Mapping[str, str],
    mismatched: Mapping[str, str],
    mend: str | None = None,
) -> None:
    """Raise one error that names all that does not fit, if anything does not.

    Args:
        what: what it should fit.
        missing: what is wanted and not there, with its form.
        unexpected: what is there and not wanted, with its form.
        mismatched: what is there in another form, with what is wrong.
        mend: what to do; None for the usual advice.

    Raises:
        ValueError: that names them all.
    """
    if not (missing or unexpected or mismatched):
        return
    lines = [
        _lines('missing', [f'{name} {form}' for name, form in missing.items()]),
        _lines('not wanted', [f'{name} {form}' for name, form in unexpected.items()]),
        _lines(
            'shape mismatch', [f'{name} {fault}' for name, fault in mismatched.items()]
        ),
    ]
    raise ValueError(
        f'these weights are not those of {what}:\n'
        + '\n'.join(line for line in lines if line)
        + f'\n{mend or _ADVICE}'
    )


def hollow(variables: PyTree) -> PyTree:
    """Give arrays of the shapes and types of a tree that take no memory."""
    return jax.tree.map(
        lambda leaf: np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape), variables
    )


def nest(flat: Mapping[str, PyTree]) -> dict[str, PyTree]:
    """Make a tree of leaves named by their paths."""
    return traverse_util.unflatten_dict(dict(flat), sep='/')


def _lines(title: str, items: list[str]) -> str:
    if not items:
        return ''
    text = f'  {title} ({len(items)}): ' + ', '.join(
        item.replace(' ', '\0') for item in items
    )
    wrapped = textwrap.fill(
        text,
        88,
        subsequent_indent='    ',
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.replace('\0', ' ')


def _taken(array: np.ndarray, part: Part | None) -> np.ndarray:
    """Take a part of an array, or all of it."""
    array = np.asarray(array)
    if part is None:
        return array
    return np.split(array, part.count, axis=part.axis)[part.index]


def _fault(
    array: np.ndarray, entry: Entry, wanted: tuple[int, ...] | None, ours: bool = False
) -> str:
    """Say what is wrong with an array, or nothing."""
    form = entry.form
    if not jnp.issubdtype(array.dtype, jnp.floating):
        return f'of {array.dtype}, wanted floating-point numbers'
    shape = tuple(array.shape)
    if wanted is not None:
        return '' if shape == wanted else f'{_shape(array)}, wanted {list(wanted)}'
    sizes = shape[-2:-1] if ours else shape[1:2]
    rank = form.rank_here if ours and form.rank_here else form.rank
    good = len(shape) == rank and 0 not in shape
    if good and form.divisor > 1:
        good = sizes[0] % form.divisor == 0
    if good and entry.part is not None and not ours:
        good = shape[entry.part.axis] % entry.part.count == 0
    return '' if good else f'{_shape(array)}, wanted {form.words}'


def _shape(array: np.ndarray) -> str:
    return str(list(array.shape))
