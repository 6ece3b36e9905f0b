"""Vector-quantised autoencoder: an image as a small map of discrete codes (U5.1)."""

from typing import NamedTuple

import jax
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers import VectorQuantised, VectorQuantiser, typed
from dljax.layers.images import check_images
from dljax.models.quantised_parts import QuantisedDecoder, QuantisedEncoder
from dljax.models.settings import check_sizes
from dljax.types import Array


class QuantisedOutput(NamedTuple):
    """What a vector-quantised autoencoder computes of a batch.

    Attributes:
        outputs: [batch, height, width, channel], pixels or, of a net with `logits`,
            their log odds.
        values: [batch, rows, columns, features]; this and what follows as the quantiser
            gives it, see `layers.VectorQuantised`.
        indices: [batch, rows, columns] int32, the codes.
        commitment: [batch, rows, columns] float32.
        codebook: [batch, rows, columns] float32.
    """

    outputs: Array
    values: Array
    indices: Array
    commitment: Array
    codebook: Array


class QuantisedAutoencoder(nn.Module):
    """An encoder to a map of vectors, a codebook that replaces them, and a decoder.

    An image of H x W pixels becomes (H / 2ⁿ) x (W / 2ⁿ) codes of log₂ K bits each. The
    parts stand by themselves: parameters in the groups `encoder` and `decoder`, the
    codebook under `quantiser`, in the collection 'codebook' or, where it is learned by
    a loss, in the parameters.

    Attributes:
        encoder: `(image, train=) -> [batch, rows, columns, features]`.
        quantiser: the codebook.
        decoder: `(values, train=) -> [batch, height, width, channel]`.
        channels: of an image.
        factor: pixels of a side that one code stands for; sides are multiples of it.
        logits: whether the decoder's outputs are log odds of the pixels, which are then
            in [0, 1]; else they are the pixels.
        dtype: the type of the computation, given to all parts; None leaves theirs.
        param_dtype: the type of the parameters, likewise.

    Reference:
        Oord et al. (2017), Neural Discrete Representation Learning,
        https://arxiv.org/abs/1711.00937

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = vqvae(codes=16, features=4, width=8, channels=1)
        >>> image = jnp.ones((2, 8, 12, 1))
        >>> variables = net.init(jax.random.key(0), image)
        >>> codes = net.apply(variables, image, method='encode')
        >>> print(codes.shape, codes.dtype)
        (2, 2, 3) int32
        >>> net.apply(variables, codes, method='images').shape
        (2, 8, 12, 1)
    """

    encoder: nn.Module
    quantiser: VectorQuantiser
    decoder: nn.Module
    channels: int
    factor: int
    logits: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Give the types to all parts."""
        for name in ('encoder', 'quantiser', 'decoder'):
            part = typed(getattr(self, name), self.dtype, self.param_dtype)
            object.__setattr__(self, name, part)
        super().__post_init__()

    def __call__(self, image: Array, *, train: bool = False) -> QuantisedOutput:
        """Encode, quantise and decode.

        Args:
            image: [batch, height, width, channel] float, with sides that are multiples
                of `factor`.
            train: whether averaged codes move.

        Returns:
            The outputs, and what the quantiser gives.

        Raises:
            ValueError: for images of another size or number of channels.
        """
        quantised = self.quantise(image, train=train)
        outputs = self.decode(quantised.values, train=train)
        return QuantisedOutput(outputs, *quantised)

    def quantise(self, image: Array, *, train: bool = False) -> VectorQuantised:
        """Encode and quantise.

        Args:
            image: [batch, height, width, channel] float.
            train: whether averaged codes move.

        Returns:
            Values, indices and losses, of [batch, rows, columns, ...].

        Raises:
            ValueError: for images of another size or number of channels.
        """
        check_images(image, self.factor)
        if image.shape[-1] != self.channels or any(
            side % self.factor for side in image.shape[1:3]
        ):
            raise ValueError(
                f'image has shape {image.shape}, wanted {self.channels} channels and '
                f'sides that are multiples of {self.factor}: crop or pad the images'
            )
        return self.quantiser(self.encoder(image, train=train), train=train)

    def encode(self, image: Array) -> Array:
        """Compute the codes, [batch, rows, columns] int32 in [0, K).

        Args:
            image: [batch, height, width, channel] float.

        Returns:
            The map of codes of each image.
        """
        return self.quantise(image).indices

    def decode(self, values: Array, *, train: bool = False) -> Array:
        """Compute what vectors of the codebook stand for.

        Args:
            values: [batch, rows, columns, features].
            train: handed on to the decoder.

        Returns:
            [batch, height, width, channel]: pixels, or with `logits` their log odds.
        """
        return self.decoder(values, train=train)

    def images(self, codes: Array) -> Array:
        """Compute the images that codes stand for.

        Args:
            codes: [batch, rows, columns] integers in [0, K).

        Returns:
            [batch, height, width, channel], in (0, 1) where the decoder gives log odds.
        """
        return self._pixels(self.decode(self.quantiser.look_up(codes)))

    def reconstruct(self, image: Array) -> Array:
        """Encode images and rebuild them from their codes.

        Args:
            image: [batch, height, width, channel] float.

        Returns:
            [batch, height, width, channel], likewise.
        """
        return self._pixels(self(image).outputs)

    def _pixels(self, outputs: Array) -> Array:
        return jax.nn.sigmoid(outputs) if self.logits else outputs


def vqvae(
    codes: int = 512,
    features: int = 64,
    width: int = 256,
    blocks: int = 2,
    halvings: int = 2,
    channels: int = 3,
    averaged: bool = True,
    decay: float = 0.99,
    restart: float = 0.0,
    logits: bool = False,
) -> QuantisedAutoencoder:
    """Vector-quantised autoencoder of the paper, for images of any size.

    Its codebook of codes x features numbers is no parameter but a moving average,
    unless `averaged` is false.

    Args:
        codes: K, of the codebook, at least 2.
        features: of a code's vector.
        width: channels of the feature maps.
        blocks: residual blocks of the encoder, and of the decoder.
        halvings: of an image's sides on the way to the codes.
        channels: of an image.
        averaged: whether codes are moving averages; else the codebook loss moves them.
        decay: of these averages, see `layers.VectorQuantiser`.
        restart: when dead codes begin anew, likewise; 0 for never.
        logits: whether outputs are log odds of pixels, not pixels.

    Returns:
        The module.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Oord et al. (2017), Neural Discrete Representation Learning,
        https://arxiv.org/abs/1711.00937; the 1x1 convolution to a code's width and the
        3x3 convolution from it are ours, as the paper does not state how it changes
        widths. Its section 4 has the codebook loss.

    Example:
        >>> vqvae(halvings=3).factor
        8
    """
    check_sizes(width=width, halvings=halvings, channels=channels)
    if blocks < 0:
        raise ValueError(f'blocks is {blocks}, wanted at least 0')
    return QuantisedAutoencoder(
        QuantisedEncoder(features, width, blocks, halvings),
        VectorQuantiser(codes, features, averaged, decay, restart),
        QuantisedDecoder(channels, width, blocks, halvings),
        channels,
        2**halvings,
        logits,
    )
