"""Partition function of a restricted Boltzmann machine: exact, and estimated."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dljax.types import Array, Key

Machine = Mapping[str, Array]
LARGEST = 24  # units that are enumerated at most: 16 million states
_BLOCK = 12  # of them at once: 4,096 states


class Estimate(NamedTuple):
    """An estimate of log Z.

    Attributes:
        value: the estimate, scalar float32, in nats.
        error: its standard error.
        low: the lower end of three standard errors of Z; -inf where they reach 0.
        high: the upper end.
    """

    value: Array
    error: Array
    low: Array
    high: Array


def log_partition(params: Machine) -> Array:
    """Compute log Z exactly, by enumerating the smaller layer.

    log Z = log Σ_h exp(c·h) Π_i (1 + exp(b_i + (W h)_i)), or the same over v.

    Args:
        params: `kernel` [visible, hidden], `visible_bias` and `hidden_bias`, of which
            the smaller layer has at most 24 units.

    Returns:
        Scalar float32, in nats.

    Raises:
        ValueError: for layers that are both larger.

    Example:
        >>> import jax.numpy as jnp
        >>> params = {'kernel': jnp.zeros((2, 3)), 'visible_bias': jnp.zeros(2),
        ...           'hidden_bias': jnp.zeros(3)}
        >>> print(jnp.exp(log_partition(params)).round())  # 2⁵ states of energy 0
        32.0
    """
    w, b, c = _float32(params)
    if w.shape[0] < w.shape[1]:
        w, b, c = w.T, c, b
    units = w.shape[1]
    if units > LARGEST:
        raise ValueError(
            f'the layers have {params["kernel"].shape} units, wanted at most {LARGEST} '
            'in the smaller one: use annealed_importance_sampling'
        )
    low = min(units, _BLOCK)
    few = states(low)

    def block(number: Array) -> Array:
        rest = (number >> jnp.arange(units - low)) & 1
        rest = jnp.broadcast_to(rest[None, :], (len(few), units - low))
        h = jnp.concatenate([few, rest.astype(jnp.float32)], axis=1)
        field = _product(h, w.T) + b[None, :]
        terms = (h * c[None, :]).sum(axis=1) + jax.nn.softplus(field).sum(axis=1)
        return jax.nn.logsumexp(terms)

    return jax.nn.logsumexp(jax.lax.map(block, jnp.arange(2 ** (units - low))))


def states(units: int) -> Array:
    """List all states of some binary units.

    Args:
        units: how many, at most 24.

    Returns:
        [2^units, units] float32; the first unit changes fastest.

    Example:
        >>> print(states(2))
        [[0. 0.]
         [1. 0.]
         [0. 1.]
         [1. 1.]]
    """
    numbers = jnp.arange(2**units)[:, None] >> jnp.arange(units)[None, :]
    return (numbers & 1).astype(jnp.float32)


def annealed_importance_sampling(
    key: Key,
    params: Machine,
    base_bias: Array,
    *,
    runs: int = 100,
    steps: int = 1000,
) -> Estimate:
    """Estimate log Z by annealing from independent units to the machine.

    Each run goes through the distributions p_β(v) ∝ exp((1 - β) a·v + β b·v)
    Π_j (1 + exp(β (c + v W)_j)) with β from 0 to 1 in equal steps, one Gibbs transition
    at each; its weight is the product of the ratios of neighbouring ones at its states.
    At β = 0, Z is known; the mean of the weights estimates the ratio of the two without
    a bias. Its error bar holds only where some runs meet every mode.

    Args:
        key: a random key.
        params: `kernel` [visible, hidden], `visible_bias` b and `hidden_bias` c.
        base_bias: [visible] a, the log odds of the units at the start; best those of
            the data.
        runs: independent runs, at least 2.
        steps: intermediate distributions, at least 1.

    Returns:
        The estimate with its error bar.

    Raises:
        ValueError: for fewer runs or steps, or a base of another shape.

    Reference:
        Salakhutdinov, Murray (2008), On the Quantitative Analysis of Deep Belief
        Networks, https://doi.org/10.1145/1390156.1390266

    Example:
        >>> import jax, jax.numpy as jnp
        >>> params = {'kernel': jnp.zeros((2, 3)), 'visible_bias': jnp.zeros(2),
        ...           'hidden_bias': jnp.zeros(3)}
        >>> key, base = jax.random.key(0), jnp.zeros(2)
        >>> found = annealed_importance_sampling(key, params, base, runs=4, steps=2)
        >>> print(jnp.exp(found.value).round(), found.error)
        32.0 0.0
    """
    w, b, c = _float32(params)
    base = base_bias.astype(jnp.float32)
    if runs < 2 or steps < 1:
        raise ValueError(f'runs={runs} and steps={steps}, wanted at least 2 and 1')
    if base.shape != b.shape:
        raise ValueError(f'base_bias has shape {base.shape}, wanted {b.shape}')

    def log_weight(v: Array, beta: Array) -> Array:
        field = _product(v, w) + c[None, :]
        bias = (1.0 - beta) * base + beta * b
        return (v * bias[None, :]).sum(axis=1) + jax.nn.softplus(beta * field).sum(
            axis=1
        )

    def step(index: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        v, total = carry
        before, beta = index / steps, (index + 1) / steps
        total = total + log_weight(v, beta) - log_weight(v, before)
        up, down = jax.random.split(jax.random.fold_in(key, index + 1))
        h = _draw(up, beta * (_product(v, w) + c[None, :]))
        bias = (1.0 - beta) * base + beta * b
        return _draw(down, beta * _product(h, w.T) + bias[None, :]), total

    field = jnp.broadcast_to(base[None, :], (runs, len(base)))
    first = _draw(jax.random.fold_in(key, 0), field)
    _, logs = jax.lax.fori_loop(0, steps, step, (first, jnp.zeros(runs)))
    start = jax.nn.softplus(base).sum() + len(c) * jnp.log(2.0)
    # Scaled by the largest, since the weights themselves may overflow.
    top = logs.max()
    weights = jnp.exp(logs - top)
    mean = weights.mean()
    error = weights.std(ddof=1) / (jnp.sqrt(runs) * mean)
    value = start + top + jnp.log(mean)
    return Estimate(
        value,
        error,
        value + jnp.log(jnp.maximum(1.0 - 3.0 * error, 0.0)),
        value + jnp.log1p(3.0 * error),
    )


def _float32(params: Machine) -> tuple[Array, Array, Array]:
    names = ('kernel', 'visible_bias', 'hidden_bias')
    kernel, visible, hidden = (params[name].astype(jnp.float32) for name in names)
    return kernel, visible, hidden


def _draw(key: Key, logits: Array) -> Array:
    return jax.random.bernoulli(key, jax.nn.sigmoid(logits)).astype(jnp.float32)


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
