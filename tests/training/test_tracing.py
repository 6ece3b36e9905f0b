"""Convolutions are found wherever a function hides them."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from dljax.training.tracing import convolves_on_cpu

IMAGES = jnp.ones((2, 6, 6, 1))
KERNEL = jnp.ones((3, 3, 1, 2))


def convolve(x: jax.Array) -> jax.Array:
    return nn.Conv(2, (3, 3), use_bias=False).apply({'params': {'kernel': KERNEL}}, x)


@pytest.mark.parametrize(
    'function',
    [
        convolve,
        jax.jit(convolve),
        jax.grad(lambda x: convolve(x).sum()),
        jax.checkpoint(convolve),
        lambda x: jax.lax.scan(lambda c, _: (c, convolve(x)), 0, None, length=2),
        lambda x: jax.lax.cond(x.sum() > 0, convolve, lambda x: 0 * convolve(x), x),
    ],
    ids=['plain', 'jit', 'grad', 'remat', 'scan', 'cond'],
)
def test_a_convolution_is_found(function) -> None:
    assert convolves_on_cpu(function, jax.ShapeDtypeStruct(IMAGES.shape, 'float32'))


def test_none_is_found_where_there_is_none() -> None:
    assert not convolves_on_cpu(jax.jit(lambda x: x @ x), jnp.ones((3, 3)))


def test_other_backends_are_not_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
    assert not convolves_on_cpu(convolve, IMAGES)
