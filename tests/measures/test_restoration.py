"""Whole pictures, of any size, through nets that know no sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import data, metrics
from dljax.data import PicturePair
from dljax.experiment import Outcome
from dljax.measures import restoration
from dljax.measures.restoration import picture_quality, quality, restored
from dljax.pictures.restoration import busiest, zoomed
from dljax.types import Array, State

RNG = np.random.default_rng(0)
FORMS: list[tuple[int, ...]] = []


class Blur(nn.Module):
    """A mean of 3x3 places, then each place twice; sees no further than one place."""

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Enlarge pictures twice."""
        FORMS.append(image.shape)  # once a compilation
        gain = self.param('gain', nn.initializers.ones, ())
        wide = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode='edge')
        high, broad = image.shape[1:3]
        mean = sum(
            wide[:, i : i + high, j : j + broad] for i in range(3) for j in range(3)
        )
        return gain * mean.repeat(2, 1).repeat(2, 2) / 9


def outcome(*gains: float) -> Outcome:
    many = jnp.asarray(gains)
    state = State(jnp.zeros(len(gains), int), {'gain': many}, {}, {})
    first = jax.tree.map(lambda leaf: leaf[0], state)
    return Outcome(Blur(), first, state if len(gains) > 1 else first, {}, [])


def pairs(*sides: tuple[int, int]) -> list[PicturePair]:
    highs = [
        RNG.integers(0, 256, (2 * high, 2 * wide, 3), np.uint8) for high, wide in sides
    ]
    return data.picture_pairs(highs, 2)


def wanted(low: np.ndarray, gain: float = 1.0) -> np.ndarray:
    made = Blur().apply({'params': {'gain': gain}}, data.as_float(low)[None])[0]
    return np.rint(255 * np.clip(made, 0, 1)).astype(np.uint8)


def check(made: list[np.ndarray], of: list[PicturePair]) -> None:
    for picture, pair in zip(made, of, strict=True):
        assert picture.shape == pair.high.shape and picture.dtype == np.uint8
        whole = wanted(pair.low)
        assert np.abs(picture.astype(int) - whole).max() <= 1
        assert (picture != whole).mean() < 0.01  # rounding alone


def test_pictures_of_few_sizes_go_through_as_they_are() -> None:
    of = pairs((7, 9), (9, 7), (7, 9))
    FORMS.clear()
    (made,) = restored(of)(outcome(1.0))
    assert FORMS == [(1, 7, 9, 3), (1, 9, 7, 3)]
    check(made, of)


def test_large_pictures_are_put_together_without_a_seam(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restoration, 'LARGEST', 20)
    monkeypatch.setattr(restoration, 'HALO', 4)
    of = pairs((47, 20), (21, 83))
    FORMS.clear()
    (made,) = restored(of)(outcome(1.0))
    assert len(FORMS) == 2 and max(FORMS[0][1:3] + FORMS[1][1:3]) <= 20
    check(made, of)


@pytest.mark.heavy
def test_many_sizes_are_compiled_for_few() -> None:
    of = pairs(*((8 + n, 9 + n % 5) for n in range(14)))
    FORMS.clear()
    (made,) = restored(of)(outcome(1.0))
    assert len(FORMS) <= 6
    check(made, of)  # what the edges see is mirrored, which 'edge' above is too


def test_measures_are_means_over_pictures_for_each_member() -> None:
    of = pairs((16, 14), (14, 16))
    made = restored(of)
    both = outcome(1.0, 0.5)
    found = picture_quality(of, {'net': made}, 2)(both)
    for member, gain in enumerate((1.0, 0.5)):
        each = [quality(wanted(low, gain), high, 2) for low, high in of]
        for name in ('psnr', 'ssim', 'detail'):
            mean = np.mean([row[name] for row in each])
            np.testing.assert_allclose(found[name][member], mean, atol=0.02)
    plain = [quality(data.enlarge(low, 2), high, 2)['psnr'] for low, high in of]
    np.testing.assert_allclose(found['bicubic_psnr'], np.mean(plain), rtol=1e-5)
    single = picture_quality(of, {'net': restored(of)}, 2)(outcome(1.0))
    np.testing.assert_allclose(single['psnr'], found['psnr'][0], rtol=1e-5)
    named = picture_quality(of, {'a': made, 'b': made}, 2)(both)
    assert {'a_psnr', 'b_psnr', 'bicubic_psnr'} <= named.keys()


def test_quality_is_that_of_the_brightness_without_the_border() -> None:
    true = RNG.integers(0, 256, (20, 24, 3), np.uint8)
    made = true.copy()
    made[:4] = 0
    assert quality(made, true, 4)['psnr'] == np.inf
    np.testing.assert_allclose(quality(made, true, 4)['ssim'], 1, rtol=1e-5)
    pair = data.as_float(np.stack([made, true]))
    wanted_ratio = metrics.psnr_luma(pair[:1], pair[1:], border=3)[0]
    found = quality(made, true, 3)['psnr']
    np.testing.assert_allclose(found, wanted_ratio, rtol=1e-5)
    assert np.isnan(quality(true[:17], true[:17], 4)['ssim'])


def test_the_busiest_square_is_where_the_detail_is() -> None:
    picture = np.full((40, 60, 3), 90, np.uint8)
    picture[20:28, 36:44] = RNG.integers(0, 256, (8, 8, 3))
    assert busiest(picture, 12, 4) in {(16, 32), (16, 36), (20, 32), (20, 36)}


def test_the_picture_shows_small_bicubic_made_and_true() -> None:
    of = pairs((30, 40), (40, 30), (30, 30))
    figure = zoomed(of, {'ours': restored(of)}, 2, side=24, most=2)(outcome(1.0))
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == 10 and titles[1] == 'small' and titles[4] == 'true'
    low, high = of[0]
    value = quality(wanted(low), high, 2)['psnr']
    assert titles[3] == f'ours: {value:.2f} dB'
    shown = figure.axes[4].images[0].get_array()
    top, left = busiest(high, 24, 2)
    np.testing.assert_array_equal(shown, high[top : top + 24, left : left + 24])


@pytest.mark.parametrize('multiple', [1, 8, 16, 32])
def test_parts_cover_a_side_once_and_are_of_one_multiple(multiple: int) -> None:
    for side in range(multiple, 1200, multiple):
        length, parts = restoration._extent(side, multiple)
        assert length % multiple == 0 and length <= max(restoration.LARGEST, multiple)
        places = np.zeros(side, int)
        for begin, first, last in parts:
            assert 0 <= begin <= first < last <= begin + length <= side
            places[first:last] += 1
        assert (places == 1).all()
