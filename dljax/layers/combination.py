"""Ways to combine the outputs of several experts (U1.12)."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.types import Array


def _flat(arrays: Sequence[Array]) -> Array:
    return jnp.concatenate([a.reshape(a.shape[0], -1) for a in arrays], axis=1)


def _stacked(outputs: Sequence[Array]) -> Array:
    shapes = [output.shape for output in outputs]
    if len(set(shapes)) != 1:
        raise ValueError(
            f'the experts return {shapes}, wanted equal shapes: give them equal '
            'outputs, or combine them by Concatenation'
        )
    return jnp.stack(outputs, axis=1)


class Gate(nn.Module):
    """Weigh the experts' probabilities by a softmax that has seen all inputs.

    p(y|x) = Σ_i g_i(x) p_i(y|x_i), g = softmax(W x + b). The logits are log p.

    Attributes:
        dtype: the type of the gate's product and of the logits; None takes that of
            inputs and parameters. Softmax and mixture are computed in float32.
        param_dtype: the type of the parameters.

    Reference:
        Jacobs et al. (1991), Adaptive Mixtures of Local Experts,
        https://doi.org/10.1162/neco.1991.3.1.79

    Example:
        >>> import jax, jax.numpy as jnp
        >>> inputs, outputs = [jnp.ones((2, 3))], [jnp.zeros((2, 4))] * 2
        >>> logits, _ = Gate().init_with_output(jax.random.key(0), inputs, outputs)
        >>> print(jnp.exp(logits[0]).round(2))
        [0.25 0.25 0.25 0.25]
    """

    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> Array:
        """Combine.

        Args:
            inputs: what each expert was given, [batch, ...].
            outputs: what each returned, [batch, classes] logits.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if the experts' outputs differ in shape.
        """
        experts = _stacked(outputs)
        gate = nn.Dense(
            len(outputs), dtype=self.dtype, param_dtype=self.param_dtype, name='gate'
        )(_flat(inputs))
        weights = jax.nn.log_softmax(gate.astype(jnp.float32))[:, :, None]
        predictions = jax.nn.log_softmax(experts.astype(jnp.float32))
        return jax.nn.logsumexp(weights + predictions, axis=1).astype(experts.dtype)


class Vote(nn.Module):
    """Give every expert one vote, which it may divide: the mean of the probabilities.

    Nothing is trained but the experts. The logits are the logarithm of the mean.

    Attributes:
        dtype: the type of the logits; None for that of the experts. The mean is
            computed in float32.
        param_dtype: of no effect, since there are no parameters.

    Reference:
        Kittler et al. (1998), On Combining Classifiers,
        https://doi.org/10.1109/34.667881; the sum rule.

    Example:
        >>> import jax.numpy as jnp
        >>> sure, undecided = jnp.array([[0., 9.]]), jnp.array([[0., 0.]])
        >>> print(jnp.exp(Vote().apply({}, [], [sure, undecided])).round(2))
        [[0.25 0.75]]
    """

    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> Array:
        """Combine.

        Args:
            inputs: not looked at.
            outputs: what each expert returned, [batch, classes] logits.

        Returns:
            [batch, classes] logits.

        Raises:
            ValueError: if the experts' outputs differ in shape.
        """
        experts = _stacked(outputs)
        predictions = jax.nn.log_softmax(experts.astype(jnp.float32))
        total = jax.nn.logsumexp(predictions, axis=1) - jnp.log(len(outputs))
        return total.astype(self.dtype or experts.dtype)


class Concatenation(nn.Module):
    """Concatenate what the experts return and put a linear layer on top.

    Attributes:
        outputs: the number of outputs, at least 1.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.

    Raises:
        ValueError: for fewer than one output.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, two = Concatenation(outputs=3), [jnp.ones((2, 4)), jnp.ones((2, 1))]
        >>> print(layer.init_with_output(jax.random.key(0), [], two)[0].shape)
        (2, 3)
    """

    outputs: int
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.outputs < 1:
            raise ValueError(f'outputs is {self.outputs}, wanted at least 1')

    @nn.compact
    def __call__(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> Array:
        """Combine.

        Args:
            inputs: not looked at.
            outputs: what each expert returned, [batch, ...]; shapes may differ.

        Returns:
            [batch, outputs].
        """
        return nn.Dense(
            self.outputs, dtype=self.dtype, param_dtype=self.param_dtype, name='output'
        )(_flat(outputs))
