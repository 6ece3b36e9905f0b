"""Layers of style-based generators, against a few lines of NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.test_util import check_grads
from scipy.signal import convolve2d

from dljax.layers import (
    EqualisedConv,
    EqualisedDense,
    ModulatedConv,
    StyleMapping,
    StyleSynthesis,
    blur,
    downsample_smooth,
    minibatch_deviation,
    mix_styles,
    upsample_smooth,
)
from dljax.layers.activations import rectify_evenly
from dljax.types import PyTree, named_leaves

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(3, 4, 6, 2)).astype(np.float32)
STYLE = RNG.normal(size=(3, 5)).astype(np.float32)
FILTER = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def drawn(layer: nn.Module, *inputs: np.ndarray) -> PyTree:
    """Random variables of a layer, without compiling its initialisers."""
    tree = jax.eval_shape(layer.init, jax.random.key(0), *inputs)
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), tree
    )


def convolved(maps: np.ndarray, kernel: np.ndarray, mode: str = 'same') -> np.ndarray:
    """One image [height, width, in] by a kernel [k, k, in, out], place by place."""
    turned = kernel[::-1, ::-1]
    return np.stack(
        [
            sum(
                convolve2d(maps[..., i], turned[..., i, j], mode)
                for i in range(kernel.shape[2])
            )
            for j in range(kernel.shape[3])
        ],
        axis=-1,
    )


@pytest.mark.parametrize('demodulate', [True, False])
def test_weights_are_modulated_and_demodulated_for_each_example(
    demodulate: bool,
) -> None:
    layer = ModulatedConv(4, demodulate=demodulate)
    variables = drawn(layer, MAPS, STYLE)
    params = variables['params']
    scale = STYLE @ params['style']['kernel'] / np.sqrt(5) + params['style']['bias']
    kernel = params['kernel'] / np.sqrt(9 * 2)
    made = jax.jit(layer.apply)(variables, MAPS, STYLE)
    for index, image in enumerate(MAPS):
        weights = kernel * scale[index][None, None, :, None]
        if demodulate:
            weights /= np.sqrt((weights**2).sum((0, 1, 2)) + 1e-8)
        wanted = convolved(image, weights)
        np.testing.assert_allclose(made[index], wanted, rtol=1e-4, atol=1e-5)


def test_doubling_convolves_between_zeros_and_filters() -> None:
    layer = ModulatedConv(3, doubles=True)
    variables = drawn(layer, MAPS, STYLE)
    params = variables['params']
    scale = STYLE @ params['style']['kernel'] / np.sqrt(5) + params['style']['bias']
    made = jax.jit(layer.apply)(variables, MAPS, STYLE)
    assert made.shape == (3, 8, 12, 3)
    for index, image in enumerate(MAPS):
        weights = params['kernel'] / np.sqrt(18) * scale[index][None, None, :, None]
        weights /= np.sqrt((weights**2).sum((0, 1, 2)) + 1e-8)
        spread = np.zeros((7, 11, 2))  # a zero between two places
        spread[::2, ::2] = image
        wide = convolved(spread, weights, 'full')
        wide = np.pad(wide, ((1, 1), (1, 1), (0, 0)))
        wanted = np.stack(
            [convolve2d(wide[..., j], 4 * FILTER, 'valid') for j in range(3)], -1
        )
        np.testing.assert_allclose(made[index], wanted, rtol=1e-4, atol=1e-4)


def test_demodulated_outputs_do_not_depend_on_the_size_of_a_style() -> None:
    layer = ModulatedConv(4)
    variables = drawn(layer, MAPS, STYLE)
    variables['params']['style']['bias'] *= 0
    apply = jax.jit(layer.apply)
    one, other = apply(variables, MAPS, STYLE), apply(variables, MAPS, 7 * STYLE)
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    assert np.abs(apply(variables, MAPS, STYLE[::-1].copy()) - one).max() > 0.01
    with pytest.raises(ValueError, match='kernel_size 1 and doubles True'):
        ModulatedConv(4, kernel_size=1, doubles=True)


def test_equalised_layers_scale_their_weights_when_they_are_called() -> None:
    dense = EqualisedDense(3, bias=1.0, multiplier=0.1)
    variables = drawn(dense, STYLE)
    params = variables['params']
    wanted = 0.1 * (STYLE @ params['kernel'] / np.sqrt(5) + params['bias'])
    made = jax.jit(dense.apply)(variables, STYLE)
    np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)
    start = jax.jit(dense.init)(jax.random.key(0), np.ones((2, 4000), np.float32))
    assert np.std(start['params']['kernel']) == pytest.approx(10, rel=0.03)
    np.testing.assert_allclose(start['params']['bias'], 10)
    conv = EqualisedConv(4)
    variables = drawn(conv, MAPS)
    params = variables['params']
    made = jax.jit(conv.apply)(variables, MAPS)
    wanted = convolved(MAPS[1], params['kernel'] / np.sqrt(18)) + params['bias']
    np.testing.assert_allclose(made[1], wanted, rtol=1e-4, atol=1e-5)
    halving = EqualisedConv(4, stride=2)
    made = jax.jit(halving.apply)(variables, MAPS)
    wanted = convolved(MAPS[1], params['kernel'] / np.sqrt(18), 'valid')[::2, ::2]
    np.testing.assert_allclose(made[1], wanted + params['bias'], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match='kernel_size 2, wanted'):
        EqualisedConv(4, kernel_size=2)
    with pytest.raises(ValueError, match='multiplier 0'):
        EqualisedDense(4, multiplier=0)


def test_a_blur_is_a_convolution_with_the_filter() -> None:
    padded = np.pad(MAPS[0, ..., 0], ((2, 1), (2, 1)))
    wanted = convolve2d(padded, 3 * FILTER, 'valid')
    made = blur(jnp.asarray(MAPS), 2, 1, gain=3.0)
    np.testing.assert_allclose(made[0, ..., 0], wanted, rtol=1e-5, atol=1e-6)


def test_doubling_interpolates_inside_and_halving_keeps_the_mean() -> None:
    made = upsample_smooth(jnp.asarray(MAPS))
    wanted = jax.image.resize(MAPS, (3, 8, 12, 2), 'bilinear')
    np.testing.assert_allclose(made[:, 1:-1, 1:-1], wanted[:, 1:-1, 1:-1], atol=1e-5)
    flat = np.ones((1, 8, 8, 1), np.float32)
    np.testing.assert_allclose(downsample_smooth(flat)[0, 1:-1, 1:-1], 1, rtol=1e-6)
    # Halving is the transpose of doubling, but for the gain.
    coarse = jnp.asarray(RNG.normal(size=(1, 4, 4, 1)), jnp.float32)
    fine = jnp.asarray(RNG.normal(size=(1, 8, 8, 1)), jnp.float32)
    one = (upsample_smooth(coarse) * fine).sum()
    other = 4 * (coarse * downsample_smooth(fine)).sum()
    assert one == pytest.approx(float(other), rel=1e-4)
    # What alternates from place to place is gone.
    board = np.indices((8, 8)).sum(0) % 2 * 2.0 - 1
    quiet = downsample_smooth(jnp.asarray(board[None, :, :, None], jnp.float32))
    assert np.abs(quiet[0, 1:-1, 1:-1]).max() < 1e-6


def test_the_deviation_is_that_of_groups_averaged_over_all_places() -> None:
    maps = RNG.normal(size=(6, 2, 3, 2)).astype(np.float32)
    made = np.asarray(minibatch_deviation(jnp.asarray(maps), group=4))
    np.testing.assert_array_equal(made[..., :2], maps)
    for index in range(2):  # three examples a group, since four do not divide six
        group = maps[index::2]
        wanted = np.sqrt(group.var(0) + 1e-8).mean()
        np.testing.assert_allclose(made[index::2, ..., 2], wanted, rtol=1e-5)
    same = minibatch_deviation(jnp.ones((4, 2, 2, 1)))
    assert same[..., 1].max() < 1e-3
    gradient = jax.grad(lambda x: minibatch_deviation(x)[..., 1].sum())
    assert np.isfinite(gradient(jnp.ones((4, 2, 2, 1)))).all()
    with pytest.raises(ValueError, match='group is 0'):
        minibatch_deviation(jnp.ones((4, 2, 2, 1)), group=0)


def test_styles_are_mixed_at_a_place_of_their_own() -> None:
    one, two = np.zeros((4, 3, 2)), np.ones((4, 3, 2))
    mixed = np.asarray(mix_styles(one, two, jnp.array([0, 1, 2, 3])))
    wanted = [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(mixed, np.array(wanted)[:, :, None] * np.ones(2))


def test_the_size_of_noise_does_not_count_and_the_mean_of_styles_moves() -> None:
    layer = StyleMapping(style=5, layers=2, decay=0.75)
    noise = RNG.normal(size=(6, 4)).astype(np.float32)
    variables = drawn(layer, noise)
    params, old = variables['params'], variables['style_mean']['mean']
    x = noise / np.sqrt((noise**2).mean(1, keepdims=True))
    for name in ('layer_0', 'layer_1'):
        part = params[name]
        scaled = part['kernel'] / np.sqrt(x.shape[1])
        x = 0.01 * (x @ scaled + part['bias'])
        x = np.where(x > 0, x, 0.2 * x) * np.sqrt(2)
    apply = functools.partial(layer.apply, train=True, mutable='style_mean')
    (made, mean), moved = jax.jit(apply)(variables, 3 * noise)
    np.testing.assert_allclose(made, x, rtol=1e-4, atol=1e-6)
    wanted = 0.75 * old + 0.25 * x.mean(0)
    np.testing.assert_allclose(moved['style_mean']['mean'], wanted, rtol=1e-4)
    np.testing.assert_allclose(mean, wanted, rtol=1e-4)
    still = jax.jit(layer.apply)(variables, noise)[1]
    np.testing.assert_array_equal(still, old)


def test_a_style_of_a_layer_has_no_effect_on_the_layers_before() -> None:
    net = StyleSynthesis((8, 8, 1), 2, (2, 1))
    styles = RNG.normal(size=(2, 4, 3)).astype(np.float32)
    variables = drawn(net, styles)
    variables['params']['image_1']['kernel'] *= 0  # only the first image is left
    apply = jax.jit(net.apply)
    made = apply(variables, styles)
    assert made.shape == (2, 8, 8, 1)
    for place, reached in enumerate((True, True, False, False)):
        other = styles.copy()
        other[:, place] += 1
        change = np.abs(apply(variables, other) - made).max()
        assert (change > 1e-4) is np.bool_(reached), place


def test_noise_is_drawn_in_training_and_fixed_in_evaluation() -> None:
    net = StyleSynthesis((8, 8, 1), 2, (2, 1))
    styles = np.repeat(RNG.normal(size=(1, 4, 3)), 2, 0).astype(np.float32)
    variables = drawn(net, styles)
    train = jax.jit(functools.partial(net.apply, train=True))
    one, other = (
        train(variables, styles, rngs={'maps': jax.random.key(i)}) for i in (0, 1)
    )
    assert np.abs(one[0] - one[1]).max() > 1e-3 and np.abs(one - other).max() > 1e-3
    still = np.asarray(jax.jit(net.apply)(variables, styles))
    np.testing.assert_allclose(still[0], still[1], atol=1e-5)
    quiet = jax.tree.map(lambda leaf: leaf, variables)
    for path in named_leaves(variables['params']):
        if path.startswith('noise'):
            quiet['params'][path] = np.zeros((), np.float32)
    bare = train(quiet, styles, rngs={'maps': jax.random.key(0)})
    np.testing.assert_allclose(bare[0], bare[1], atol=1e-5)
    assert np.abs(bare - still).max() > 1e-3


def test_a_leaky_rectifier_keeps_the_size() -> None:
    x = jnp.asarray(RNG.normal(size=10_000), jnp.float32)
    kept = jnp.square(rectify_evenly(x)).mean() / jnp.square(x).mean()
    assert kept == pytest.approx((1 + 0.2**2), rel=0.05)


@pytest.mark.heavy
@pytest.mark.parametrize('doubles', [False, True])
def test_gradients_of_a_modulated_convolution_are_right(doubles: bool) -> None:
    layer = ModulatedConv(2, doubles=doubles)
    variables = drawn(layer, MAPS[:1, :2, :2], STYLE[:1])
    with jax.enable_x64(True):
        arrays = jax.tree.map(
            lambda a: np.asarray(a, np.float64),
            (variables, MAPS[:1, :2, :2], STYLE[:1]),
        )
        check_grads(layer.apply, arrays, order=2, modes=['rev'])
