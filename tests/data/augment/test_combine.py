"""Augmentations made of others: keys of their own, and how often each acts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import pad, resize
from dljax.data.augment import Augmentation, chance, choice, compose, fixed
from dljax.types import Array, Key

KEY = jax.random.key(0)
MANY = 3000
ZEROS = jnp.zeros((MANY, 1, 2, 1))


def drawn(augment: Augmentation, images: Array) -> np.ndarray:
    return np.asarray(jax.jit(augment)(KEY, images))


def coin(value: float) -> Augmentation:
    """Add a value to each image by the toss of a coin of its own."""

    def augment(key: Key, images: Array) -> Array:
        heads = jax.random.bernoulli(key, 0.5, (len(images), 1, 1, 1))
        return images + value * heads

    return augment


def test_equal_parts_draw_independently_and_in_order() -> None:
    out = drawn(compose(coin(1.0), coin(2.0)), ZEROS)[:, 0, 0, 0]
    counts = [(out == total).mean() for total in (0, 1, 2, 3)]
    np.testing.assert_allclose(counts, 0.25, atol=0.03)
    doubled = drawn(compose(lambda key, x: x + 1, lambda key, x: 2 * x), ZEROS)
    assert (doubled == 2).all()


@pytest.mark.heavy
def test_a_composition_within_another_draws_for_itself() -> None:
    inner = compose(coin(1.0), coin(2.0))
    out = drawn(compose(inner, coin(4.0), inner), ZEROS)[:, 0, 0, 0]
    # 0..3 twice, as two dice of four faces, and 0 or 4 by a coin.
    dice = np.bincount(np.add.outer(np.arange(4), np.arange(4)).ravel()) / 16
    both = np.convolve(dice, [0.5, 0, 0, 0, 0.5])
    pairs = np.bincount(out.astype(int), minlength=11) / MANY
    np.testing.assert_allclose(pairs, both, atol=0.03)


def test_chance_acts_with_its_probability_on_whole_examples() -> None:
    def noise(key: Key, images: Array) -> Array:
        return images + 1 + jax.random.uniform(key, images.shape)

    out = drawn(chance(0.3, noise), ZEROS).reshape(MANY, -1)
    acted = out >= 1
    np.testing.assert_array_equal(acted[:, 0], acted[:, 1])
    assert acted.mean() == pytest.approx(0.3, abs=0.03)
    # Whether it acts tells nothing about what it draws.
    assert out[acted].mean() == pytest.approx(1.5, abs=0.03)


def test_choice_takes_each_as_often_and_one_only() -> None:
    kinds = [lambda key, x, value=value: x + value for value in (1.0, 2.0, 4.0)]
    out = drawn(choice(*kinds), ZEROS).reshape(MANY, -1)
    np.testing.assert_array_equal(out[:, 0], out[:, 1])
    counts = [(out == value).mean() for value in (1, 2, 4)]
    np.testing.assert_allclose(counts, 1 / 3, atol=0.03)


def test_inputs_of_any_rank_take_a_chance() -> None:
    rows = jnp.zeros((MANY, 3))
    out = drawn(chance(0.5, lambda key, x: x + 1), rows)
    assert set(out.mean(1)) == {0.0, 1.0}


def test_fixed_functions_take_their_settings_and_no_key() -> None:
    images = jax.random.uniform(KEY, (2, 4, 5, 1))
    grown = compose(fixed(pad, size=(8, 9), value=0.5), fixed(resize, size=(4, 4)))
    expected = resize(pad(images, (8, 9), 0.5), (4, 4))
    np.testing.assert_array_equal(drawn(grown, images), np.asarray(expected))


@pytest.mark.parametrize('combine', [lambda f: chance(0.5, f), lambda f: choice(f)])
def test_a_change_of_size_is_refused_where_examples_are_chosen(
    combine: object,
) -> None:
    with pytest.raises(ValueError, match='put the one that changes it outside'):
        jax.eval_shape(combine(fixed(resize, size=(3, 3))), KEY, ZEROS)
