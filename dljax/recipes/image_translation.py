"""Networks that turn an image of one domain into one of another."""

import optax

from dljax.recipes.plan import Plan
from dljax.recipes.players import cycle_players, pair_players

_ADAM = optax.adam(2e-4, b1=0.5)
_PAIRS, _CYCLES = pair_players(_ADAM), cycle_players(_ADAM, identity=5.0)


def _plan(players: dict, batch: int) -> Plan:
    return Plan(lambda net: players, batch, shaped_by={'b': 'a'})


PLANS = {
    'pix2pix': _plan(_PAIRS, 1),
    'pix2pix_small': _plan(_PAIRS, 16),
    'cyclegan': _plan(_CYCLES, 1),
    'cyclegan_small': _plan(_CYCLES, 16),
}
