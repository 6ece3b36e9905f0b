"""Pictures of generators: each sample at its place, the same noise every time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from matplotlib.figure import Figure

from dljax.data import lattice, ring
from dljax.experiment import Outcome
from dljax.pictures.paths import Path, linear, spherical
from dljax.pictures.samples import (
    by_class,
    in_rows,
    interpolations,
    plane,
    samples,
    tile,
)
from dljax.pictures.style_mixing import mixed_styles
from dljax.types import Array, Key, State


class Scale(nn.Module):
    """A generator that multiplies what it is given."""

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Multiply."""
        return inputs * self.param('factor', nn.initializers.ones, ())


def outcome(factor: float = 1.0) -> Outcome:
    state = State(jnp.int32(0), {'factor': jnp.float32(factor)}, {}, {})
    return Outcome(Scale(), state, state, {}, [])


def canvas(figure: Figure) -> np.ndarray:
    (axes,) = figure.axes
    (image,) = axes.images
    return np.asarray(image.get_array())


def test_tiles_lie_in_rows_with_lines_between_them() -> None:
    images = np.linspace(0, 1, 5 * 6).reshape(5, 2, 3, 1).astype(np.float32)
    made = tile(images, columns=3, gap=1)
    factor = 10
    assert made.shape == (2 * 20 + 1, 3 * 30 + 2, 1)
    for index, image in enumerate(images):
        top, left = index // 3 * 21, index % 3 * 31
        shown = made[top : top + 20, left : left + 30]
        np.testing.assert_array_equal(shown[::factor, ::factor], image)
        np.testing.assert_array_equal(shown[9::factor, 9::factor], image)
    assert (made[20] == 0.5).all() and (made[:, 30] == 0.5).all()
    assert (made[21:, 62:] == 0.5).all()  # the place of the sixth is empty
    whole = tile(images, columns=3, gap=0)
    assert whole.shape == (40, 90, 1)
    assert tile(2 * np.ones((1, 64, 64, 3)), columns=4).max() == 1.0


def uniform(net: nn.Module, key: Key, count: int) -> Array:
    return net(jax.random.uniform(key, (count, 4, 4, 1)))


def test_successive_grids_show_the_same_noise() -> None:
    picture = samples(uniform, 'made', rows=2, columns=3)
    full, half = canvas(picture(outcome())), canvas(picture(outcome(0.5)))
    wanted = tile(np.asarray(uniform(lambda x: x, jax.random.key(0), 6)), 3)[..., 0]
    np.testing.assert_allclose(full, wanted, rtol=1e-6)
    inside = full != 0.5
    np.testing.assert_allclose(half[inside], full[inside] / 2, rtol=1e-6)
    assert picture(outcome()).axes[0].get_title() == 'made'


def test_each_class_has_a_row_and_each_noise_a_column() -> None:
    def draw(net: nn.Module, key: Key, labels: Array) -> Array:
        noise = jax.random.uniform(key, labels.shape)
        grey = labels / 4 + noise / 4
        return net(jnp.broadcast_to(grey[:, None, None, None], (len(labels), 8, 8, 1)))

    figure = by_class(draw, ['none', 'one', 'two'], columns=4)(outcome())
    greys = canvas(figure)[16::34, 16::34]
    assert greys.shape == (3, 4)
    np.testing.assert_array_equal(
        np.floor(4 * greys), np.arange(3)[:, None] + [[0] * 4]
    )
    np.testing.assert_allclose(greys[1] - greys[0], 0.25, rtol=1e-5)
    assert len(set(greys[0].tolist())) == 4
    labels = figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ['none', 'one', 'two']
    ticks = figure.axes[0].get_yticks()
    np.testing.assert_allclose(ticks, [16, 50, 84], atol=1)  # the middle of its row


NOISE = np.random.default_rng(0).normal(size=(2, 100, 64)).astype(np.float32)


@pytest.mark.parametrize('path', [linear, spherical])
def test_a_path_leads_from_the_first_to_the_last(path: Path) -> None:
    walk = jax.jit(path)
    for fraction, end in ((0.0, NOISE[0]), (1.0, NOISE[1])):
        got = walk(*NOISE, np.full(100, fraction, np.float32))
        np.testing.assert_allclose(got, end, rtol=1e-4, atol=1e-5)
    got = walk(NOISE[0], NOISE[0], np.full(100, 0.3, np.float32))
    np.testing.assert_allclose(got, NOISE[0], rtol=1e-5)


def test_the_arc_keeps_the_length_that_the_line_loses() -> None:
    first, last = 8 * NOISE / np.linalg.norm(NOISE, axis=-1, keepdims=True)
    middle = np.full(100, 0.5, np.float32)
    arc = np.linalg.norm(jax.jit(spherical)(first, last, middle), axis=-1)
    np.testing.assert_allclose(arc, 8.0, rtol=1e-5)
    line = np.linalg.norm(jax.jit(linear)(first, last, middle), axis=-1)
    assert abs(line.mean() / 8 - np.sqrt(1 / 2)) < 0.02
    # Equal fractions of the way are equal angles.
    fractions = np.linspace(0.0, 1.0, 5, dtype=np.float32)
    way = np.asarray(jax.jit(spherical)(first[:1], last[:1], fractions))
    steps = (way[1:] * way[:-1]).sum(-1) / 64
    np.testing.assert_allclose(steps, steps[0], rtol=1e-4)


