"""What is true of every augmentation."""

import functools
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from dljax import data
from dljax.data import augment
from dljax.data.augment import Augmentation
from dljax.losses.meaning import ROUNDING
from dljax.training import data_mesh
from dljax.types import Array, Key

# Grey, black, white, where a hue has no direction; one of its own; four alike.
PIXELS = np.random.default_rng(0).random((8, 8, 8, 3)).astype(np.float32)
PIXELS[:3] = np.array([0.5, 0.0, 1.0])[:, None, None, None]
PIXELS[4:] = PIXELS[4]
IMAGES = jnp.asarray(PIXELS)
KEYS = jnp.stack([jax.random.key(4), jax.random.key(5)])
SAME = (8, 8)


def images_of(mix: augment.Mixing) -> Augmentation:
    def mixed(key: Key, images: Array) -> Array:
        return mix(key, images).images

    return mixed


ALL = {
    'affine': augment.affine(20, (0.8, 1.2), 0.1),
    'flip': augment.flip(True, True),
    'quarter_turns': augment.quarter_turns(),
    'random_crop': augment.random_crop(3, (6, 7), 'reflect'),
    'random_resized_crop': augment.random_resized_crop((7, 9)),
    'colour_jitter': augment.colour_jitter(0.4, 0.4, 0.4, 0.1),
    'cutout': augment.cutout(4, holes=2),
    'random_erasing': augment.random_erasing(0.9),
    'gaussian_noise': data.gaussian_noise(0.3, limits=(0, 1)),
    'salt_and_pepper': data.salt_and_pepper(0.3, whole_pixels=True),
    'mixup': images_of(augment.mixup(1.0)),
    'cutmix': images_of(augment.cutmix()),
    'compose': augment.compose(
        augment.chance(0.5, augment.rotation(40)),
        augment.choice(augment.flip(probability=1.0), augment.cutout(3)),
    ),
}
NOTHING = {
    'affine': augment.affine(),
    'flip of no axis': augment.flip(False, False),
    'flip of no image': augment.flip(True, True, probability=0.0),
    'quarter_turns': augment.quarter_turns((0,)),
    'full turns': augment.quarter_turns((4, -8)),
    'random_crop': augment.random_crop(0),
    'random_resized_crop': augment.random_resized_crop(SAME, (1.0, 1.0), (1.0, 1.0)),
    'colour_jitter': augment.colour_jitter(),
    'cutout': augment.cutout(0),
    'random_erasing': augment.random_erasing(0.0),
    'gaussian_noise': data.gaussian_noise(0.0, limits=(0, 1)),
    'salt_and_pepper': data.salt_and_pepper(0.0),
    'mixup': images_of(augment.mixup(0.0)),
    'cutmix': images_of(augment.cutmix(0.0)),
    'compose': augment.compose(),
    'chance': augment.chance(0.0, augment.cutout(5)),
    'choice': augment.choice(augment.flip(False), augment.random_crop(0)),
    'cropped': augment.fixed(data.crop, size=SAME),
    'padded': augment.fixed(data.pad, size=SAME),
    'resized': augment.fixed(data.resize, size=SAME),
}


# The quick suite compiles a few of all.
QUICK = ('affine', 'cutmix', 'random_erasing', 'salt_and_pepper')
SOME = [
    pytest.param(n, marks=() if n in QUICK else pytest.mark.exhaustive) for n in ALL
]


