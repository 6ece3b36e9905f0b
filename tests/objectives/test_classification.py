"""Objectives of classification."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import log_softmax

from dljax.data import resident, truth_table, with_balance
from dljax.data.augment import mixup
from dljax.metrics import balanced_accuracy, confusion_matrix
from dljax.models.feedforward import MLP, xor_2_2_1, xor_weights
from dljax.objectives import (
    classify,
    predict,
    score_classes,
    score_solved,
    segment,
)
from dljax.training import Player, data_mesh, evaluate, fit, learner, sharded
from dljax.types import Array, Key

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(6, 4)).astype(np.float32)
LINEAR = MLP(hidden=(), outputs=3)
LAYER = {
    'kernel': RNG.normal(size=(4, 3)).astype(np.float32),
    'bias': RNG.normal(size=3).astype(np.float32),
}
VARIABLES = {'params': {'output': LAYER}}


def test_a_set_is_solved_when_its_last_example_is_right():
    net, batch = xor_2_2_1(activation=jax.nn.relu), truth_table('xor')
    score = jax.jit(nn.apply(score_solved('features'), net))
    params = jax.tree.map(np.asarray, xor_weights())
    # The worked net answers 0 and 1; a logit is wanted below and above 0.
    params['output']['bias'] = np.array([-0.5], np.float32)
    scores = score({'params': params}, batch, jnp.int32(0))
    np.testing.assert_array_equal(scores['solved'], [1, 1, 1, 1])
    params['output']['bias'] = np.array([0.5], np.float32)  # all four true
    scores = score({'params': params}, batch, jnp.int32(0))
    np.testing.assert_array_equal(scores['accuracy'], [0, 1, 1, 0])
    np.testing.assert_array_equal(scores['solved'], [0, 0, 0, 0])


def test_predictions_are_float32_whatever_the_precision():
    net, batch = xor_2_2_1(dtype=jnp.bfloat16), truth_table('xor')
    variables = jax.eval_shape(net.init, KEY, batch['features'])
    logits = jax.eval_shape(nn.apply(predict('features'), net), variables, batch)
    plain = jax.eval_shape(net.apply, variables, batch['features'])
    assert plain.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32


@pytest.mark.others('heavy')
@pytest.mark.parametrize('smoothing', [0.1, 0.0])
def test_the_loss_of_mixed_inputs_is_that_of_the_mixed_labels(smoothing):
    labels = np.array([0, 1, 2, 0, 1, 2])
    partner = np.array([3, 1, 0, 5, 2, 4])
    fraction = np.array([0.9, 0.2, 0.7, 0.5, 1.0, 0.0], np.float32)

    def mix(key: Key, inputs: Array) -> tuple[Array, Array, Array]:
        del key
        return inputs + 1, jnp.asarray(partner), jnp.asarray(fraction)

    objective = classify('features', mix=mix, label_smoothing=smoothing)
    loss, metrics = jax.jit(nn.apply(objective, LINEAR))(
        VARIABLES, {'features': FEATURES, 'label': labels}, 0, rngs={'params': KEY}
    )
    logits = np.asarray(jax.jit(LINEAR.apply)(VARIABLES, FEATURES + 1))
    one_hot = np.eye(3)[labels]
    soft = fraction[:, None] * one_hot + (1 - fraction[:, None]) * one_hot[partner]
    target = (1 - smoothing) * soft + smoothing / 3
    expected = -(target * log_softmax(logits, axis=1)).sum(1).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    right = np.take_along_axis(soft, logits.argmax(-1)[:, None], axis=1).mean()
    np.testing.assert_allclose(metrics['accuracy'], right, rtol=1e-6)


@pytest.mark.heavy
def test_mixing_learns_and_is_the_same_over_two_devices():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(64, 2)).astype(np.float32)
    arrays = {'features': points, 'label': (points.sum(1) > 0).astype(np.int32)}
    net, source = MLP(hidden=(8,), outputs=2), resident(arrays, 32)
    player = Player(optax.adam(0.05), loss=classify('features', mix=mixup(1.0)))
    one = learner(net, {'c': player})
    states = [
        fit(train, source, steps=60, key=KEY, chunk=20)[0]
        for train in (one, sharded(one, data_mesh(jax.devices()[:2])))
    ]
    for here, there in zip(*map(jax.tree.leaves, states), strict=True):
        np.testing.assert_allclose(np.asarray(here), np.asarray(there), atol=1e-4)
    score = score_classes('features')
    assert evaluate(net, score, states[0], [arrays])['accuracy'] > 0.9


def test_in_evaluation_mode_nothing_moves_and_nothing_is_dropped():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            x = nn.BatchNorm(use_running_average=not train, name='norm')(x)
            x = nn.Dropout(0.5, deterministic=not train)(x)
            return nn.Dense(2, name='output')(x)

    batch = {
        'image': np.arange(12, dtype=np.float32).reshape(4, 3),
        'label': np.array([0, 1, 1, 0]),
    }
    net = Net()
    variables = jax.jit(functools.partial(net.init, train=False))(KEY, batch['image'])
    scores = jax.jit(nn.apply(score_classes(), net))(variables, batch, jnp.int32(0))
    wanted = np.mean(scores['loss'])
    for train in (False, True):
        loss = jax.jit(nn.apply(classify(train=train), net, mutable='batch_stats'))
        (value, _), moved = loss(
            variables, batch, jnp.int32(0), rngs={'params': jax.random.key(1)}
        )
        assert np.any(moved['batch_stats']['norm']['mean']) == train
        assert np.allclose(value, wanted, rtol=1e-6) == (not train)


def test_weights_of_classes_weigh_the_loss_of_their_examples() -> None:
    batch = {'features': FEATURES, 'label': np.array([0, 1, 2, 0, 1, 2])}

    def loss(**settings: object) -> float:
        call = jax.jit(nn.apply(classify('features', **settings), LINEAR))
        return float(call(VARIABLES, batch, 0)[0])

    scores = jax.jit(nn.apply(score_classes('features'), LINEAR))(VARIABLES, batch, 0)
    wanted = (np.asarray(scores['loss']) * np.array([0, 1, 3, 0, 1, 3])).mean()
    assert loss(class_weights=(0, 1, 3)) == pytest.approx(float(wanted), rel=1e-6)
    assert loss(class_weights=(1, 1, 1)) == pytest.approx(loss(), rel=1e-6)
    with pytest.raises(ValueError, match='class_weights are 2, wanted one for each of'):
        loss(class_weights=(1, 1))
    wrong = (1, -1), (1, float('nan')), ((1, 1),), (0, 0), {0: 1, 1: 2}, 'balanced'
    for weights in wrong:
        for made in (classify, segment):
            with pytest.raises(ValueError, match='wanted a finite number of 0 or more'):
                made(class_weights=weights)


def test_the_balanced_accuracy_is_the_mean_of_the_recalls() -> None:
    labels = np.repeat([0, 1], [95, 5])
    arrays = with_balance({'features': np.zeros((100, 2)), 'label': labels})
    zeros = {'kernel': np.zeros((2, 2), np.float32), 'bias': np.zeros(2, np.float32)}
    score = nn.apply(score_classes('features', balance='balance'), MLP((), 2))
    scores = jax.jit(score)({'params': {'output': zeros}}, arrays, 0)
    assert np.mean(scores['accuracy']) == pytest.approx(0.95)
    assert np.mean(scores['balanced_accuracy']) == pytest.approx(0.5)
    table = confusion_matrix(np.zeros(100, int), labels, classes=3)
    assert balanced_accuracy(table) == pytest.approx(0.5)
