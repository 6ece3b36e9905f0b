"""Networks that compress their input to a code and rebuild it (U5.1)."""

# Made of parts of one's own choice, so that no row of the zoo can make it.
from dljax.models.autoencoder.autoencoder import Autoencoder as Autoencoder
from dljax.models.autoencoder.autoencoder import (
    autoencoder,
    deep_autoencoder,
    linear_autoencoder,
    sparse_autoencoder,
)
from dljax.models.autoencoder.convolutional import convolutional_autoencoder

__all__ = [
    'autoencoder',
    'convolutional_autoencoder',
    'deep_autoencoder',
    'linear_autoencoder',
    'sparse_autoencoder',
]
