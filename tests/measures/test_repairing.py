"""Whole pictures of any size go through a net, in parts where they are large."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy import ndimage

from dljax.experiment import Outcome
from dljax.measures.repairing import (
    Damaged,
    likeness,
    repair_quality,
    repaired,
    with_noise,
)
from dljax.pictures.repairing import repairs
from dljax.types import State

RNG = np.random.default_rng(0)


class Blur(nn.Module):
    """A mean over 5x5 pixels, and a second channel of halves."""

    def __call__(self, image, *, train):
        sides = ((0, 0), (2, 2), (2, 2), (0, 0))
        wide = jnp.pad(image[..., :1], sides, mode='symmetric')
        rows, columns = image.shape[1:3]
        mean = (
            sum(
                wide[:, i : i + rows, j : j + columns]
                for i in range(5)
                for j in range(5)
            )
            / 25
        )
        return jnp.concatenate([mean, jnp.full_like(mean, 0.5)], axis=-1)


class Pooling(nn.Module):
    """Sees sides of multiples of 16 alone, as nets with four poolings do."""

    def __call__(self, image, *, train):
        assert not any(side % 16 for side in image.shape[1:3]), image.shape
        small = nn.avg_pool(image, (16, 16), (16, 16))
        return small.repeat(16, 1).repeat(16, 2)


def outcome(net: nn.Module | None = None) -> Outcome:
    state = State(jnp.int32(0), {}, {}, {})
    return Outcome(net or Blur(), state, state, {}, [])


def picture(rows: int, columns: int) -> Damaged:
    seen = RNG.random((rows, columns, 1), np.float32)
    truth = np.concatenate([seen, np.full_like(seen, 0.25)], axis=-1)
    return Damaged(seen, truth, seen)


@pytest.mark.parametrize('size', [(9, 13), (200, 30), (260, 210)])
def test_parts_put_together_are_the_whole(size):
    given = picture(*size)
    ((made,),) = repaired([given])(outcome())
    wanted = ndimage.uniform_filter(given.seen[..., 0], 5, mode='reflect')
    assert made.shape == (*size, 2)
    np.testing.assert_allclose(made[..., 0], wanted, atol=1e-5)
    np.testing.assert_allclose(made[..., 1], 0.5)


def test_parts_of_large_pictures_have_sides_that_can_be_halved_too():
    given = picture(321, 481)._replace(truth=np.zeros((321, 481, 1), np.float32))
    ((made,),) = repaired([given], multiple=16)(outcome(Pooling()))
    assert made.shape == (321, 481, 1)


def test_quality_is_of_nets_damaged_pictures_and_methods_as_means_over_pictures():
    truths = [RNG.random((16, 20, 1), np.float32) for _ in range(3)]
    given = [Damaged(t, t, np.full_like(t, 0.5)) for t in truths]
    measure = repair_quality(
        given,
        {'net': lambda outcome: [[t.clip(0.1, 0.9) for t in truths], truths[::-1]]},
        {'blank': lambda damaged: np.zeros_like(damaged.truth)},
    )
    found = measure(outcome())
    assert found.keys() == {
        f'{name}/{key}'
        for name in ('net', 'damaged', 'blank')
        for key in ('psnr', 'ssim')
    }

    def psnr(pairs):
        return np.mean([-10 * np.log10(((a - b) ** 2).mean()) for a, b in pairs])

    blank = psnr([(np.zeros_like(t), t) for t in truths])
    np.testing.assert_allclose(found['blank/psnr'], blank, rtol=1e-5)
    damaged = psnr([(np.full_like(t, 0.5), t) for t in truths])
    np.testing.assert_allclose(found['damaged/psnr'], damaged, rtol=1e-5)
    first = psnr([(t.clip(0.1, 0.9), t) for t in truths])
    np.testing.assert_allclose(found['net/psnr'][0], first, rtol=1e-5)
    assert np.isinf(found['net/psnr'][1])  # of the middle picture, which is exact


def test_noise_has_its_strength_differs_by_picture_and_comes_back():
    pictures = [np.full((100, 100, 1), 0.5, np.float32)] * 2
    first, second = with_noise(pictures, 0.1)
    noise = first.seen - 0.5
    np.testing.assert_allclose([noise.mean(), noise.std()], [0, 0.1], atol=3e-3)
    assert abs(np.corrcoef(noise.ravel(), (second.seen - 0.5).ravel())[0, 1]) < 0.05
    np.testing.assert_array_equal(with_noise(pictures, 0.1)[1].seen, second.seen)
    assert not np.array_equal(with_noise(pictures, 0.1, seed=1)[0].seen, first.seen)


def test_likeness_of_a_copy_and_of_pictures_too_small_for_a_window():
    one = RNG.random((12, 12, 1))
    assert likeness(one, one) == {'psnr': np.inf, 'ssim': pytest.approx(1)}
    assert np.isnan(likeness(one[:8], one[:8] + 0.1)['ssim'])
    np.testing.assert_allclose(likeness(one[:8], one[:8] + 0.1)['psnr'], 20, atol=1e-3)


def test_the_picture_has_a_row_a_picture_and_a_column_each():
    given = with_noise([RNG.random((40, 50, 1), np.float32)] * 3, 0.1)
    figure = repairs(
        given,
        {'net': lambda outcome: [[g.truth for g in given]]},
        {'same': lambda damaged: damaged.seen},
        side=32,
        most=2,
    )(outcome())
    assert len(figure.axes) == 2 * 4
    titles = [axes.get_title() for axes in figure.axes[:4]]
    assert abs(float(titles[0].split()[1]) - 20) < 0.5 and titles[2] == 'net: inf dB'
    shown = [axes.images[0].get_array() for axes in figure.axes[:4]]
    np.testing.assert_array_equal(shown[2], shown[3])
    assert shown[0].shape == (32, 32)
