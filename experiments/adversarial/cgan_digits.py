"""Conditional adversaries on real handwritten digits (U4.2).

Paper: Mirza and Osindero (2014), Conditional Generative Adversarial Nets,
https://arxiv.org/abs/1411.1784. Dense layers against maxout units, both told the label,
as there, smaller. The noise is normal: of the paper's, uniform in [0, 1), the generator
made one digit of each class. A penalty on the discriminator's gradient (R1) takes the
place of dropout; Adam and the average of the generator's weights are newer as well.

Measured with 5 members, seed 0, on one core of a 2-core CPU, in 131 s: 98.9 % of the
samples are classified as asked (median; the judge knows 99.7 % of the test digits), FID
1.51 (median; real test digits 1.15, independent Gaussian pixels 149), precision 0.91,
recall 0.81 (real test digits 0.88 and 0.93). The judge's hash is f67305ce4896.
Command: python experiments/adversarial/cgan_digits.py --members 5
"""

from dljax.cli import command

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from dljax import create_model, data, losses, zoo
from dljax.experiment import Experiment, of_averages
from dljax.measures import judge
from dljax.measures.alarms import classes_collapse, discriminator_wins, modes_collapse
from dljax.objectives import penalise_real
from dljax.pictures.samples import by_class
from dljax.recipes.players import adversarial_players
from dljax.types import Array, Key

TINY = {
    'steps': 2,
    'width': 4,
    'units': 4,
    'latent': 3,
    'batch_size': 8,
    'judge_steps': 2,
}


def experiment(
    *,
    steps: int = 8000,
    width: int = 256,
    units: int = 64,
    latent: int = 32,
    dropout: float = 0.0,
    generator_dropout: float = 0.0,
    batch_size: int = 64,
    learning_rate: float = 5e-4,
    penalty: float = 0.3,
    label_smoothing: float = 0.1,
    average: float = 0.999,
    judge_steps: int = 3000,
) -> Experiment:
    """Let a generator conditioned on the digit learn against a discriminator.

    Args:
        steps: updates in all.
        width: of the generator's joint layer; those of noise and label have half.
        units: maxout units of the discriminator's layers, half as many of the label's.
        latent: dimension of the noise.
        dropout: fraction of the discriminator's units dropped in training.
        generator_dropout: fraction of the generator's; above 0 it takes the place of
            the noise, and in evaluation all digits of a class are alike.
        batch_size: real digits, and fakes of their labels, in an update.
        learning_rate: of Adam, for both players.
        penalty: on the discriminator's gradient at real digits (R1); 0 for none.
        label_smoothing: of real digits.
        average: decay of the average of the generator's weights, which is what is
            shown and measured.
        judge_steps: updates of the classifier that judges the samples.
    """
    digits = data.load('digits')
    inspector = judge.digits_judge(judge_steps)
    game = losses.non_saturating_game(label_smoothing=label_smoothing)
    settings = {
        'size': 8,
        'latent': latent,
        'noise_hidden': width // 2,
        'label_hidden': width // 2,
        'hidden': width,
        'maxout': ((units, 5), (units // 2, 5), (units, 4)),
        'dropout': dropout,
        'generator_dropout': generator_dropout,
        'prior': jax.random.normal,
    }
    inputs = zoo.inputs('cgan', **settings)
    adam = optax.adam(learning_rate, b1=0.5)
    train = digits.images('train')
    return Experiment(
        net=create_model('cgan', **settings),
        players=adversarial_players(
            game,
            adam,
            average=average,
            generator_conditions=('label',),
            discriminator_conditions=('label',),
            penalty=penalise_real(penalty) if penalty else None,
        ),
        source=data.resident(train, batch_size),
        steps=steps,
        class_names=digits.class_names,
        data_summary=f'{digits.summary}; {inspector.describe()}',
        inputs={name: inputs[name] for name in ('image', 'label')},
        along={'Samples by class': of_averages(by_class(make, digits.class_names))},
        alarms={
            'Victory': discriminator_wins(),
            'Collapse': modes_collapse(),
            'Collapse of classes': of_averages(
                classes_collapse(make, train['image'], train['label'])
            ),
        },
        measures={
            'asked': of_averages(judge.agreement(make, inspector)),
            'samples': of_averages(judge.sample_quality(draw, inspector)),
        },
    )


def make(net: nn.Module, key: Key, label: Array) -> Array:
    """Make digits of these classes, [count, 8, 8, 1] in [0, 1]."""
    return net.draw(key, len(label), label)


def draw(net: nn.Module, key: Key, count: int) -> Array:
    """Make digits of the ten classes in turn."""
    return make(net, key, jnp.arange(count) % 10)


if __name__ == '__main__':
    command(experiment)
