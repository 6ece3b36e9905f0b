"""Learning with auxiliary heads (U2.4)."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy.special import log_softmax

from dljax import create_model
from dljax.objectives import classify_with_auxiliaries
from dljax.training import Player, learner
from dljax.types import Array, PyTree

KEY = jax.random.key(0)


class TwoSteps(nn.Module):
    """A layer with a head on it, a second layer with another, and the output."""

    def setup(self) -> None:
        """Make the layers."""
        self.first, self.second = nn.Dense(4), nn.Dense(4)
        self.aux1, self.aux2, self.output = (nn.Dense(3) for _ in range(3))

    def with_auxiliaries(self, x: Array, *, train: bool) -> tuple:
        """Give the logits of the output, and those of both heads."""
        assert train
        lower = nn.relu(self.first(x))
        upper = nn.relu(self.second(lower))
        return self.output(upper), (self.aux1(lower), self.aux2(upper))


def train_mode(net: nn.Module, x: Array) -> tuple:
    return net.with_auxiliaries(x, train=True)


BATCH = {'image': np.eye(6, dtype=np.float32), 'label': np.array([0, 1, 2, 2, 1, 0])}


def drawn() -> PyTree:
    form = jax.eval_shape(nn.init(train_mode, TwoSteps()), KEY, BATCH['image'])
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: np.float32(rng.normal(size=s.shape)), form)


def test_the_loss_is_that_of_the_main_head_and_a_fraction_of_the_others():
    net = TwoSteps()
    variables = drawn()
    objective = classify_with_auxiliaries(weight=0.2, label_smoothing=0.1)
    compute = jax.jit(nn.apply(objective, net))
    loss, metrics = compute(variables, BATCH, jnp.int32(0))
    main, others = jax.jit(nn.apply(train_mode, net))(variables, BATCH['image'])
    target = 0.9 * np.eye(3)[BATCH['label']] + 0.1 / 3
    losses = [
        -(target * log_softmax(np.asarray(logits), axis=1)).sum(1).mean()
        for logits in (main, *others)
    ]
    wanted = losses[0] + 0.2 * (losses[1] + losses[2])
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    right = np.asarray(main).argmax(1) == BATCH['label']
    np.testing.assert_allclose(metrics['accuracy'], right.mean())


@pytest.mark.heavy
def test_all_heads_learn():
    player = Player(optax.adam(0.03), loss=classify_with_auxiliaries())
    train = learner(TwoSteps(), {'classifier': player})
    state = jax.jit(train.init)(jax.random.key(0), BATCH)
    update = jax.jit(train.update)
    for _ in range(200):
        state, metrics = update(jax.random.key(0), state, BATCH)
    assert metrics['classifier/accuracy'] == 1.0
    logits, others = nn.apply(train_mode, TwoSteps())(
        {'params': state.params}, BATCH['image']
    )
    for one in (logits, *others):
        np.testing.assert_array_equal(np.asarray(one).argmax(1), BATCH['label'])


def test_the_images_are_augmented_anew_in_each_step():
    seen = classify_with_auxiliaries(
        augment=lambda key, x: x + jax.random.uniform(key, x.shape)
    )
    train = learner(TwoSteps(), {'classifier': Player(optax.sgd(0.0), loss=seen)})
    form = jax.eval_shape(train.init, KEY, BATCH)
    zeros = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), form)
    state = zeros.replace(params=drawn()['params'])
    update = jax.jit(train.update)
    losses = []
    for _ in range(2):
        state, metrics = update(KEY, state, BATCH)
        losses.append(float(metrics['classifier/loss']))
    assert losses[0] != losses[1]


@pytest.mark.parametrize('weight', [0.0, -0.3, float('nan')])
def test_a_weight_that_is_not_positive_is_refused(weight: float):
    with pytest.raises(ValueError, match='wanted a positive number such as 0.3'):
        classify_with_auxiliaries(weight=weight)


@pytest.mark.exhaustive
def test_googlenet_and_its_auxiliary_heads_learn_their_images():
    net = create_model(
        'googlenet', classes=3, auxiliary=True, dropout=0.0, auxiliary_dropout=0.0
    )
    image = jax.random.normal(jax.random.key(1), (6, 32, 32, 3))
    batch = {'image': image, 'label': jnp.asarray(BATCH['label'])}
    player = Player(optax.adam(1e-3), loss=classify_with_auxiliaries())
    train = learner(net, {'classifier': player})
    state = jax.jit(train.init)(jax.random.key(0), batch)
    update = jax.jit(train.update)
    for _ in range(30):
        state, metrics = update(jax.random.key(0), state, batch)
    variables = {'params': state.params, **state.collections}
    (logits, others), _ = jax.jit(
        nn.apply(
            lambda net, x: net.with_auxiliaries(x, train=True),
            net,
            mutable='batch_stats',
        )
    )(variables, image)
    for one in (logits, *others):
        np.testing.assert_array_equal(np.asarray(one).argmax(1), BATCH['label'])
