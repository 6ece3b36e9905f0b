"""The generative adversarial nets of the first paper: dense layers and maxout."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import Activation, Maxout, check_layout
from dljax.layers.checks import check_fractions
from dljax.models.adversaries import Adversaries
from dljax.models.settings import check_sizes
from dljax.types import Array, Key


class DenseGenerator(nn.Module):
    """Dense layers from noise to a sample.

    Attributes:
        shape: of a sample.
        hidden: widths.
        activation: of the hidden layers.
        squash: of the sample: a sigmoid for samples in [0, 1], `jnp.tanh` for [-1, 1].
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a setting out of range.
    """

    shape: tuple[int, ...] = (28, 28, 1)
    hidden: tuple[int, ...] = (1200, 1200)
    activation: Activation = jax.nn.relu
    squash: Activation = jax.nn.sigmoid
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(shape=self.shape, hidden=self.hidden)

    @nn.compact
    def __call__(self, noise: Array, *, train: bool = False) -> Array:
        """Turn noise into samples.

        Args:
            noise: [batch, latent].
            train: of no effect, since nothing here is random.

        Returns:
            [batch, *shape], squashed.
        """
        del train  # it has neither dropout nor batch statistics
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        x = noise
        for index, width in enumerate(self.hidden):
            x = self.activation(nn.Dense(width, name=f'hidden_{index}', **types)(x))
        x = nn.Dense(math.prod(self.shape), name='output', **types)(x)
        return self.squash(x).reshape(-1, *self.shape)


class MaxoutDiscriminator(nn.Module):
    """Maxout layers with dropout, and one logit.

    Attributes:
        hidden: units of each layer.
        pieces: lines of each unit.
        input_dropout: fraction of the inputs dropped in training.
        dropout: fraction of the units dropped in training.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a setting out of range.
    """

    hidden: tuple[int, ...] = (240, 240)
    pieces: int = 5
    input_dropout: float = 0.2
    dropout: float = 0.5
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(hidden=self.hidden, pieces=self.pieces)
        check_fractions(input_dropout=self.input_dropout, dropout=self.dropout)

    @nn.compact
    def __call__(self, sample: Array, *, train: bool = False) -> Array:
        """Judge samples.

        Args:
            sample: [batch, ...] float; all but the batch axis is flattened.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, 1] logits.
        """
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }
        check_layout(sample)
        x = sample.reshape(sample.shape[0], -1)
        x = nn.Dropout(self.input_dropout, deterministic=not train)(x)
        for index, width in enumerate(self.hidden):
            x = Maxout(width, self.pieces, name=f'hidden_{index}', **types)(x)
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(1, name='output', **types)(x)


def uniform_noise(key: Key, shape: tuple[int, ...]) -> Array:
    """Draw noise from [-1, 1), the prior of many early papers."""
    return jax.random.uniform(key, shape, minval=-1.0)


def gan(
    size: int = 28,
    channels: int = 1,
    latent: int = 100,
    hidden: tuple[int, ...] = (1200, 1200),
    maxout: tuple[int, ...] = (240, 240),
    pieces: int = 5,
    input_dropout: float = 0.2,
    dropout: float = 0.5,
) -> Adversaries:
    """Make the dense adversaries of the first paper, for square images in [0, 1].

    Args:
        size: height and width of the images.
        channels: of the images.
        latent: dimension of the noise, uniform in [-1, 1).
        hidden: widths of the generator.
        maxout: units of the discriminator's layers.
        pieces: lines of each of these units.
        input_dropout: fraction of the pixels that the discriminator does not see.
        dropout: fraction of its units dropped in training.

    Returns:
        The net; the sizes of its layers are those of the paper's code for MNIST.

    Raises:
        ValueError: for a size that is not positive.

    Reference:
        Goodfellow et al. (2014), Generative Adversarial Nets,
        https://arxiv.org/abs/1406.2661

    Example:
        >>> gan(size=8).latent
        100
    """
    if size < 1 or channels < 1:
        raise ValueError(
            f'size is {size} and channels {channels}, wanted at least 1 of each'
        )
    return Adversaries(
        DenseGenerator((size, size, channels), hidden),
        MaxoutDiscriminator(maxout, pieces, input_dropout, dropout),
        latent=latent,
        prior=uniform_noise,
    )
