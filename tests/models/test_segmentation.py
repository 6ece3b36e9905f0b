"""The U-Net: sizes, the paper's form, and what its settings change (U2.8)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import batch_norm
from dljax.models.segmentation import UNet, output_side, unet_2015
from dljax.types import PyTree

SMALL = {'classes': 3, 'width': 4, 'depth': 1}


def shapes(net: UNet, *size: int) -> tuple[PyTree, PyTree]:
    image = jax.ShapeDtypeStruct((1, *size), jnp.float32)
    return jax.eval_shape(net.init_with_output, jax.random.key(0), image)


def by_hand(channels: int, classes: int, width: int, depth: int) -> int:
    """3x3 and 2x2 kernels and biases, level by level."""

    def double(before: int, after: int) -> int:
        return 9 * before * after + after + 9 * after * after + after

    total, before = 0, channels
    for level in range(depth + 1):
        total, before = total + double(before, width * 2**level), width * 2**level
    for half in (width * 2**level for level in range(depth)):
        total += 4 * 2 * half * half + half + double(2 * half, half)
    return total + width * classes + classes


def test_the_paper_maps_572_pixels_to_388() -> None:
    logits, variables = shapes(unet_2015(), 572, 572, 1)
    assert logits.shape == (1, 388, 388, 2)
    sizes = {
        name: sum(leaf.size for leaf in jax.tree.leaves(part))
        for name, part in variables['params'].items()
    }
    assert sizes['down_0'] == 37_568 and sizes['bottom'] == 14_157_824
    assert sizes['upconv_3'] == 2_097_664 and sizes['output'] == 130
    assert sum(sizes.values()) == by_hand(1, 2, 64, 4) == 31_030_658
    assert by_hand(1, 1, 64, 4) == 31_030_593


@pytest.mark.parametrize('depth', [0, 1, 3])
@pytest.mark.parametrize('padded', [False, True])
def test_count_and_size_follow_the_settings(depth: int, padded: bool) -> None:
    net = UNet(5, 4, depth, padded=padded)
    side = next(s for s in range(1, 200) if output_side(s, depth, padded))
    logits, variables = shapes(net, side, side + 2**depth, 3)
    wanted = (
        output_side(side, depth, padded),
        output_side(side + 2**depth, depth, padded),
    )
    assert logits.shape == (1, *wanted, 5)
    counted = sum(leaf.size for leaf in jax.tree.leaves(variables['params']))
    assert counted == by_hand(3, 5, 4, depth)
    assert padded is (logits.shape[1] == side)


def test_a_size_that_does_not_go_through_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match='height of 570, wanted 556 or 572 for 4'):
        shapes(unet_2015(), 570, 572, 1)
    with pytest.raises(ValueError, match='width of 100, wanted 188 for 4 poolings wi'):
        shapes(unet_2015(), 188, 100, 1)
    with pytest.raises(
        ValueError, match='width of 42, wanted 32 or 48 .* with padding'
    ):
        shapes(UNet(width=2), 32, 42, 1)
    with pytest.raises(ValueError, match='add the missing axis'):
        shapes(UNet(width=2), 32, 32)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match='classes is 1'):
        UNet(classes=1)
    with pytest.raises(ValueError, match='width is 0'):
        UNet(width=0)
    with pytest.raises(ValueError, match='depth is -1'):
        UNet(depth=-1)
    with pytest.raises(ValueError, match='dropout is 1'):
        unet_2015(dropout=1.0)


@pytest.mark.heavy
def test_unpadded_logits_are_those_of_the_middle_whatever_lies_outside() -> None:
    """The seam between the paper's overlapping tiles cannot be seen."""
    net = UNet(**SMALL, padded=False)
    image = np.random.default_rng(0).uniform(size=(1, 28, 28, 1)).astype(np.float32)
    variables = jax.jit(net.init)(jax.random.key(1), image)
    apply = jax.jit(net.apply)
    whole, tile = apply(variables, image), apply(variables, image[:, 2:24, 4:])
    assert whole.shape[1:3] == (12, 12) and tile.shape[1:3] == (6, 8)
    np.testing.assert_allclose(tile, whole[:, 2:8, 4:], rtol=1e-5, atol=1e-6)


