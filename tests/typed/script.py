"""A script as users write it; a type checker has to see what the package gives them.

CI checks a copy that lies outside the repository, so that it is the installed package
that the checker follows.
"""

from typing import assert_type

import jax
import numpy as np
import optax
from flax import linen as nn

import dljax
from dljax import data
from dljax.experiment import Experiment, Report
from dljax.objectives import classify, score_classes
from dljax.training import Learner, Player, evaluate, fit, learner
from dljax.types import State

net = dljax.create_model('mlp', outputs=3)
assert_type(net, nn.Module)
arrays = {
    'features': np.zeros((8, 4), np.float32),
    'label': np.zeros(8, np.int32),
}
player = Player(optax.adam(1e-3), loss=classify('features'))
train = learner(net, {'classifier': player})
assert_type(train, Learner)
source = data.resident(arrays, 4)
state, metrics = fit(train, source, steps=2, key=jax.random.key(0))
assert_type(state, State)
assert_type(metrics, dict[str, np.ndarray])
score = score_classes('features')
found = evaluate(net, score, state, data.batches(arrays, 4))
assert_type(found, dict[str, float | np.ndarray])
made = Experiment(
    net, {'classifier': player}, source, steps=2, data_summary='zeros', score=score
)
assert_type(dljax.run(made, 'runs/zeros'), Report)
