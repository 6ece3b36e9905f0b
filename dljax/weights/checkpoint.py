"""Our variables in files, by path, and what fits a net."""

import fnmatch
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from dljax.types import PyTree, named_leaves
from dljax.weights import files
from dljax.weights.entries import complain, nest

_ORBAX = '_METADATA'


def save(path: str | Path, variables: Mapping[str, PyTree]) -> None:
    """Save variables, in one move.

    Args:
        path: with a suffix, such as .safetensors, a file of arrays named by their paths
            ('params/output/kernel'); without, a folder that Orbax reads.
        variables: by collection.

    Raises:
        ValueError: for arrays that are not numbers, or no 'params'.
        OSError: where the path cannot be written, or is a folder of anything else.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / 'net.safetensors'
        ...     save(path, {'params': {'output': {'bias': jnp.zeros(2)}}})
        ...     restore(path)
        {'params': {'output': {'bias': array([0., 0.], dtype=float32)}}}
    """
    path = Path(path)
    if 'params' not in variables:
        raise ValueError(f"{path}: there is no 'params', only {sorted(variables)}")
    flat = {name: np.asarray(leaf) for name, leaf in named_leaves(variables).items()}
    if path.suffix:
        files.write(path, flat)
        return
    if path.exists() and not (path / _ORBAX).exists():
        raise FileExistsError(f'{path} is there and is no checkpoint of Orbax')
    aside = [
        path.absolute().with_name(f'.{os.getpid()}.{n}.{path.name}') for n in (0, 1)
    ]
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(aside[0], nest(flat))
        if path.exists():
            path.rename(aside[1])
        aside[0].rename(path)
    finally:
        for folder in aside:
            shutil.rmtree(folder, ignore_errors=True)


def restore(path: str | Path) -> dict[str, PyTree]:
    """Restore variables, without knowing the net.

    Args:
        path: a file or folder that `save` wrote, or any folder of Orbax with a tree
            that has 'params'.

    Returns:
        NumPy arrays by collection, bit for bit.

    Raises:
        ValueError: for a damaged file, or one of another framework.
        OSError: where there is no such file.
    """
    path = Path(path)
    if path.is_dir():
        variables = from_orbax(path)
    else:
        variables = nest(files.read(path))
    if not isinstance(variables, Mapping) or 'params' not in variables:
        names = sorted(variables) if isinstance(variables, Mapping) else []
        raise ValueError(
            f"{path} holds {', '.join(map(str, names[:5]))} ..., wanted 'params': "
            'weights of torchvision or Keras come in through `dljax convert`, or '
            'from_torchvision and from_keras'
        )
    return dict(variables)


def from_orbax(path: Path) -> PyTree:
    """Restore a tree of NumPy arrays from a folder of Orbax, whatever device it left.

    Raises:
        ValueError: for a folder that is no whole checkpoint.
    """
    try:
        with ocp.PyTreeCheckpointer() as checkpointer:
            found = checkpointer.handler.metadata(path.absolute()).tree
            wanted = jax.tree.map(
                lambda _: ocp.RestoreArgs(restore_type=np.ndarray), found
            )
            return checkpointer.restore(path.absolute(), restore_args=wanted)
    except Exception as error:  # damage raises whatever the parser meets first
        reason = ': '.join([type(error).__name__, *str(error).splitlines()[:1]])
        raise ValueError(
            f'{path} is no whole checkpoint of Orbax ({reason}); of a run, give the '
            'folder of the run to `from_run`'
        ) from error


def check(variables: PyTree, like: PyTree, what: str = 'the net') -> None:
    """Refuse variables that are not those of a net.

    Args:
        variables: by collection.
        like: the net's, or their shapes from `jax.eval_shape` of its `init`.
        what: the net, for the message.

    Raises:
        ValueError: that names all that is missing, unexpected or shape mismatch.

    Example:
        >>> like = {'params': {'kernel': jnp.zeros((2, 3))}}
        >>> try:
        ...     check({'params': {'kernel': jnp.zeros((3, 2))}}, like)
        ... except ValueError as error:
        ...     print(str(error).splitlines()[1])
          shape mismatch (1): params/kernel float32[3, 2], wanted float32[2, 3]
    """
    got, wanted = named_leaves(variables), named_leaves(like)
    complain(
        what,
        {name: form(leaf) for name, leaf in wanted.items() if name not in got},
        {name: form(leaf) for name, leaf in got.items() if name not in wanted},
        {
            name: f'{form(leaf)}, wanted {form(wanted[name])}'
            for name, leaf in got.items()
            if name in wanted and not _alike(leaf, wanted[name])
        },
    )


def without(variables: Mapping[str, PyTree], *patterns: str) -> dict[str, PyTree]:
    """Leave parts of the variables out, such as the head of other classes.

    Args:
        variables: by collection.
        *patterns: paths in a collection, with `*`, `?` and `[...]` as in file names;
            what lies below a path that matches goes too.

    Returns:
        The others, for the `start` of a training that draws those left out.

    Raises:
        ValueError: for a pattern that nothing matches.

    Example:
        >>> variables = {'params': {'body': {'bias': 1}, 'output': {'bias': 2}}}
        >>> without(variables, 'output')
        {'params': {'body': {'bias': 1}}}
    """
    flat = named_leaves(variables)
    left_out: set[str] = set()
    for pattern in patterns:
        found = {
            name
            for name in flat
            if fnmatch.fnmatchcase(name.partition('/')[2], pattern)
            or fnmatch.fnmatchcase(name.partition('/')[2], f'{pattern}/*')
        }
        if not found:
            groups = sorted({name.split('/')[1] for name in flat})
            raise ValueError(
                f"nothing is named '{pattern}', the groups are {', '.join(groups)}"
            )
        left_out |= found
    return nest({name: leaf for name, leaf in flat.items() if name not in left_out})


def form(array: PyTree) -> str:
    """Write type and shape, such as 'float32[2, 3]'."""
    return f'{jnp.result_type(array).name}{list(np.shape(array))}'


def _alike(left: PyTree, right: PyTree) -> bool:
    real = [jnp.issubdtype(jnp.result_type(a), jnp.floating) for a in (left, right)]
    return np.shape(left) == np.shape(right) and real[0] == real[1]