@pytest.mark.heavy
def test_a_logit_depends_on_pixels_far_and_near() -> None:
    """Far ones through the bottom, the nearest through the skip as well."""
    net = UNet(**SMALL)
    image = np.random.default_rng(0).uniform(size=(1, 24, 24, 1)).astype(np.float32)
    params = jax.jit(net.init)(jax.random.key(3), image)['params']

    @jax.jit
    @jax.grad
    def gradient(image: jax.Array, params: PyTree) -> jax.Array:
        return net.apply({'params': params}, image)[0, 12, 12].sum()

    reached = np.array(gradient(image, params)[0, :, :, 0]) != 0
    assert reached[12, 12] and reached[5, 5]
    # What reaches it past the pooling: four 3x3 convolutions.
    params['upconv_0']['kernel'] *= 0.0
    reached = np.array(gradient(image, params)[0, :, :, 0]) != 0
    assert reached[12, 12] and reached[8:17, 8:17].sum() == reached.sum()


@pytest.mark.heavy
def test_remat_changes_no_number_and_no_path() -> None:
    settings = {**SMALL, 'normalise': batch_norm, 'dropout': 0.5}
    image = jax.random.uniform(jax.random.key(0), (2, 8, 8, 1))
    variables = jax.jit(UNet(**settings).init)(jax.random.key(1), image)

    def loss(params: PyTree, remat: bool) -> tuple[jax.Array, PyTree]:
        logits, moved = UNet(**settings, remat=remat).apply(
            {**variables, 'params': params},
            image,
            train=True,
            mutable='batch_stats',
            rngs={'dropout': jax.random.key(2)},
        )
        return jnp.square(logits).sum(), moved

    for_each = jax.jit(jax.grad(loss, has_aux=True), static_argnums=1)
    plain, again = (for_each(variables['params'], remat) for remat in (False, True))
    # What is recomputed may be rounded in another way: against the largest numbers.
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(plain))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6 * largest),
        plain,
        again,
    )
    program = jax.make_jaxpr(loss, static_argnums=1)
    assert 'remat' in str(program(variables['params'], True))
    assert 'remat' not in str(program(variables['params'], False))


@pytest.mark.heavy
def test_dropout_acts_at_the_end_of_the_contracting_path_alone() -> None:
    net = UNet(**SMALL, dropout=0.5)
    image = np.random.default_rng(0).uniform(size=(1, 8, 8, 1)).astype(np.float32)
    variables = jax.jit(net.init)(jax.random.key(1), image)

    @jax.jit
    def seen(seed: int) -> PyTree:
        _, found = net.apply(
            variables,
            image,
            train=True,
            rngs={'dropout': jax.random.key(seed)},
            capture_intermediates=True,
        )
        return {
            name: calls['__call__']
            for name, calls in found['intermediates'].items()
            if name != '__call__'
        }

    one, other = (jax.tree.map(np.asarray, seen(seed)) for seed in range(2))
    np.testing.assert_array_equal(one['down_0'][0], other['down_0'][0])  # not yet
    after_last, after_bottom = one['Dropout_0']
    for before, after in ((one['down_0'], after_last), (one['bottom'], after_bottom)):
        kept = np.asarray(after) != 0
        assert 0 < kept.mean() < 1
        np.testing.assert_allclose(after[kept], 2 * before[0][kept], rtol=1e-6)
    assert (one['output'][0] != other['output'][0]).any()
    calm = jax.jit(net.apply)
    first, second = (
        calm(variables, image, rngs={'dropout': jax.random.key(seed)})
        for seed in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_kernels_start_with_the_deviation_of_the_paper() -> None:
    kernel = UNet().kernel_init(jax.random.key(0), (3, 3, 64, 128))
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / 576), rtol=0.01)
    assert np.abs(kernel).max() > 3 * np.sqrt(2 / 576)  # a Gaussian, not truncated
