"""A deep belief network on real digits, of which few have a label (U1.13).

Paper: Hinton, Osindero, Teh (2006), A fast learning algorithm for deep belief nets,
https://doi.org/10.1162/neco.2006.18.7.1527; tuned by gradient as in Hinton,
Salakhutdinov (2006), https://doi.org/10.1126/science.1127647.

The machines of one stack learn in turn from all 1,257 images without their labels. Then
copies of the stack are tuned as classifiers with 20, 100 and 500 labels, beside equal
nets that start from random weights and see the same labels as often. Which images have
labels differs from member to member.

Measured with 5 members, seed 0, on a 2-core CPU, as the accuracy on 360 test images
after 500 updates with labels; the gain is that of pretraining, member by member:

| labels | pretrained | scaled random | gain | small random | gain |
|---|---|---|---|---|---|
| 20 | 74.6 ± 3.5 % | 74.6 ± 2.6 % | 0.0 ± 3.2 | 68.4 ± 1.7 % | 6.2 ± 3.1 |
| 100 | 89.6 ± 1.3 % | 89.4 ± 1.6 % | 0.2 ± 1.3 | 85.3 ± 1.3 % | 4.2 ± 1.5 |
| 500 | 93.7 ± 0.7 % | 94.4 ± 1.0 % | -0.8 ± 0.5 | 89.6 ± 0.8 % | 4.1 ± 0.5 |

So pretraining beats random weights as small as those that the machines start from, and
does nothing against weights that are scaled for sigmoid layers (Glorot and Bengio,
2010, after the paper): here it cures a bad start, and what it learns from images
without labels adds nothing that shows. All nets know their 20 or 100 labels by heart;
of the 500, small random weights have learned 95 % so far, the others 99 to 100 %.
Cost: 52 to 85 s of training for all. Commands:
python experiments/energy/dbn_digits.py --members 5
python experiments/energy/dbn_digits.py --members 5 --start small
"""

from typing import TYPE_CHECKING, Literal

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data, pictures
from dljax.experiment import Experiment, Outcome
from dljax.models.container import container
from dljax.objectives import (
    classify,
    follow,
    from_part,
    pretrain,
    score_classes,
    side_by_side,
    within,
)
from dljax.training import Player
from dljax.types import Array, Batch, Key, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'hidden': (6, 5), 'layer_steps': 2, 'tuning_steps': 2, 'batch_size': 10}
LABELS = (20, 100, 500)
STARTS = {'tuned': 'pretrained by greedy layers', 'scratch': 'from random weights'}


