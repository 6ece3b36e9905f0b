"""The words that every room shares: aliases, the train state, sources and specs."""

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

Array = jax.Array
Key = jax.Array
PyTree = Any
Position = PyTree
# The name is a variable of JAX, of a class that has no stubs.
Device: TypeAlias = jax.Device  # pyright: ignore[reportInvalidTypeForm]

# [batch, ...] by feature, as compiled functions see it.
Batch = Mapping[str, Array]
# The same, or all the examples, on the host: what is read, and what is scored.
HostBatch = Mapping[str, np.ndarray]
# What a compiled function is called with, and what a source gives: either or both.
AnyBatch = Mapping[str, Array | np.ndarray]
Metrics = Mapping[str, Array]
# What was measured, on the host: numbers, or [members] of an ensemble, by name.
Figures = Mapping[str, float | np.ndarray]

# Functions take nets of their own class, so `Any` stands for the net.
# (net, batch, step) -> (scalar, metrics), which the engine differentiates.
Loss = Callable[[Any, Batch, Array], tuple[Array, Metrics]]
# (net, batch, step) -> (descent direction by group, metrics), a learning rule.
Direction = Callable[[Any, Batch, Array], tuple[PyTree, Metrics]]
# Where either is meant.
Objective = Loss | Direction
# (net, batch, step) -> {name: [batch]}, values by example.
Score = Callable[[Any, Batch, Array], Metrics]
# (net, batch) -> the net's outputs.
Predict = Callable[[Any, Batch], PyTree]
# (key, examples) -> a batch of so many, drawn.
Draw = Callable[[Key, int], Batch]


class State(struct.PyTreeNode):
    """All that training changes, as one pytree: donated, sharded and saved whole.

    Attributes:
        step: int32 scalar, the number of updates made.
        params: trainable parameters by top-level group of the net.
        collections: every other Linen collection (batch statistics, carries, ...).
        opt_state: the Optax state of each player, by the player's name.
        position: where the source goes on, in what `fit` and `run` return; None inside
            the engine, which keeps it beside the state.
    """

    step: Array
    params: dict[str, PyTree]
    collections: dict[str, PyTree]
    opt_state: dict[str, PyTree]
    position: Position | None = None


class Source(NamedTuple):
    """Where batches come from: a pure function of key and position.

    Attributes:
        init: `(key) -> (position, batch)`, the first position and a batch of the shape
            and type that `next` returns, for tracing; training does not consume it.
        next: `(key, position, state) -> (position, batch)`, the batch at a position and
            the position after it.
        host: whether `next` is ordinary Python on the host, as for a file stream.
            Otherwise it is traced into the compiled train step.
        arrays: all the data, [example, ...] by feature, of a source that holds them, so
            that they can be checked before the training; else None.
        part: `(index, count) -> Source`, of a source on the host that can read one of
            several parts of each batch alone, as several processes do; else None.
    """

    init: Callable[[Key], tuple[Position, AnyBatch]]
    next: Callable[[Key, Position, State], tuple[Position, AnyBatch]]
    host: bool = False
    arrays: Mapping[str, Any] | None = None
    part: Callable[[int, int], 'Source'] | None = None


@dataclasses.dataclass(frozen=True)
class Spec:
    """The declared form of one feature of one example.

    Attributes:
        shape: shape without the batch axis; `None` stands for any size.
        dtype: NumPy name of the type, such as `'float32'`.
        low: smallest value allowed, or `None` for no bound.
        high: largest value allowed, or `None` for no bound.
    """

    shape: tuple[int | None, ...]
    dtype: str = 'float32'
    low: float | None = None
    high: float | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape, of a feature that leaves no size open.

        Raises:
            ValueError: for one that does.
        """
        sizes = tuple(size for size in self.shape if size is not None)
        if len(sizes) != len(self.shape):
            raise ValueError(f'the shape {self.shape} is open, wanted numbers alone')
        return sizes

    def check(self, name: str, values: Array | np.ndarray) -> None:
        """Refuse a batch of this feature that is not what is declared.

        Args:
            name: the feature, for the message.
            values: [batch, *shape], on the host or on a device.

        Raises:
            ValueError: for a wrong shape or type, a value that is not finite or one
                out of range; says what, got, wanted and how to mend it.
        """
        values = np.asarray(values)
        got, wanted = values.shape[1:], self.shape
        if len(got) != len(wanted) or any(
            w is not None and g != w for g, w in zip(got, wanted, strict=True)
        ):
            raise ValueError(
                f"'{name}' has examples of shape {got}, wanted {wanted}: reshape or "
                'resize the data, or choose a model for this input'
            )
        if values.dtype != np.dtype(self.dtype):
            raise ValueError(
                f"'{name}' has type {values.dtype}, wanted {self.dtype}: convert it "
                'before training (images: divide by their largest value)'
            )
        if not np.isfinite(values).all():
            where = int(np.argwhere(~np.isfinite(values))[0][0])
            raise ValueError(
                f"'{name}' of example {where} is not finite, wanted finite numbers: "
                'drop or fill the missing values'
            )
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        outside = (values < low) | (values > high)
        if outside.any():
            where = tuple(np.argwhere(outside)[0])
            advice = (
                'number classes from 0 on (from 1 on: subtract 1), leave out what '
                'has none, or correct the number of classes'
                if values.dtype.kind in 'iu'
                else 'rescale the feature (bytes: divide by 255)'
            )
            raise ValueError(
                f"'{name}' of example {where[0]} is {values[where]}, wanted a value in "
                f'[{low:g}, {high:g}]: {advice}'
            )


def fold(key: Key, *names: str | int | Array) -> Key:
    """Derive a key by name: `fold(key, 'update', step, player)`.

    A pure function that works under jit and vmap. Equal names give equal keys, names
    that differ give independent ones, so nothing is ever split in a loop.

    Args:
        key: a typed key from `jax.random.key`.
        names: strings, or integers that may be traced.

    Returns:
        A key of the same type.

    Raises:
        ValueError: for what is no key, such as a number.

    """
    require_key(key)
    for name in names:
        if isinstance(name, str):
            name = zlib.crc32(name.encode())
        key = jax.random.fold_in(key, name)
    return key


def require_key(key: Key) -> None:
    """Refuse what is no key, such as the number that one is made of.

    Args:
        key: one key, typed or an array of uint32 as `jax.random.PRNGKey` gives it.

    Raises:
        ValueError: for anything else, several keys too.

    Example:
        >>> require_key(0)
        Traceback (most recent call last):
        ...
        ValueError: the key is 0, wanted one from jax.random.key: jax.random.key(0)
    """
    kind, axes = getattr(key, 'dtype', np.dtype(float)), np.ndim(key)
    typed = jnp.issubdtype(kind, jax.dtypes.prng_key)
    if axes != (0 if typed else 1) or not (typed or kind == np.uint32):
        number = key if isinstance(key, int) else 0
        got = f'{kind}{list(np.shape(key))}' if hasattr(key, 'dtype') else repr(key)
        raise ValueError(
            f'the key is {got:.40}, wanted one from jax.random.key: '
            f'jax.random.key({number})'
        )


def named_leaves(tree: PyTree) -> dict[str, Any]:
    """Give the leaves of a tree by path.

    Args:
        tree: of dictionaries, dataclasses and sequences.

    Returns:
        The leaves by names such as 'params/output/kernel', in the tree's order.

    Example:
        >>> named_leaves({'output': {'kernel': 1, 'bias': 2}})
        {'output/bias': 2, 'output/kernel': 1}
    """
    return {
        jax.tree_util.keystr(path, simple=True, separator='/'): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
