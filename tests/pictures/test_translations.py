"""Pictures and measures of translations: what is shown and told is what was made."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.experiment import Outcome
from dljax.measures.judge.domains import translations_read
from dljax.measures.pairs import detail, detail_and_distance, distance
from dljax.models.image_translation.cyclegan import CycleTranslation
from dljax.models.image_translation.pix2pix import PairedTranslation
from dljax.pictures.translations import cycles, pairs
from dljax.types import Array, PyTree, State

RNG = np.random.default_rng(0)


class Shift(nn.Module):
    """Adds a number that is a parameter."""

    dtype: None = None
    param_dtype: None = jnp.float32

    @nn.compact
    def __call__(self, x: Array, *given: Array, train: bool = False) -> Array:
        """Add it."""
        return x + self.param('by', nn.initializers.zeros, ())


def outcome(net: nn.Module, params: PyTree, test: dict, members: int = 0) -> Outcome:
    state = State(jnp.int32(0), params, {}, {})
    many = state
    if members:
        scale = jnp.arange(members)
        many = jax.tree.map(
            lambda leaf: jnp.stack([leaf * s for s in scale]),
            state.replace(step=jnp.int32(1)),
        )
    return Outcome(net, state, many, {'test': test}, [])


def shifts(**by: float) -> dict:
    return {name: {'by': jnp.float32(value)} for name, value in by.items()}


CYCLE = CycleTranslation(Shift(), Shift(), Shift(), Shift(), pool=0)
CYCLE_PARAMS = shifts(
    generator_ab=0.5, generator_ba=-0.25, discriminator_a=0.0, discriminator_b=0.0
)


def drawn(figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def test_a_cycle_is_shown_row_by_row() -> None:
    a, b = (np.full((3, 4, 4, 1), value, np.float32) for value in (-1.0, 0.0))
    test = {'a': a, 'b': b}
    canvas = drawn(cycles('test', 'ab')(outcome(CYCLE, CYCLE_PARAMS, test)))
    for row, wanted in enumerate((0.0, 0.25, 0.125)):  # [-1, 1] is shown as [0, 1]
        np.testing.assert_allclose(canvas[5 * row : 5 * row + 4, :4], wanted)
    back = drawn(cycles('test', 'ba', count=2)(outcome(CYCLE, CYCLE_PARAMS, test)))
    for row, wanted in enumerate((0.5, 0.375, 0.625)):
        np.testing.assert_allclose(back[5 * row : 5 * row + 4, :4], wanted)


def test_pairs_are_shown_with_their_truth_grey_beside_colour() -> None:
    net = PairedTranslation(Shift(), Shift())
    params = shifts(generator=1.0, discriminator=0.0)
    truth = np.arange(4.0)[:, None, None, None] / 4 * np.ones((1, 4, 4, 1))
    test = {'a': np.full((4, 4, 4, 3), -1.0, 'f'), 'b': truth.astype('f')}
    canvas = drawn(pairs(count=2, first=1)(outcome(net, params, test)))
    assert canvas.shape[-1] == 3
    for row, wanted in enumerate((0.0, 0.5, (0.25 + 1) / 2)):
        np.testing.assert_allclose(canvas[5 * row : 5 * row + 4, :4], wanted)


def test_distance_and_detail_are_those_of_their_formulas() -> None:
    images = np.zeros((1, 2, 2, 1))
    images[0, :, 1] = 1.0
    assert detail(images) == 0.5  # across 1, down 0
    assert distance(images, np.zeros_like(images)) == 0.25
    net = PairedTranslation(Shift(), Shift())
    test = {name: RNG.uniform(-1, 1, (5, 4, 4, 1)).astype('f') for name in 'ab'}
    test['b'] = test['a'] + 0.5
    measure = detail_and_distance(test, test['b'].mean((0, 1, 2)))
    params = shifts(generator=0.25, discriminator=0.0)
    found = measure(outcome(net, params, test, members=3))
    # The members add 0, .25 and .5, of which .5 is right, and on [-1, 1] twice as far.
    np.testing.assert_allclose(found['l1'], [0.25, 0.125, 0.0], atol=1e-6)
    np.testing.assert_allclose(found['detail'], 1.0, rtol=1e-5)
    np.testing.assert_allclose(found['given/l1'], 0.25, rtol=1e-5)
    np.testing.assert_allclose(found['given/detail'], 1.0, rtol=1e-5)
    assert found['mean_colour/l1'] == pytest.approx(
        np.abs(test['b'] - test['b'].mean()).mean() / 2, rel=1e-5
    )


@pytest.mark.heavy
def test_translations_are_read_by_the_judge_of_where_they_go() -> None:
    """B is A upside down in brightness, with classes that only the right judge knows.

    The bright half of an image is its class, in B the dark one.
    """

    def half(count: int) -> tuple[np.ndarray, np.ndarray]:
        label = RNG.integers(0, 2, count).astype(np.int32)
        image = RNG.uniform(-0.2, 0.2, (count, 12, 12, 1)).astype('f') - 0.5
        for each, left in zip(image, label, strict=True):
            each[:, :6] += left
            each[:, 6:] += 1 - left
        return image, label

    class Negative(Shift):
        @nn.compact
        def __call__(self, x: Array, *given: Array, train: bool = False) -> Array:
            """Turn bright into dark."""
            return -x + self.param('by', nn.initializers.zeros, ())

    train, label = half(128)
    judged = {
        'a': {'image': train, 'label': label},
        'b': {'image': -train, 'label': label},
    }
    image, label = half(40)
    test = {'a': image, 'b': -image, 'label_a': label, 'label_b': label}
    measure = translations_read(judged, test, steps=60)
    params = shifts(
        generator_ab=0.0, generator_ba=0.0, discriminator_a=0.0, discriminator_b=0.0
    )
    right = CycleTranslation(Negative(), Negative(), Shift(), Shift(), pool=0)
    found = measure(outcome(right, params, test))
    assert found['a'] > 0.95 and found['b'] > 0.95
    assert found['a_to_b'][0] > 0.95 and found['b_to_a'][0] > 0.95
    assert found['a_as_b'] < 0.2 and found['b_as_a'] < 0.2
    idle = measure(outcome(CYCLE, params, test, members=2))
    assert idle['a_to_b'].shape == (2,) and idle['a_to_b'].max() < 0.2
