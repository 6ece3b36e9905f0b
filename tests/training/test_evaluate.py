"""Evaluation counts every example once, whatever the batches."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import batches
from dljax.training import Player, evaluate, learner
from dljax.types import Array, State

RNG = np.random.default_rng(0)
SET = {'x': RNG.normal(size=(23, 3)).astype(np.float32)}
NET = nn.Dense(1, use_bias=False)
STATE = State(jnp.int32(0), {'kernel': jnp.array([[1.0], [2.0], [3.0]])}, {}, {})


def score(net: nn.Module, batch: dict, step: Array) -> dict:
    return {'output': net(batch['x'])[:, 0]}


@pytest.mark.parametrize('size', [1, 5, 23, 64])
def test_the_mean_is_that_of_all_examples(size: int) -> None:
    expected = (SET['x'] @ np.array([1.0, 2.0, 3.0])).mean()
    result = evaluate(NET, score, STATE, batches(SET, size))
    assert result == {'output': pytest.approx(expected, abs=1e-6)}


def test_padding_that_scores_nan_does_not_count() -> None:
    def logarithm(net: nn.Module, batch: dict, step: Array) -> dict:
        return {'log': jnp.log(batch['x'][:, 0])}  # -inf on padding with zeros

    arrays = {'x': np.exp(np.arange(1.0, 6.0, dtype=np.float32))[:, None]}
    result = evaluate(NET, logarithm, STATE, batches(arrays, 4))
    assert result['log'] == pytest.approx(3.0)


def test_batches_of_one_shape_are_traced_once() -> None:
    once = chex.assert_max_traces(score, n=1)
    for _ in range(2):
        evaluate(NET, once, STATE, batches(SET, 6))


def test_a_score_that_is_not_one_value_an_example_is_refused() -> None:
    def mean(net: nn.Module, batch: dict, step: Array) -> dict:
        return {'mean': batch['x'].mean()}

    with pytest.raises(ValueError, match=r"'mean' has shape \(\), wanted one value"):
        evaluate(NET, mean, STATE, batches(SET, 6))


@pytest.mark.parametrize(
    'mask', [[1, 1], [1, 1, -1], [1, np.nan, 1], [1, np.inf, 1], [[1], [1], [1]]]
)
def test_a_mask_that_weighs_no_examples_is_refused(mask: list) -> None:
    batch = {'x': np.ones((3, 1), np.float32), 'mask': np.array(mask)}
    with pytest.raises(ValueError, match="'mask' of batch 0 .*each of 3 examples"):
        evaluate(NET, score, STATE, [batch])


@pytest.mark.parametrize('net', [nn.Dense(2, use_bias=False), nn.Dense(1)])
def test_the_state_of_another_net_is_refused(net: nn.Module) -> None:
    with pytest.raises(ValueError, match='not one of this net'):
        evaluate(net, score, STATE, batches(SET, 6))


def test_one_dictionary_is_no_list_of_batches() -> None:
    with pytest.raises(ValueError, match='put it in a list'):
        evaluate(NET, score, STATE, {'x': np.ones((3, 1), np.float32)})


def test_nothing_to_evaluate_is_refused() -> None:
    with pytest.raises(ValueError, match='nothing to evaluate'):
        evaluate(NET, score, STATE, [])


class Carried(nn.Module):
    """A carry of the shape of the batch, which starts at zero."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Add the input to the carry."""
        carry = self.variable('carry', 'sum', lambda: jnp.zeros_like(x))
        carry.value = carry.value + x
        return nn.Dense(1, use_bias=False)(carry.value)


def test_a_carry_of_the_training_batch_is_left_out() -> None:
    def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
        return net(batch['x']).mean(), {}

    train = learner(Carried(), {'p': Player(optax.sgd(0.1), loss=loss)})
    key, batch = jax.random.key(0), {'x': jnp.ones((4, 3))}
    state, _ = jax.jit(lambda: train.update(key, train.init(key, batch), batch))()
    result = evaluate(Carried(), score, state, batches(SET, 5))
    kernel = np.asarray(state.params['Dense_0']['kernel'])[:, 0]
    assert result['output'] == pytest.approx((SET['x'] @ kernel).mean(), abs=1e-5)


def test_evaluation_is_repeatable_with_random_scores() -> None:
    def noisy(net: nn.Module, batch: dict, step: Array) -> dict:
        return {'noise': jax.random.normal(net.make_rng('noise'), (len(batch['x']),))}

    first, second = (evaluate(NET, noisy, STATE, batches(SET, 6)) for _ in range(2))
    assert first == second and first['noise'] != 0
