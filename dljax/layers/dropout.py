"""Dropout as it was first published, and dropout of whole feature maps.

Linen's `nn.Dropout` is the inverted form: it divides by the fraction that it keeps
while training, so that nothing remains to be done afterwards. Both have the same
expectation.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.types import Array


class OriginalDropout(nn.Module):
    """Keep each unit with probability p while training; scale by p afterwards.

    The paper multiplies a unit's outgoing weights by p. To multiply its activation is
    the same function, and leaves the weights alone.

    Attributes:
        keep: p in (0, 1], the fraction that is kept (`nn.Dropout` is told the other
            one); .5 for hidden units, .8 for inputs in the paper.
        broadcast_dims: axes along which all units share one fate.
        rng_collection: the stream that the mask is drawn from.

    Raises:
        ValueError: if `keep` is out of range.

    Reference:
        Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from
        Overfitting, https://jmlr.org/papers/v15/srivastava14a.html

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, x = OriginalDropout(keep=.5), jnp.ones((1, 4))
        >>> print(layer.apply({}, x, train=False))
        [[0.5 0.5 0.5 0.5]]
        >>> y = layer.apply({}, x, train=True, rngs={'dropout': jax.random.key(0)})
        >>> print(set(y.ravel().tolist()) <= {0., 1.})
        True
    """

    keep: float = 0.5
    broadcast_dims: tuple[int, ...] = ()
    rng_collection: str = 'dropout'

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if not 0 < self.keep <= 1:
            raise ValueError(
                f'keep is {self.keep}, wanted a number in (0, 1]: the fraction that is '
                'kept, not the fraction that is dropped'
            )

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Drop or scale.

        Args:
            inputs: [...] float.
            train: whether units are dropped.

        Returns:
            [...] of the type of `inputs`.
        """
        if not train:
            return inputs * jnp.asarray(self.keep, inputs.dtype)
        if self.keep == 1:
            return inputs
        shared = [axis % inputs.ndim for axis in self.broadcast_dims]
        shape = [1 if i in shared else size for i, size in enumerate(inputs.shape)]
        kept = jax.random.bernoulli(
            self.make_rng(self.rng_collection), self.keep, shape
        )
        return jnp.where(kept, inputs, jnp.zeros((), inputs.dtype))


def spatial_dropout(rate: float, rank: int = 2) -> nn.Dropout:
    """Make a dropout that drops whole feature maps.

    Neighbouring pixels of a map say nearly the same, so that to drop them one by one
    hides little.

    Args:
        rate: the probability in [0, 1) with which a map is dropped.
        rank: the number of axes between batch and channel: 2 for images, 1 for
            sequences.

    Returns:
        `nn.Dropout` for [batch, *space, channel]; call it with `deterministic=not
        train`, inside `nn.compact`.

    Raises:
        ValueError: if a setting is out of range.

    Reference:
        Tompson et al. (2015), Efficient Object Localization Using Convolutional
        Networks, https://arxiv.org/abs/1411.4280

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, x = spatial_dropout(.5), jnp.ones((1, 3, 3, 2))
        >>> rngs = {'dropout': jax.random.key(0)}
        >>> y = layer.apply({}, x, deterministic=False, rngs=rngs)
        >>> print(bool((y == y[:, :1, :1]).all()))
        True
    """
    if not 0 <= rate < 1:
        raise ValueError(
            f'rate is {rate}, wanted a number in [0, 1): the fraction that is dropped'
        )
    if rank < 1:
        raise ValueError(f'rank is {rank}, wanted at least 1: 2 for images')
    return nn.Dropout(rate, broadcast_dims=tuple(range(1, rank + 1)))
