"""Backpropagation through time as a sum of products, and what reaches far steps.

A simple recurrent network computes a_t = x_t W + s_{t-1} U + b, s_t = φ(a_t) and
y_t = s_t V + c. Its cost is that of all steps, E = Σ_t E_t with E_t = ½‖y_t - d_t‖²,
the mean over the batch.
"""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from dljax.types import Array, PyTree

Layer = dict[str, Array]


class ThroughTime(NamedTuple):
    """What backpropagation through time finds.

    Attributes:
        recurrent: `kernel` ∂E/∂W [in, units], `recurrent_kernel` ∂E/∂U [units, units]
            and `bias` ∂E/∂b [units].
        output: `kernel` ∂E/∂V [units, out] and `bias` ∂E/∂c [out].
        norms: [time, time], at (t, k) the mean over the batch of ‖∂E_t/∂s_{t-k}‖; 0
            before the first step.
    """

    recurrent: Layer
    output: Layer
    norms: Array


def backward_through_time(
    recurrent: Layer,
    output: Layer,
    inputs: Array,
    targets: Array,
    *,
    truncation: int | None = None,
    activation: Callable[[Array], Array] = jnp.tanh,
    derivative: Callable[[Array], Array] = lambda a: 1.0 - jnp.square(jnp.tanh(a)),
) -> ThroughTime:
    """Compute the gradient of a simple recurrent network, without autodiff.

    ∂E/∂θ = Σ_t Σ_{k ≤ t} ∂E_t/∂s_t (Π_{j=k+1..t} ∂s_j/∂s_{j-1}) ∂⁺s_k/∂θ, where
    ∂s_j/∂s_{j-1} = diag(φ'(a_j)) Uᵀ and ∂⁺ holds s_{k-1} fixed. The sum runs over the
    lags t - k; at each, all t go back one step together. A pure function of its arrays.

    Args:
        recurrent: `kernel` W [in, units], `recurrent_kernel` U [units, units] and
            `bias` b [units], the parameters of `layers.Elman`.
        output: `kernel` V [units, out] and `bias` c [out].
        inputs: [batch, time, in] x.
        targets: [batch, time, out] d.
        truncation: steps through which each E_t is sent back, the first being step t
            itself; None for all (U3.4).
        activation: φ, element by element.
        derivative: φ' as a function of the sum, as `layers.derivative(activation)`.

    Returns:
        The gradients, and the norms by step and lag.

    Raises:
        ValueError: if the targets do not fit, or the truncation is below 1.

    Reference:
        Werbos (1990), Backpropagation Through Time: What It Does and How to Do It,
        https://doi.org/10.1109/5.58337
        Pascanu et al. (2013), On the Difficulty of Training Recurrent Neural Networks,
        https://arxiv.org/abs/1211.5063; as a sum of products.

    Example:
        >>> import jax.numpy as jnp
        >>> one = jnp.ones((1, 1))
        >>> layer = {'kernel': one, 'recurrent_kernel': one, 'bias': jnp.zeros(1)}
        >>> output = {'kernel': one, 'bias': jnp.zeros(1)}
        >>> x = jnp.zeros((1, 2, 1))
        >>> passed = backward_through_time(layer, output, x, x - 1.)
        >>> print(passed.recurrent['bias'], passed.output['bias'])
        [3.] [2.]
    """
    chex.assert_rank(inputs, 3)
    batch, time, _ = inputs.shape
    wanted = (batch, time, output['kernel'].shape[1])
    if targets.shape != wanted:
        raise ValueError(f'targets have shape {targets.shape}, wanted {wanted}')
    if truncation is not None and truncation < 1:
        raise ValueError(f'truncation is {truncation}, wanted at least 1')
    x, d = (jnp.swapaxes(a, 0, 1) for a in (inputs, targets))
    kernel = recurrent['recurrent_kernel']
    products = _product(x, recurrent['kernel']) + recurrent['bias'][None, None, :]

    def step(state: Array, product: Array) -> tuple[Array, tuple[Array, Array]]:
        total = product + _product(state, kernel)
        return activation(total), (state, total)

    first = jnp.zeros((batch, kernel.shape[0]), products.dtype)
    last, (before, sums) = jax.lax.scan(step, first, products)
    states = jnp.concatenate([before[1:], last[None]])
    residual = _product(states, output['kernel']) + output['bias'][None, None, :] - d
    derivatives, steps = derivative(sums), jnp.arange(time)

    def back(error: Array, lag: Array) -> tuple[Array, tuple[Layer, Array]]:
        """From ∂E_t/∂s_{t-lag}, for all t, to one step before."""
        here = jnp.maximum(steps - lag, 0)
        local = jnp.where((steps >= lag)[:, None, None], error * derivatives[here], 0.0)
        part = {
            'kernel': _outer(x[here], local),
            'recurrent_kernel': _outer(before[here], local),
            'bias': local.sum((0, 1)),
        }
        norms = jnp.linalg.norm(error, axis=-1).mean(1) * (steps >= lag)
        return _product(local, kernel.T), (part, norms)

    lags = jnp.arange(time if truncation is None else min(truncation, time))
    _, (parts, norms) = jax.lax.scan(back, _product(residual, output['kernel'].T), lags)
    return ThroughTime(
        jax.tree.map(lambda part: part.sum(0) / batch, parts),
        {
            'kernel': _outer(states, residual) / batch,
            'bias': residual.sum((0, 1)) / batch,
        },
        jnp.zeros((time, time)).at[:, lags].set(norms.T),
    )


