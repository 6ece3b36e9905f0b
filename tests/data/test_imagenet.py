"""Pictures are normalised as the weights of ImageNet want them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import normalise_caffe, normalise_imagenet


def test_each_channel_has_its_mean_and_deviation() -> None:
    picture = np.zeros((2, 1, 1, 3)) + np.array([0.485, 0.456 + 0.224, 0.0])
    expected = [0, 1, -0.406 / 0.225]
    np.testing.assert_allclose(
        normalise_imagenet(picture)[1, 0, 0], expected, atol=1e-6
    )


def test_channels_turn_round_before_their_means_are_taken() -> None:
    picture = np.zeros((1, 1, 3), np.float32)
    picture[..., 0] = 1  # red
    expected = [-103.939, -116.779, 255 - 123.68]
    np.testing.assert_allclose(normalise_caffe(picture)[0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize('function', [normalise_caffe, normalise_imagenet])
def test_numpy_gives_numpy_and_jit_gives_the_same(
    function: Callable[[jax.Array], jax.Array],
) -> None:
    pictures = np.random.default_rng(0).random((2, 4, 5, 3), np.float32)
    there = function(pictures)
    here = jax.jit(function)(jnp.asarray(pictures))
    assert isinstance(there, np.ndarray) and there.dtype == np.float32
    assert isinstance(here, jax.Array)
    np.testing.assert_allclose(here, there, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize('function', [normalise_caffe, normalise_imagenet])
@pytest.mark.parametrize(
    'wrong', [np.zeros((4, 4, 3), np.uint8), np.zeros((3, 4, 4)), np.zeros(())]
)
def test_integers_and_other_channels_are_refused(
    function: Callable[[np.ndarray], np.ndarray], wrong: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r'images are .*wanted floats in \[0, 1\]'):
        function(wrong)