def test_strips_go_from_noise_to_noise() -> None:
    def draw(net: nn.Module, noise: Array) -> Array:
        return net(jax.nn.sigmoid(noise).reshape(-1, 2, 2, 1))

    picture = interpolations(draw, 4, 'strips', path=linear, rows=2, columns=3)
    figure = picture(outcome())
    assert figure.axes[0].get_title() == 'strips (linear)'
    noise = jax.random.normal(jax.random.key(0), (2, 2, 1, 4))
    logits = [noise[0, :, 0], noise.mean(0)[:, 0], noise[1, :, 0]]
    wanted = np.stack([jax.nn.sigmoid(ends) for ends in logits], axis=1)
    wanted = tile(wanted.reshape(6, 2, 2, 1), 3)[..., 0]
    np.testing.assert_allclose(canvas(figure), wanted, rtol=1e-5)


@pytest.mark.heavy
def test_the_plane_tells_good_points_from_others() -> None:
    mixture = ring()

    def draw(net: nn.Module, key: Key, count: int) -> Array:
        return net(mixture.draw(key, count)['point'])

    def gone(net: nn.Module, key: Key, count: int) -> Array:
        return 9.0 + draw(net, key, count)

    picture = plane({'made': draw, 'gone': gone}, mixture, 'ring of eight', count=200)
    figure = picture(outcome())
    panels = {axes.get_title().split('\n')[0]: axes for axes in figure.axes}
    assert list(panels) == ['ring', 'made', 'gone']
    assert '8 of 8 modes' in panels['ring'].get_title()
    assert '0 of 8 modes, 0.0% near, 200 outside' in panels['gone'].get_title()
    centres, poor, good = (c.get_offsets() for c in panels['made'].collections)
    np.testing.assert_allclose(centres, mixture.centres, rtol=1e-6)
    assert len(poor) + len(good) == 200 and len(good) > 190
    assert len(panels['gone'].collections[2].get_offsets()) == 0
    assert figure.get_suptitle() == 'ring of eight'
    twice = plane({'made': draw}, mixture, count=50)(outcome(1.5)).axes[1]
    assert '0 of 8 modes, 0.0% near' in twice.get_title()


@pytest.mark.heavy
def test_many_planes_share_their_rows() -> None:
    draws = {str(i): lambda net, key, n: net(jnp.ones((n, 2))) for i in range(4)}
    figure = plane(draws, lattice(), count=10)(outcome())
    rows = {axes.get_subplotspec().rowspan.start for axes in figure.axes}
    columns = {axes.get_subplotspec().colspan.start for axes in figure.axes}
    assert len(figure.axes) == 5 and len(rows) == 2 and len(columns) == 3


def test_each_way_to_make_samples_has_a_row_of_its_own_from_one_key() -> None:
    def dark(net: nn.Module, key: Key, count: int) -> Array:
        return uniform(net, key, count) / 2

    figure = in_rows({'bright': uniform, 'dark': dark}, 'ways', columns=3)(outcome())
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ['bright', 'dark']
    shown = canvas(figure)
    assert shown.shape == (2 * 34 - 2, 3 * 34 - 2)
    np.testing.assert_allclose(shown[34:], shown[:32] / 2 + 0.25 * (shown[:32] == 0.5))


class Styled(nn.Module):
    """Images that are the first style's number at the left, the last one's right."""

    @nn.compact
    def styles(self, noise: Array) -> Array:
        """Repeat the noise for three layers."""
        return jnp.repeat(noise[:, None], 3, 1)

    def synthesise(self, styles: Array) -> Array:
        """Paint two halves of an image in [-1, 1]."""
        halves = jnp.stack([styles[:, 0, 0], styles[:, -1, 0]], 1)
        return jnp.broadcast_to(halves[:, None, :, None], (len(styles), 2, 2, 1))


class Pair(nn.Module):
    """A net with a generator of styles."""

    latent = 1

    def setup(self) -> None:
        """Make the generator."""
        self.generator = Styled()
        self.prior = lambda key, shape: jax.random.uniform(key, shape, minval=-1.0)


def test_mixed_styles_are_coarse_by_row_and_fine_by_column() -> None:
    state = State(jnp.int32(0), {}, {}, {})
    made = mixed_styles(1, 'mixed', rows=2, columns=3)(
        Outcome(Pair(), state, state, {}, [])
    )
    shown = canvas(made)
    step = 34  # of tiles of 2x2 pixels, each 16 wide, with a line of 2

    def halves(row: int, column: int) -> tuple[float, float]:
        top, left = step * row + 4, step * column
        return shown[top, left + 4], shown[top, left + 20]

    for row in range(1, 3):
        for column in range(1, 4):
            wanted = halves(row, 0)[0], halves(0, column)[1]
            assert halves(row, column) == pytest.approx(wanted)
    assert len({halves(0, column) for column in range(1, 4)}) == 3
    assert halves(0, 0) == (0.5, 0.5)
