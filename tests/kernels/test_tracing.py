"""Convolutions are found wherever a function hides them."""

import functools

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from dljax.kernels.tracing import LAX_CONVOLUTION, convolves_on_cpu, flops
from dljax.layers import Conv

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


def test_a_kind_of_convolution_can_be_asked_for() -> None:
    ours = Conv(2, (3, 3), use_bias=False)
    function = functools.partial(ours.apply, {'params': {'kernel': KERNEL}})
    assert convolves_on_cpu(function, IMAGES)
    assert not convolves_on_cpu(function, IMAGES, kinds={LAX_CONVOLUTION})
    assert convolves_on_cpu(convolve, IMAGES, kinds={LAX_CONVOLUTION})


@pytest.mark.parametrize('layer', [nn.Conv, Conv])
def test_flops_of_a_convolution_and_its_gradients_are_counted(layer) -> None:
    net = layer(5, (3, 3), strides=2, padding='VALID', use_bias=False)
    images = jnp.ones((2, 7, 7, 3))
    variables = jax.eval_shape(net.init, jax.random.key(0), images)
    forward = 2 * (2 * 3 * 3 * 5) * (3 * 3 * 3)

    def loss(variables, images):
        return net.apply(variables, images).sum()

    assert flops(net.apply, variables, images) == forward
    assert flops(jax.grad(loss), variables, images) == 2 * forward
    both = flops(jax.grad(loss, (0, 1)), variables, images)
    # JAX counts the places between the strides, which it fills with zeros.
    assert both == 3 * forward or (layer is nn.Conv and both > 3 * forward)


def test_loops_count_as_often_as_they_run_and_conditions_once() -> None:
    x = jnp.ones((4, 4))
    product = 2 * 4**3
    assert flops(jax.jit(lambda x: x @ x), x) == product

    def loop(x):
        return jax.lax.scan(lambda c, _: (c @ x, None), x, None, length=5)[0]

    def choice(x):
        return jax.lax.cond(x.sum() > 0, lambda x: x @ x @ x, lambda x: x @ x, x)

    assert flops(loop, x) == 5 * product
    assert flops(choice, x) == 2 * product
    assert flops(jax.vmap(loop), jnp.ones((3, 4, 4))) == 15 * product
