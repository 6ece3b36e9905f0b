"""Vectors replaced by the nearest of a codebook, with a gradient straight through."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.radial import squared_distances
from dljax.types import Array

# Hits a batch that a new codebook has seen: next to none, so that its first batch is
# the whole of a mean. And those below which one no longer fades, lest it be 0 / 0.
_NEW, _FADED = 1e-3, 1e-6


class VectorQuantised(NamedTuple):
    """What quantising gives.

    Attributes:
        values: [batch, ..., features], the codes; their gradient goes to the inputs as
            if these had been handed through.
        indices: [batch, ...] int32 in [0, codes), which code it is.
        commitment: [batch, ...] float32, ‖z - sg(e)‖², whose gradient draws an input z
            to its code e.
        codebook: [batch, ...] float32, ‖sg(z) - e‖², the same number, whose gradient
            draws a learned code to the inputs.
    """

    values: Array
    indices: Array
    commitment: Array
    codebook: Array


class VectorQuantiser(nn.Module):
    r"""Replace each vector by the nearest of a codebook.

    e = e_k with k = argmin_j ‖z - e_j‖²; the derivative of e by z is taken as 1. By
    default a code is the mean of the vectors that chose it, as exponential moving
    averages remember them: with n_k of them in a batch, and their sum s_k,

    N_k ← d N_k + (1 - d) n_k,  S_k ← d S_k + (1 - d) s_k,  e_k = S_k / N_k.

    N and S are the collection 'codebook' ('counts', 'sums'); a training call moves
    them, no other does. Over several devices they are averaged, which is exact. With
    `averaged` false the codebook is a parameter, for the codebook loss.

    Attributes:
        codes: K, how many vectors the codebook has, at least 2.
        features: of each vector, at least 1.
        averaged: whether the codes are moving averages; else they are learned.
        decay: d in [0, 1), the fraction of an average that a batch leaves.
        restart: codes that are chosen less often than this fraction of an even share,
            the vectors of a batch over K, begin anew at a random vector of the batch,
            by the stream 'restart', as all of a new codebook do; 0 for never, as in the
            paper. Of averaged codes only. Over several devices it is the mean of the
            vectors that each has drawn.
        dtype: the type of the values; None for that of the inputs. Distances and
            averages are float32 in any case.
        param_dtype: the type of a learned codebook.
        codebook_init: initialiser of the vectors.

    Raises:
        ValueError: for a setting out of range, or restarts of learned codes.

    Reference:
        Oord et al. (2017), Neural Discrete Representation Learning,
        https://arxiv.org/abs/1711.00937; the averages in appendix A.1, here without
        its smoothing of the counts.
        Dhariwal et al. (2020), Jukebox: A Generative Model for Music,
        https://arxiv.org/abs/2005.00341; the restarts.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer = VectorQuantiser(codes=2, features=1)
        >>> codebook = {'sums': jnp.array([[0.], [3.]]), 'counts': jnp.ones(2)}
        >>> z = jnp.array([[1.], [2.]])
        >>> found = layer.apply({'codebook': codebook}, z)
        >>> print(found.values.ravel(), found.indices, found.commitment)
        [0. 3.] [0 1] [1. 1.]
    """

    codes: int = 512
    features: int = 64
    averaged: bool = True
    decay: float = 0.99
    restart: float = 0.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    codebook_init: Initializer = nn.initializers.normal(1.0)

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.codes < 2 or self.features < 1:
            raise ValueError(
                f'codes is {self.codes} and features {self.features}, wanted at least '
                '2 codes of at least 1 number'
            )
        if not 0 <= self.decay < 1:
            raise ValueError(f'decay is {self.decay}, wanted a fraction in [0, 1)')
        if not 0 <= self.restart < 1:
            raise ValueError(
                f'restart is {self.restart}, wanted a fraction in [0, 1) of an even '
                'share of the vectors, such as 0.1'
            )
        if self.restart and not self.averaged:
            raise ValueError(
                f'restart is {self.restart} with averaged=False, wanted 0: learned '
                'codes do not begin anew'
            )

    def setup(self) -> None:
        """Make the codebook."""
        shape = (self.codes, self.features)
        if not self.averaged:
            self.vectors = self.param(
                'vectors', self.codebook_init, shape, self.param_dtype
            )
            return

        def draw() -> Array:
            drawn = self.codebook_init(self.make_rng('params'), shape, jnp.float32)
            return _NEW * drawn

        self.sums = self.variable('codebook', 'sums', draw)
        self.counts = self.variable(
            'codebook', 'counts', jnp.full, (self.codes,), _NEW, jnp.float32
        )

    def codebook(self) -> Array:
        """Give the vectors, [codes, features] float32."""
        if self.averaged:
            vectors = self.sums.value / self.counts.value[:, None]
        else:
            vectors = self.vectors
        return jnp.asarray(vectors, jnp.float32)

    def look_up(self, indices: Array) -> Array:
        """Give the vectors of codes.

        Args:
            indices: [...] integers in [0, codes); for larger ones they are NaN.

        Returns:
            [..., features].
        """
        vectors = self.codebook().astype(self.dtype or jnp.float32)
        return jnp.take(vectors, indices, axis=0)

    def __call__(self, inputs: Array, *, train: bool = False) -> VectorQuantised:
        """Replace vectors by codes.

        Args:
            inputs: [batch, ..., features] float.
            train: whether averaged codes move, after the batch has been replaced by
                those that there were.

        Returns:
            Values, indices and the two losses, see `VectorQuantised`.

        Raises:
            ValueError: for inputs of another number of features.
        """
        if inputs.ndim < 2 or inputs.shape[-1] != self.features:
            raise ValueError(
                f'the vectors have shape {inputs.shape}, wanted [batch, ..., '
                f'{self.features}], as wide as the codes are'
            )
        rows = inputs.reshape(-1, self.features).astype(jnp.float32)
        still, codebook = jax.lax.stop_gradient(rows), self.codebook()
        distances = squared_distances(still, jax.lax.stop_gradient(codebook))
        indices = distances.argmin(axis=1).astype(jnp.int32)
        chosen = codebook[indices]
        fixed = jax.lax.stop_gradient(chosen)
        if train and self.averaged and not self.is_initializing():
            self._move(still, indices)
        dtype, shape = self.dtype or inputs.dtype, inputs.shape
        return VectorQuantised(
            # Exactly the code, since what is added to it is 0.
            (fixed + (rows - still)).reshape(shape).astype(dtype),
            indices.reshape(shape[:-1]),
            jnp.square(rows - fixed).sum(axis=1).reshape(shape[:-1]),
            jnp.square(still - chosen).sum(axis=1).reshape(shape[:-1]),
        )

    def _move(self, rows: Array, indices: Array) -> None:
        """Let the averages remember a batch, and dead codes begin anew."""
        keep, old = self.decay, self.counts.value
        new = jax.nn.one_hot(indices, self.codes)
        hits = new.sum(axis=0)
        sums = jnp.matmul(new.T, rows, precision=jax.lax.Precision.HIGHEST)
        sums = keep * self.sums.value + (1 - keep) * sums
        counts = keep * old + (1 - keep) * hits
        faded = (hits == 0) & (old < _FADED)
        sums = jnp.where(faded[:, None], self.sums.value, sums)
        counts = jnp.where(faded, old, counts)
        if self.restart:
            share = len(rows) / self.codes
            # By the counts before this batch, which are the same on all devices.
            dead = old < self.restart * share
            key = self.make_rng('restart')
            drawn = jax.random.randint(key, (self.codes,), 0, len(rows))
            sums = jnp.where(dead[:, None], share * rows[drawn], sums)
            counts = jnp.where(dead, share, counts)
        self.sums.value, self.counts.value = sums, counts
