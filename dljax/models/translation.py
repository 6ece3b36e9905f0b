"""What nets that write one sequence of tokens out of another have in common."""

import jax.numpy as jnp

from dljax.types import Array

END = 1  # the token that ends a target, and that is read before its first; 0 is padding


def tokens_before(target: Array) -> Array:
    """Give the true token before each step, the end token before the first one.

    Args:
        target: [batch, steps] int32.

    Returns:
        [batch, steps] int32.

    Example:
        >>> print(tokens_before(jnp.array([[5, 3, 1]])))
        [[1 5 3]]
    """
    return jnp.pad(target, ((0, 0), (1, 0)), constant_values=END)[:, :-1]


def check_vocabularies(source_tokens: int, target_tokens: int) -> None:
    """Refuse vocabularies without a word beside the padding and the end.

    Args:
        source_tokens: size of the source vocabulary, the padding included.
        target_tokens: size of the target vocabulary, padding and end included.

    Raises:
        ValueError: naming both.
    """
    if source_tokens < 2 or target_tokens < 3:
        raise ValueError(
            f'source_tokens is {source_tokens} and target_tokens {target_tokens}, '
            'wanted at least 2 and 3: the padding and the end token count'
        )
