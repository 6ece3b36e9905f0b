"""Self-attention of the places of an image."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.kernels.max_pool import max_pool
from dljax.layers.conv import Conv
from dljax.layers.normalised_conv import constrained
from dljax.layers.orthogonal import orthogonal
from dljax.types import Array


class ImageAttention(nn.Module):
    r"""Let each place of feature maps read all places, and add what it read.

    $y_i = x_i + γ W_o \sum_j \mathrm{softmax}_j(q_i \cdot k_j) v_j$ with $q, k$ of an
    eighth and $v$ of a half of the channels. Keys and values are pooled: the maximum of
    each 2x2 places. γ begins at 0, so that the net begins as it is without.

    Attributes:
        spectral: whether to divide the four matrices by their spectral norms.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the matrices.

    Reference:
        Zhang et al. (2019), Self-Attention Generative Adversarial Networks,
        https://arxiv.org/abs/1805.08318
        Brock et al. (2019), Large Scale GAN Training for High Fidelity Natural Image
        Synthesis, https://arxiv.org/abs/1809.11096; the keys that are pooled.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> maps = jnp.ones((1, 4, 4, 8))
        >>> made, _ = ImageAttention().init_with_output(jax.random.key(0), maps)
        >>> bool((made == maps).all())
        True
    """

    spectral: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = orthogonal()

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the feature maps.

        Args:
            inputs: [batch, height, width, channel], of at least 2x2 places and 2
                channels.
            train: whether the spectral norms move.

        Returns:
            [batch, height, width, channel].

        Raises:
            ValueError: for fewer places or channels.
        """
        chex.assert_rank(inputs, 4)
        batch, height, width, channels = inputs.shape
        if min(height, width) < 2 or channels < 2:
            raise ValueError(
                f'attention sees maps of {height}x{width} with {channels} channels, '
                'wanted at least 2x2 with 2: places are pooled, and channels halved'
            )
        keys = max(channels // 8, 1)
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}

        def project(maps: Array, features: int, name: str) -> Array:
            layer = Conv(
                features,
                (1, 1),
                use_bias=False,
                kernel_init=self.kernel_init,
                name=name,
                **types,
            )
            return constrained(layer, spectral=self.spectral, train=train)(maps)

        def pooled(maps: Array) -> Array:
            maps = max_pool(maps, (2, 2), strides=(2, 2))
            return maps.reshape(batch, -1, maps.shape[-1])

        query = project(inputs, keys, 'query').reshape(batch, -1, keys)
        key = pooled(project(inputs, keys, 'key'))
        value = pooled(project(inputs, channels // 2, 'value'))
        kind = jnp.promote_types(query.dtype, jnp.float32)
        scores = jnp.einsum('bqc,bkc->bqk', query, key, preferred_element_type=kind)
        weights = jax.nn.softmax(scores).astype(value.dtype)
        read = jnp.einsum('bqk,bkc->bqc', weights, value)
        read = project(read.reshape(batch, height, width, -1), channels, 'output')
        gain = self.param('gain', nn.initializers.zeros, (), self.param_dtype)
        return inputs + gain.astype(read.dtype) * read