def experiment(
    *,
    hidden: tuple[int, ...] = (200, 200),
    start: Literal['scaled', 'small'] = 'scaled',
    layer_steps: int = 2000,
    tuning_steps: int = 500,
    batch_size: int = 50,
    gibbs_steps: int = 1,
    layer_rate: float = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 2e-4,
    tuning_rate: float = 1e-3,
) -> Experiment:
    """Pretrain greedily, copy, and tune, all in one run.

    Args:
        hidden: units of each machine.
        start: how the weights of the nets from scratch begin: scaled for sigmoid layers
            (Glorot and Bengio, 2010, four times their range), or as small as those of
            the machines.
        layer_steps: updates of each machine.
        tuning_steps: updates of the classifiers.
        batch_size: examples in one update, or all that have labels.
        gibbs_steps: of contrastive divergence.
        layer_rate: of the machines at the start; it falls linearly to 0.
        momentum: of the machines.
        weight_decay: of the machines.
        tuning_rate: of Adam, for the tuned nets and those from scratch.
    """
    digits = data.load('digits')
    train = digits.images('train')
    sizes = {'visible': 64, 'hidden': hidden, 'classes': 10}
    # As if each pixel had been seen once more at either end of its range.
    ink = train['image'].reshape(-1, 64)
    fraction = (ink.sum(0) + 1) / (len(ink) + 2)

    def from_odds(key: Key, shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
        return jnp.asarray(np.log(fraction / (1 - fraction)), dtype).reshape(shape)

    stack = create_model('deep_belief_network', **sizes, visible_bias_init=from_odds)
    inits = {
        'scaled': nn.initializers.variance_scaling(16.0, 'fan_avg', 'uniform'),
        'small': nn.initializers.normal(0.01),
    }
    random = create_model('deep_belief_network', **sizes, kernel_init=inits[start])
    names = {f'{kind}_{n}': n for kind in STARTS for n in LABELS}
    greedy = layer_steps * len(hidden)

    layers = {
        f'layer_{i}': Player(
            optax.sgd(optax.linear_schedule(layer_rate, 0.0, layer_steps), momentum),
            direction=within(
                'pretrained',
                from_part(
                    'unlabelled',
                    pretrain(i, steps=gibbs_steps, weight_decay=weight_decay),
                ),
            ),
            trains=('pretrained',),
            during=(i * layer_steps, (i + 1) * layer_steps),
        )
        for i in range(len(hidden))
    }
    classifiers = {
        name: Player(
            optax.adam(tuning_rate),
            loss=within(name, from_part(f'labelled_{n}', classify())),
            trains=(name,),
            during=(greedy + 1, None),
        )
        for name, n in names.items()
    }
    copies = {
        f'copy_{n}': Player(
            optax.sgd(1.0),
            direction=follow('pretrained', f'tuned_{n}'),
            trains=(f'tuned_{n}',),
            during=(greedy, greedy + 1),
        )
        for n in LABELS
    }
    return Experiment(
        net=container(
            pretrained=stack,
            **{name: stack if 'tuned' in name else random for name in names},
        ),
        players={**layers, **classifiers, **copies},
        source=data.together(
            {
                'unlabelled': data.resident({'image': train['image']}, batch_size),
                **{
                    f'labelled_{n}': data.labelled(train, n, min(n, batch_size))
                    for n in LABELS
                },
            }
        ),
        steps=greedy + 1 + tuning_steps,
        data_summary=f'{digits.summary}; labels of 20, 100 and 500 training images',
        score=side_by_side({name: score_classes() for name in names}),
        evaluation={split: digits.images(split) for split in ('validation', 'test')},
        inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        measures={'gain': gain},
        pictures={
            'Labels and accuracy': draw_accuracy,
            'Filters': pictures.filters(
                'pretrained', 'rbm_0', title='weights of the first machine'
            ),
        },
    )


def accuracies(outcome: Outcome) -> dict[str, np.ndarray]:
    """Compute the test accuracy of each classifier in each member: [members]."""
    score = side_by_side(
        {f'{kind}_{n}': score_classes() for kind in STARTS for n in LABELS}
    )

    def mean(net: nn.Module, batch: Batch) -> dict[str, Array]:
        scores = score(net, batch, jnp.int32(0))
        return {
            name.removesuffix('/accuracy'): values.mean()
            for name, values in scores.items()
            if name.endswith('/accuracy')
        }

    test = jax.tree.map(jnp.asarray, dict(outcome.evaluation['test']))
    return jax.tree.map(np.asarray, outcome.each(mean, test))


def gain(outcome: Outcome) -> dict[str, np.ndarray]:
    """Compare each tuned net with the one from scratch that saw the same labels."""
    found = accuracies(outcome)
    gains = {n: found[f'tuned_{n}'] - found[f'scratch_{n}'] for n in LABELS}
    return {f'with_{n}_labels': values for n, values in gains.items()}


def draw_accuracy(outcome: Outcome) -> 'Figure':
    """Draw the test accuracy against the labels, with its standard deviation."""
    from matplotlib.figure import Figure

    found = accuracies(outcome)
    figure = Figure(figsize=(5.6, 4.2), layout='constrained')
    axes = figure.add_subplot()
    for (kind, label), shift in zip(STARTS.items(), (0.97, 1.03), strict=True):
        values = np.stack([100 * found[f'{kind}_{n}'] for n in LABELS])
        deviation = values.std(1, ddof=1) if values.shape[1] > 1 else 0 * values[:, 0]
        axes.errorbar(
            shift * np.array(LABELS),
            values.mean(1),
            deviation,
            marker='o',
            capsize=4,
            label=label,
        )
    axes.set_xscale('log')
    axes.set_xticks(LABELS, map(str, LABELS))
    axes.minorticks_off()
    members = len(found[f'tuned_{LABELS[0]}'])
    axes.set(
        xlabel='labels',
        ylabel='test accuracy in %',
        title=f'mean and standard deviation of {members} member{"s" * (members > 1)}',
    )
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


if __name__ == '__main__':
    command(experiment)
