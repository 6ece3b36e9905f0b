"""Networks that compress their input to a code and rebuild it (U5.1)."""

# Those made of parts of one's own choice, which no row of the zoo can make, are not in
# the list.
from dljax.models.autoencoder.autoencoder import Autoencoder as Autoencoder
from dljax.models.autoencoder.autoencoder import (
    autoencoder,
    deep_autoencoder,
    linear_autoencoder,
    sparse_autoencoder,
)
from dljax.models.autoencoder.convolutional import convolutional_autoencoder
from dljax.models.autoencoder.convolutional_vae import convolutional_vae
from dljax.models.autoencoder.variational_autoencoder import (
    VariationalAutoencoder as VariationalAutoencoder,
)
from dljax.models.autoencoder.variational_autoencoder import (
    conditional_vae,
    vae,
)
from dljax.models.autoencoder.vector_quantised import (
    QuantisedAutoencoder as QuantisedAutoencoder,
)
from dljax.models.autoencoder.vector_quantised import vqvae

__all__ = [
    'autoencoder',
    'conditional_vae',
    'convolutional_autoencoder',
    'convolutional_vae',
    'deep_autoencoder',
    'linear_autoencoder',
    'sparse_autoencoder',
    'vae',
    'vqvae',
]
