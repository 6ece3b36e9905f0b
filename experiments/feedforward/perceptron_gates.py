"""Rosenblatt's perceptron on logic gates: AND and OR, but never XOR (U1.1).

Paper: Rosenblatt (1958), The perceptron: a probabilistic model for information storage
and organization in the brain, https://doi.org/10.1037/h0042519. Minsky, Papert (1969),
Perceptrons: no single layer separates XOR.

Measured with 100 members from random weights, seed 0, on a 2-core CPU:

| gate | members that separate it | ended |
|---|---|---|
| and | 100 of 100 | all without a mistake within 56 updates, 14 epochs |
| or | 100 of 100 | within 52 |
| nand | 100 of 100 | within 56 |
| xor | 0 of 100 | never, 1,000 updates; it goes on making 2.7 mistakes an epoch |
| xnor | 0 of 100 | never, 1,000 updates; likewise |

Cost: a second of training. Command:
python experiments/feedforward/perceptron_gates.py --gate xor --members 100
"""

from typing import Literal

from dljax.cli import command

import optax
from flax import linen as nn

from dljax import create_model, data, pictures, zoo
from dljax.experiment import Experiment
from dljax.objectives import perceptron, predict, score_solved
from dljax.training import Player, reached

TINY = {'steps': 8}


def experiment(
    *,
    gate: Literal['and', 'or', 'nand', 'xor', 'xnor'] = 'and',
    steps: int = 1000,
    batch_size: int = 1,
    learning_rate: float = 0.1,
) -> Experiment:
    """Train by the perceptron's rule until an epoch passes without a mistake.

    Args:
        gate: the truth table to learn.
        steps: updates at most; four examples are an epoch.
        batch_size: examples in one update; 1 is the rule as it was published.
        learning_rate: of the rule w += rate (t - y) x.
    """
    table = data.truth_table(gate)
    start = nn.initializers.normal(0.5)
    return Experiment(
        net=create_model('perceptron', kernel_init=start, bias_init=start),
        players={'rule': Player(optax.sgd(learning_rate), direction=perceptron())},
        source=data.resident(table, batch_size),
        steps=steps,
        data_summary=f'{gate} (synthetic): the 4 rows of its truth table',
        score=score_solved('features'),
        evaluation={'train': table},
        inputs=zoo.inputs('perceptron'),
        stop=reached('rule/accuracy', 1.0, maximize=True),
        record_every=data.batches_per_epoch(table, batch_size),
        evaluation_batch=4,
        pictures={'Boundary': pictures.boundary(predict('features'))},
    )


if __name__ == '__main__':
    command(experiment)
