"""What Linen and `jax.nn` lack, one layer a file."""

from dljax.layers.activations import (
    Activation,
    activate,
    binary_step,
    leaky_relu,
    prelu,
    scaled_tanh,
)
from dljax.layers.images import check_images

__all__ = [
    'Activation',
    'activate',
    'binary_step',
    'check_images',
    'leaky_relu',
    'prelu',
    'scaled_tanh',
]
