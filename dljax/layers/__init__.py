"""What Linen and `jax.nn` lack, one layer a file."""

from dljax.layers.activations import (
    Activation,
    activate,
    binary_step,
    leaky_relu,
    prelu,
    scaled_tanh,
)
from dljax.layers.combination import Concatenation, Gate, Vote
from dljax.layers.derivatives import ACTIVATIONS, derivative
from dljax.layers.dropout import OriginalDropout, spatial_dropout
from dljax.layers.dueling import Dueling
from dljax.layers.euclidean_output import DIGITS, EuclideanOutput
from dljax.layers.images import check_images
from dljax.layers.pooling import global_average_pool, global_max_pool, sum_pool
from dljax.layers.radial import RadialBasis, squared_distances
from dljax.layers.sparse_convolution import LENET_TABLE, SparseConv
from dljax.layers.subsampling import Subsampling

__all__ = [
    'ACTIVATIONS',
    'DIGITS',
    'LENET_TABLE',
    'Activation',
    'Concatenation',
    'Dueling',
    'EuclideanOutput',
    'Gate',
    'OriginalDropout',
    'RadialBasis',
    'SparseConv',
    'Subsampling',
    'Vote',
    'activate',
    'binary_step',
    'check_images',
    'derivative',
    'global_average_pool',
    'global_max_pool',
    'leaky_relu',
    'prelu',
    'scaled_tanh',
    'spatial_dropout',
    'squared_distances',
    'sum_pool',
]