@functools.cache
def mapped(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and gradient of their squares for both keys, in one program."""

    def total(images: Array, key: Key) -> tuple[Array, Array]:
        out = ALL[name](key, images)
        return (out**2).sum(), out

    compute = jax.vmap(jax.grad(total, has_aux=True), (None, 0))
    gradient, out = jax.jit(compute)(IMAGES, KEYS)
    return np.asarray(out), np.asarray(gradient)


@functools.cache
def untouched() -> dict[str, Array]:
    return jax.jit(lambda key: {n: f(key, IMAGES) for n, f in NOTHING.items()})(KEYS[0])


@pytest.mark.others('exhaustive')
@pytest.mark.parametrize('name', ['cutmix', *(n for n in ALL if n != 'cutmix')])
def test_two_devices_give_the_images_of_one_mapped_over_members(name: str) -> None:
    mesh = data_mesh(jax.devices()[:2])
    split = jax.device_put(IMAGES, NamedSharding(mesh, PartitionSpec('data')))
    compiled = jax.jit(chex.assert_max_traces(ALL[name], n=1))  # serves all keys
    there = [compiled(key, split) for key in KEYS]
    assert len(there[0].sharding.device_set) == 2
    here, _ = mapped(name)
    np.testing.assert_allclose(np.stack(there), here, atol=1e-5)


@pytest.mark.parametrize('name', SOME)
def test_keys_and_examples_draw_differently_and_stay_in_range(name: str) -> None:
    out, _ = mapped(name)
    assert np.abs(out[0] - out[1]).max() > 1e-3
    assert all(len(np.unique(alike.round(4), axis=0)) > 1 for alike in out[:, 4:])
    # Weights of an interpolation add up to one but for rounding.
    assert out.min() >= -ROUNDING and out.max() <= 1 + ROUNDING


@pytest.mark.parametrize('name', ALL)
def test_the_type_is_kept(name: str) -> None:
    half = jax.ShapeDtypeStruct(IMAGES.shape, jnp.bfloat16)
    assert jax.eval_shape(ALL[name], KEYS[0], half).dtype == jnp.bfloat16


@pytest.mark.parametrize('name', SOME)
def test_gradients_are_finite(name: str) -> None:
    _, gradient = mapped(name)
    assert np.isfinite(gradient).all() and np.abs(gradient[:, 3:]).max() > 0.1


@pytest.mark.parametrize('name', NOTHING)
def test_nothing_asked_is_nothing_done(name: str) -> None:
    np.testing.assert_array_equal(np.asarray(untouched()[name]), PIXELS)


@pytest.mark.parametrize(
    'build, message',
    [
        (lambda: augment.flip(probability=1.5), 'probability is 1.5, wanted'),
        (lambda: augment.quarter_turns(()), 'turns is'),
        (lambda: augment.quarter_turns((0.5,)), 'use rotation'),
        (lambda: augment.random_crop(-1), 'padding is -1'),
        (lambda: augment.random_crop(1.5), 'padding is 1.5'),
        (
            lambda: augment.random_crop(4, mode='mirror'),
            "mode is 'mirror', wanted one of",
        ),
        (lambda: augment.random_crop(4, (0, 8)), 'size is'),
        (lambda: augment.random_resized_crop((8,)), 'size is'),
        (lambda: augment.random_resized_crop(SAME, area=(0.5, 1.1)), 'area is'),
        (lambda: augment.random_resized_crop(SAME, aspect=(2.0, 1.0)), 'aspect is'),
        (lambda: augment.colour_jitter(brightness=-0.1), 'brightness is -0.1'),
        (lambda: augment.colour_jitter(saturation=float('inf')), 'saturation is inf'),
        (lambda: augment.colour_jitter(hue=0.6), 'hue is 0.6'),
        (lambda: augment.cutout(-2), 'size is -2'),
        (lambda: augment.cutout(2.5), 'size is 2.5'),
        (lambda: augment.cutout(2, holes=0), 'holes is 0'),
        (lambda: augment.random_erasing(-0.1), 'probability is -0.1'),
        (lambda: augment.random_erasing(area=(0.0, 0.2)), 'area is'),
        (lambda: data.gaussian_noise(0.1, limits=(1, 0)), 'limits is'),
        (lambda: augment.mixup(-1.0), 'alpha is -1.0'),
        (lambda: augment.cutmix(float('nan')), 'alpha is nan'),
        (lambda: augment.compose([augment.flip()]), 'each as an argument of its own'),
        (lambda: augment.chance(2, augment.flip()), 'probability is 2'),
        (lambda: augment.chance(0.5, None), r'argument 0 of chance\(\) is None'),
        (lambda: augment.choice(), 'wanted one or more'),
    ],
)
def test_settings_out_of_range_are_refused_at_construction(
    build: Callable[[], Augmentation], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    'name', sorted(set(ALL) - {'gaussian_noise', 'salt_and_pepper', 'mixup'})
)
def test_what_is_no_batch_of_float_images_is_refused(name: str) -> None:
    for images in (jnp.zeros((2, 8, 8, 3), jnp.uint8), jnp.zeros((8, 8, 3))):
        with pytest.raises(ValueError, match='as_float'):
            jax.eval_shape(ALL[name], KEYS[0], images)
