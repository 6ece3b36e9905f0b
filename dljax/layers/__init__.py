"""What Linen and `jax.nn` lack, one layer a file."""

from dljax.kernels.convolve import convolve, convolve_transposed
from dljax.kernels.max_pool import max_pool
from dljax.kernels.rows import by_rows
from dljax.kernels.unroll import unroll
from dljax.layers.activations import (
    Activation,
    activate,
    binary_step,
    leaky_relu_fifth,
    leaky_relu_tenth,
    prelu,
    rectify_evenly,
    scaled_tanh,
)
from dljax.layers.additive_attention import (
    AdditiveAttention,
    MultiplicativeAttention,
    read_memory,
)
from dljax.layers.attention import MultiHeadAttention
from dljax.layers.auxiliary_head import AuxiliaryHead
from dljax.layers.batch_norm import BatchNorm
from dljax.layers.combination import Concatenation, Gate, Vote
from dljax.layers.conditional_norm import ConditionalBatchNorm
from dljax.layers.conv import Conv
from dljax.layers.dense import Dense
from dljax.layers.derivatives import ACTIVATIONS, derivative
from dljax.layers.dot_product import (
    attend,
    attention_weights,
    causal_mask,
    length_mask,
)
from dljax.layers.dropout import OriginalDropout, spatial_dropout
from dljax.layers.dueling import Dueling
from dljax.layers.elman import Elman, identity
from dljax.layers.equalised import EqualisedConv, EqualisedDense
from dljax.layers.euclidean_output import DIGITS, EuclideanOutput
from dljax.layers.gru import GRU
from dljax.layers.image_attention import ImageAttention
from dljax.layers.image_pool import ImagePool
from dljax.layers.images import (
    check_channels,
    check_images,
    check_layout,
    check_multiple,
    doublings,
    smallest_side,
)
from dljax.layers.inception import Inception
from dljax.layers.initial_carry import InitialCarry, in_types
from dljax.layers.instance_norm import InstanceNorm
from dljax.layers.local_response_norm import local_response_norm
from dljax.layers.lstm import LSTM
from dljax.layers.maxout import Maxout
from dljax.layers.mel import from_mel, log_mel, mel_filters, to_mel
from dljax.layers.minibatch_deviation import minibatch_deviation
from dljax.layers.modulated_conv import ModulatedConv
from dljax.layers.normalisation import (
    Normalise,
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
)
from dljax.layers.normalised_conv import NormalisedConv, constrained
from dljax.layers.orthogonal import orthogonal
from dljax.layers.pixel_shuffle import (
    SubPixelConv,
    alike,
    depth_to_space,
    space_to_depth,
)
from dljax.layers.pooling import (
    adaptive_average_pool,
    ceil_max_pool,
    global_average_pool,
    global_max_pool,
    sum_pool,
)
from dljax.layers.positions import (
    LearnedPositions,
    SinusoidalPositions,
    rotate,
    sinusoids,
)
from dljax.layers.projection_head import ProjectionHead
from dljax.layers.radial import RadialBasis, squared_distances
from dljax.layers.recurrent_stack import RecurrentStack
from dljax.layers.rematerialise import rematerialise
from dljax.layers.reservoir import Reservoir, spectral_radius
from dljax.layers.residual import (
    PreactivationBlock,
    ResidualBlock,
    Shortcut,
    padded_shortcut,
)
from dljax.layers.reversible_norm import ReversibleNorm, Scaling
from dljax.layers.seasonal_naive import SeasonalNaive
from dljax.layers.smooth_resampling import (
    blur,
    downsample_smooth,
    upsample_smooth,
)
from dljax.layers.sparse_convolution import LENET_TABLE, SparseConv
from dljax.layers.spectral_blocks import ConditionalBlock, HalvingBlock
from dljax.layers.spectral_norm import SpectralNorm
from dljax.layers.style_mapping import StyleMapping
from dljax.layers.style_mixing import mix_styles
from dljax.layers.style_synthesis import StyleSynthesis
from dljax.layers.subsampling import Subsampling
from dljax.layers.time_dense import TimeDense
from dljax.layers.transformer_block import FeedForward, TransformerBlock
from dljax.layers.transformer_stack import TransformerStack
from dljax.layers.transposed_conv import TransposedConv
from dljax.layers.typed import typed
from dljax.layers.upsampling import upsample_nearest
from dljax.layers.vector_quantiser import VectorQuantised, VectorQuantiser

__all__ = [
    'ACTIVATIONS',
    'Activation',
    'AdditiveAttention',
    'AuxiliaryHead',
    'BatchNorm',
    'Concatenation',
    'ConditionalBatchNorm',
    'ConditionalBlock',
    'Conv',
    'DIGITS',
    'Dense',
    'Dueling',
    'Elman',
    'EqualisedConv',
    'EqualisedDense',
    'EuclideanOutput',
    'FeedForward',
    'GRU',
    'Gate',
    'HalvingBlock',
    'ImageAttention',
    'ImagePool',
    'Inception',
    'InitialCarry',
    'InstanceNorm',
    'LENET_TABLE',
    'LSTM',
    'LearnedPositions',
    'Maxout',
    'ModulatedConv',
    'MultiHeadAttention',
    'MultiplicativeAttention',
    'Normalise',
    'NormalisedConv',
    'OriginalDropout',
    'PreactivationBlock',
    'ProjectionHead',
    'RadialBasis',
    'RecurrentStack',
    'Reservoir',
    'ResidualBlock',
    'ReversibleNorm',
    'Scaling',
    'SeasonalNaive',
    'Shortcut',
    'SinusoidalPositions',
    'SparseConv',
    'SpectralNorm',
    'StyleMapping',
    'StyleSynthesis',
    'SubPixelConv',
    'Subsampling',
    'TimeDense',
    'TransformerBlock',
    'TransformerStack',
    'TransposedConv',
    'VectorQuantised',
    'VectorQuantiser',
    'Vote',
    'activate',
    'adaptive_average_pool',
    'alike',
    'attend',
    'attention_weights',
    'batch_norm',
    'binary_step',
    'blur',
    'by_rows',
    'causal_mask',
    'ceil_max_pool',
    'check_channels',
    'check_images',
    'check_layout',
    'check_multiple',
    'constrained',
    'convolve',
    'convolve_transposed',
    'depth_to_space',
    'derivative',
    'doublings',
    'downsample_smooth',
    'from_mel',
    'global_average_pool',
    'global_max_pool',
    'group_norm',
    'identity',
    'in_types',
    'instance_norm',
    'layer_norm',
    'leaky_relu_fifth',
    'leaky_relu_tenth',
    'length_mask',
    'local_response_norm',
    'log_mel',
    'max_pool',
    'mel_filters',
    'minibatch_deviation',
    'mix_styles',
    'orthogonal',
    'padded_shortcut',
    'prelu',
    'read_memory',
    'rectify_evenly',
    'rematerialise',
    'rotate',
    'scaled_tanh',
    'sinusoids',
    'smallest_side',
    'space_to_depth',
    'spatial_dropout',
    'spectral_radius',
    'squared_distances',
    'sum_pool',
    'to_mel',
    'typed',
    'unroll',
    'upsample_nearest',
    'upsample_smooth',
]
