"""Reading an exported program back, and calling it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from dljax.types import AnyBatch, PyTree


def load(path: str | Path) -> Callable[[AnyBatch], PyTree]:
    """Read what `export` wrote.

    Where the file that describes it lies beside it, values out of the range that the
    run declared are refused, as by the run; and pictures of whole numbers are brought
    to [0, 1] where the program takes such.

    Args:
        path: of the file.

    Returns:
        The inference, `(batch) -> outputs`, compiled when it is called. It can be
        called inside other functions of JAX.

    Raises:
        ValueError: for a file that is damaged, or is none; when it is called, for
            features that are missing or not known, of another type or shape, or out of
            their range.
        OSError: where there is no file.
    """
    path = Path(path)
    content = path.read_bytes()
    beside, made = path.with_name(f'{path.name}.json'), {}
    if beside.exists():
        made = json.loads(beside.read_text(encoding='utf-8'))
        if hashlib.sha256(content).hexdigest() != made['sha256']:
            raise ValueError(f'{path} is not the file that {beside.name} tells of')
    return call_of(content, str(path), made.get('inputs', {}))


def call_of(
    content: bytes, what: str, inputs: Mapping[str, Mapping[str, Any]] | None = None
) -> Callable[[AnyBatch], PyTree]:
    """Make a function of a serialised program.

    Args:
        content: the program.
        what: it is, for messages.
        inputs: what its certificate says of its features, if anything.

    Returns:
        `(batch) -> outputs`.

    Raises:
        ValueError: see `load`.
    """
    from jax.export import deserialize

    try:
        exported = deserialize(bytearray(content))
    except Exception as error:  # flatbuffers raise whatever they stumble upon
        raise ValueError(f'{what} holds no program that JAX exported') from error
    (shapes,), _ = jax.tree.unflatten(exported.in_tree, exported.in_avals)
    compiled = jax.jit(exported.call)

    def run(batch: AnyBatch) -> PyTree:
        if batch.keys() != shapes.keys():
            raise ValueError(
                f'the batch has {", ".join(sorted(batch))}, wanted '
                + ', '.join(
                    f'{name} {aval.str_short()}' for name, aval in shapes.items()
                )
            )
        return compiled(
            {
                name: _checked(name, batch[name], aval, (inputs or {}).get(name, {}))
                for name, aval in shapes.items()
            }
        )

    return run


def _checked(name: str, values: Any, aval: Any, told: Mapping[str, Any]) -> Any:
    """Bring an array to the type that is wanted, or say why it is none."""
    low, high = told.get('low'), told.get('high')
    if not isinstance(values, jax.Array):
        values = np.asarray(values)
    whole = jnp.issubdtype(values.dtype, jnp.unsignedinteger)
    real = jnp.issubdtype(aval.dtype, jnp.floating)
    if whole and real and (low, high) == (0, 1) and values.ndim > 3:
        values = values.astype(np.float32) / np.float32(jnp.iinfo(values.dtype).max)
    sizes = [n if isinstance(n, int) else None for n in aval.shape]
    shaped = values.ndim == len(sizes) and all(
        wanted in (None, size) for size, wanted in zip(values.shape, sizes, strict=True)
    )
    alike = any(
        jnp.issubdtype(values.dtype, kind) and jnp.issubdtype(aval.dtype, kind)
        for kind in (jnp.floating, jnp.integer, jnp.bool_)
    )
    if not shaped or not alike:
        raise ValueError(
            f'{name!r} is {values.dtype.name}{list(values.shape)}, wanted '
            f'{aval.str_short()}'
        )
    if told.get('checked') and not isinstance(values, Tracer):
        _require_between(name, np.asarray(values), low, high)
    return values.astype(aval.dtype)


def _require_between(
    name: str, values: np.ndarray, low: float | None, high: float | None
) -> None:
    """Refuse what the run would have refused; a picture resized may overshoot a bit."""
    if not values.size:
        return
    slack = 1e-6 if low is None or high is None else 0.01 * (high - low)
    least, most = values.min(), values.max()
    below = low is not None and not least >= low - slack
    if below or (high is not None and not most <= high + slack):
        raise ValueError(
            f'{name!r} lies in [{least:g}, {most:g}], wanted [{low}, {high}], in which '
            'the data of the run were: rescale it'
        )
