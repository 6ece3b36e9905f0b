"""Linen's convolution with derivatives that are fast on a CPU too."""

import functools

from flax import linen as nn

from dljax.kernels.convolve import convolve

Conv = functools.partial(nn.Conv, conv_general_dilated=convolve)
