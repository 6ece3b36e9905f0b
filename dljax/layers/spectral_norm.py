"""Weights that are divided by their largest singular value."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.types import Array, PyTree, named_leaves

SMALL = 1e-12


class SpectralNorm(nn.Module):
    r"""Call a layer with weights of spectral norm 1: $W / σ(W)$.

    Each call takes a step of power iteration from the vector u of the collection
    'batch_stats', $v = W u / \|W u\|$, $u' = W^T v / \|W^T v\|$, and divides by $σ = v
    \cdot W u'$; in training u' is kept. No gradient goes through u' and v. Kernels of
    convolutions are matrices of one column an output channel; biases are left alone.
    The parameters themselves stay as they are.

    Attributes:
        layer: with parameters of its own, and one input.
        dtype: not used; the layer has a type of its own.
        param_dtype: of the layer's parameters; what is kept is float32 at least.

    Reference:
        Miyato et al. (2018), Spectral Normalization for Generative Adversarial
        Networks, https://arxiv.org/abs/1802.05957

    Example:
        >>> class Net(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         return SpectralNorm(nn.Dense(1, name='dense'))(x, update=False)
        >>> x = jnp.array([[3., 4.]])
        >>> variables = Net().init(jax.random.key(0), x)
        >>> params = {'params': {'dense': {'kernel': x.T, 'bias': jnp.zeros(1)}}}
        >>> print(Net().apply({**variables, **params}, x))
        [[5.]]
    """

    layer: nn.Module
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, inputs: Array, *, update: bool) -> Array:
        """Call the layer.

        Args:
            inputs: [...] as the layer takes them.
            update: whether the vectors are kept.

        Returns:
            What the layer makes of them.
        """
        if self.is_initializing():
            outputs = self.layer(inputs)
            for path, leaf in _matrices(self.layer.variables).items():
                self._kept(path, leaf)
            return outputs
        call = nn.map_variables(
            lambda layer: layer(inputs),
            'params',
            trans_in_fn=functools.partial(self._normalised, update=update),
        )
        return call(self.layer)

    def _normalised(self, variables: PyTree, *, update: bool) -> PyTree:
        divided = dict(named_leaves(variables))
        for path, leaf in _matrices(variables).items():
            kept = self._kept(path, leaf)
            divided[path], vector = _divided(leaf, kept.value)
            if update:
                kept.value = vector
        return jax.tree.unflatten(jax.tree.structure(variables), divided.values())

    def _kept(self, path: str, kernel: Array) -> nn.Variable:
        name = f'{self.layer.name}/{path.removeprefix("params/")}/u'
        kind = jnp.promote_types(kernel.dtype, jnp.float32)

        def draw() -> Array:
            shape = (1, kernel.shape[-1])
            return jax.random.normal(self.make_rng('params'), shape, kind)

        return self.variable('batch_stats', name, draw)


def _matrices(variables: PyTree) -> dict[str, Array]:
    return {
        path: leaf for path, leaf in named_leaves(variables).items() if leaf.ndim > 1
    }


@jax.jit  # so that it is traced once for all layers of one shape
def _divided(kernel: Array, vector: Array) -> tuple[Array, Array]:
    kind = jnp.promote_types(kernel.dtype, jnp.float32)
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(kind)
    left = _unit(vector @ matrix.T)
    right = jax.lax.stop_gradient(_unit(left @ matrix))
    sigma = (jax.lax.stop_gradient(left) @ matrix @ right.T)[0, 0]
    # A matrix of zeros stays one.
    return (kernel / jnp.where(sigma != 0, sigma, 1.0)).astype(kernel.dtype), right


def _unit(vector: Array) -> Array:
    return vector / jnp.sqrt(jnp.square(vector).sum() + SMALL)
