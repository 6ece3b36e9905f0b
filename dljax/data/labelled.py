"""A source of a few labelled examples, chosen by the run's key."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.arrays import check_arrays, labels_of
from dljax.data.resident import resident
from dljax.types import AnyBatch, Batch, Key, Position, Source, State, fold


def labelled(
    arrays: Mapping[str, np.ndarray], examples: int, batch_size: int | None = None
) -> Source:
    """Train on equally many random examples of each class, always the same in a run.

    Which ones they are follows from the run's key, so that the members of an ensemble
    have subsets of their own: that spread belongs to a result with few labels. They
    stand in the position; the order of the batches is that of `resident`.

    Args:
        arrays: [example, ...] by feature, with 'label', integers from 0 on.
        examples: in the subset, a multiple of the number of classes.
        batch_size: examples a batch; `None` is the whole subset.

    Returns:
        A traced source; batch: [batch_size, ...] by feature.

    Raises:
        ValueError: for a set that `resident` refuses, labels that are none, or too few
            examples of a class.

    Example:
        >>> arrays = {'x': np.arange(6.0), 'label': np.array([0, 0, 0, 1, 1, 1])}
        >>> _, batch = labelled(arrays, 4).init(jax.random.key(0))
        >>> sorted(batch['label'].tolist())
        [0, 0, 1, 1]
    """
    arrays = check_arrays(arrays)
    labels = labels_of(arrays, 'label')
    if labels.min() < 0:
        raise ValueError(f"'label' is {labels.min()}, wanted integers from 0 on")
    counts = np.bincount(labels)
    each, rest = divmod(examples, len(counts))
    if rest or not 1 <= each <= counts.min():
        raise ValueError(
            f'examples={examples} of {len(counts)} classes, wanted a multiple of that '
            f'number from {len(counts)} to {len(counts) * counts.min()}, since the '
            f'rarest class has {counts.min()}'
        )
    held = {name: jnp.asarray(values) for name, values in arrays.items()}
    order = resident({'index': np.arange(examples)}, batch_size)

    def chosen(key: Key) -> jax.Array:
        rank = jax.random.uniform(fold(key, 'labelled'), held['label'].shape)

        def of_class(label: jax.Array) -> jax.Array:
            return jnp.argsort(jnp.where(held['label'] == label, rank, 2.0))[:each]

        return jax.vmap(of_class)(jnp.arange(len(counts))).ravel()

    def gathered(subset: jax.Array, batch: AnyBatch) -> Batch:
        index = subset[batch['index']]
        return {
            name: values.at[index].get(mode='promise_in_bounds')
            for name, values in held.items()
        }

    def init(key: Key) -> tuple[Position, Batch]:
        place, batch = order.init(key)
        subset = chosen(key)
        return {'subset': subset, 'place': place}, gathered(subset, batch)

    def following(key: Key, position: Position, state: State) -> tuple[Position, Batch]:
        place, batch = order.next(key, position['place'], state)
        return {**position, 'place': place}, gathered(position['subset'], batch)

    return Source(init, following, arrays=held)
