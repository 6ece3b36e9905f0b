"""What pictures look like to nets that were trained on ImageNet elsewhere."""

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.normalise import Normalizer

IMAGENET = Normalizer((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 'z_score')
_BLUE_GREEN_RED = (103.939, 116.779, 123.68)


def normalise_imagenet(images: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
    """Normalise pictures as the weights of torchvision want them.

    From each channel its mean over ImageNet is taken, and it is divided by its standard
    deviation. `IMAGENET` is the same as a `Normalizer`, and
    `Standardised(net, IMAGENET.offset, IMAGENET.scale)` builds it into a net.

    Args:
        images: [..., height, width, 3] float, red, green, blue in [0, 1].

    Returns:
        [..., height, width, 3] float32, about -2.2 to 2.7; NumPy for NumPy, JAX for
        JAX.

    Raises:
        ValueError: for integers, or another number of channels.

    Reference:
        TorchVision contributors (2016), TorchVision: PyTorch's Computer Vision Library,
        https://docs.pytorch.org/vision/stable/models.html

    Example:
        >>> print(normalise_imagenet(np.full((1, 3), 0.5)).round(3))
        [[0.066 0.196 0.418]]
    """
    return IMAGENET(_checked(images))


def normalise_caffe(images: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
    """Normalise pictures as Keras' weights of VGG and ResNet-50 want them.

    The channels become blue, green, red in 0 to 255, and from each its mean over
    ImageNet is taken: `keras.applications.vgg16.preprocess_input`, whose weights came
    from Caffe, as those of ResNet-50.

    Args:
        images: [..., height, width, 3] float, red, green, blue in [0, 1].

    Returns:
        [..., height, width, 3] float32, about -124 to 151; NumPy for NumPy, JAX for
        JAX.

    Raises:
        ValueError: for integers, or another number of channels.

    Reference:
        Chollet et al. (2015), Keras, https://keras.io/api/applications/vgg/

    Example:
        >>> print(normalise_caffe(np.full((1, 3), 0.5)).round(2))
        [[23.56 10.72  3.82]]
    """
    images = _checked(images)
    shape = (1,) * (images.ndim - 1) + (3,)
    means = np.array(_BLUE_GREEN_RED, np.float32).reshape(shape)
    return images.astype(np.float32)[..., ::-1] * 255 - means


def _checked(images: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
    if images.shape[-1:] != (3,) or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f'images are {images.dtype}{list(images.shape)}, wanted floats in [0, 1] '
            'with red, green and blue last: as_float brings integers there'
        )
    return images
