"""A source of windows from anywhere in a text."""

import jax
import jax.numpy as jnp
import numpy as np

from dljax.types import Batch, Key, Source, State, fold


def random_windows(tokens: np.ndarray, batch_size: int, window: int) -> Source:
    """Read windows of a text that begin anywhere, for nets that keep no carry.

    Args:
        tokens: [characters] integers from 0 on.
        batch_size: windows in a batch, 1 or more.
        window: characters of each, from 1 to one less than the text has.

    Returns:
        A traced source; position: int32 scalar, the number of batches drawn; batch:
        'tokens' and 'target', the same one character further, both [batch_size, window]
        int32.

    Raises:
        ValueError: for tokens that are no such integers, or a size out of range.

    Example:
        >>> source = random_windows(np.arange(6), batch_size=2, window=3)
        >>> batch = source.init(jax.random.key(0))[1]
        >>> bool((batch['target'] == batch['tokens'] + 1).all())
        True
    """
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or tokens.dtype.kind not in 'iu' or (tokens < 0).any():
        raise ValueError(
            f'tokens have type {tokens.dtype} and shape {tokens.shape}, wanted one row '
            'of integers from 0 on'
        )
    many = len(tokens) - window
    if batch_size < 1 or window < 1 or many < 1:
        raise ValueError(
            f'batch_size is {batch_size} and window {window} for {len(tokens)} tokens, '
            f'wanted 1 or more windows of 1 to {len(tokens) - 1}: take a smaller '
            'window, or a longer text'
        )
    text, steps = jnp.asarray(tokens, jnp.int32), jnp.arange(window + 1)

    def batch_at(key: Key, position: jax.Array) -> Batch:
        draw = fold(key, 'windows', position)
        begins = jax.random.randint(draw, (batch_size, 1), 0, many)
        read = text[begins + steps[None]]
        return {'tokens': read[:, :-1], 'target': read[:, 1:]}

    def init(key: Key) -> tuple[jax.Array, Batch]:
        position = jnp.zeros((), jnp.int32)
        return position, batch_at(key, position)

    def after(key: Key, position: jax.Array, state: State) -> tuple[jax.Array, Batch]:
        del state
        return position + 1, batch_at(key, position)

    # For the checks before training, the whole text is one example.
    everything = {'tokens': tokens[None], 'target': np.roll(tokens, -1)[None]}
    return Source(init, after, arrays=everything)
