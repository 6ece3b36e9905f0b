"""Networks that make a better picture of a picture."""

from typing import Any

import optax

from dljax import losses
from dljax.data import gaussian_noise
from dljax.objectives import damaged, restore
from dljax.recipes.plan import Plan
from dljax.recipes.players import restoring_players
from dljax.training import Player

_ADAM = optax.adam(1e-4)


def _regression(loss: Any) -> Plan:
    return Plan(
        lambda net: {'enlarger': Player(_ADAM, loss=restore(loss=loss))},
        16,
        shaped_by={'target': 'image'},
        scale=lambda net: net.scale,
    )


PLANS = {
    'srresnet': _regression(losses.pixel_squared_error),
    'srgan': Plan(
        lambda net: restoring_players(losses.non_saturating_game(), _ADAM),
        16,
        shaped_by={'target': 'image'},
        scale=lambda net: net.generator.scale,
    ),
    # Noise of 25 in 255 is the paper's middle one.
    'dncnn': Plan(
        lambda net: {
            'denoiser': Player(
                optax.adam(1e-3), loss=damaged(restore(), gaussian_noise(25 / 255))
            )
        },
        128,
        shaped_by={'target': 'image'},
    ),
    # One picture, and the same noise with a little more in each update.
    'deep_image_prior': Plan(
        lambda net: {
            'prior': Player(
                optax.adam(1e-2),
                loss=damaged(restore('noise'), gaussian_noise(1 / 30), feature='noise'),
            )
        },
        1,
        shaped_by={'target': 'noise'},
    ),
    'edsr_baseline': _regression(losses.pixel_absolute_error),
}
