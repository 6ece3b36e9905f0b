"""The style-based pair: truncation, mixing in training, sizes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.models.adversarial import stylegan_small
from dljax.models.adversarial.stylegan import StyleDiscriminator, StyleGenerator
from dljax.types import Array, PyTree, named_leaves

NET = StyleGenerator((8, 8, 1), width=2, multipliers=(2, 1), style=3, mapping_layers=1)
NOISE = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)


@functools.cache
def variables() -> PyTree:
    tree = jax.eval_shape(NET.init, jax.random.key(0), NOISE)
    rng = np.random.default_rng(1)
    leaves = [
        (100 if 'mapping' in path else 1) * rng.normal(size=leaf.shape)
        for path, leaf in named_leaves(tree).items()
    ]
    leaves = [leaf.astype(np.float32) for leaf in leaves]
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)


def styles(net: nn.Module = NET, **settings: object) -> np.ndarray:
    call = functools.partial(net.apply, method='styles', **settings)
    made = jax.jit(lambda v, x, key: call(v, x, rngs={'params': key}))(
        variables(), NOISE, jax.random.key(3)
    )
    return np.asarray(made)


def test_truncation_moves_styles_towards_the_mean_of_all() -> None:
    whole, half, none = (styles(truncation=psi) for psi in (1.0, 0.5, 0.0))
    assert whole.shape == (64, 4, 3)
    mean = variables()['style_mean']['mapping']['mean']
    np.testing.assert_allclose(none, np.broadcast_to(mean, none.shape), rtol=1e-5)
    np.testing.assert_allclose(half, (whole + mean) / 2, rtol=1e-4, atol=1e-5)
    assert np.ptp(whole, axis=1).max() == 0  # one style for all layers
    make = jax.jit(functools.partial(NET.apply, truncation=0.0))
    images = np.asarray(make(variables(), NOISE))
    assert np.ptp(images, axis=0).max() < 1e-4


def trained(mixing: float) -> np.ndarray:
    net = NET.clone(mixing=mixing)

    def call(noise: Array, key: Array) -> Array:
        made, _ = net.apply(
            variables(),
            noise,
            method='styles',
            train=True,
            mutable='style_mean',
            rngs={'params': key},
        )
        return made

    return np.asarray(jax.jit(call)(NOISE, jax.random.key(3)))


def test_a_fraction_of_samples_has_two_styles_in_training() -> None:
    plain = styles()
    np.testing.assert_allclose(trained(0.0), plain, rtol=1e-5, atol=1e-5)
    mixed = trained(1.0)
    other = np.abs(mixed - plain).max(2) > 1e-3
    # The first layer is that of the noise, and the last that of the other.
    assert not other[:, 0].any() and other[:, -1].all()
    places = other.argmax(1)
    assert set(places) == {1, 2, 3}
    # From its place on, all layers are of one style.
    for one, place in zip(mixed, places, strict=True):
        np.testing.assert_allclose(one[place:], one[place:][:1].repeat(4 - place, 0))
    half = np.abs(trained(0.5) - plain).max((1, 2)) > 1e-3
    assert 0.25 < half.mean() < 0.75


def test_sizes_that_do_not_fit_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match='a multiple of 4'):
        stylegan_small(size=30)
    with pytest.raises(ValueError, match='mixing is 2'):
        stylegan_small(mixing=2.0)
    with pytest.raises(ValueError, match='multipliers'):
        stylegan_small(multipliers=())
    with pytest.raises(ValueError, match='group is 0'):
        StyleDiscriminator(group=0)
    with pytest.raises(ValueError, match='at least 4'):
        image = jnp.ones((2, 3, 3, 1))
        jax.eval_shape(StyleDiscriminator().init, jax.random.key(0), image)
    assert stylegan_small(size=28).generator.layers == 6
