"""The logit of a discriminator that is told the class."""

import chex
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers.normalised_conv import constrained
from dljax.layers.orthogonal import orthogonal
from dljax.types import Array


class ProjectionHead(nn.Module):
    r"""Judge features, and how well they go with a class.

    $w \cdot φ + b + v_y \cdot φ$ with the vector $v_y$ of the class. The logit of a
    conditional distribution parts into one of the features by themselves and one of the
    class given the features, which is linear in them where the classes are told apart
    by a softmax.

    Attributes:
        classes: how many there are.
        spectral: whether to divide w and the embedding by their spectral norms.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of w and the embedding.

    Reference:
        Miyato, Koyama (2018), cGANs with Projection Discriminator,
        https://arxiv.org/abs/1802.05637

    Example:
        >>> import jax, jax.numpy as jnp
        >>> head, label = ProjectionHead(classes=3), jnp.array([0, 2])
        >>> head.init_with_output(jax.random.key(0), jnp.ones((2, 5)), label)[0].shape
        (2, 1)
    """

    classes: int
    spectral: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = orthogonal()

    @nn.compact
    def __call__(self, features: Array, label: Array, *, train: bool = False) -> Array:
        """Compute the logits.

        Args:
            features: [batch, features].
            label: [batch] integers from 0 on.
            train: whether the spectral norms move.

        Returns:
            [batch, 1].
        """
        chex.assert_rank([features, label], [2, 1])
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        alone = nn.Dense(1, kernel_init=self.kernel_init, name='alone', **types)
        vectors = nn.Embed(
            self.classes,
            features.shape[-1],
            embedding_init=self.kernel_init,
            name='classes',
            **types,
        )
        judged = constrained(alone, spectral=self.spectral, train=train)(features)
        chosen = constrained(vectors, spectral=self.spectral, train=train)(label)
        return judged + (chosen * features).sum(-1, keepdims=True)
