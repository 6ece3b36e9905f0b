"""The likelihood of a class: as the plain form has it, and differentiated twice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.losses.surprise import surprise

LOGITS = 30 * jax.random.normal(jax.random.key(0), (5, 3, 7))
LABELS = jax.random.randint(jax.random.key(1), (5, 3), 0, 7)


def plain(logits: jax.Array, labels: jax.Array) -> jax.Array:
    scores = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(scores, labels[..., None], axis=-1)[..., 0]


@pytest.mark.parametrize('far', [0.0, 1e4])
def test_values_and_derivatives_are_those_of_the_plain_form(far: float) -> None:
    logits = LOGITS + far
    weights = jnp.arange(15.0).reshape(5, 3)

    def total(function: object) -> object:
        return lambda logits: (weights * function(logits, LABELS)).sum()

    found, wanted = surprise(logits, LABELS), plain(logits, LABELS)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    for order in (jax.grad, jax.hessian):
        np.testing.assert_allclose(
            order(total(surprise))(logits), order(total(plain))(logits), atol=1e-5
        )


def test_what_cannot_be_is_as_unlikely_as_can_be() -> None:
    logits = jnp.array([[0.0, -jnp.inf, 0.0]] * 3)
    found = surprise(logits, jnp.array([0, 1, 7]))
    np.testing.assert_allclose(found, [np.log(2), np.inf, np.nan], rtol=1e-6)
    slope = jax.grad(lambda x: surprise(x, jnp.zeros(3, jnp.int32)).sum())(logits)
    np.testing.assert_allclose(slope, [[-0.5, 0.0, 0.5]] * 3)


def test_nothing_is_scattered() -> None:
    def total(logits: jax.Array) -> jax.Array:
        return surprise(logits, LABELS).sum()

    assert 'scatter' not in jax.jit(jax.grad(total)).lower(LOGITS).as_text()
    batched = jax.vmap(jax.grad(lambda x, y: surprise(x, y).sum()))(LOGITS, LABELS)
    np.testing.assert_allclose(batched, jax.grad(total)(LOGITS), rtol=1e-6)
