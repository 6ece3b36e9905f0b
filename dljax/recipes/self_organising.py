"""Networks whose units organise themselves."""

import optax

from dljax.models.self_organising import SelfOrganisingMap
from dljax.objectives import organise
from dljax.recipes.plan import Plan
from dljax.training import Player

STEPS = 100  # updates in which the neighbourhood shrinks to a unit


def _map(net: SelfOrganisingMap) -> dict[str, Player]:
    """The batch map: a neighbourhood of half the grid shrinks to about one unit."""
    first = max(net.rows, net.columns) / 2
    radius = optax.exponential_decay(first, STEPS, 0.7 / first, end_value=0.7)
    return {'map': Player(optax.sgd(1.0), direction=organise(radius=radius))}


PLANS = {'self_organising_map': Plan(_map, 512)}
