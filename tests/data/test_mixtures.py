"""Mixtures in the plane: where their modes lie, and that draws are from them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import Mixture, lattice, procedural, ring
from dljax.metrics import count_modes

KEY = jax.random.key(0)


def test_the_modes_of_a_ring_lie_on_a_circle_equally_far_apart() -> None:
    centres = ring(modes=8, radius=2.0).centres
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 2.0, rtol=1e-6)
    gaps = np.linalg.norm(centres - np.roll(centres, 1, axis=0), axis=1)
    np.testing.assert_allclose(gaps, 4 * np.sin(np.pi / 8), rtol=1e-5)


def test_the_modes_of_a_lattice_lie_about_the_origin() -> None:
    centres = lattice(side=5, spacing=2.0).centres
    assert {tuple(c) for c in centres.tolist()} == {
        (x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)
    }


@pytest.mark.parametrize('mixture', [ring(), lattice()], ids=lambda m: m.name)
def test_draws_have_the_moments_of_their_modes(mixture: Mixture) -> None:
    count, modes = 50_000, len(mixture.centres)
    batch = jax.jit(mixture.draw, static_argnums=1)(KEY, count)
    point, label = np.asarray(batch['point']), np.asarray(batch['label'])
    assert point.dtype == np.float32 and label.dtype == np.int32
    fractions = np.bincount(label, minlength=modes) / count
    error = np.sqrt(1 / modes / count)
    assert np.abs(fractions - 1 / modes).max() < 4 * error
    rest = (point - mixture.centres[label]) / mixture.deviation
    np.testing.assert_allclose(rest.mean(0), 0, atol=4 / np.sqrt(count))
    np.testing.assert_allclose(np.cov(rest.T), np.eye(2), atol=0.03)
    for mode in range(modes):
        own = rest[label == mode]
        assert np.abs(own.mean(0)).max() < 5 / np.sqrt(len(own))
    assert count_modes(point, mixture.centres, mixture.deviation).covered == modes


@pytest.mark.heavy
def test_a_mixture_is_a_source_of_new_points() -> None:
    source = procedural(ring().draw, 16)
    position, _ = source.init(KEY)
    position, first = source.next(KEY, position, None)
    _, second = source.next(KEY, position, None)
    assert jnp.abs(first['point'] - second['point']).min() > 0
    assert 'ring (synthetic): 8 Gaussians' in ring().summary


def test_mixtures_refuse_settings_out_of_range() -> None:
    with pytest.raises(ValueError, match='modes=0, wanted 1 or more'):
        ring(modes=0)
    with pytest.raises(ValueError, match='radius=0, wanted more than 0'):
        ring(radius=0)
    with pytest.raises(ValueError, match='deviation=-1, wanted more than 0'):
        lattice(deviation=-1)
    with pytest.raises(ValueError, match='side=0, wanted 1 or more'):
        lattice(side=0)
    with pytest.raises(ValueError, match='spacing=0, wanted more than 0'):
        lattice(spacing=0)
