"""Networks that give each state an energy."""

from dljax.models.energy.deep_belief_network import DeepBeliefNetwork
from dljax.models.energy.restricted_boltzmann_machine import (
    RestrictedBoltzmannMachine,
)

__all__ = ['DeepBeliefNetwork', 'RestrictedBoltzmannMachine']
