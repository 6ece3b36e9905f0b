"""Single layers: Rosenblatt's perceptron and logistic regression."""

import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.types import Array

_RANDOM = nn.initializers.lecun_normal()


class Perceptron(nn.Module):
    """One layer of threshold units, as it is before the threshold: W x + b.

    The threshold itself, `layers.binary_step(logits, low=-1)`, is the learning rule's
    and the score's affair (`rules.perceptron`). The parameters are `kernel`
    [features, units] and `bias` [units].

    Attributes:
        units: the number of units, at least 1.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights; the rule starts well from zero.
        bias_init: initialiser of the biases.

    Raises:
        ValueError: for fewer than one unit.

    Reference:
        Rosenblatt (1958), The Perceptron: A Probabilistic Model for Information Storage
        and Organization in the Brain, https://doi.org/10.1037/h0042519

    Example:
        >>> import jax.numpy as jnp
        >>> params = {'kernel': jnp.array([[1.], [1.]]), 'bias': jnp.array([-1.5])}
        >>> corners = jnp.array([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
        >>> print(Perceptron().apply({'params': params}, corners)[:, 0] >= 0)
        [False False False  True]
    """

    units: int = 1
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.zeros
    bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.units < 1:
            raise ValueError(f'units is {self.units}, wanted at least 1')

    @nn.compact
    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the sums.

        Args:
            inputs: [batch, ...] float; all but the batch axis is flattened.
            train: of no effect, since nothing here is random.

        Returns:
            [batch, units]; a unit fires where its sum is at least 0.
        """
        inputs = inputs.reshape(inputs.shape[0], -1)
        shape = (inputs.shape[1], self.units)
        kernel = self.param('kernel', self.kernel_init, shape, self.param_dtype)
        bias = self.param('bias', self.bias_init, (self.units,), self.param_dtype)
        inputs, kernel, bias = promote_dtype(inputs, kernel, bias, dtype=self.dtype)
        return inputs @ kernel + bias[None, :]


def logistic_regression(
    classes: int = 2,
    *,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
    kernel_init: Initializer = _RANDOM,
) -> Perceptron:
    """Make a single layer whose outputs are log odds, started at random (U1.2).

    Two classes take one unit, σ(x) being the probability of the second, with
    `losses.binary_cross_entropy(logits[:, 0], label)`. More take one unit each and
    `losses.cross_entropy(logits, label)`.

    Args:
        classes: the number of classes, at least 2.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.

    Returns:
        A `Perceptron` of one unit, or of as many as there are classes.

    Raises:
        ValueError: for fewer than two classes.

    Reference:
        Cox (1958), The Regression Analysis of Binary Sequences,
        https://doi.org/10.1111/j.2517-6161.1958.tb00292.x

    Example:
        >>> logistic_regression(2).units, logistic_regression(3).units
        (1, 3)
    """
    if classes < 2:
        raise ValueError(f'classes is {classes}, wanted at least 2')
    return Perceptron(
        units=1 if classes == 2 else classes,
        dtype=dtype,
        param_dtype=param_dtype,
        kernel_init=kernel_init,
    )
