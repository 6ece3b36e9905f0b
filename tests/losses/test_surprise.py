"""The likelihood of a class: as the plain form has it, and differentiated twice."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.losses.surprise import surprise

RNG = np.random.default_rng(0)
LOGITS = (30 * RNG.normal(size=(5, 3, 7))).astype(np.float32)
LABELS = RNG.integers(0, 7, (5, 3))


def plain(logits: jax.Array, labels: jax.Array) -> jax.Array:
    scores = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(scores, labels[..., None], axis=-1)[..., 0]


@functools.cache
def all_of(function: Callable) -> Callable:
    """Make one program of the values, their gradients and their curvature."""
    weights = np.arange(15, dtype=np.float32).reshape(5, 3)

    def total(logits: jax.Array) -> jax.Array:
        return (weights * function(logits, LABELS)).sum()

    return jax.jit(
        lambda x: (function(x, LABELS), jax.grad(total)(x), jax.hessian(total)(x))
    )


@pytest.mark.parametrize('far', [0.0, 1e4])
def test_values_and_derivatives_are_those_of_the_plain_form(far: float) -> None:
    logits = LOGITS + np.float32(far)
    values, *gradients = zip(
        all_of(surprise)(logits), all_of(plain)(logits), strict=True
    )
    np.testing.assert_allclose(*values, rtol=1e-6)
    for found, wanted in gradients:
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_what_cannot_be_is_as_unlikely_as_can_be() -> None:
    logits = np.float32([[0.0, -np.inf, 0.0]] * 3)
    found = jax.jit(surprise)(logits, np.array([0, 1, 7]))
    np.testing.assert_allclose(found, [np.log(2), np.inf, np.nan], rtol=1e-6)
    total = jax.grad(lambda x: surprise(x, np.zeros(3, np.int32)).sum())
    gradient = jax.jit(total)(logits)
    np.testing.assert_allclose(gradient, [[-0.5, 0.0, 0.5]] * 3)


def test_nothing_is_scattered() -> None:
    def total(logits: jax.Array) -> jax.Array:
        return surprise(logits, LABELS).sum()

    gradient = jax.jit(jax.grad(total))
    assert 'scatter' not in gradient.lower(LOGITS).as_text()
    batched = jax.jit(jax.vmap(jax.grad(lambda x, y: surprise(x, y).sum())))
    np.testing.assert_allclose(batched(LOGITS, LABELS), gradient(LOGITS), rtol=1e-6)
