"""Networks that give each pixel of an image a class."""

import optax

from dljax.objectives import segment
from dljax.recipes.plan import Plan
from dljax.training import Player, clipped

_UNET = Plan(
    lambda net: {
        'unet': Player(clipped(optax.adam(2e-3)), loss=segment(dice=1.0)),
    },
    16,
    shaped_by={'label': 'image'},
)

PLANS = {'unet': _UNET, 'unet_2015': _UNET}
