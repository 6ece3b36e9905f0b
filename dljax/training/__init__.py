"""The engine: learners, the loop, devices, optimizers, checkpoints and records."""

from dljax.training.clipping import forms_of_clipping
from dljax.training.declaration import declared
from dljax.training.ensemble import ensemble, member
from dljax.training.evaluate import evaluate
from dljax.training.guard import NonFiniteError
from dljax.training.learner import Learner, learner
from dljax.training.loop import Round, fit, rounds
from dljax.training.mapped import mapped, replicated
from dljax.training.optimizers import (
    averaged,
    by_path,
    clipped,
    layer_rates,
    scale_to_norm,
    with_averages,
)
from dljax.training.parallel import abstract, data_mesh, sharded
from dljax.training.plateau import Plateau
from dljax.training.player import Player
from dljax.training.skipping import skipping
from dljax.training.stopping import reached, settled, stalled

__all__ = [
    'Learner',
    'NonFiniteError',
    'Plateau',
    'Player',
    'Round',
    'abstract',
    'averaged',
    'by_path',
    'clipped',
    'data_mesh',
    'declared',
    'ensemble',
    'evaluate',
    'fit',
    'forms_of_clipping',
    'layer_rates',
    'learner',
    'mapped',
    'member',
    'reached',
    'replicated',
    'rounds',
    'scale_to_norm',
    'settled',
    'sharded',
    'skipping',
    'stalled',
    'with_averages',
]
