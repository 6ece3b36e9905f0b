"""Sequence problems made by rule, drawn on the device: kind 'synthetic'."""

import jax
import jax.numpy as jnp

from dljax.types import Array, Key, fold


def adding_problem(key: Key, examples: int, length: int) -> dict[str, Array]:
    """Draw sequences of numbers of which two are marked: their sum is wanted.

    One mark stands in the first half, one in the second, so that what matters lies up
    to `length` steps before the output. Always to predict 1 costs a squared error of
    1/6, the variance of the sum. A pure function that works under jit and vmap.

    Args:
        key: a random key.
        examples: how many sequences.
        length: steps of each, at least 2.

    Returns:
        'sequence': [examples, length, 2] float32, in each step a number uniform in
        [0, 1) and a mark, 0 or 1; 'target': [examples] float32 in [0, 2).

    Raises:
        ValueError: for a length below 2.

    Reference:
        Hochreiter, Schmidhuber (1997), Long Short-Term Memory, section 5.4,
        https://doi.org/10.1162/neco.1997.9.8.1735
        Le et al. (2015), A Simple Way to Initialize Recurrent Networks of Rectified
        Linear Units, https://arxiv.org/abs/1504.00941; the form of the problem.
    """
    if length < 2:
        raise ValueError(f'length is {length}, wanted at least 2, one step a mark')
    half = length // 2
    values = jax.random.uniform(fold(key, 'values'), (examples, length))
    first = jax.random.randint(fold(key, 'first'), (examples,), 0, half)
    second = jax.random.randint(fold(key, 'second'), (examples,), half, length)
    marks = jax.nn.one_hot(first, length) + jax.nn.one_hot(second, length)
    return {
        'sequence': jnp.stack([values, marks], axis=-1),
        'target': (values * marks).sum(axis=1),
    }


def sum_problem(key: Key, examples: int, length: int) -> dict[str, Array]:
    """Draw sequences of numbers whose plain sum is wanted, left unscaled.

    The sum is about length / 2 with a variance of length / 12, which is the squared
    error of always answering the mean. A pure function that works under jit and vmap.

    Args:
        key: a random key.
        examples: how many sequences.
        length: steps of each, at least 1.

    Returns:
        'sequence': [examples, length, 1] float32, numbers uniform in [0, 1); 'target':
        [examples] float32 in [0, length).

    Raises:
        ValueError: for a length below 1.
    """
    if length < 1:
        raise ValueError(f'length is {length}, wanted at least 1')
    values = jax.random.uniform(fold(key, 'values'), (examples, length, 1))
    return {'sequence': values, 'target': values.sum((1, 2))}
