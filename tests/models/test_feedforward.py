"""Feed-forward nets: U1.1 to U1.4 and U1.10 to U1.12."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy import special
from sklearn import datasets

from dljax import layers, losses, metrics, rules
from dljax.models import convolutional
from dljax.models.feedforward import (
    MLP,
    Difficulty,
    ModularNetwork,
    Perceptron,
    RBFNetwork,
    hidden_width,
    logistic_regression,
    propose_hidden,
    shrinking_widths,
    xor_2_2_1,
    xor_2_4_1,
    xor_weights,
)
from dljax.types import Array, PyTree

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0])


def train(
    cost: Callable[[PyTree], Array],
    params: PyTree,
    steps: int,
    optimizer: optax.GradientTransformation,
) -> tuple[PyTree, Array]:
    """Descend, all steps in one compiled loop."""

    def step(carry, _):
        params, state = carry
        value, gradient = jax.value_and_grad(cost)(params)
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), value

    @jax.jit
    def run(params):
        start = params, optimizer.init(params)
        (params, _), values = jax.lax.scan(step, start, None, length=steps)
        return params, values

    return run(params)


def test_a_perceptron_has_its_parameters_at_the_top():
    variables = jax.eval_shape(Perceptron(2).init, jax.random.key(0), np.ones((1, 3)))
    shapes = jax.tree.map(np.shape, variables['params'])
    assert shapes == {'kernel': (3, 2), 'bias': (2,)}


def test_a_single_unit_cannot_be_right_on_xor():
    grid = np.linspace(-2.0, 2.0, 9)
    kernel = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(-1, 3)
    sums = kernel[:, :2] @ CORNERS.T + kernel[:, 2:]
    assert ((sums > 0) == (XOR[None, :] > 0)).sum(axis=1).max() == 3


@pytest.mark.heavy
def test_logistic_regression_learns_until_its_error_is_small():
    x, y = datasets.load_iris(return_X_y=True)
    x, y = np.float32(x[:100]), y[:100]
    net = logistic_regression(2)
    params = jax.jit(net.init)(jax.random.key(0), x)['params']

    def cost(params):
        logits = net.apply({'params': params}, x)
        return losses.binary_cross_entropy(logits[:, 0], y).mean()

    params, errors = train(cost, params, steps=200, optimizer=optax.adam(0.1))
    assert errors[-1] < 0.02
    logits = x @ np.asarray(params['kernel']) + np.asarray(params['bias'])
    np.testing.assert_array_equal(logits[:, 0] > 0, y)


def test_logistic_regression_starts_at_random_and_the_perceptron_at_zero():
    x = np.ones((1, 5))
    for net, random in ((logistic_regression(3), True), (Perceptron(3), False)):
        kernel = jax.jit(net.init)(jax.random.key(0), x)['params']['kernel']
        assert bool((kernel != 0).all()) == random


def test_an_mlp_is_its_formula():
    net = MLP((4, 3), 2, activation=jax.nn.sigmoid)
    x = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    logits, variables = jax.jit(net.init_with_output)(jax.random.key(1), x)
    params = jax.tree.map(np.asarray, variables['params'])
    ordered = [params[name] for name in ('hidden_0', 'hidden_1', 'output')]
    states = x.reshape(5, 6)
    for layer in ordered[:2]:
        states = special.expit(states @ layer['kernel'] + layer['bias'])
    wanted = states @ ordered[2]['kernel'] + ordered[2]['bias']
    np.testing.assert_allclose(logits, wanted, rtol=1e-5, atol=1e-6)


def test_an_mlp_without_hidden_layers_is_linear():
    net = MLP((), 2)
    x = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    x[2] = x[0] + x[1]
    logits, variables = jax.jit(net.init_with_output)(jax.random.key(1), x)
    assert list(variables['params']) == ['output']
    np.testing.assert_allclose(logits[2], logits[0] + logits[1], atol=1e-6)


@pytest.mark.heavy
def test_dropout_acts_on_inputs_and_hidden_units_in_training_only():
    x = np.ones((2, 30), np.float32)
    variables = jax.jit(MLP((40,), 1).init)(jax.random.key(0), x)
    for setting in ('dropout', 'input_dropout'):
        net = MLP((40,), 1, **{setting: 0.5})

        @jax.jit
        def run(variables, key, net=net):
            return [
                net.apply(variables, x, train=train, rngs={'dropout': key})
                for train in (True, False)
            ]

        (first, calm), (second, again) = (
            map(np.asarray, run(variables, jax.random.key(i))) for i in range(2)
        )
        runs = [first, second, calm, again]
        assert (runs[0] != runs[1]).all() and (runs[2] == runs[3]).all()
        # Each example has its own mask.
        assert runs[0][0] != runs[0][1] and runs[2][0] == runs[2][1]


def test_each_layer_has_its_own_slope_of_prelu():
    net = MLP((4, 4), 1, activation=nn.PReLU)
    params = jax.eval_shape(net.init, jax.random.key(0), np.ones((1, 2)))['params']
    assert {'PReLU_0', 'PReLU_1'} <= set(params)


@pytest.mark.heavy
def test_the_error_of_approximation_falls_with_the_width():
    x = np.linspace(-1.0, 1.0, 64, dtype=np.float32)[:, None]
    target = np.sin(3 * np.float32(np.pi) * x)

    def error(width: int) -> float:
        net = MLP((width,), 1, activation=jax.nn.tanh)
        params = jax.jit(net.init)(jax.random.key(0), x)['params']
        params['hidden_0']['bias'] = np.linspace(-3.0, 3.0, width, dtype=np.float32)

        def cost(params):
            return losses.quadratic(net.apply({'params': params}, x), target).mean()

        return float(train(cost, params, steps=2000, optimizer=optax.adam(0.02))[1][-1])

    errors = [error(width) for width in (1, 4, 24)]
    assert errors[0] > 1.5 * errors[1] and errors[1] > 10 * errors[2]
    assert errors[2] < 1e-3


def test_the_fixed_rectifier_net_computes_xor_and_its_negation():
    net = xor_2_2_1(activation=jax.nn.relu)
    apply = jax.jit(net.apply)
    y = np.maximum(apply({'params': xor_weights()}, CORNERS), 0)[:, 0]
    np.testing.assert_array_equal(y, [0, 1, 1, 0])
    y = np.maximum(apply({'params': xor_weights(negated=True)}, CORNERS), 0)[:, 0]
    np.testing.assert_array_equal(y, [1, 0, 0, 1])
    hidden = np.maximum(CORNERS @ np.ones((2, 2)) + [[0.0, -1.0]], 0)
    np.testing.assert_array_equal(hidden, [[0, 0], [1, 0], [1, 0], [2, 1]])


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('labels', [XOR, 1 - XOR], ids=['XOR', 'XNOR'])
@pytest.mark.parametrize('make, least', [(xor_2_2_1, 6), (xor_2_4_1, 15)])
def test_small_nets_learn_xor_from_random_weights(make, least, labels):
    net = make()

    def learned(key):
        params = net.init(key, CORNERS)['params']

        def cost(params):
            logits = net.apply({'params': params}, CORNERS)[:, 0]
            return losses.binary_cross_entropy(logits, labels).mean()

        params, _ = train(cost, params, steps=2000, optimizer=optax.sgd(1.0))
        logits = net.apply({'params': params}, CORNERS)
        return metrics.accuracy(logits, labels).mean() == 1.0

    # Some starts of the smaller net end in a local minimum, as the paper says.
    starts = jax.random.split(jax.random.key(0), 16)
    assert jax.jit(jax.vmap(learned))(starts).sum() >= least


def test_the_proposed_widths_shrink_in_equal_ratios():
    assert hidden_width(64, 4) == 16
    assert hidden_width(10, 3) == round(np.sqrt(30))
    assert shrinking_widths(1000, 1, 2) == (100, 10)
    widths = (784, *shrinking_widths(784, 10, 4), 10)
    ratios = np.divide(widths[1:], widths[:-1])
    np.testing.assert_allclose(ratios, ratios.mean(), rtol=0.05)


@pytest.mark.parametrize('difficulty', list(Difficulty))
def test_the_proposed_depth_follows_the_difficulty(difficulty):
    allowed = {'SEPARABLE': [0], 'MODERATE': [1, 2], 'COMPLEX': [3, 4, 5]}
    depths = allowed[difficulty.name]
    assert len(propose_hidden(64, 10, difficulty)) == depths[0]
    for depth in depths:
        hidden = propose_hidden(64, 10, difficulty, depth=depth)
        assert len(MLP(hidden, 10).hidden) == depth
    with pytest.raises(ValueError, match=f'depth is {depths[-1] + 1}'):
        propose_hidden(64, 10, difficulty, depth=depths[-1] + 1)


@pytest.mark.heavy
def test_an_rbf_network_learns_a_ring_by_k_means_and_least_squares():
    x = np.random.default_rng(0).uniform(-1.0, 1.0, (300, 2)).astype(np.float32)
    radius = np.linalg.norm(x, axis=1)
    labels = ((radius > 0.4) & (radius < 0.8)).astype(np.int32)
    net = RBFNetwork(units=25, outputs=2)

    @jax.jit
    def learned(x):
        params = net.init(jax.random.key(1), x)['params']
        centres = rules.initial_centres(jax.random.key(2), x, 25)
        centres = jax.lax.fori_loop(0, 10, lambda _, c: c - rules.kmeans(c, x), centres)
        width = jnp.log(rules.spread(centres))
        params['radial'] = {'centres': centres, 'log_width': width}
        answers = net.apply({'params': params}, x, method='hidden')
        direction = rules.least_squares(
            params['output'], answers, jax.nn.one_hot(labels, 2), ridge=1e-4
        )
        params['output'] = jax.tree.map(jnp.subtract, params['output'], direction)
        return net.apply({'params': params}, x)

    # No line through the square does better than to deny the ring throughout.
    right = np.argmax(learned(x), axis=1) == labels
    assert labels.mean() > 0.3 and right.mean() > 0.9


@pytest.mark.heavy
def test_an_rbf_network_learns_xor_by_gradient():
    net = RBFNetwork(units=4, outputs=2)
    params = jax.jit(net.init)(jax.random.key(0), CORNERS)['params']

    def cost(params):
        return losses.cross_entropy(net.apply({'params': params}, CORNERS), XOR).mean()

    params, _ = train(cost, params, steps=300, optimizer=optax.adam(0.05))
    logits = jax.jit(net.apply)({'params': params}, CORNERS)
    np.testing.assert_array_equal(np.argmax(logits, axis=1), XOR)


@pytest.mark.heavy
def test_experts_do_not_interact():
    x = np.random.default_rng(0).normal(size=(1, 5)).astype(np.float32)
    net = ModularNetwork(
        (MLP((4,), 2), MLP((4,), 2)), partition=((0, 3), (4,)), combine=layers.Vote()
    )
    logits, variables = jax.jit(net.init_with_output)(jax.random.key(1), x)
    params, answers = jax.tree.map(np.asarray, variables['params']), []
    for name, own in (('experts_0', x[:, [0, 3]]), ('experts_1', x[:, 4:])):
        first, last = (params[name][k] for k in ('hidden_0', 'output'))
        hidden = np.maximum(own @ first['kernel'] + first['bias'], 0)
        answers.append(special.softmax(hidden @ last['kernel'] + last['bias'], axis=1))
    np.testing.assert_allclose(np.exp(logits), sum(answers) / 2, rtol=1e-5)
    gradients = jax.jit(jax.jacobian(lambda x: net.apply(variables, x)))(x)[0, :, 0]
    felt = (np.asarray(gradients) != 0).any(axis=0)
    np.testing.assert_array_equal(felt, [True, False, False, True, True])


@pytest.mark.heavy
def test_one_instance_given_twice_makes_two_experts():
    expert = MLP((4,), 2)
    net = ModularNetwork((expert, expert))
    params = jax.jit(net.init)(jax.random.key(0), np.ones((1, 2)))['params']
    kernels = [np.asarray(params[f'experts_{i}']['hidden_0']['kernel']) for i in (0, 1)]
    assert (kernels[0] != kernels[1]).any()


def test_any_nets_may_be_experts_each_with_its_own_input():
    inputs = [np.ones((2, 32, 32, 1)), np.ones((2, 7)), np.ones((2, 2))]
    experts = (convolutional.LeNet5(3), RBFNetwork(4, 5), xor_2_2_1())
    net = ModularNetwork(experts, combine=layers.Concatenation(6))
    logits, variables = jax.eval_shape(net.init_with_output, jax.random.key(0), inputs)
    assert logits.shape == (2, 6)
    assert variables['params']['combine']['output']['kernel'].shape == (3 + 5 + 1, 6)


def test_an_expert_may_be_trained_alone():
    net = ModularNetwork()
    x = np.ones((2, 4))
    params = jax.eval_shape(net.init, jax.random.key(1), x)['params']
    assert set(params) == {'experts_0', 'experts_1', 'combine'}


def test_impossible_settings_are_refused():
    x = np.ones((2, 4), np.float32)
    with pytest.raises(ValueError, match=r'hidden is \(3, 0\)'):
        MLP((3, 0))
    with pytest.raises(ValueError, match='hidden is 5'):
        MLP(5)
    with pytest.raises(ValueError, match='input_dropout is 1'):
        MLP(input_dropout=1)
    with pytest.raises(ValueError, match='classes is 1'):
        logistic_regression(1)
    with pytest.raises(ValueError, match='units is 0'):
        Perceptron(0)
    with pytest.raises(ValueError, match='outputs is 0'):
        RBFNetwork(outputs=0)
    with pytest.raises(ValueError, match='experts is empty'):
        ModularNetwork(())
    with pytest.raises(ValueError, match='for 2 experts'):
        ModularNetwork(partition=((0,), (1,), (2,)))
    with pytest.raises(ValueError, match='3 inputs for 2 experts'):
        ModularNetwork().init(jax.random.key(0), [x, x, x])
    with pytest.raises(ValueError, match='1 features for 2'):
        ModularNetwork().init(jax.random.key(0), x[:, :1])
    with pytest.raises(ValueError, match='inputs is 0'):
        shrinking_widths(0, 1, 1)
