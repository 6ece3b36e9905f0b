"""Layers of class-conditional adversaries, against a few lines of NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.test_util import check_grads

from dljax.layers import (
    ConditionalBatchNorm,
    ConditionalBlock,
    HalvingBlock,
    ImageAttention,
    ProjectionHead,
    SpectralNorm,
    upsample_nearest,
)
from dljax.types import Array, PyTree, named_leaves

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(3, 4, 6, 8)).astype(np.float32)
CONDITION = RNG.normal(size=(3, 5)).astype(np.float32)
LABEL = np.array([2, 0, 2])


def drawn(layer: nn.Module, *inputs: np.ndarray) -> PyTree:
    """Random variables of a layer, without compiling its initialisers."""
    tree = jax.eval_shape(layer.init, jax.random.key(0), *inputs)
    rng = np.random.default_rng(1)
    leaves = [
        rng.uniform(0.5, 1.5, leaf.shape)
        if path.endswith('var')
        # Small, for the square of a random matrix grows with its size.
        else rng.normal(size=leaf.shape) / np.sqrt(max(np.prod(leaf.shape[:-1]), 1))
        for path, leaf in named_leaves(tree).items()
    ]
    leaves = [leaf.astype(np.float32) for leaf in leaves]
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)


def kernel(variables: PyTree, *path: str) -> np.ndarray:
    for name in ('params', *path):
        variables = variables[name]
    return np.asarray(variables['kernel'])


def test_a_condition_scales_and_shifts_what_is_normalised() -> None:
    layer = ConditionalBatchNorm()
    variables = drawn(layer, MAPS, CONDITION)
    assert set(variables['params']) == {'scale', 'shift'}
    scale = 1 + CONDITION @ kernel(variables, 'scale')
    shift = CONDITION @ kernel(variables, 'shift')
    apply = jax.jit(functools.partial(layer.apply, mutable='batch_stats'))
    train = functools.partial(layer.apply, train=True, mutable='batch_stats')
    made, moved = jax.jit(train)(variables, MAPS, CONDITION)
    mean, variance = MAPS.mean((0, 1, 2)), MAPS.var((0, 1, 2))
    normal = (MAPS - mean) / np.sqrt(variance + 1e-5)
    wanted = normal * scale[:, None, None] + shift[:, None, None]
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)
    old = variables['batch_stats']['norm']
    new = moved['batch_stats']['norm']
    np.testing.assert_allclose(
        new['mean'], 0.9 * old['mean'] + 0.1 * mean, rtol=1e-5, atol=1e-6
    )
    # In evaluation the averages stand in.
    made, _ = apply(variables, MAPS, CONDITION)
    normal = (MAPS - old['mean']) / np.sqrt(old['var'] + 1e-5)
    wanted = normal * scale[:, None, None] + shift[:, None, None]
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


def test_without_a_condition_the_norm_is_plain() -> None:
    layer = ConditionalBatchNorm()
    variables = drawn(layer, MAPS, CONDITION)
    made = layer.apply(variables, MAPS, np.zeros((3, 5), np.float32))
    stats = variables['batch_stats']['norm']
    wanted = (MAPS - stats['mean']) / np.sqrt(stats['var'] + 1e-5)
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(AssertionError, match='4'):
        layer.apply(variables, MAPS[0], CONDITION)
    with pytest.raises(AssertionError):
        layer.apply(variables, MAPS, CONDITION[:1])


def test_a_projection_adds_the_product_with_the_vector_of_the_class() -> None:
    head, features = ProjectionHead(classes=3), MAPS[:, 0, 0]
    variables = drawn(head, features, LABEL)
    params = variables['params']
    vectors = np.asarray(params['classes']['embedding'])
    wanted = features @ kernel(variables, 'alone') + params['alone']['bias']
    wanted += (vectors[LABEL] * features).sum(1, keepdims=True)
    made = jax.jit(head.apply)(variables, features, LABEL)
    assert made.shape == (3, 1)
    np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)


def attended(maps: np.ndarray, variables: PyTree) -> np.ndarray:
    """The layer by hand: place by place."""
    batch, height, width, channels = maps.shape

    def project(name: str) -> np.ndarray:
        return maps @ kernel(variables, name)[0, 0]

    def pooled(values: np.ndarray) -> np.ndarray:
        parts = values.reshape(batch, height // 2, 2, width // 2, 2, -1)
        return parts.max((2, 4)).reshape(batch, -1, values.shape[-1])

    query = project('query').reshape(batch, -1, channels // 8)
    scores = query @ pooled(project('key')).transpose(0, 2, 1)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    read = (weights @ pooled(project('value'))) @ kernel(variables, 'output')[0, 0]
    return maps + variables['params']['gain'] * read.reshape(maps.shape)


def test_attention_reads_all_places_and_begins_as_nothing() -> None:
    layer = ImageAttention()
    variables = drawn(layer, MAPS)
    apply = jax.jit(layer.apply)
    made = apply(variables, MAPS)
    np.testing.assert_allclose(made, attended(MAPS, variables), rtol=1e-4, atol=1e-5)
    # The last place of an image has an effect on the first.
    other = MAPS.copy()
    other[0, -1, -1] += 9.0
    change = np.abs(apply(variables, other) - made).max(-1)
    assert change[0, 0, 0] > 1e-3 and change[1:].max() == 0
    # As it begins it is nothing.
    none = {**variables['params'], 'gain': jnp.float32(0)}
    np.testing.assert_array_equal(layer.apply({'params': none}, MAPS), MAPS)
    for few in (MAPS[:, :1], MAPS[..., :1]):
        with pytest.raises(ValueError, match='wanted at least 2x2 with 2'):
            layer.init(jax.random.key(0), few)


class Three(nn.Module):
    """Kernels of two, three and four axes, each by its norm."""

    @nn.compact
    def __call__(self, maps: Array, label: Array, *, update: bool) -> Array:
        """Compute something of each."""
        conv = nn.Conv(4, (3, 3), name='conv')
        maps = SpectralNorm(conv)(maps, update=update)
        embed = nn.Embed(3, 5, name='embed')
        dense = nn.Dense(2, name='dense')
        vectors = SpectralNorm(embed)(label, update=update)
        return SpectralNorm(dense)(maps, update=update).sum() + vectors.sum()


def test_a_spectral_norm_converges_to_the_singular_value() -> None:
    net = Three()
    variables = jax.jit(functools.partial(net.init, update=False))(
        jax.random.key(0), MAPS, LABEL
    )
    leaves = named_leaves(variables['batch_stats'])
    assert [path.split('_', 1)[0] for path in leaves] == ['SpectralNorm'] * 3

    @jax.jit
    def train(stats: PyTree) -> PyTree:
        whole = {'params': variables['params'], 'batch_stats': stats}
        apply = functools.partial(net.apply, update=True, mutable='batch_stats')
        return apply(whole, MAPS, LABEL)[1]['batch_stats']

    stats = variables['batch_stats']
    for _ in range(60):
        stats = train(stats)

    def seen(module: nn.Module, name: str) -> PyTree:
        kept = {}

        def look(following, arguments, keywords, context):
            if context.module.name == name and context.method_name == '__call__':
                kept.update(context.module.variables['params'])
            return following(*arguments, **keywords)

        with nn.intercept_methods(look):
            net.apply(
                {'params': variables['params'], 'batch_stats': stats},
                MAPS,
                LABEL,
                update=False,
            )
        return kept

    for name, weights in (
        ('conv', 'kernel'),
        ('dense', 'kernel'),
        ('embed', 'embedding'),
    ):
        raw = np.asarray(variables['params'][name][weights])
        used = np.asarray(seen(net, name)[weights])
        flat = used.reshape(-1, used.shape[-1])
        assert np.linalg.norm(flat, 2) == pytest.approx(1, rel=1e-3), name
        largest = np.linalg.norm(raw.reshape(flat.shape), 2)
        np.testing.assert_allclose(used, raw / largest, rtol=1e-3, atol=1e-5)


def test_a_spectral_norm_stands_still_in_evaluation_and_lets_zeros_be() -> None:
    net = Three()
    variables = jax.tree.map(
        lambda leaf: jnp.ones(leaf.shape, leaf.dtype),
        jax.eval_shape(
            functools.partial(net.init, update=False), jax.random.key(0), MAPS, LABEL
        ),
    )
    _, kept = net.apply(variables, MAPS, LABEL, update=False, mutable='batch_stats')
    for a, b in zip(
        jax.tree.leaves(kept), jax.tree.leaves(variables['batch_stats']), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    nothing = jax.tree.map(jnp.zeros_like, variables['params'])
    whole = {**variables, 'params': nothing}
    assert net.apply(whole, MAPS, LABEL, update=False) == 0


@pytest.mark.heavy
def test_the_gradient_of_a_spectral_norm_holds_its_vectors() -> None:
    """σ = v·W u with u and v held: the exact gradient where they have converged."""

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Array) -> Array:
            layer = nn.Dense(3, use_bias=False, name='dense')
            return SpectralNorm(layer)(x, update=False)

    matrix = RNG.normal(size=(4, 3))
    _, _, right = np.linalg.svd(matrix)
    with jax.enable_x64(True):
        x = jnp.asarray(RNG.normal(size=(2, 4)))
        stats = jax.eval_shape(Net().init, jax.random.key(0), x)['batch_stats']
        stats = jax.tree.map(lambda _: jnp.asarray(right[:1]), stats)

        def outputs(kernel: Array) -> Array:
            whole = {'params': {'dense': {'kernel': kernel}}, 'batch_stats': stats}
            return jnp.tanh(Net().apply(whole, x))

        def exact(kernel: Array) -> Array:
            return jnp.tanh(x @ (kernel / jnp.linalg.norm(kernel, 2)))

        kernel = jnp.asarray(matrix)
        got, wanted = (jax.jacobian(function)(kernel) for function in (outputs, exact))
        np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-9)


def test_each_place_is_repeated_twice() -> None:
    made = np.asarray(upsample_nearest(jnp.asarray(MAPS)))
    np.testing.assert_array_equal(made, MAPS.repeat(2, 1).repeat(2, 2))


def test_a_doubling_block_is_its_shortcut_where_its_convolutions_are_zero() -> None:
    block = ConditionalBlock(5)
    variables = drawn(block, MAPS, CONDITION)
    last = variables['params']['conv_1']
    last['kernel'], last['bias'] = 0 * last['kernel'], 0 * last['bias']
    made = jax.jit(block.apply)(variables, MAPS, CONDITION)
    assert made.shape == (3, 8, 12, 5)
    weights = kernel(variables, 'shortcut')[0, 0]
    # One step of power iteration from what is kept.
    (name,) = (
        path
        for path in named_leaves(variables['batch_stats'])
        if path.endswith('shortcut/kernel/u')
    )
    u = named_leaves(variables['batch_stats'])[name]
    left = u @ weights.T
    left /= np.linalg.norm(left)
    sigma = np.linalg.norm(left @ weights)
    wanted = MAPS @ (weights / sigma) + variables['params']['shortcut']['bias']
    wanted = wanted.repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)


def test_a_halving_block_keeps_or_halves_the_side() -> None:
    key, shape = jax.random.key(0), functools.partial(jax.eval_shape)
    for block, wanted in (
        (HalvingBlock(5), (3, 2, 3, 5)),
        (HalvingBlock(5, halves=False), (3, 4, 6, 5)),
        (HalvingBlock(8, halves=False), (3, 4, 6, 8)),
    ):
        made, variables = shape(block.init_with_output, key, MAPS)
        assert made.shape == wanted
        same = block.features == 8 and not block.halves
        assert ('shortcut' in variables['params']) is not same
    # All but the first block begin with a ReLU.
    whole = HalvingBlock(8, halves=False)
    variables = drawn(whole, MAPS)
    raw = HalvingBlock(8, halves=False, rectified=False)
    inner = whole.apply(variables, MAPS) - MAPS
    np.testing.assert_allclose(
        inner,
        raw.apply(variables, np.maximum(MAPS, 0)) - np.maximum(MAPS, 0),
        atol=1e-5,
    )
    assert np.abs(inner - (raw.apply(variables, MAPS) - MAPS)).max() > 1e-2


@pytest.mark.heavy
def test_gradients_of_the_layers_are_right() -> None:
    for layer, inputs in (
        (ConditionalBatchNorm(), (MAPS[:, :2, :2], CONDITION)),
        (ImageAttention(), (MAPS[:, :2, :2],)),
    ):
        variables = drawn(layer, *inputs)
        with jax.enable_x64(True):
            wide = jax.tree.map(lambda a: np.asarray(a, np.float64), variables)
            arrays = tuple(np.asarray(a, np.float64) for a in inputs)
            check_grads(layer.apply, (wide, *arrays), order=1, modes=['rev'])
