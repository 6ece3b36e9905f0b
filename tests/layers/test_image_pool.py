"""The pool of made images, against a plain loop over the images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import ImagePool
from dljax.types import Array, PyTree, fold

SIZE, BATCH, STEPS = 5, 3, 12


def shown(pool: ImagePool, kept: PyTree, images: Array, key: Array) -> tuple:
    return pool.apply(kept, images, rngs={'pool': key}, mutable='image_pool')


STEP = jax.jit(shown, static_argnums=0)


def plain_loop(batches: np.ndarray, swaps: np.ndarray, places: np.ndarray) -> list:
    """One image after the other, as the papers tell it."""
    held, result = [], []
    for images, swap, place in zip(batches, swaps, places, strict=True):
        answer = []
        for image, exchanged, where in zip(images, swap, place, strict=True):
            if len(held) < SIZE:
                held.append(image)
                answer.append(image)
            elif exchanged:
                answer.append(held[where])
                held[where] = image
            else:
                answer.append(image)
        result.append(np.stack(answer))
    return result


def drawn(pool: ImagePool, kept: PyTree, key: Array) -> tuple[np.ndarray, np.ndarray]:
    """What the module draws of a key: Linen makes its stream's key of it."""

    def see(module: ImagePool) -> Array:
        return module.make_rng('pool')

    inner = pool.apply(kept, rngs={'pool': key}, method=see)
    swap = jax.random.bernoulli(fold(inner, 'swap'), 0.5, (BATCH,))
    place = jax.random.randint(fold(inner, 'place'), (BATCH,), 0, SIZE)
    return np.asarray(swap), np.asarray(place)


def test_the_pool_equals_a_plain_loop_and_every_draw_counts() -> None:
    batches = np.random.default_rng(0).normal(size=(STEPS, BATCH, 2, 2, 1))
    batches = batches.astype(np.float32)
    pool, root = ImagePool(SIZE), jax.random.key(3)
    kept = pool.init(root, batches[0])
    assert int(kept['image_pool']['count']) == 0  # to be initialised keeps nothing
    draws, found = [], []
    for step, images in enumerate(batches):
        key = jax.random.fold_in(root, step)
        draws.append(drawn(pool, kept, key))
        answer, kept = STEP(pool, kept, images, key)
        found.append(np.asarray(answer))
    swaps, places = (np.stack(part) for part in zip(*draws, strict=True))
    np.testing.assert_array_equal(found, plain_loop(batches, swaps, places))
    assert int(kept['image_pool']['count']) == SIZE
    # Some were exchanged and some were not, or the comparison says nothing.
    same = np.array([f == b for f, b in zip(found, batches, strict=True)])
    exchanged = ~same.all((2, 3, 4))
    assert not exchanged[0].any() and 0.2 < exchanged[2:].mean() < 0.8


def test_two_members_have_pools_of_their_own() -> None:
    pool, images = ImagePool(2), jnp.arange(8.0).reshape(2, 4, 1, 1, 1)
    kept = jax.vmap(lambda x: pool.init(jax.random.key(0), x))(images)
    keys = jax.random.split(jax.random.key(1), 2)
    step = jax.jit(jax.vmap(lambda k, x, key: shown(pool, k, x, key)))
    answer, kept = step(kept, images, keys)
    for member in range(2):
        theirs = set(np.asarray(images[member]).ravel().tolist())
        assert set(np.asarray(answer[member]).ravel().tolist()) <= theirs
        held = set(np.asarray(kept['image_pool']['images'][member]).ravel().tolist())
        assert held <= theirs and len(held) == 2


def test_a_pool_of_nothing_gives_back_what_comes_and_needs_no_draws() -> None:
    images = jnp.ones((2, 3, 3, 1))
    variables = ImagePool(0).init(jax.random.key(0), images)
    assert not variables
    np.testing.assert_array_equal(ImagePool(0).apply({}, images), images)
    with pytest.raises(ValueError, match='size is -1, wanted 0 or more'):
        ImagePool(-1)
