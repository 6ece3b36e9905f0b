"""Networks that give each state an energy."""

import optax

from dljax.models.energy import DeepBeliefNetwork
from dljax.objectives import classify, contrastive_divergence, pretrain
from dljax.recipes.plan import Plan
from dljax.training import Player

LAYER_STEPS = 1000  # updates in which each machine of a stack is pretrained


def _in_phases(net: DeepBeliefNetwork) -> dict[str, Player]:
    """Each machine on what those below it make, then all by the gradient."""
    many = len(net.hidden)
    return {
        f'layer_{i}': Player(
            optax.sgd(0.1, 0.9),
            direction=pretrain(i, 'features', weight_decay=2e-4),
            during=(i * LAYER_STEPS, (i + 1) * LAYER_STEPS),
        )
        for i in range(many)
    } | {
        'classifier': Player(
            optax.adam(1e-3),
            loss=classify('features'),
            during=(many * LAYER_STEPS, None),
        )
    }


_PERSISTENT = Player(
    optax.sgd(0.1),
    direction=contrastive_divergence('features', persistent=True, weight_decay=1e-3),
)

PLANS = {
    'rbm': Plan(lambda net: {'rbm': _PERSISTENT}, 128),
    'deep_belief_network': Plan(_in_phases, 128),
}
