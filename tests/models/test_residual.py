"""Residual networks: their layers, shortcuts, strides and settings (U2.4)."""

import functools
import inspect
import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import zoo
from dljax.layers import (
    BatchNorm,
    PreactivationBlock,
    ResidualBlock,
    padded_shortcut,
)
from dljax.models.residual import (
    preact_resnet18,
    resnet18,
    resnet20_cifar,
    resnet50,
    resnet50_keras,
    resnet110_cifar,
    resnet_cifar,
)
from dljax.models.residual.resnet import ResNet
from dljax.models.settings import settings_of
from dljax.types import PyTree

KEY = jax.random.key(0)


def shapes_of(net: nn.Module, *shape: int) -> PyTree:
    return jax.eval_shape(net.init, KEY, jax.ShapeDtypeStruct(shape, jnp.float32))


def drawn(shapes: PyTree) -> PyTree:
    """Random everywhere, with variances above 0, and without compiling anything."""
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: np.asarray(rng.uniform(0.1, 0.9, leaf.shape), leaf.dtype), shapes
    )


def calls(net: nn.Module, *shape: int) -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """Every module by its path, with the shape that it returns."""
    seen = {}

    def record(following: Callable, arguments: tuple, keywords: dict, context: object):
        outputs = following(*arguments, **keywords)
        if context.method_name == '__call__':
            seen['/'.join(context.module.path)] = context.module, outputs.shape
        return outputs

    with nn.intercept_methods(record):
        shapes_of(net, *shape)
    return seen


@pytest.mark.heavy
def test_the_layers_have_the_names_and_places_of_torchvision():
    params = shapes_of(resnet18(), 1, 64, 64, 3)['params']
    blocks = [f'layer{stage}_{block}' for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert set(params) == {'stem', *blocks, 'output'}
    assert set(params['layer1_0']) == {'conv1', 'conv2'}
    assert set(params['layer2_0']) == {'conv1', 'conv2', 'downsample'}
    assert params['layer2_0']['downsample']['conv']['kernel'].shape == (1, 1, 64, 128)
    assert set(params['layer2_0']['conv1']) == {'conv', 'norm'}
    deep = shapes_of(resnet50(), 1, 64, 64, 3)['params']
    assert set(deep['layer1_0']) == {'conv1', 'conv2', 'conv3', 'downsample'}
    assert set(deep['layer1_1']) == {'conv1', 'conv2', 'conv3'}


@pytest.mark.others('heavy')
@pytest.mark.parametrize(('make', 'skipping'), [(resnet50, 56), (resnet50_keras, 28)])
def test_the_stride_of_a_bottleneck_is_in_its_place(make, skipping):
    seen = calls(make(), 1, 224, 224, 3)
    assert seen['stem'][1] == (1, 112, 112, 64)
    assert seen['layer1_0'][1] == (1, 56, 56, 256)
    assert seen['layer2_0/conv1'][1] == (1, skipping, skipping, 128)
    assert seen['layer2_0/conv2'][1] == (1, 28, 28, 128)
    assert seen['layer4_2'][1] == (1, 7, 7, 2048)


def test_every_convolution_of_keras_has_a_bias_and_every_norm_its_constants():
    modules = [module for module, _ in calls(resnet50_keras(), 1, 32, 32, 3).values()]
    convolutions = [one for one in modules if isinstance(one, nn.Conv)]
    norms = [one for one in modules if isinstance(one, BatchNorm)]
    assert len(convolutions) == len(norms) == 53
    assert all(one.use_bias for one in convolutions)
    assert {(one.epsilon, one.momentum) for one in norms} == {(1.001e-5, 0.99)}


def test_the_stem_for_small_images_keeps_their_size():
    seen = calls(resnet18(small_images=True, classes=10), 2, 32, 32, 3)
    assert seen['stem'][1] == (2, 32, 32, 64) == seen['layer1_1'][1]
    assert seen['layer4_1'][1] == (2, 4, 4, 512)
    kernels = shapes_of(resnet18(small_images=True, classes=10), 2, 32, 32, 3)['params']
    assert sum(leaf.size for leaf in jax.tree.leaves(kernels)) == 11_173_962


QUICK = [(resnet18, (33, 47, 1)), (resnet_cifar, (1, 1, 3))]


@pytest.mark.parametrize(
    ('make', 'shape'),
    [
        pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.exhaustive)
        for pair in itertools.product(
            [resnet18, resnet50, preact_resnet18, resnet_cifar],
            [(1, 1, 3), (33, 47, 1), (64, 65, 4)],
        )
    ],
)
def test_images_of_any_size_and_channels_are_taken(make, shape):
    net = make(classes=7)
    image = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    assert jax.eval_shape(net.init_with_output, KEY, image)[0].shape == (2, 7)


