"""Variational autoencoder, plain and conditional (U5.1)."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers import typed
from dljax.layers.activations import Activation
from dljax.layers.images import check_layout
from dljax.models.autoencoder.autoencoder import Shape, check_shape
from dljax.models.feedforward.mlp import MLP
from dljax.types import Array


class Variational(NamedTuple):
    """What a variational autoencoder computes of a batch.

    Attributes:
        outputs: [batch, *shape], log odds or, of a net without `logits`, expectations.
        mean: [batch, code] float32, of the code.
        log_variance: [batch, code] float32, of the code.
    """

    outputs: Array
    mean: Array
    log_variance: Array


class VariationalAutoencoder(nn.Module):
    """An encoder q(z | x) = N(μ(x), σ²(x)), a prior N(0, 1) and a decoder p(x | z).

    In training z = μ + σ ε with ε ~ N(0, 1) from the stream 'noise', so that gradients
    reach the encoder through the sample; in evaluation z = μ. With `classes` it is
    conditional: both parts also see the one-hot label, joined to their flat inputs.

    Attributes:
        encoder: `(image, train=) -> [batch, 2 code]`, means and then log variances.
        decoder: `(code, train=) -> [batch, ...]`, as many numbers as `shape` holds.
        code: the width of the code, at least 1.
        shape: of one input, such as (height, width, channel).
        classes: of the label that both parts see; 0 for none.
        logits: whether the decoder's outputs are log odds of the inputs.
        dtype: the type of the computation, given to both parts; None leaves theirs.
        param_dtype: the type of the parameters, likewise.

    Raises:
        ValueError: for a code, shape or number of classes that cannot be.

    Reference:
        Kingma, Welling (2014), Auto-Encoding Variational Bayes,
        https://arxiv.org/abs/1312.6114
        Sohn et al. (2015), Learning Structured Output Representation using Deep
        Conditional Generative Models, https://papers.nips.cc/paper/5775; with a prior
        p(z | label) that is learned, not N(0, 1).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = vae(code=3, hidden=(16,), shape=(8, 8, 1))
        >>> image = jnp.ones((2, 8, 8, 1))
        >>> variables = net.init(jax.random.key(0), image)
        >>> output = net.apply(variables, image)
        >>> print(output.outputs.shape, output.mean.shape)
        (2, 8, 8, 1) (2, 3)
        >>> print(net.apply(variables, jnp.zeros((5, 3)), method=net.images).shape)
        (5, 8, 8, 1)
    """

    encoder: nn.Module
    decoder: nn.Module
    code: int
    shape: Shape
    classes: int = 0
    logits: bool = True
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Give the types to both parts, and check the settings."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.encoder = typed(self.encoder, **types)
        self.decoder = typed(self.decoder, **types)
        super().__post_init__()
        check_shape(self.shape)
        if self.code < 1 or self.classes < 0:
            raise ValueError(
                f'code is {self.code} and classes {self.classes}, wanted a code of at '
                'least 1, and 0 classes or more'
            )

    def distribution(
        self, image: Array, label: Array | None = None, *, train: bool = False
    ) -> tuple[Array, Array]:
        """Compute q(z | x), the distribution of the code.

        Args:
            image: [batch, *shape] float.
            label: [batch] integers, for a conditional net.
            train: whether dropout and the like act.

        Returns:
            Mean and log variance, both [batch, code] float32.

        Raises:
            ValueError: if a label is missing or not wanted, for images whose channels
                come first, or if the encoder gives another number of outputs.
        """
        if image.shape[1:] != tuple(self.shape):
            check_layout(image)
        statistics = self.encoder(self._joined(image, label), train=train)
        if statistics.shape[-1] != 2 * self.code:
            raise ValueError(
                f'the encoder gives outputs of shape {statistics.shape}, wanted '
                f'{2 * self.code} of each example: means and log variances of a code '
                f'of {self.code}'
            )
        mean, log_variance = jnp.split(statistics.astype(jnp.float32), 2, axis=-1)
        return mean, log_variance

    def noise(self, *shape: int) -> Array:
        """Draw codes from the prior, by the stream 'noise': [*shape, code] float32."""
        return jax.random.normal(self.make_rng('noise'), (*shape, self.code))

    def decode(
        self, code: Array, label: Array | None = None, *, train: bool = False
    ) -> Array:
        """Compute what a code stands for.

        Args:
            code: [batch, code].
            label: [batch] integers, for a conditional net.
            train: whether dropout and the like act.

        Returns:
            [batch, *shape]: log odds, or with `logits` false expectations.

        Raises:
            ValueError: if a label is missing or not wanted, or the decoder gives
                another number of outputs.
        """
        outputs = self.decoder(self._joined(code, label), train=train)
        if outputs.size != code.shape[0] * math.prod(self.shape):
            raise ValueError(
                f'the decoder gives outputs of shape {outputs.shape}, wanted '
                f'{math.prod(self.shape)} numbers an example, for inputs of shape '
                f'{self.shape}: change one of them'
            )
        return outputs.reshape(code.shape[0], *self.shape)

    def __call__(
        self, image: Array, label: Array | None = None, *, train: bool = False
    ) -> Variational:
        """Encode, draw a code (in evaluation: take its mean), decode.

        Args:
            image: [batch, *shape] float.
            label: [batch] integers, for a conditional net.
            train: whether the code is drawn, and dropout and the like act.

        Returns:
            The outputs, and the mean and log variance of the code.
        """
        mean, log_variance = code, _ = self.distribution(image, label, train=train)
        if train:
            code = mean + jnp.exp(0.5 * log_variance) * self.noise(len(mean))
        return Variational(self.decode(code, label, train=train), mean, log_variance)

    def encode(self, image: Array, label: Array | None = None) -> Array:
        """Compute the code by its mean.

        Args:
            image: [batch, *shape] float.
            label: [batch] integers, for a conditional net.

        Returns:
            [batch, code] float32.
        """
        return self.distribution(image, label)[0]

    def images(self, code: Array, label: Array | None = None) -> Array:
        """Compute the inputs that codes stand for, by their expectation.

        Args:
            code: [batch, code].
            label: [batch] integers, for a conditional net.

        Returns:
            [batch, *shape], in (0, 1) where the decoder gives log odds.
        """
        outputs = self.decode(code, label)
        return jax.nn.sigmoid(outputs) if self.logits else outputs

    def reconstruct(self, image: Array, label: Array | None = None) -> Array:
        """Encode inputs and rebuild them from the means of their codes.

        Args:
            image: [batch, *shape] float.
            label: [batch] integers, for a conditional net.

        Returns:
            [batch, *shape], in (0, 1) where the decoder gives log odds.
        """
        return self.images(self.encode(image, label), label)

    def _joined(self, inputs: Array, label: Array | None) -> Array:
        """Put the one-hot label beside the flat inputs, where there is one."""
        if (label is None) == (self.classes > 0):
            raise ValueError(
                f'the net has {self.classes} classes and got '
                f'{"no label" if label is None else "a label"}: wanted both or neither'
            )
        if label is None:
            return inputs
        flat = inputs.reshape(inputs.shape[0], -1)
        return jnp.concatenate(
            [flat, jax.nn.one_hot(label, self.classes, dtype=flat.dtype)], axis=1
        )


def vae(
    code: int = 20,
    hidden: tuple[int, ...] = (400,),
    shape: Shape = (28, 28, 1),
    activation: Activation = jnp.tanh,
    dropout: float = 0.0,
) -> VariationalAutoencoder:
    """Variational autoencoder of dense layers, 784-400-20 and back.

    Args:
        code: the width of the code, at least 1.
        hidden: the widths of the encoder's hidden layers; the decoder mirrors them.
        shape: of one input.
        activation: of the hidden layers.
        dropout: the probability in [0, 1) with which a hidden unit is dropped.

    Returns:
        The module, with log odds as outputs.

    Raises:
        ValueError: for a width below 1 or a dropout out of range.

    Reference:
        Kingma, Welling (2014), Auto-Encoding Variational Bayes,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> vae(code=2).encoder.outputs  # a mean and a log variance of each
        4
    """
    check_shape(shape)
    return VariationalAutoencoder(
        MLP(hidden, 2 * code, activation, dropout),
        MLP(hidden[::-1], math.prod(shape), activation, dropout),
        code,
        shape,
    )


def conditional_vae(
    classes: int = 10,
    code: int = 20,
    hidden: tuple[int, ...] = (400,),
    shape: Shape = (28, 28, 1),
    activation: Activation = jnp.tanh,
    dropout: float = 0.0,
) -> VariationalAutoencoder:
    """Variational autoencoder whose two parts see the class, so that it can be asked.

    Args:
        classes: of the label, at least 1.
        code: the width of the code, at least 1.
        hidden: the widths of the encoder's hidden layers; the decoder mirrors them.
        shape: of one input.
        activation: of the hidden layers.
        dropout: the probability in [0, 1) with which a hidden unit is dropped.

    Returns:
        The module, with log odds as outputs.

    Raises:
        ValueError: for a width or number of classes below 1, or a dropout out of range.

    Reference:
        Sohn et al. (2015), Learning Structured Output Representation using Deep
        Conditional Generative Models, https://papers.nips.cc/paper/5775

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = conditional_vae(code=3, shape=(8, 8, 1))
        >>> image, label = jnp.ones((2, 8, 8, 1)), jnp.array([7, 1])
        >>> variables = net.init(jax.random.key(0), image, label)
        >>> print(net.apply(variables, image, label).outputs.shape)
        (2, 8, 8, 1)
    """
    if classes < 1:
        raise ValueError(f'classes is {classes}, wanted at least 1: see vae for none')
    return vae(code, hidden, shape, activation, dropout).clone(classes=classes)
