"""Restricted Boltzmann machine of binary units (U1.13)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.types import Array, Key


class RestrictedBoltzmannMachine(nn.Module):
    """Restricted Boltzmann machine: visible and hidden units that see only each other.

    E(v, h) = -b·v - c·h - v·W h and p(v, h) = exp(-E) / Z. Given one layer the units of
    the other are independent, so that both can be drawn at once. The parameters are
    `kernel` [visible, hidden] W, `visible_bias` b and `hidden_bias` c.

    Attributes:
        visible: the number of visible units, at least 1.
        hidden: the number of hidden units, at least 1.
        dtype: the type of products and samples; None takes that of inputs and
            parameters. Energies are float32 in any case.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the weights.
        visible_bias_init: initialiser of the visible biases: best the log odds of the
            data.
        hidden_bias_init: initialiser of the hidden biases.

    Raises:
        ValueError: for fewer than one unit in a layer.

    Reference:
        Smolensky (1986), Information Processing in Dynamical Systems: Foundations of
        Harmony Theory, Parallel Distributed Processing, volume 1, chapter 6
        Hinton (2012), A Practical Guide to Training Restricted Boltzmann Machines,
        https://doi.org/10.1007/978-3-642-35289-8_32

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net = RestrictedBoltzmannMachine(visible=6, hidden=4)
        >>> states = jnp.ones((2, 6))
        >>> variables = net.init(jax.random.key(0), states)
        >>> print(net.apply(variables, states).shape)
        (2,)
        >>> key = jax.random.key(1)
        >>> print(net.apply(variables, key, states, 3, method=net.gibbs).shape)
        (2, 6)
    """

    visible: int = 784
    hidden: int = 500
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.normal(0.01)
    visible_bias_init: Initializer = nn.initializers.zeros
    hidden_bias_init: Initializer = nn.initializers.zeros

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.visible < 1 or self.hidden < 1:
            raise ValueError(
                f'visible is {self.visible} and hidden is {self.hidden}, wanted both '
                'to be at least 1'
            )

    def setup(self) -> None:
        """Make the parameters."""
        v, h, dtype = self.visible, self.hidden, self.param_dtype
        self.kernel = self.param('kernel', self.kernel_init, (v, h), dtype)
        self.visible_bias = self.param(
            'visible_bias', self.visible_bias_init, (v,), dtype
        )
        self.hidden_bias = self.param('hidden_bias', self.hidden_bias_init, (h,), dtype)

    def __call__(self, inputs: Array, *, train: bool = False) -> Array:
        """Compute the free energy, F(v) = -log Σ_h exp(-E(v, h)).

        F(v) = -b·v - Σ_j log(1 + exp(c_j + (v W)_j)), so that log p(v) = -F(v) - log Z.

        Args:
            inputs: [batch, ...] in [0, 1]; all but the batch axis is flattened.
            train: of no effect.

        Returns:
            [batch] float32.
        """
        v = self.flat(inputs)
        field = self.hidden_logits(v).astype(jnp.float32)
        linear = v.astype(jnp.float32) * self.visible_bias.astype(jnp.float32)[None, :]
        return -linear.sum(axis=1) - jax.nn.softplus(field).sum(axis=1)

    def energy(self, visible: Array, hidden: Array) -> Array:
        """Compute the energy of a state of all units, E(v, h).

        Args:
            visible: [batch, visible], 0 or 1.
            hidden: [batch, hidden], 0 or 1.

        Returns:
            [batch] float32.
        """
        field = self.visible_logits(hidden).astype(jnp.float32)
        hidden = hidden.astype(jnp.float32)
        own = hidden * self.hidden_bias.astype(jnp.float32)[None, :]
        return -(visible.astype(jnp.float32) * field).sum(axis=1) - own.sum(axis=1)

    def hidden_logits(self, visible: Array) -> Array:
        """Compute the log odds of each hidden unit, c + v W.

        Args:
            visible: [batch, visible] in [0, 1].

        Returns:
            [batch, hidden].
        """
        v, w, c = promote_dtype(
            visible, self.kernel, self.hidden_bias, dtype=self.dtype
        )
        return v @ w + c[None, :]

    def visible_logits(self, hidden: Array) -> Array:
        """Compute the log odds of each visible unit, b + W h.

        Args:
            hidden: [batch, hidden] in [0, 1].

        Returns:
            [batch, visible].
        """
        h, w, b = promote_dtype(
            hidden, self.kernel, self.visible_bias, dtype=self.dtype
        )
        return h @ w.T + b[None, :]

    def gibbs(self, key: Key, visible: Array, steps: int = 1) -> Array:
        """Draw the hidden units given the visible ones and back, some times over.

        Args:
            key: a random key.
            visible: [batch, visible], where the chains start.
            steps: how often, at least 1.

        Returns:
            [batch, visible], 0 or 1, of the type of `visible`.
        """

        def step(index: Array, v: Array) -> Array:
            down, up = jax.random.split(jax.random.fold_in(key, index))
            h = draw(up, self.hidden_logits(v)).astype(v.dtype)
            return draw(down, self.visible_logits(h)).astype(v.dtype)

        return jax.lax.fori_loop(0, steps, step, visible)

    def reconstruct(self, visible: Array) -> Array:
        """Go up and down once by probabilities.

        Args:
            visible: [batch, visible] in [0, 1].

        Returns:
            [batch, visible] log odds.
        """
        return self.visible_logits(jax.nn.sigmoid(self.hidden_logits(visible)))

    def flat(self, inputs: Array) -> Array:
        """Flatten all but the batch axis.

        Args:
            inputs: [batch, ...] with as many numbers an example as visible units.

        Returns:
            [batch, visible].

        Raises:
            ValueError: if there are more or fewer.
        """
        flat = inputs.reshape(inputs.shape[0], -1)
        if flat.shape[1] != self.visible:
            raise ValueError(
                f'inputs have {flat.shape[1]} numbers an example, wanted '
                f'{self.visible}, one for each visible unit: set visible'
            )
        return flat


def draw(key: Key, logits: Array) -> Array:
    """Draw independent binary units.

    Args:
        key: a random key.
        logits: log odds, of any shape.

    Returns:
        Booleans of the same shape.
    """
    return jax.random.bernoulli(key, jax.nn.sigmoid(logits.astype(jnp.float32)))
