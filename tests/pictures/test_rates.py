"""Pictures of rates: every coder at its bits."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.experiment import Outcome
from dljax.pictures.rates import rate_curves, rebuilt_within
from dljax.types import State


def test_each_coder_is_drawn_at_its_bits_with_the_spread_of_its_members() -> None:
    state = State(jnp.int32(0), {}, {}, {})
    curves = {
        'net': {
            'bits': np.array([[4.0, 8.0], [6.0, 10.0]]),
            'psnr': np.array([[10.0, 20.0], [14.0, 20.0]]),
        },
        'plain': {'bits': np.array([[5.0, 50.0]]), 'psnr': np.array([[9.0, 30.0]])},
    }
    draw = rate_curves(lambda outcome: curves, {'psnr': 'PSNR'}, baselines=['plain'])
    (axes,) = draw(Outcome(nn.Dense(1), state, state, {}, [])).axes
    (bars,) = axes.containers
    line, _, (spread,) = bars.lines
    np.testing.assert_allclose(line.get_xydata(), [[5, 12], [9, 20]])
    ends = [segment[:, 1] for segment in spread.get_segments()]
    np.testing.assert_allclose(ends, [[12 - 8**0.5, 12 + 8**0.5], [20, 20]])
    baseline = next(line for line in axes.lines if line.get_label() == 'plain')
    np.testing.assert_allclose(baseline.get_xydata(), [[5, 9], [50, 30]])
    assert baseline.get_color() == 'black'


def test_the_best_coder_within_a_rate_is_shown() -> None:
    state = State(jnp.int32(0), {}, {}, {})
    images = np.linspace(0, 1, 6)[:, None, None, None] * np.ones((6, 4, 4, 1))
    rebuilt = np.stack([images / 2, images / 4])[None]
    curves = {
        'dear': {'bits': np.array([[9.0, 30.0]]), 'psnr': np.array([[3.0, 9.0]])},
        'cheap': {'bits': np.array([[5.0, 8.0]]), 'psnr': np.array([[1.0, 4.0]])},
    }
    curves = {name: {**curve, 'rebuilt': rebuilt} for name, curve in curves.items()}
    sets = {'test': {'image': images, 'label': np.array([0, 0, 0, 1, 1, 1])}}
    draw = rebuilt_within(lambda outcome: curves, (4, 10, 99), 'psnr', count=4)
    (axes,) = draw(Outcome(nn.Dense(1), state, state, sets, [])).axes
    rows = [tick.get_text() for tick in axes.get_yticklabels()]
    assert rows == ['original', '8 bits: cheap', '30 bits: dear']
    canvas = axes.images[0].get_array()
    shown = images[[0, 3, 1, 4], 0, 0, 0]  # the classes take turns
    np.testing.assert_allclose(canvas[0, ::5], shown, atol=1e-6)
    np.testing.assert_allclose(canvas[5, ::5], shown / 4, atol=1e-6)
