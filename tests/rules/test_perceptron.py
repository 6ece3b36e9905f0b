"""Rosenblatt's rule (U1.1): it separates what is separable, and only that."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import binary_step
from dljax.rules import perceptron

CORNERS = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def mistakes_of_each_epoch(targets: list[float], epochs: int) -> np.ndarray:
    """Train one example at a time from zero weights, and count the mistakes."""
    wanted = jnp.array(targets)[:, None]

    def visit(weights, example):
        x, t = example[0][None, :], example[1][None, :]
        y = binary_step(x @ weights['kernel'] + weights['bias'][None, :], low=-1.0)
        moved = jax.tree.map(lambda w, d: w - 0.5 * d, weights, perceptron(x, t, y))
        return moved, (y != t).sum()

    def epoch(weights, _):
        weights, wrong = jax.lax.scan(visit, weights, (CORNERS, wanted))
        return weights, wrong.sum()

    weights = {'kernel': jnp.zeros((2, 1)), 'bias': jnp.zeros(1)}
    return np.asarray(jax.lax.scan(epoch, weights, None, length=epochs)[1])


@pytest.mark.parametrize('targets', [[-1, -1, -1, 1], [-1, 1, 1, 1]], ids=['AND', 'OR'])
def test_the_rule_converges_where_a_line_separates(targets):
    mistakes = mistakes_of_each_epoch(targets, 50)
    assert mistakes[0] > 0
    assert (mistakes[20:] == 0).all()


@pytest.mark.parametrize(
    'targets', [[-1, 1, 1, -1], [1, -1, -1, 1]], ids=['XOR', 'XNOR']
)
def test_the_rule_never_converges_on_xor(targets):
    assert (mistakes_of_each_epoch(targets, 500) > 0).all()


def test_one_example_moves_the_weights_by_rate_times_error_times_input():
    x, t, y = jnp.array([[2.0, -3.0]]), jnp.array([[1.0]]), jnp.array([[-1.0]])
    direction = perceptron(x, t, y)
    rate = 0.1
    np.testing.assert_allclose(
        -rate * direction['kernel'][:, 0], rate * 2 * np.array([2, -3])
    )
    np.testing.assert_allclose(-rate * direction['bias'], [rate * 2])


def test_a_right_answer_moves_nothing():
    targets = jnp.array([[1.0], [-1.0], [1.0], [-1.0]])
    direction = perceptron(CORNERS, targets, targets)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(direction))


def test_a_batch_moves_by_the_mean_of_its_examples():
    rng = np.random.default_rng(0)
    x, t, y = (jnp.asarray(rng.normal(size=(6, n)), jnp.float32) for n in (3, 2, 2))
    whole = perceptron(x, t, y)
    parts = [perceptron(x[i : i + 1], t[i : i + 1], y[i : i + 1]) for i in range(6)]
    mean = jax.tree.map(lambda *leaves: sum(leaves) / 6, *parts)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), whole, mean)


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match=r'targets\[:, None\]'):
        perceptron(CORNERS, jnp.ones(4), jnp.ones(4))
    with pytest.raises(ValueError, match=r'\(4, 1\)'):
        perceptron(CORNERS, jnp.ones((4, 1)), jnp.ones((4, 2)))
