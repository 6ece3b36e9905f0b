"""Sub-pixel convolution: channels become places, and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import SubPixelConv, alike, depth_to_space, space_to_depth


def test_a_place_holds_the_channel_that_the_order_of_torch_names() -> None:
    b, h, w, f, s = 2, 3, 2, 5, 3
    maps = np.random.default_rng(0).normal(size=(b, h, w, f * s**2)).astype(np.float32)
    made = np.asarray(depth_to_space(jnp.asarray(maps), s))
    wanted = np.zeros((b, h * s, w * s, f), np.float32)
    for row in range(h * s):
        for column in range(w * s):
            for feature in range(f):
                channel = feature * s**2 + (row % s) * s + column % s
                wanted[:, row, column, feature] = maps[
                    :, row // s, column // s, channel
                ]
    np.testing.assert_array_equal(made, wanted)


def test_space_to_depth_undoes_it() -> None:
    maps = jnp.arange(2.0 * 3 * 5 * 12).reshape(2, 3, 5, 12)
    np.testing.assert_array_equal(space_to_depth(depth_to_space(maps, 2), 2), maps)


def test_kernels_that_start_alike_draw_no_checkerboard() -> None:
    maps = jax.random.normal(jax.random.key(0), (1, 5, 5, 3))

    def unevenness(smooth: bool) -> float:
        layer = SubPixelConv(4, 2, smooth_init=smooth)
        made = layer.init_with_output(jax.random.key(1), maps)[0]
        cells = made.reshape(1, 5, 2, 5, 2, 4)
        return float(cells.std((2, 4)).max())

    assert unevenness(True) == 0 < unevenness(False)


def test_kernels_that_start_alike_have_the_spread_of_their_initialiser() -> None:
    normal = jax.nn.initializers.normal(0.5)
    kernel = alike(normal, 2)(jax.random.key(0), (3, 3, 16, 64))
    assert kernel.shape == (3, 3, 16, 64)
    assert abs(float(kernel.std()) - 0.5) < 0.03
    assert len(np.unique(kernel)) == 3 * 3 * 16 * 16


@pytest.mark.parametrize(
    'call',
    [
        lambda: depth_to_space(jnp.ones((1, 2, 2, 6)), 2),
        lambda: depth_to_space(jnp.ones((2, 2, 4)), 2),
        lambda: depth_to_space(jnp.ones((1, 2, 2, 4)), 0),
        lambda: space_to_depth(jnp.ones((1, 2, 3, 1)), 2),
        lambda: SubPixelConv(0),
        lambda: SubPixelConv(4, scale=0),
    ],
)
def test_what_cannot_be_laid_out_is_refused(call) -> None:
    with pytest.raises(ValueError, match='wanted'):
        call()
