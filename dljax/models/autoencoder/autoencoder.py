"""Autoencoders: an encoder, a code, a decoder; and the dense ones (U5.1)."""

import math
from collections.abc import Callable

import jax
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers.activations import Activation
from dljax.layers.images import check_layout
from dljax.layers.typed import typed
from dljax.models.feedforward.mlp import MLP
from dljax.types import Array

Shape = tuple[int, ...]


class Autoencoder(nn.Module):
    """An encoder f, a code z = φ(f(x)) and a decoder g that are modules of their own.

    The parameters stand in the groups `encoder` and `decoder`, so that either can be
    trained, stored or used again alone. The decoder's numbers are log odds of pixels
    in [0, 1], as a Bernoulli likelihood takes them, unless `logits` is false: then they
    are the pixels themselves, as of a linear net. `images` and `reconstruct` give
    pixels in either case.

    Attributes:
        encoder: `(image, train=) -> [batch, code]`.
        decoder: `(code, train=) -> [batch, ...]`, as many numbers as `shape` holds.
        shape: of one input, such as (height, width, channel).
        code_activation: φ, a function of the encoder's outputs.
        logits: whether the decoder's outputs are log odds of the inputs.
        dtype: the type of the computation, given to both parts; None leaves theirs.
        param_dtype: the type of the parameters, likewise.

    Raises:
        ValueError: for a shape that is no tuple of sizes.

    Reference:
        Rumelhart et al. (1986), Learning Internal Representations by Error Propagation,
        Parallel Distributed Processing, volume 1, chapter 8
        Goodfellow et al. (2016), Deep Learning, chapter 14,
        https://www.deeplearningbook.org/contents/autoencoders.html

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = autoencoder(code=3, shape=(8, 8, 1))
        >>> image = jnp.ones((2, 8, 8, 1))
        >>> variables = net.init(jax.random.key(0), image)
        >>> print(net.apply(variables, image, method=net.encode).shape)
        (2, 3)
        >>> print(net.apply(variables, image, method=net.reconstruct).shape)
        (2, 8, 8, 1)
        >>> sorted(variables['params'])
        ['decoder', 'encoder']
    """

    encoder: nn.Module
    decoder: nn.Module
    shape: Shape
    code_activation: Callable[[Array], Array] = jax.nn.identity
    logits: bool = True
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Give the types to both parts, and check the settings."""
        for name in ('encoder', 'decoder'):
            part = typed(getattr(self, name), self.dtype, self.param_dtype)
            object.__setattr__(self, name, part)
        super().__post_init__()
        check_shape(self.shape)

    def encode(self, image: Array, *, train: bool = False) -> Array:
        """Compute the code.

        Args:
            image: [batch, *shape] float.
            train: whether dropout and the like act.

        Returns:
            [batch, code].

        Raises:
            ValueError: for images whose channels come first.
        """
        if image.shape[1:] != tuple(self.shape):
            check_layout(image)
        return self.code_activation(self.encoder(image, train=train))

    def decode(self, code: Array, *, train: bool = False) -> Array:
        """Compute what a code stands for.

        Args:
            code: [batch, code].
            train: whether dropout and the like act.

        Returns:
            [batch, *shape]: log odds, or with `logits` false the inputs themselves.

        Raises:
            ValueError: if the decoder gives another number of outputs.
        """
        outputs = self.decoder(code, train=train)
        if outputs.size != code.shape[0] * math.prod(self.shape):
            raise ValueError(
                f'the decoder gives outputs of shape {outputs.shape}, wanted '
                f'{math.prod(self.shape)} numbers an example, for inputs of shape '
                f'{self.shape}: change one of them'
            )
        return outputs.reshape(code.shape[0], *self.shape)

    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Encode and decode.

        Args:
            image: [batch, *shape] float.
            train: whether dropout and the like act.

        Returns:
            [batch, *shape]: log odds, or with `logits` false the inputs themselves.
        """
        return self.decode(self.encode(image, train=train), train=train)

    def images(self, code: Array) -> Array:
        """Compute the inputs that codes stand for, by their expectation.

        Args:
            code: [batch, code].

        Returns:
            [batch, *shape], in (0, 1) where the decoder gives log odds.
        """
        outputs = self.decode(code)
        return jax.nn.sigmoid(outputs) if self.logits else outputs

    def reconstruct(self, image: Array) -> Array:
        """Encode inputs and rebuild them.

        Args:
            image: [batch, *shape] float.

        Returns:
            [batch, *shape], in (0, 1) where the decoder gives log odds.
        """
        return self.images(self.encode(image))


