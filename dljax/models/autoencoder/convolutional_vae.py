"""Convolutional variational autoencoder (U5.1)."""

import jax

from dljax.layers.activations import Activation
from dljax.models.autoencoder.convolutional import (
    ConvolutionalDecoder,
    ConvolutionalEncoder,
)
from dljax.models.autoencoder.variational_autoencoder import VariationalAutoencoder


def convolutional_vae(
    code: int = 20,
    features: tuple[int, ...] = (32, 64),
    shape: tuple[int, int, int] = (28, 28, 1),
    activation: Activation = jax.nn.relu,
) -> VariationalAutoencoder:
    """Variational autoencoder of strided convolutions down, transposed ones back up.

    Args:
        code: the width of the code, at least 1.
        features: of the encoder's convolutions; the decoder mirrors them.
        shape: (height, width, channel) of an image, of any size.
        activation: of every layer but the code and the output.

    Returns:
        The module, with log odds as outputs.

    Raises:
        ValueError: for a width or size below 1 or no convolution.

    Reference:
        Kingma, Welling (2014), Auto-Encoding Variational Bayes,
        https://arxiv.org/abs/1312.6114; the layers are those of
        `convolutional_autoencoder`.

    Example:
        >>> convolutional_vae(code=2).encoder.outputs
        4
    """
    return VariationalAutoencoder(
        ConvolutionalEncoder(features, 2 * code, activation),
        ConvolutionalDecoder(features[::-1], shape, activation),
        code,
        shape,
    )
