"""Pictures of codes: what they show is what the net makes of the examples."""

import jax.numpy as jnp
import numpy as np
import pytest

from dljax import create_model
from dljax.experiment import Outcome
from dljax.pictures.codes import (
    image_rows,
    latent_plot,
    plane,
    reconstructions,
    traversal,
)
from dljax.types import Array, Batch, State

CODES = np.array([[-1.0, 0.0], [1.0, 0.5], [0.0, 1.0], [0.0, 2.5]], np.float32)
LABELS = np.array([1, 1, 0, 0], np.int32)
IMAGES = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 2, 2, 1)


def outcome() -> Outcome:
    net = create_model('linear_autoencoder', code=2, shape=(2, 2, 1))
    state = State(jnp.int32(0), {}, {}, {})
    sets = {'test': {'image': IMAGES, 'label': LABELS, 'code': CODES}}
    return Outcome(net, state, state, sets, [])


def code(net: object, batch: Batch) -> Array:
    return batch['code']


def test_reconstructions_stand_below_their_inputs_the_classes_in_turn() -> None:
    draw = reconstructions({'negative': lambda net, b: 1 - b['image']})
    axes = draw(outcome()).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ['original', 'negative']
    canvas = np.asarray(axes.images[0].get_array())
    assert canvas.shape == (2 * 3 - 1, 4 * 3 - 1)
    for column, example in enumerate([2, 0, 3, 1]):
        place = slice(3 * column, 3 * column + 2)
        np.testing.assert_allclose(canvas[:2, place], IMAGES[example, ..., 0])
        np.testing.assert_allclose(canvas[3:, place], 1 - IMAGES[example, ..., 0])


def test_a_latent_plot_puts_each_code_at_its_place_in_the_colour_of_its_class() -> None:
    figure = latent_plot({'a': code, 'b': code}, ['x', 'y'])(outcome())
    assert [axes.get_title() for axes in figure.axes] == ['a', 'b']
    first, second = figure.axes[0].collections
    np.testing.assert_allclose(first.get_offsets(), CODES[LABELS == 0])
    np.testing.assert_allclose(second.get_offsets(), CODES[LABELS == 1])
    assert not np.array_equal(first.get_facecolor(), second.get_facecolor())
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ['x', 'y']


def test_wider_codes_are_shown_by_their_principal_components() -> None:
    wide = np.pad(CODES, ((0, 0), (0, 3)), constant_values=7.0)
    points, labels = plane(wide)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
    wanted = np.linalg.norm(CODES[:, None] - CODES[None], axis=-1)
    np.testing.assert_allclose(gaps, wanted, atol=1e-6)  # nothing was lost
    fractions = [float(label.split(': ')[1].split(' %')[0]) for label in labels]
    assert sum(fractions) == pytest.approx(100, abs=1) and fractions[0] > fractions[1]
    assert plane(CODES[:, :1])[0].shape == (4, 2)


def test_a_traversal_moves_one_number_and_keeps_the_others() -> None:
    seen = []

    def decode(net: object, codes: Array) -> Array:
        seen.append(codes.shape)
        return jnp.pad(codes, ((0, 0), (0, 2))).reshape(-1, 2, 2, 1)

    draw = traversal(decode, code, example=1, span=2.0, steps=3)
    axes = draw(outcome()).axes[0]
    assert seen == [(6, 2)]
    canvas = np.asarray(axes.images[0].get_array())
    mean, deviation = CODES.mean(0), CODES.std(0)
    ends = [mean - 2 * deviation, mean, mean + 2 * deviation]
    # The second number varies more: it comes first, and the first one stays.
    for column, end in enumerate(ends):
        place = 3 * column
        np.testing.assert_allclose(canvas[0, place : place + 2], [1.0, end[1]])
        np.testing.assert_allclose(canvas[3, place : place + 2], [end[0], 0.5])
    captions = [t.get_text() for t in axes.get_yticklabels()]
    assert captions == ['unit 1: ± 1.9', 'unit 0: ± 1.4']


def test_rows_of_unequal_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match='wanted one and the same for all'):
        image_rows({'a': IMAGES, 'b': IMAGES[:2]})