def autoencoder(
    code: int = 32,
    hidden: tuple[int, ...] = (128,),
    shape: Shape = (28, 28, 1),
    activation: Activation = jax.nn.relu,
    dropout: float = 0.0,
) -> Autoencoder:
    """Undercomplete autoencoder of dense layers: its code is narrower than the input.

    Args:
        code: the width of the code, at least 1.
        hidden: the widths of the encoder's hidden layers; the decoder mirrors them.
        shape: of one input.
        activation: of the hidden layers.
        dropout: the probability in [0, 1) with which a hidden unit is dropped.

    Returns:
        The module, with a linear code and log odds as outputs.

    Raises:
        ValueError: for a width below 1 or a dropout out of range.

    Example:
        >>> autoencoder(code=8, hidden=(64, 32)).decoder.hidden
        (32, 64)
    """
    return Autoencoder(*_dense(code, hidden, shape, activation, dropout), shape)


def linear_autoencoder(code: int = 32, shape: Shape = (28, 28, 1)) -> Autoencoder:
    """Autoencoder without an activation: trained, it spans the principal components.

    x̂ = (x W + b) V + c. At the least squared error the columns of V span the space of
    the first `code` principal components, though they need not be these themselves.

    Args:
        code: the width of the code, at least 1.
        shape: of one input.

    Returns:
        The module, whose outputs are the inputs themselves.

    Raises:
        ValueError: for a width below 1.

    Reference:
        Baldi, Hornik (1989), Neural Networks and Principal Component Analysis,
        https://doi.org/10.1016/0893-6080(89)90014-2

    Example:
        >>> linear_autoencoder(code=8).logits
        False
    """
    parts = _dense(code, (), shape, jax.nn.identity)
    return Autoencoder(*parts, shape, logits=False)


def deep_autoencoder(
    code: int = 30,
    hidden: tuple[int, ...] = (1000, 500, 250),
    shape: Shape = (28, 28, 1),
    activation: Activation = jax.nn.sigmoid,
) -> Autoencoder:
    """Deep autoencoder of dense layers, 784-1000-500-250-30 and back.

    The paper pretrains its logistic layers as Boltzmann machines, without which they
    hardly learn; ReLUs (`activation=jax.nn.relu`) do without.

    Args:
        code: the width of the code, at least 1.
        hidden: the widths of the encoder's hidden layers; the decoder mirrors them.
        shape: of one input.
        activation: of the hidden layers.

    Returns:
        The module, with a linear code and log odds as outputs.

    Raises:
        ValueError: for a width below 1.

    Reference:
        Hinton, Salakhutdinov (2006), Reducing the Dimensionality of Data with Neural
        Networks, https://doi.org/10.1126/science.1127647

    Example:
        >>> deep_autoencoder().encoder.outputs
        30
    """
    return autoencoder(code, hidden, shape, activation)


def sparse_autoencoder(code: int = 1024, shape: Shape = (28, 28, 1)) -> Autoencoder:
    """Autoencoder of one wide hidden layer of logistic units, of which few are active.

    Nothing in the net makes them so: the objective `autoencode` does, by `sparse`.

    Args:
        code: the width of the code, at least 1; wider than the input by default.
        shape: of one input.

    Returns:
        The module, with a code in (0, 1) and log odds as outputs.

    Raises:
        ValueError: for a width below 1.

    Reference:
        Lee et al. (2007), Sparse Deep Belief Net Model for Visual Area V2,
        https://papers.nips.cc/paper/2007/hash/4daa3db355ef2b0e64b472968cb70f0d-Abstract.html
        Ng (2011), Sparse Autoencoder, CS294A lecture notes,
        https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf

    Example:
        >>> sparse_autoencoder().encoder.outputs
        1024
    """
    parts = _dense(code, (), shape, jax.nn.identity)
    return Autoencoder(*parts, shape, code_activation=jax.nn.sigmoid)


def check_shape(shape: Shape) -> None:
    """Refuse what is not the shape of one input."""
    if not isinstance(shape, tuple) or not shape or any(size < 1 for size in shape):
        raise ValueError(
            f'shape is {shape!r}, wanted the sizes of one input as a tuple, such as '
            '(28, 28, 1)'
        )


def _dense(
    code: int,
    hidden: tuple[int, ...],
    shape: Shape,
    activation: Activation,
    dropout: float = 0.0,
) -> tuple[MLP, MLP]:
    check_shape(shape)
    return (
        MLP(hidden, code, activation, dropout),
        MLP(hidden[::-1], math.prod(shape), activation, dropout),
    )
