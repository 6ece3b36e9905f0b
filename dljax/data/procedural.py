"""A source that makes its batches by rule, so that no example comes twice."""

import jax
import jax.numpy as jnp

from dljax.types import Batch, Draw, Key, Source, State, fold


def procedural(draw: Draw, batch_size: int) -> Source:
    """Draw each batch anew, on the device, inside the compiled step.

    Args:
        draw: `(key, examples) -> {feature: [examples, ...]}`, pure and traceable.
        batch_size: examples a batch, at least 1.

    Returns:
        A traced source; position: int32 scalar, the number of batches drawn.

    Raises:
        ValueError: for a batch size below 1.

    Example:
        >>> def draw(key, examples):
        ...     return {'x': jax.random.normal(key, (examples, 3))}
        >>> position, batch = procedural(draw, 4).init(jax.random.key(0))
        >>> batch['x'].shape
        (4, 3)
    """
    if batch_size < 1:
        raise ValueError(f'batch_size is {batch_size}, wanted at least 1')

    def batch_at(key: Key, position: jax.Array) -> Batch:
        return draw(fold(key, 'batches', position), batch_size)

    def init(key: Key) -> tuple[jax.Array, Batch]:
        position = jnp.zeros((), jnp.int32)
        return position, batch_at(key, position)

    def after(key: Key, position: jax.Array, state: State) -> tuple[jax.Array, Batch]:
        del state  # what was learned changes no problem
        return position + 1, batch_at(key, position)

    return Source(init, after)
