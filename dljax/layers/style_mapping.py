"""Dense layers from noise to a style."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers.activations import rectify_evenly
from dljax.layers.equalised import EqualisedDense
from dljax.types import Array


class StyleMapping(nn.Module):
    """Turn noise into a style: dense layers, and the moving mean of all styles.

    The noise is brought to unit length a number first. The mean, which a generator
    truncates styles towards, is the collection 'style_mean'; it moves in training.

    Attributes:
        style: numbers of a style.
        layers: dense layers, of as many units.
        multiplier: how fast they learn beside the other layers.
        decay: of the mean, a batch.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.

    Reference:
        Karras et al. (2019), A Style-Based Generator Architecture for Generative
        Adversarial Networks, https://arxiv.org/abs/1812.04948

    Example:
        >>> import jax
        >>> net, noise = StyleMapping(style=5, layers=2), jnp.ones((3, 4))
        >>> (style, mean), _ = net.init_with_output(jax.random.key(0), noise)
        >>> style.shape, mean.shape
        ((3, 5), (5,))
    """

    style: int
    layers: int
    multiplier: float = 0.01
    decay: float = 0.995
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, noise: Array, *, train: bool = False) -> tuple[Array, Array]:
        """Compute styles.

        Args:
            noise: [batch, latent].
            train: whether the mean moves.

        Returns:
            [batch, style], and the mean of all so far, [style] float32.
        """
        wide = noise.astype(jnp.promote_types(noise.dtype, jnp.float32))
        length = jnp.square(wide).mean(-1, keepdims=True)
        x = (wide * jax.lax.rsqrt(length + 1e-8)).astype(noise.dtype)
        for index in range(self.layers):
            x = EqualisedDense(
                self.style,
                multiplier=self.multiplier,
                dtype=self.dtype,
                param_dtype=self.param_dtype,
                name=f'layer_{index}',
            )(x)
            x = rectify_evenly(x)
        mean = self.variable('style_mean', 'mean', jnp.zeros, (self.style,))
        if train and not self.is_initializing():
            batch = jax.lax.stop_gradient(x).astype(jnp.float32).mean(0)
            mean.value = self.decay * mean.value + (1 - self.decay) * batch
        return x, mean.value
