"""The generative adversarial nets of the first paper on real handwritten digits (U4.2).

Paper: Goodfellow et al. (2014), Generative Adversarial Nets,
https://arxiv.org/abs/1406.2661. Dense layers against maxout units with dropout, as
there, smaller; Adam and the average of the generator's weights are newer.

Measured with 5 members, seed 0, on a 2-core CPU, by 360 samples of each after 10,000
updates against the 1,257 training digits, beside two anchors:

| samples | FID, median | FID | inception score | precision | recall |
|---|---|---|---|---|---|
| real test digits | | 1.2 | 9.88 | 0.88 | 0.93 |
| -log D (the default) | 8.1 | 7.8 ± 1.4 | 8.57 ± 0.15 | 0.61 ± 0.02 | 0.93 ± 0.02 |
| log(1 - D) | 6.8 | 6.6 ± 1.2 | 8.63 ± 0.19 | 0.60 ± 0.02 | 0.90 ± 0.01 |
| Gaussian pixels | | 149 | 3.56 | 0.31 | 0.12 |

The network that judges is told in the result; its hash is f67305ce4896. At the start
all samples are alike, as the alarm says, up to about update 2,000.
The gradient of log(1 - D) vanishes only where the discriminator is sure, and it never
is.
Cost: 294 s of training for all on one core of a busy machine, 40 s for one.
Commands:
python experiments/adversarial/gan_digits.py --members 5
python experiments/adversarial/gan_digits.py --members 5 --game minimax
"""

from typing import Literal

from dljax.cli import command

import optax
from flax import linen as nn

from dljax import create_model, data, losses
from dljax.experiment import Experiment, of_averages
from dljax.measures import judge
from dljax.measures.alarms import discriminator_wins, modes_collapse
from dljax.pictures.paths import linear
from dljax.pictures.samples import interpolations, samples
from dljax.recipes.players import adversarial_players
from dljax.types import Array, Key, Spec

TINY = {
    'steps': 2,
    'hidden': (5,),
    'maxout': (4,),
    'latent': 3,
    'batch_size': 8,
    'judge_steps': 2,
}


def experiment(
    *,
    game: Literal['minimax', 'non_saturating'] = 'non_saturating',
    steps: int = 10_000,
    hidden: tuple[int, ...] = (256, 256),
    maxout: tuple[int, ...] = (64, 64),
    latent: int = 32,
    batch_size: int = 64,
    learning_rate: float = 5e-4,
    label_smoothing: float = 0.1,
    average: float = 0.999,
    judge_steps: int = 3000,
) -> Experiment:
    """Let a generator of digits learn against a discriminator.

    Args:
        game: what the generator minimises: log(1 - D), the value of the game, or the
            paper's remedy for its vanishing gradient, -log D.
        steps: updates in all.
        hidden: widths of the generator.
        maxout: units of the discriminator's layers, of 5 pieces each.
        latent: dimension of the noise.
        batch_size: real digits, and fakes, in an update.
        learning_rate: of Adam, for both players.
        label_smoothing: of real digits.
        average: decay of the average of the generator's weights, which is what is
            shown and measured.
        judge_steps: updates of the classifier that judges the samples.
    """
    digits = data.load('digits')
    inspector = judge.digits_judge(judge_steps)
    games = {
        'minimax': losses.minimax_game,
        'non_saturating': losses.non_saturating_game,
    }
    rules = games[game](label_smoothing=label_smoothing)
    net = create_model(
        'gan', size=8, latent=latent, hidden=hidden, maxout=maxout, dropout=0.3
    )
    adam = optax.adam(learning_rate, b1=0.5)
    return Experiment(
        net=net,
        players=adversarial_players(rules, adam, average=average),
        source=data.resident({'image': digits.images('train')['image']}, batch_size),
        steps=steps,
        data_summary=f'{digits.summary}; {inspector.describe()}',
        inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        along={'Samples': of_averages(samples(draw))},
        alarms={'Victory': discriminator_wins(), 'Collapse': modes_collapse()},
        measures={'samples': of_averages(judge.sample_quality(draw, inspector))},
        pictures={
            'Interpolations': of_averages(
                interpolations(turn, latent, path=linear, noise=net.prior)
            )
        },
    )


def draw(net: nn.Module, key: Key, count: int) -> Array:
    """Make digits [count, 8, 8, 1] in [0, 1]."""
    return net.draw(key, count)


def turn(net: nn.Module, noise: Array) -> Array:
    """Turn noise into digits in [0, 1]."""
    return net.generator(noise, train=False)


if __name__ == '__main__':
    command(experiment)
