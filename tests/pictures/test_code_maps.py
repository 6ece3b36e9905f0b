"""Pictures of codes: equal codes are of one colour, and every code is there."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.experiment import Outcome
from dljax.pictures.code_maps import code_maps, codebook_images, colours_of
from dljax.types import Array, State

CODEBOOK = np.float32([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


class Quantiser:
    """A codebook of three."""

    codes = 3

    def codebook(self) -> Array:
        return jnp.asarray(CODEBOOK)


class Halves(nn.Module):
    """A code is how bright a square of 2x2 is: 0, 1 or 2 halves."""

    quantiser = Quantiser()

    def encode(self, image: Array) -> Array:
        squares = image.reshape(len(image), 2, 2, 2, 2).mean((2, 4))
        return jnp.round(2 * squares).astype(jnp.int32)

    def images(self, codes: Array) -> Array:
        return (codes.repeat(2, 1).repeat(2, 2) / 2)[..., None]


def outcome(image: np.ndarray) -> Outcome:
    state = State(jnp.int32(0), {}, {}, {})
    return Outcome(Halves(), state, state, {'test': {'image': image}}, [])


def canvas(figure) -> np.ndarray:
    return figure.axes[0].images[0].get_array()


def test_a_map_has_one_colour_for_equal_codes_and_several_for_several():
    image = np.kron([[0, 0.5], [1, 1]], np.ones((2, 2)))[None, :, :, None]
    drawn = code_maps(lambda net: net)(outcome(image.astype(np.float32)))
    shown = canvas(drawn)
    original, colours, rebuilt = shown[:4], shown[5:9], shown[10:]
    np.testing.assert_allclose(original, image[0].repeat(3, -1))
    np.testing.assert_allclose(rebuilt, image[0].repeat(3, -1))
    corners = colours[::2, ::2].reshape(4, 3)
    assert len(np.unique(corners, axis=0)) == 3
    np.testing.assert_array_equal(corners[2], corners[3])
    assert '3 of 3 codes' in drawn.axes[0].get_title()


def test_each_code_is_shown_by_what_it_stands_for():
    shown = canvas(codebook_images(lambda net: net, columns=2)(outcome(None)))
    np.testing.assert_allclose(shown[:2, :2], 0)
    np.testing.assert_allclose(shown[:2, 3:], 0.5)
    np.testing.assert_allclose(shown[3:, :2], 1)


def test_colours_are_all_shades_of_the_three_main_directions():
    rng = np.random.default_rng(0)
    book = rng.normal(size=(9, 5)) * [9, 3, 1, 0.01, 0.01]
    colours = colours_of(book)
    np.testing.assert_allclose(np.sort(colours, 0)[:, 0], np.linspace(0, 1, 9))
    order = np.argsort(book[:, 0] - book[:, 0].mean())
    turned = colours[order, 0]
    assert (np.diff(turned) > 0).mean() in (0, 1) or np.abs(
        np.corrcoef(turned, np.arange(9))[0, 1]
    ) > 0.9