@pytest.mark.others('heavy')
@pytest.mark.parametrize(
    ('make', 'depth'), [(resnet20_cifar, 20), (resnet110_cifar, 110)]
)
def test_the_depth_counts_the_layers_with_weights(make, depth):
    params = shapes_of(make(), 1, 32, 32, 3)['params']
    paths = [jax.tree_util.keystr(p) for p, _ in jax.tree.leaves_with_path(params)]
    assert sum('kernel' in path for path in paths) == depth
    assert not any('downsample' in path for path in paths)


def test_every_further_block_of_a_stage_has_as_many_parameters():
    counts = [
        sum(leaf.size for leaf in jax.tree.leaves(variables['params']))
        for variables in (shapes_of(resnet_cifar(d), 1, 32, 32, 3) for d in (8, 14))
    ]
    for depth in (20, 32, 44, 56, 110, 1202):  # without tracing the deepest
        expected = counts[0] + (counts[1] - counts[0]) * ((depth - 2) // 6 - 1)
        assert zoo.row(f'resnet{depth}_cifar').parameters == expected


@pytest.mark.parametrize('depth', [2, 7, 18, 34])
def test_a_depth_that_is_not_6n_plus_2_is_refused(depth):
    with pytest.raises(ValueError, match=f'depth is {depth}, wanted 6n'):
        resnet_cifar(depth=depth)


def test_the_shortcut_without_parameters_skips_places_and_adds_zeros():
    maps = np.arange(1, 49, dtype=np.float32).reshape(2, 3, 4, 2)
    got = np.asarray(padded_shortcut(maps, features=5, stride=2))
    assert got.shape == (2, 2, 2, 5)
    np.testing.assert_array_equal(got[0, :, :, 0], [[1, 5], [17, 21]])
    np.testing.assert_array_equal(got[..., 2:], 0)
    with pytest.raises(ValueError, match='wanted no fewer'):
        padded_shortcut(maps, features=1, stride=2)
    # A block whose convolutions are 0 is its shortcut, rectified.
    block = ResidualBlock(5, stride=2, shortcut='padding')
    variables = jax.tree.map(
        lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes_of(block, *maps.shape)
    )
    wanted = np.maximum(got - 20, 0)
    wanted[..., 2:] = 0
    found = jax.jit(block.apply)(variables, maps - 20)
    np.testing.assert_array_equal(found, wanted)


def test_without_shortcuts_the_convolutions_are_all_there_is():
    maps = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    variables = drawn(shapes_of(PreactivationBlock(3), *maps.shape))
    whole, alone = (
        jax.jit(PreactivationBlock(3, shortcut=kind).apply)(variables, maps)
        for kind in ('padding', 'none')
    )
    np.testing.assert_allclose(whole - alone, maps, atol=1e-5)
    plain, residual = (
        jax.eval_shape(resnet_cifar(8, shortcut=kind).init, KEY, np.ones((1, 8, 8, 3)))
        for kind in ('none', 'padding')
    )
    assert plain == residual  # as many parameters
    block = ResidualBlock(3, shortcut='none')
    nothing = jax.tree.map(
        lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes_of(block, *maps.shape)
    )
    assert not np.any(jax.jit(block.apply)(nothing, maps))


@pytest.mark.heavy
def test_blocks_that_start_at_0_are_their_shortcuts():
    rng = np.random.default_rng(0)
    image, maps = (rng.normal(size=(2, 4, 4, n)).astype(np.float32) for n in (3, 2))
    net = ResNet((1, 1), zero_init_residual=True, width=2, small_images=True)
    variables = jax.jit(net.init)(KEY, image)
    for name in ('layer1_0', 'layer2_0'):
        part = variables['params'][name]
        assert not np.any(part['conv2']['norm']['scale'])
        assert set(np.unique(part['conv1']['norm']['scale'])) == {1}
    own = {kind: variables[kind]['layer1_0'] for kind in ('params', 'batch_stats')}
    block = ResidualBlock(2, zero_init=True)
    found = jax.jit(block.apply)(own, maps)
    np.testing.assert_array_equal(found, np.maximum(maps, 0))


def test_the_identity_runs_through_a_block_with_preactivation():
    maps = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    block = PreactivationBlock(3)
    variables = drawn(shapes_of(block, *maps.shape))
    variables['params']['conv2']['conv']['kernel'] *= 0
    np.testing.assert_array_equal(jax.jit(block.apply)(variables, maps), maps)
    # Where shapes differ, the shortcut sees what was normalised and rectified.
    wider = PreactivationBlock(5)
    variables = drawn(shapes_of(wider, *maps.shape))
    variables['params']['conv2']['conv']['kernel'] *= 0
    norm = BatchNorm(use_running_average=True)
    own = {k: variables[k]['norm'] for k in ('params', 'batch_stats')}
    kernel = variables['params']['downsample']['conv']['kernel'][0, 0]
    seen = np.maximum(jax.jit(norm.apply)(own, maps), 0)
    found = jax.jit(wider.apply)(variables, maps)
    np.testing.assert_allclose(found, seen @ kernel, rtol=1e-5, atol=1e-6)
    assert 'norm' not in variables['params']['downsample']


def test_a_net_with_preactivation_is_activated_behind_its_stem_and_at_its_end():
    params = shapes_of(preact_resnet18(), 1, 32, 32, 3)['params']
    assert 'norm' not in params['layer1_0'] and 'norm' in params['layer1_1']
    assert params['norm']['scale'].shape == (512,)


@pytest.mark.parametrize(
    'settings',
    [
        pytest.param({'bottleneck': True}, marks=pytest.mark.exhaustive),
        pytest.param(
            {'shortcut': 'padding', 'preactivation': True}, marks=pytest.mark.heavy
        ),
    ],
    ids=str,
)
def test_recomputing_blocks_changes_neither_numbers_nor_paths(settings):
    plain = ResNet((1, 1), classes=3, width=2, small_images=True, **settings)
    image = np.random.default_rng(0).normal(size=(4, 4, 4, 3))
    # In double: sums that come to nothing are rounding alone in single precision.
    variables = jax.tree.map(np.float64, drawn(shapes_of(plain, *image.shape)))

    def loss(params: PyTree, net: nn.Module) -> tuple[jax.Array, PyTree]:
        logits, moved = net.apply(
            {**variables, 'params': params},
            image,
            train=True,
            mutable='batch_stats',
        )
        return (logits**2).sum(), (logits, moved)

    step = jax.value_and_grad(loss, has_aux=True)
    results = []
    for net in (plain, plain.clone(remat=True)):
        assert shapes_of(net, *image.shape) == shapes_of(plain, *image.shape)
        with jax.enable_x64(True):
            run = jax.jit(step, static_argnums=1)
            results.append(run(variables['params'], net))
            traced = jax.make_jaxpr(step, static_argnums=1)(variables['params'], net)
        again = [e for e in traced.eqns if e.primitive.name.startswith('remat')]
        assert len(again) == (2 if net.remat else 0)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), *results
    )