def state_gradient_norms(
    step: Callable[[PyTree, Array], PyTree],
    carry: PyTree,
    inputs: Array,
    cost: Callable[[PyTree], Array],
) -> Array:
    """Measure how much of the last step's error reaches each step before (U3.5).

    ‖∂E/∂s_t‖ for any recurrent step, by automatic differentiation: an LSTM's state is
    its output and its cell together.

    Args:
        step: `(s_{t-1}, x_t) -> s_t`; arrays of [batch, ...].
        carry: s_0.
        inputs: [time, batch, ...].
        cost: `(s_T) -> [batch]`, the error E of each sequence at its end.

    Returns:
        [time] float32, the mean over the batch of ‖∂E/∂s_t‖ for t = 1 ... T.

    Reference:
        Bengio et al. (1994), Learning Long-Term Dependencies with Gradient Descent Is
        Difficult, https://doi.org/10.1109/72.279181

    Example:
        >>> import jax.numpy as jnp
        >>> def halve(s, x):
        ...     return 0.5 * s + x
        >>> zero, x = jnp.zeros((1, 1)), jnp.ones((4, 1, 1))
        >>> print(state_gradient_norms(halve, zero, x, lambda s: s[:, 0]))
        [0.125 0.25  0.5   1.   ]
    """

    def total(nudges: PyTree) -> Array:
        def one(carry: PyTree, given: tuple[Array, PyTree]) -> tuple[PyTree, None]:
            value, nudge = given
            return jax.tree.map(jnp.add, step(carry, value), nudge), None

        end, _ = jax.lax.scan(one, carry, (inputs, nudges))
        return cost(end).sum()

    still = jax.tree.map(lambda c: jnp.zeros((len(inputs), *c.shape), c.dtype), carry)
    squares = [
        jnp.square(leaf.astype(jnp.float32)).reshape(*leaf.shape[:2], -1).sum(-1)
        for leaf in jax.tree.leaves(jax.grad(total)(still))
    ]
    return jnp.sqrt(sum(squares)).mean(1)


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)


def _outer(left: Array, right: Array) -> Array:
    """Sum of the outer products over time and batch."""
    highest = jax.lax.Precision.HIGHEST
    return jnp.einsum('tbi,tbj->ij', left, right, precision=highest)
