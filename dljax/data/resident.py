"""A source whose whole data set lies on the device."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.arrays import batches_per_epoch, checked
from dljax.data.shuffle import permuted
from dljax.types import Batch, Key, Source, State, fold


def resident(arrays: Mapping[str, np.ndarray], batch_size: int | None = None) -> Source:
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

    Returns:
        A traced source; position: int32 scalar; batch: [batch_size, ...] by feature.

    Raises:
        ValueError: for an empty set, unequal lengths, values that are no finite
            numbers, or a `batch_size` outside [1, examples].

    Example:
        >>> source = resident({'x': np.arange(6.0)}, batch_size=2)
        >>> position, batch = source.init(jax.random.key(0))
        >>> batch['x'].shape
        (2,)
    """
    arrays = checked(arrays)
    examples = len(next(iter(arrays.values())))
    per_epoch = batches_per_epoch(examples, batch_size)
    arrays = {name: jnp.asarray(values) for name, values in arrays.items()}

    def batch_at(key: Key, position: jax.Array) -> Batch:
        if batch_size is None:
            return dict(arrays)
        words = jax.random.key_data(fold(key, 'batches'))
        epoch, place = position // per_epoch, position % per_epoch
        index = place * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
        index = permuted(index, examples, words, epoch)
        # In bounds by construction; the promise spares a clamp on every gather.
        return {
            name: values.at[index].get(mode='promise_in_bounds')
            for name, values in arrays.items()
        }

    def init(key: Key) -> tuple[jax.Array, Batch]:
        position = jnp.zeros((), jnp.int32)
        return position, batch_at(key, position)

    def after(key: Key, position: jax.Array, state: State) -> tuple[jax.Array, Batch]:
        del state  # the data do not depend on what was learned
        return position + 1, batch_at(key, position)

    return Source(init, after, arrays=arrays)
