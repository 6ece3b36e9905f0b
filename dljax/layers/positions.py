"""Where in a sequence a token stands, told to layers that see a set of tokens."""

import chex
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.types import Array


def sinusoids(positions: Array, features: int) -> Array:
    """Code positions by waves of many lengths, from 2π to 20000π steps.

    p_{2i} = sin(t / 10000^{2i/d}) and p_{2i+1} = cos(t / 10000^{2i/d}): a shift in time
    is a rotation of each pair, whatever the position.

    Args:
        positions: [...] t, any numbers.
        features: d, even.

    Returns:
        [..., features] float32 in [-1, 1].

    Raises:
        ValueError: for an odd number of features, or none.

    Reference:
        Vaswani et al. (2017), Attention Is All You Need,
        https://arxiv.org/abs/1706.03762

    Example:
        >>> import jax.numpy as jnp
        >>> print(sinusoids(jnp.array([0, 1]), 4).round(1))
        [[0.  1.  0.  1. ]
         [0.8 0.5 0.  1. ]]
    """
    angles = _angles(positions, features)
    waves = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    return waves.reshape(*positions.shape, features)


def rotate(inputs: Array, positions: Array) -> Array:
    """Turn each pair of features by an angle that grows with the position (RoPE).

    The pair (x_{2i}, x_{2i+1}) at t is turned by t / 10000^{2i/d}. Of a query and a key
    so turned the product depends on the distance of their positions alone.

    Args:
        inputs: [batch, time, heads, features] float, of an even number of features.
        positions: [batch, time] t.

    Returns:
        [batch, time, heads, features] of the type of the inputs.

    Raises:
        ValueError: for an odd number of features.

    Reference:
        Su et al. (2021), RoFormer: Enhanced Transformer with Rotary Position Embedding,
        https://arxiv.org/abs/2104.09864

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.array([[[[1., 0.]], [[1., 0.]]]])
        >>> print(rotate(x, jnp.array([[0, 1]]))[0, :, 0].round(1))
        [[1.  0. ]
         [0.5 0.8]]
    """
    chex.assert_rank([inputs, positions], [4, 2])
    angles = _angles(positions, inputs.shape[-1])[:, :, None]
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    x, y = inputs[..., 0::2], inputs[..., 1::2]
    turned = jnp.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)
    return turned.reshape(inputs.shape).astype(inputs.dtype)


def _angles(positions: Array, features: int) -> Array:
    if features < 2 or features % 2:
        raise ValueError(f'features is {features}, wanted an even number, at least 2')
    rates = 10000.0 ** (-jnp.arange(0, features, 2) / features)
    return positions.astype(jnp.float32)[..., None] * jnp.expand_dims(
        rates, range(positions.ndim)
    )


def advance(layer: nn.Module, batch: int, steps: int, cached: bool) -> Array:
    """Count the steps of a sequence, going on where the last call left off.

    Args:
        layer: the module that counts, in its compact method; the count [batch] stands
            in its collection 'cache', as `index`.
        batch: the number of sequences.
        steps: of this call.
        cached: whether there is a count; without, each call begins at 0.

    Returns:
        [batch, steps] int32 positions.
    """
    within = jnp.broadcast_to(jnp.arange(steps, dtype=jnp.int32), (batch, steps))
    if not cached:
        return within
    index = layer.variable('cache', 'index', jnp.zeros, (batch,), jnp.int32)
    positions = index.value[:, None] + within
    index.value = index.value + steps
    return positions


class SinusoidalPositions(nn.Module):
    """Add `sinusoids` of the position to each token's vector; nothing is learned.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> print(SinusoidalPositions().apply({}, jnp.zeros((1, 2, 2))).round(1)[0])
        [[0.  1. ]
         [0.8 0.5]]
    """

    @nn.compact
    def __call__(self, inputs: Array, *, cached: bool = False) -> Array:
        """Add the positions.

        Args:
            inputs: [batch, time, features] float, of an even number of features.
            cached: whether to count on from the last call, see `advance`.

        Returns:
            [batch, time, features] of the type of the inputs.
        """
        chex.assert_rank(inputs, 3)
        batch, time, features = inputs.shape
        positions = advance(self, batch, time, cached)
        return inputs + sinusoids(positions, features).astype(inputs.dtype)


class LearnedPositions(nn.Module):
    """Add a learned vector for each position to each token's vector.

    A position from `length` on has none: it gives NaN where the positions are counted
    on from call to call, and an error where a sequence is too long at once.

    Attributes:
        length: the number of positions, at least 1.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        embedding_init: initialiser of the vectors.

    Raises:
        ValueError: for fewer than one position, or a sequence with more.

    Reference:
        Gehring et al. (2017), Convolutional Sequence to Sequence Learning,
        https://arxiv.org/abs/1705.03122

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, tokens = LearnedPositions(8), jnp.zeros((1, 5, 3))
        >>> variables = layer.init(jax.random.key(0), tokens)
        >>> variables['params']['embedding'].shape
        (8, 3)
    """

    length: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    embedding_init: Initializer = nn.initializers.normal(0.02)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.length < 1:
            raise ValueError(f'length is {self.length}, wanted at least 1')

    @nn.compact
    def __call__(self, inputs: Array, *, cached: bool = False) -> Array:
        """Add the positions.

        Args:
            inputs: [batch, time, features] float, of at most `length` steps.
            cached: whether to count on from the last call, see `advance`.

        Returns:
            [batch, time, features].
        """
        chex.assert_rank(inputs, 3)
        batch, time, features = inputs.shape
        if time > self.length:
            raise ValueError(
                f'the sequence has {time} steps, wanted at most {self.length}, for '
                'which there are positions: cut it, or make the net with more'
            )
        table = self.param(
            'embedding', self.embedding_init, (self.length, features), self.param_dtype
        )
        inputs, table = promote_dtype(inputs, table, dtype=self.dtype)
        if not cached:
            return inputs + table[None, :time]
        positions = advance(self, batch, time, cached)
        return inputs + jnp.take(table, positions, axis=0, mode='fill')
