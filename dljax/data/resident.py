"""A source whose whole data set lies on the device."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.arrays import batches_per_epoch, check_arrays, labels_of
from dljax.data.shuffle import permute
from dljax.types import Batch, Key, Source, State, fold


def resident(
    arrays: Mapping[str, np.ndarray],
    batch_size: int | None = None,
    *,
    balanced: str | None = None,
) -> Source:
    """Gather batches on the device from arrays that are put there once.

    Batch gradient descent, stochastic gradient descent and all between differ in
    `batch_size` alone (U1.7). An epoch visits the examples in an order of its own,
    without replacement; what is left after the last full batch is dropped and differs
    from epoch to epoch. The position counts batches, and the batch is a pure function
    of key and position, so a run may stop and go on anywhere.

    The step closes over the arrays; `training.rounds` lifts them out of it into its
    arguments, so that no copy is compiled in.

    Args:
        arrays: [example, ...] by feature: finite numbers. 64-bit types become 32-bit.
        batch_size: examples a batch; 1 is stochastic; `None` is the whole set, in its
            own order.
        balanced: the feature that is the class: each example of a batch is of any class
            with the same chance, then any example of that class, both drawn with
            replacement, and there are no epochs. By default all examples are visited.

    Returns:
        A traced source; position: int32 scalar; batch: [batch_size, ...] by feature.

    Raises:
        ValueError: for an empty set, unequal lengths, values that are no finite
            numbers, a `batch_size` outside [1, examples], or `balanced` without a
            batch size or by what is no feature of one integer an example.

    Example:
        >>> source = resident({'x': np.arange(6.0)}, batch_size=2)
        >>> position, batch = source.init(jax.random.key(0))
        >>> batch['x'].shape
        (2,)
    """
    arrays = check_arrays(arrays)
    examples = len(next(iter(arrays.values())))
    per_epoch = batches_per_epoch(examples, batch_size)
    drawn = None if balanced is None else _by_class(arrays, balanced, batch_size)
    held = {name: jnp.asarray(values) for name, values in arrays.items()}

    def batch_at(key: Key, position: jax.Array) -> Batch:
        if batch_size is None:
            return dict(held)
        if drawn is not None:
            index = drawn(fold(key, 'balanced', position))
            return gathered(index)
        words = jax.random.key_data(fold(key, 'batches'))
        epoch, place = position // per_epoch, position % per_epoch
        index = place * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
        index = permute(index, examples, words, epoch)
        return gathered(index)

    def gathered(index: jax.Array) -> Batch:
        # In bounds by construction; the promise spares a clamp on every gather.
        return {
            name: values.at[index].get(mode='promise_in_bounds')
            for name, values in held.items()
        }

    def init(key: Key) -> tuple[jax.Array, Batch]:
        position = jnp.zeros((), jnp.int32)
        return position, batch_at(key, position)

    def after(key: Key, position: jax.Array, state: State) -> tuple[jax.Array, Batch]:
        del state  # the data do not depend on what was learned
        return position + 1, batch_at(key, position)

    return Source(init, after, arrays=held)


def _by_class(
    arrays: Mapping[str, np.ndarray], label: str, batch_size: int | None
) -> Callable[[Key], jax.Array]:
    """Make what draws the indices of a batch, each class with the same chance."""
    labels = labels_of(arrays, label)
    if batch_size is None:
        raise ValueError(
            f'balanced={label!r} and batch_size=None, wanted a size: the whole set is '
            'in its own order'
        )
    order = jnp.asarray(np.argsort(labels, kind='stable').astype(np.int32))
    _, starts, counts = np.unique(
        np.sort(labels), return_index=True, return_counts=True
    )
    starts, counts = (jnp.asarray(a.astype(np.int32)) for a in (starts, counts))

    def draw(key: Key) -> jax.Array:
        chosen = jax.random.randint(fold(key, 'class'), (batch_size,), 0, len(starts))
        place = jax.random.randint(
            fold(key, 'example'), (batch_size,), 0, counts[chosen]
        )
        return order[starts[chosen] + place]

    return draw
