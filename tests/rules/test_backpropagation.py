"""The four equations (U1.6) against automatic differentiation, and U1.5."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import derivative, leaky_relu_tenth
from dljax.rules import backward, forward, worked_example


def random_layers(widths: list[int]) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(len(widths))
    return [
        {
            'kernel': np.float32(rng.normal(size=(m, n)) / np.sqrt(m)),
            'bias': np.float32(rng.normal(size=n)),
        }
        for m, n in zip(widths[:-1], widths[1:], strict=True)
    ]


def random_batch(inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (
        np.float32(rng.normal(size=(5, inputs))),
        np.float32(rng.uniform(size=(5, outputs))),
    )


def assert_near(got, wanted) -> None:
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), got, wanted
    )


@pytest.mark.others('heavy')
@pytest.mark.parametrize('widths', [[3, 6, 5, 4, 4, 2], [3, 2], [3, 4, 2]])
def test_the_four_equations_equal_automatic_differentiation(widths):
    layers, (x, y) = random_layers(widths), random_batch(widths[0], widths[-1])

    def cost(layers):
        return 0.5 * jnp.square(y - forward(layers, x)[1][-1]).sum(axis=1).mean()

    got = jax.jit(backward)(layers, x, y).gradients
    assert_near(got, jax.jit(jax.grad(cost))(layers))


@pytest.mark.others('heavy')
@pytest.mark.parametrize('activation', [jax.nn.tanh, leaky_relu_tenth, jax.nn.gelu])
def test_any_activation_may_stand_in_for_the_sigmoid(activation):
    layers, (x, y) = random_layers([3, 5, 2]), random_batch(3, 2)

    def cost(layers):
        outputs = forward(layers, x, activation)[1][-1]
        return 0.5 * jnp.square(y - outputs).sum(axis=1).mean()

    given = {'activation': activation, 'derivative': derivative(activation)}
    got = jax.jit(functools.partial(backward, **given))(layers, x, y)
    assert_near(got.gradients, jax.jit(jax.grad(cost))(layers))


def test_with_the_cross_entropy_the_error_is_output_minus_target():
    layers, (x, y) = random_layers([3, 4, 2]), random_batch(3, 2)
    given = {'cost_derivative': lambda a, y: (a - y) / (a * (1 - a))}
    passed = jax.jit(functools.partial(backward, **given))(layers, x, y)
    outputs = jax.jit(forward)(layers, x)[1][-1]
    np.testing.assert_allclose(passed.errors[-1], np.asarray(outputs) - y, atol=1e-6)


def test_the_errors_are_the_derivatives_with_respect_to_the_sums():
    layers, (x, y) = random_layers([3, 4, 2]), random_batch(3, 2)
    sums, _ = jax.jit(forward)(layers, x)

    def cost_after_the_first_sum(z):
        outputs = forward(layers[1:], jax.nn.sigmoid(z))[1][-1]
        return 0.5 * jnp.square(y - outputs).sum()

    passed = jax.jit(backward)(layers, x, y)
    wanted = jax.jit(jax.grad(cost_after_the_first_sum))(sums[0])
    assert_near(passed.errors[0], wanted)


def test_targets_that_do_not_fit_are_refused():
    layers, (x, _) = random_layers([3, 2]), random_batch(3, 2)
    with pytest.raises(ValueError, match=r'targets have shape \(5,\)'):
        backward(layers, x, jnp.ones(5))
    with pytest.raises(ValueError, match='layers is empty'):
        backward([], x, x)


def test_the_worked_example_has_its_forward_values():
    start = worked_example()
    np.testing.assert_allclose(start.hidden_sums[0], 0.3775, rtol=1e-6)
    np.testing.assert_allclose(start.hidden, [0.593269992, 0.596884378], rtol=2e-7)
    np.testing.assert_allclose(start.outputs, [0.75136507, 0.772928465], rtol=2e-7)
    np.testing.assert_allclose(start.error, 0.298371109, rtol=2e-7)


def test_the_worked_example_has_its_gradients():
    start = worked_example()
    np.testing.assert_allclose(start.gradient[4], 0.0821670407, rtol=5e-7)
    np.testing.assert_allclose(start.hidden_gradient[0], 0.0363503065, rtol=5e-7)
    np.testing.assert_allclose(start.gradient[0], 0.000438568, rtol=1e-6)


def test_the_worked_example_has_its_weights_after_one_update():
    np.testing.assert_allclose(
        worked_example(1).weights,
        [
            *(0.149780716, 0.19956143, 0.24975114, 0.29950229),
            *(0.35891648, 0.408666186, 0.511301270, 0.561370121),
        ],
        rtol=2e-7,
    )
    np.testing.assert_allclose(worked_example(1).error, 0.2910278, atol=5e-8)


def test_the_worked_example_ends_where_it_should_after_ten_thousand_updates():
    end = worked_example(10_000)
    np.testing.assert_allclose(end.error, 3.51e-5, atol=5e-8)
    np.testing.assert_allclose(end.outputs, [0.0159, 0.98407], atol=2e-5)


def test_a_negative_number_of_updates_is_refused():
    with pytest.raises(ValueError, match='updates is -1'):
        worked_example(-1)
