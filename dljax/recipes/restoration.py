"""Networks that make a better picture of a picture."""

from typing import Any

import optax

from dljax import losses
from dljax.objectives import restore
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
    'edsr_baseline': _regression(losses.pixel_absolute_error),
}
