"""What the deep classifiers are made of: pools, groups, inception, auxiliary heads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import (
    AuxiliaryHead,
    Inception,
    NormalisedConv,
    adaptive_average_pool,
    ceil_max_pool,
)
from dljax.types import PyTree


def maps(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(len(shape) + sum(shape))
    return rng.normal(size=shape).astype(np.float32)


def randomised(net: nn.Module, x: np.ndarray) -> PyTree:
    """Draw all parameters, also the biases, which start at 0."""
    shapes = jax.eval_shape(net.init, jax.random.key(0), x)
    return jax.tree.map(lambda leaf: maps(*leaf.shape), shapes)


def run(net: nn.Module, variables: PyTree, x: np.ndarray) -> np.ndarray:
    return np.asarray(jax.jit(net.apply)(variables, x))


@pytest.mark.parametrize(
    ('height', 'width', 'size'),
    [(7, 7, 7), (14, 9, 4), (3, 1, 7), (8, 5, 1), (6, 4, 2)],
)
def test_adaptive_windows_cover_the_map(height: int, width: int, size: int) -> None:
    x = maps(2, height, width, 3)
    wanted = np.empty((2, size, size, 3), np.float32)
    for i in range(size):
        for j in range(size):
            rows = slice(i * height // size, -(-(i + 1) * height // size))
            columns = slice(j * width // size, -(-(j + 1) * width // size))
            wanted[:, i, j] = x[:, rows, columns].mean((1, 2))
    got = adaptive_average_pool(x, size)
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_an_adaptive_average_of_bfloat16_is_taken_in_float32() -> None:
    x = jnp.full((1, 40, 40, 1), 1.0, jnp.bfloat16)  # a sum of 1600 would stick at 256
    pooled = adaptive_average_pool(x, 1)
    assert pooled.dtype == jnp.bfloat16 and pooled.item() == 1.0


@pytest.mark.parametrize('size', range(1, 10))
@pytest.mark.parametrize(('window', 'stride'), [(3, 2), (2, 2), (2, 3)])
def test_a_last_window_begins_inside_the_map_and_takes_in_its_end(
    size: int, window: int, stride: int
) -> None:
    x = maps(1, size, size, 1)
    starts = [i for i in range(0, size, stride) if i == 0 or i < size - window + stride]
    wanted = [
        [x[0, i : i + window, j : j + window, 0].max() for j in starts] for i in starts
    ]
    got = ceil_max_pool(x, window, stride)
    np.testing.assert_array_equal(got[0, :, :, 0], wanted)


def test_each_group_of_results_sees_one_group_of_inputs() -> None:
    net = NormalisedConv(
        4, 3, 1, groups=2, normalise=None, use_bias=True, activation=jax.nn.identity
    )
    x = maps(2, 5, 5, 6)
    variables = randomised(net, x)
    kernel, bias = (variables['params']['conv'][k] for k in ('kernel', 'bias'))
    assert kernel.shape == (3, 3, 3, 4)
    both = run(net, variables, x)
    for index in range(2):
        outputs, inputs = slice(2 * index, 2 * index + 2), x[..., 3 * index :][..., :3]
        part = {'params': {'kernel': kernel[..., outputs], 'bias': bias[outputs]}}
        wanted = run(nn.Conv(2, (3, 3)), part, inputs)
        np.testing.assert_allclose(both[..., outputs], wanted, atol=1e-4)


def test_the_padding_of_an_edge_can_be_chosen() -> None:
    sizes = {
        padding: jax.eval_shape(
            NormalisedConv(1, 11, 4, padding=padding).init_with_output,
            jax.random.key(0),
            jnp.ones((1, 224, 224, 3)),
        )[0].shape[1]
        for padding in (None, 0, 2)
    }
    assert sizes == {None: 56, 0: 54, 2: 55}


@pytest.mark.parametrize('transposed', [False, True])
def test_biases_start_as_they_are_told(transposed: bool) -> None:
    net = NormalisedConv(
        2,
        transposed=transposed,
        normalise=None,
        use_bias=True,
        bias_init=nn.initializers.constant(0.2),
    )
    params = jax.jit(net.init)(jax.random.key(0), maps(1, 4, 4, 1))['params']
    np.testing.assert_allclose(params['conv']['bias'], 0.2)


@pytest.mark.parametrize(
    'settings',
    [
        {'padding': -1},
        {'padding': 2, 'padded': False},
        {'padding': 2, 'transposed': True},
        {'groups': 3},
        {'groups': 0},
        {'groups': 2, 'transposed': True},
    ],
)
def test_a_padding_or_groups_that_make_no_sense_are_refused(settings: PyTree) -> None:
    name = 'padding' if 'padding' in settings else 'groups'
    with pytest.raises(ValueError, match=f'{name} is'):
        NormalisedConv(4, **settings)


def test_the_branches_of_an_inception_module_stand_beside_each_other() -> None:
    net, x = Inception((1, 2, 3, 2, 2, 4), normalise=None), maps(2, 6, 6, 3)
    variables = randomised(net, x)
    params = variables['params']

    def conv(name: str, x: jax.Array) -> jax.Array:
        part = params[name]['conv']
        side, features = part['kernel'].shape[0], part['kernel'].shape[-1]
        return nn.relu(nn.Conv(features, (side, side)).apply({'params': part}, x))

    @jax.jit
    def beside(x: jax.Array) -> jax.Array:
        branches = [
            conv('branch1', x),
            conv('branch2_1', conv('branch2_0', x)),
            conv('branch3_1', conv('branch3_0', x)),
            conv('branch4_1', nn.max_pool(x, (3, 3), (1, 1), 'SAME')),
        ]
        return jnp.concatenate(branches, axis=-1)

    assert params['branch2_1']['conv']['kernel'].shape[0] == 3
    assert params['branch3_1']['conv']['kernel'].shape[0] == 5
    np.testing.assert_allclose(run(net, variables, x), beside(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ('features', 'kernel', 'fault'),
    [((1, 2, 3), 5, 'wanted six numbers'), ((1,) * 6, 4, 'wanted an odd number')],
)
def test_other_modules_are_refused(features: tuple, kernel: int, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Inception(features, kernel)


@pytest.mark.parametrize('adaptive', [True, False])
def test_an_auxiliary_head_sees_four_by_four_averages(adaptive: bool) -> None:
    net = AuxiliaryHead(3, features=2, hidden=4, adaptive=adaptive, normalise=None)
    x = maps(1, 14, 14, 5)
    params = randomised(net, x)['params']
    if adaptive:
        y = np.asarray(adaptive_average_pool(x, 4))
    else:
        starts = (0, 3, 6, 9)
        y = [[x[:, i : i + 5, j : j + 5].mean((1, 2)) for j in starts] for i in starts]
        y = np.moveaxis(np.array(y), 2, 0)
    conv = params['conv']['conv']
    y = np.maximum(y @ conv['kernel'][0, 0] + conv['bias'], 0)
    y = y.reshape(1, -1) @ params['hidden']['kernel'] + params['hidden']['bias']
    y = np.maximum(y, 0) @ params['output']['kernel'] + params['output']['bias']
    np.testing.assert_allclose(run(net, {'params': params}, x), y, rtol=1e-4, atol=1e-4)
