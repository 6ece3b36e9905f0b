"""Adversaries that are both conditioned on the class."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import Activation, Maxout, check_layout
from dljax.layers.checks import check_fractions
from dljax.models.adversaries import Adversaries, Prior
from dljax.models.settings import check_sizes
from dljax.types import Array

Units = tuple[int, int]  # of a layer of maxout, and the lines of each


class ConditionalGenerator(nn.Module):
    """Dense layers from noise and a label, each mapped by itself first, to a sample.

    Attributes:
        shape: of a sample.
        classes: how many there are.
        noise_hidden: units that see the noise.
        label_hidden: units that see the label.
        hidden: units that see both.
        dropout: fraction of the units dropped in training.
        squash: of the sample: a sigmoid for samples in [0, 1], `jnp.tanh` for [-1, 1].
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a setting out of range.
    """

    shape: tuple[int, ...] = (28, 28, 1)
    classes: int = 10
    noise_hidden: int = 200
    label_hidden: int = 1000
    hidden: int = 1200
    dropout: float = 0.5
    squash: Activation = jax.nn.sigmoid
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(
            shape=self.shape,
            classes=self.classes,
            noise_hidden=self.noise_hidden,
            label_hidden=self.label_hidden,
            hidden=self.hidden,
        )
        check_fractions(dropout=self.dropout)

    @nn.compact
    def __call__(self, noise: Array, label: Array, *, train: bool = False) -> Array:
        """Make samples of classes.

        Args:
            noise: [batch, latent].
            label: [batch] integers from 0 on.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, *shape].
        """
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }

        def hidden(x: Array, width: int, name: str) -> Array:
            x = nn.relu(nn.Dense(width, name=name, **types)(x))
            return nn.Dropout(self.dropout, deterministic=not train)(x)

        chosen = jax.nn.one_hot(label, self.classes, dtype=noise.dtype)
        noise = hidden(noise, self.noise_hidden, 'noise')
        chosen = hidden(chosen, self.label_hidden, 'label')
        x = hidden(jnp.concatenate([noise, chosen], axis=1), self.hidden, 'joint')
        x = nn.Dense(math.prod(self.shape), name='output', **types)(x)
        return self.squash(x).reshape(-1, *self.shape)


class ConditionalDiscriminator(nn.Module):
    """Maxout units of a sample and of a label, maxout units of both, and one logit.

    Attributes:
        classes: how many there are.
        sample_hidden: units that see the sample, and the lines of each.
        label_hidden: units that see the label, and the lines of each.
        hidden: units that see both, and the lines of each.
        dropout: fraction of the units dropped in training.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Raises:
        ValueError: for a setting out of range.
    """

    classes: int = 10
    sample_hidden: tuple[int, int] = (240, 5)
    label_hidden: tuple[int, int] = (50, 5)
    hidden: tuple[int, int] = (240, 4)
    dropout: float = 0.5
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_sizes(
            classes=self.classes,
            sample_hidden=self.sample_hidden,
            label_hidden=self.label_hidden,
            hidden=self.hidden,
        )
        check_fractions(dropout=self.dropout)

    @nn.compact
    def __call__(self, sample: Array, label: Array, *, train: bool = False) -> Array:
        """Judge whether samples are real ones of their class.

        Args:
            sample: [batch, ...].
            label: [batch] integers from 0 on.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, 1] logits.
        """
        types: dict[str, Any] = {
            'dtype': self.dtype,
            'param_dtype': self.param_dtype,
            'kernel_init': self.kernel_init,
        }

        def hidden(x: Array, sizes: tuple[int, int], name: str) -> Array:
            x = Maxout(*sizes, name=name, **types)(x)
            return nn.Dropout(self.dropout, deterministic=not train)(x)

        check_layout(sample)
        x = hidden(sample.reshape(sample.shape[0], -1), self.sample_hidden, 'sample')
        chosen = jax.nn.one_hot(label, self.classes, dtype=x.dtype)
        chosen = hidden(chosen, self.label_hidden, 'label')
        x = hidden(jnp.concatenate([x, chosen], axis=1), self.hidden, 'joint')
        return nn.Dense(1, name='output', **types)(x)


def cgan(
    size: int = 28,
    channels: int = 1,
    classes: int = 10,
    latent: int = 100,
    noise_hidden: int = 200,
    label_hidden: int = 1000,
    hidden: int = 1200,
    maxout: tuple[Units, Units, Units] = ((240, 5), (50, 5), (240, 4)),
    dropout: float = 0.5,
    generator_dropout: float = 0.5,
    prior: Prior = jax.random.uniform,
) -> Adversaries:
    """Make the conditional adversaries, for square images in [0, 1] and their labels.

    Args:
        size: height and width of the images.
        channels: of the images.
        classes: how many there are; labels are integers from 0 on.
        latent: dimension of the noise.
        noise_hidden: units of the generator that see the noise.
        label_hidden: those that see the label.
        hidden: those that see both.
        maxout: units of the discriminator and the lines of each, of those that see the
            image, of those that see the label, and of those that see both.
        dropout: fraction of the discriminator's hidden units dropped in training.
        generator_dropout: fraction of the generator's; where it is 0, all that varies
            comes from the noise, as it then has to in evaluation.
        prior: `(key, shape) -> noise`, uniform in [0, 1) in the paper.

    Returns:
        The net: both parts take the label after their first argument. The sizes are
        those of the paper for MNIST.

    Raises:
        ValueError: for a size that is not positive.

    Reference:
        Mirza, Osindero (2014), Conditional Generative Adversarial Nets,
        https://arxiv.org/abs/1411.1784

    Example:
        >>> cgan(size=8).generator.classes
        10
    """
    if min(size, channels) < 1 or classes < 2:
        raise ValueError(
            f'size is {size}, channels {channels} and classes {classes}, wanted at '
            'least 1, 1 and 2'
        )
    return Adversaries(
        ConditionalGenerator(
            (size, size, channels),
            classes,
            noise_hidden,
            label_hidden,
            hidden,
            generator_dropout,
        ),
        ConditionalDiscriminator(classes, *maxout, dropout),
        latent=latent,
        prior=prior,
    )
