"""An MLP sized by rule of thumb on the breast cancer table (U1.3, U1.10).

Paper: Rumelhart, Hinton, Williams (1986), Learning representations by back-propagating
errors, https://doi.org/10.1038/323533a0. Sizes: Masters (1993), Practical neural
network recipes in C++, the geometric pyramid rule (U1.10). Early stopping: Prechelt
(1998), Early stopping - but when?, https://doi.org/10.1007/3-540-49430-8_3.

Measured with 5 members, seed 0, on a 2-core CPU, on the 114 test examples:

| difficulty | hidden layers | ended after | test accuracy |
|---|---|---|---|
| moderate | 5 | 1,404 updates | 96.8 ± 0.5 % |
| complex | 13, 5, 2 | 840 updates | 96.5 ± 0.9 % |

The validation loss, of 57 examples, had not improved for 10 epochs in both. No better
than the single layer of logistic_regression_breast_cancer.py, with 97.7 %: the classes
are all but linearly separable. Cost: 13 and 24 s for all members. Command:
python experiments/feedforward/mlp_breast_cancer.py --members 5
"""

from typing import Literal

from dljax.cli import command

import optax

from dljax import create_model, data, pictures, zoo
from dljax.experiment import Experiment
from dljax.models.feedforward import Difficulty, propose_hidden
from dljax.objectives import classify, predict, score_classes
from dljax.training import Player, clipped, stalled

TINY = {'steps': 4, 'batch_size': 8}


def experiment(
    *,
    difficulty: Literal['separable', 'moderate', 'complex'] = 'moderate',
    depth: int | None = None,
    steps: int = 3000,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    weight_decay: float = 1e-2,
    dropout: float = 0.2,
    patience: int = 10,
) -> Experiment:
    """Train with dropout and weight decay until the validation loss stalls.

    Args:
        difficulty: of the problem, from which the hidden layers are proposed.
        depth: hidden layers, within what the difficulty allows; its least by default.
        steps: updates at most.
        batch_size: examples in one update.
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        dropout: fraction of the hidden units dropped.
        patience: epochs without a lower validation loss that are let pass.
    """
    cancer = data.load('breast_cancer')
    normalizer = data.z_score(cancer['train']['features'])

    train = cancer.table('train', normalizer)
    epoch = data.batches_per_epoch(train, batch_size)
    hidden = propose_hidden(30, 1, Difficulty[difficulty.upper()], depth=depth)
    optimizer = optax.adamw(learning_rate, weight_decay=weight_decay)
    return Experiment(
        net=create_model('mlp', hidden=hidden, outputs=1, dropout=dropout),
        players={
            'classifier': Player(clipped(optimizer, 1.0), loss=classify('features'))
        },
        source=data.resident(train, batch_size),
        steps=steps,
        class_names=cancer.class_names,
        data_summary=cancer.summary,
        score=score_classes('features'),
        evaluation={
            split: cancer.table(split, normalizer) for split in ('validation', 'test')
        },
        inputs=zoo.inputs('mlp', outputs=1),
        best='validation/loss',
        maximize=False,
        stop=stalled('validation/loss', patience),
        record_every=epoch,
        evaluate_every=epoch,
        pictures={
            'Confusion matrix': pictures.confusion(
                predict('features'), cancer.class_names
            )
        },
        normalizers={'features': normalizer},
    )


if __name__ == '__main__':
    command(experiment)
