"""Shuffling by arithmetic: a keyed bijection of indices instead of a stored order."""

import operator
from collections.abc import Sequence
from types import ModuleType
from typing import overload

import jax
import jax.numpy as jnp
import numpy as np

Words = jax.Array | np.ndarray | Sequence[int]
Epoch = jax.Array | int

ROUNDS = (
    8  # four are the least for a pseudo-random permutation; small domains want more
)


@overload
def permute(index: np.ndarray, size: int, words: Words, epoch: Epoch) -> np.ndarray: ...
@overload
def permute(index: jax.Array, size: int, words: Words, epoch: Epoch) -> jax.Array: ...
def permute(
    index: jax.Array | np.ndarray,
    size: int,
    words: Words,
    epoch: Epoch,
) -> jax.Array | np.ndarray:
    r"""Place of each index in the shuffled order of one epoch.

    A balanced or nearly balanced Feistel network over the $b = \lceil \log_2 n \rceil$
    bits of an index, $(L, R) \mapsto (R, L \oplus F_r(R))$ with a hash keyed by the
    words, the epoch and the round, permutes $0 \dots 2^b - 1$. Results of $n$ or more
    are encrypted again until they fall below $n$ (cycle walking), which keeps it a
    bijection of $0 \dots n - 1$ and takes fewer than two turns on average. The cost is
    that of the indices asked for, whatever the size of the set, and nothing is sorted
    or stored: any batch of any epoch can be computed at once.

    Args:
        index: [batch] integers in [0, size). A NumPy array is computed with NumPy, a
            JAX array or tracer with JAX; the results are equal.
        size: number of examples, in [1, 2**31).
        words: [word] uint32, the data of a key: `jax.random.key_data(key)`.
        epoch: which order; integer scalar, 0 or more.

    Returns:
        [batch] int32 in [0, size): a bijection of the indices for each key and epoch.

    Raises:
        ValueError: if `size` is out of range.

    Reference:
        Black, Rogaway (2002), Ciphers with Arbitrary Finite Domains,
        https://doi.org/10.1007/3-540-45760-7_9. The hash is the finaliser of
        MurmurHash3 (A. Appleby, public domain); it mixes well and is no cipher.
    """
    size = operator.index(size)
    if not 1 <= size < 2**31:
        raise ValueError(
            f'size of the set to shuffle is {size}, wanted 1 to 2**31 - 1: check that '
            'the data is not empty'
        )
    xp = np if isinstance(index, np.ndarray) else jnp
    bits = (size - 1).bit_length()
    keys = _round_keys(xp, words, epoch)

    def encrypt(x: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
        high, low = bits // 2, bits - bits // 2
        for key in keys:
            left, right = x >> np.uint32(low), x & np.uint32(2**low - 1)
            mask = np.uint32(2**high - 1)
            x = (right << np.uint32(high)) | (left ^ (_mix(right ^ key) & mask))
            high, low = low, high  # the halves have changed places
        return x

    def walk(x: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
        return xp.where(x >= np.uint32(size), encrypt(x), x)

    x = encrypt(xp.asarray(index).astype(np.uint32))
    if size < 2**bits:
        if xp is jnp:
            x = jax.lax.while_loop(lambda x: jnp.any(x >= np.uint32(size)), walk, x)
        else:
            while np.any(x >= np.uint32(size)):
                x = walk(x)
    return x.astype(np.int32)


def _round_keys(
    xp: ModuleType,
    words: Words,
    epoch: Epoch,
) -> list[jax.Array | np.ndarray]:
    """Derive one [1] uint32 key a round from the words and the epoch."""
    # One-element arrays, for NumPy warns where a uint32 scalar wraps around.
    words = xp.asarray(words).astype(np.uint32).reshape(-1, 1)
    mixed = xp.asarray(epoch).astype(np.uint32).reshape(1)
    for word in words:
        mixed = _mix(mixed ^ word)
    # The odd constant is 2**32 over the golden ratio: the rounds' keys lie far apart.
    return [
        _mix(mixed + np.uint32(0x9E3779B9 * r % 2**32)) for r in range(1, 1 + ROUNDS)
    ]


def _mix(x: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
    """Bijection of uint32 in which every input bit reaches every output bit."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))
