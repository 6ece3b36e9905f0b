"""How many bits a code costs once it is rounded."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dljax.types import Array


class Quantised(NamedTuple):
    """Codes as a decoder gets them, and what they cost.

    Attributes:
        values: [batch, units] float32, multiples of the step.
        bits: [batch] float32, of a whole code.
    """

    values: Array
    bits: Array


def quantise(codes: Array, training: Array, step: float | Array) -> Quantised:
    """Round codes to multiples of a step, and count the bits of an entropy coder.

    The coder knows how often each multiple came up in each unit of the training codes:
    p = (count + 1) / (examples + multiples), over the multiples from the smallest to
    the largest that came up; what lies beyond is moved to the nearest of these. A code
    costs -Σ log₂ p bits, the units taken as independent: what an arithmetic coder makes
    of a long row of them.

    Args:
        codes: [batch, units] real numbers.
        training: [examples, units] codes that the coder was fitted to.
        step: the distance of neighbouring values, positive; a number, or [units].

    Returns:
        The rounded codes and their bits.

    Raises:
        ValueError: if the units of the two sets of codes differ.

    Reference:
        Cover, Thomas (2006), Elements of Information Theory, chapter 13,
        https://doi.org/10.1002/047174882X

    Example:
        >>> import jax.numpy as jnp
        >>> training = jnp.array([[0.], [.1], [.9], [-.2], [1.2], [0.]])  # 0 four times
        >>> values, bits = quantise(jnp.array([[.3], [7.]]), training, 1.)
        >>> print(values.ravel(), 2. ** -bits)  # 5 / 8 and 3 / 8
        [0. 1.] [0.625 0.375]
    """
    codes, training = jnp.asarray(codes), jnp.asarray(training)
    if codes.ndim != 2 or training.ndim != 2 or codes.shape[1] != training.shape[1]:
        raise ValueError(
            f'codes and training codes have shapes {codes.shape} and {training.shape}, '
            'wanted [batch, units] and [examples, units]'
        )
    step = jnp.broadcast_to(jnp.asarray(step, jnp.float32), codes.shape[1:])
    seen = jnp.sort(jnp.round(training / step[None, :]), axis=0)
    symbols = jnp.round(codes / step[None, :])
    symbols = jnp.clip(symbols, seen[:1], seen[-1:])

    def count(seen: Array, symbols: Array) -> Array:
        ends = (
            jnp.searchsorted(seen, symbols, side=side) for side in ('right', 'left')
        )
        return next(ends) - next(ends)

    counts = jax.vmap(count, in_axes=1, out_axes=1)(seen, symbols)
    multiples = seen[-1] - seen[0] + 1
    fraction = (counts + 1) / (len(seen) + multiples)[None, :]
    return Quantised(symbols * step[None, :], -jnp.log2(fraction).sum(axis=1))


def rate_curve(
    decode: Callable[[Array], Array],
    codes: Array,
    training: Array,
    steps: Array,
    measure: Callable[[Array], Mapping[str, Array]],
) -> dict[str, Array]:
    """Quantise codes by each of several steps: what they cost, what is rebuilt.

    Args:
        decode: what is rebuilt from codes.
        codes: [batch, units].
        training: [examples, units] codes to which the bits are fitted.
        steps: [steps] or [steps, units], positive.
        measure: `rebuilt -> {name: [batch]}`.

    Returns:
        [steps] means of 'bits' and of what is measured, and 'rebuilt', [steps, batch,
        ...].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> codes = jax.random.normal(jax.random.key(0), (1000, 2))
        >>> def error(rebuilt):
        ...     return {'error': jnp.abs(rebuilt - codes).max(axis=1)}
        >>> steps = jnp.array([.2, .1])
        >>> curve = rate_curve(lambda z: z, codes, codes, steps, error)
        >>> print(curve['bits'].round())  # one more for each of the two numbers
        [ 9. 11.]
    """

    def point(step: Array) -> dict[str, Array]:
        rounded = quantise(codes, training, step)
        rebuilt = decode(rounded.values)
        figures = {'bits': rounded.bits, **measure(rebuilt)}
        return {k: v.mean() for k, v in figures.items()} | {'rebuilt': rebuilt}

    return jax.vmap(point)(steps)