def test_bfloat16_leaves_the_statistics_float32():
    net = resnet_cifar(dtype=jnp.bfloat16)
    variables = drawn(shapes_of(net, 4, 8, 8, 3))
    run = functools.partial(net.apply, train=True, mutable='batch_stats')
    image = jax.ShapeDtypeStruct((4, 8, 8, 3), jnp.bfloat16)
    logits, moved = jax.eval_shape(run, variables, image)
    assert logits.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(moved)} == {jnp.dtype('float32')}


def test_every_batch_norm_is_told_of_the_mapped_axis():
    for make in (resnet18, preact_resnet18):
        seen = calls(make().clone(axis_name='data'), 1, 8, 8, 3).values()
        norms = [one for one, _ in seen if isinstance(one, BatchNorm)]
        assert len(norms) >= 17 and all(one.axis_name == 'data' for one in norms)


def test_without_normalisation_every_convolution_has_a_bias():
    params = shapes_of(resnet_cifar(normalise=None), 1, 8, 8, 3)
    assert set(params) == {'params'}
    assert set(params['params']['layer1_0']['conv1']['conv']) == {'kernel', 'bias'}
    assert set(shapes_of(preact_resnet18(normalise=None), 1, 8, 8, 3)) == {'params'}


def test_weights_start_as_those_of_torchvision_and_of_the_paper():
    shape = (3, 3, 40, 80)
    kernels = (
        resnet18().kernel_init(KEY, shape),
        resnet20_cifar().kernel_init(KEY, shape),
    )
    np.testing.assert_allclose(kernels[0].std(), np.sqrt(2 / (9 * 80)), rtol=0.02)
    np.testing.assert_allclose(kernels[1].std(), np.sqrt(2 / (9 * 40)), rtol=0.02)
    weights = resnet18().output_init(KEY, (100, 300))
    assert 0.099 < np.abs(weights).max() <= 0.1  # within 1 / sqrt(100)


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match='classes is 1'):
        resnet18(classes=1)
    with pytest.raises(ValueError, match='width is 0'):
        resnet_cifar(width=0)
    with pytest.raises(ValueError, match=r'blocks are \(\)'):
        ResNet(blocks=())
    with pytest.raises(TypeError, match='bottleneck'):
        resnet18(bottleneck=True)
    with pytest.raises(ValueError, match="shortcut is 'zeros'"):
        resnet_cifar(shortcut='zeros')
    with pytest.raises(ValueError, match='both set'):
        resnet18(preactivation=True, zero_init_residual=True)
    with pytest.raises(ValueError, match='add the missing axis'):
        resnet_cifar().init(KEY, jnp.ones((2, 32, 32)))


def test_a_variant_has_its_own_settings_and_those_of_the_class():
    @settings_of(nn.Dense, 'features', use_bias=False)
    def head(sides: int = 2, **settings: object) -> nn.Dense:
        return nn.Dense(sides**2, **settings)

    assert head().features == 4 and not head().use_bias
    assert head(3, use_bias=True).features == 9 and head(use_bias=True).use_bias
    shown = inspect.signature(head).parameters
    assert list(shown)[0] == 'sides' and shown['use_bias'].default is False
    with pytest.raises(TypeError, match='features'):
        head(features=2)
