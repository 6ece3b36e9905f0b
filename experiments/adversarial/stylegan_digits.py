"""A style-based pair, made small, on real handwritten digits (U4.2).

Paper: Karras, Laine, Aittala, Hellsten, Lehtinen and Aila (2020), Analyzing and
Improving the Image Quality of StyleGAN, https://arxiv.org/abs/1912.04958. Configuration
F with few layers and channels: modulated convolutions, styles of two noises mixed, R1
and even steps at every update.

MEASURED
Command: python experiments/adversarial/stylegan_digits.py --members 5
Images of your own, in IDX files (MNIST, 28x28): --data FOLDER
"""

import functools
from pathlib import Path

from dljax.cli import command

import jax.numpy as jnp
import optax
from flax import linen as nn

from dljax import create_model, losses
from dljax import data as sources
from dljax.experiment import Experiment, of_averages
from dljax.measures import judge
from dljax.measures.alarms import discriminator_wins, modes_collapse
from dljax.objectives import hold_paths, penalise_real
from dljax.pictures.samples import in_rows, samples
from dljax.pictures.style_mixing import mixed_styles
from dljax.recipes.players import adversarial_players
from dljax.types import Array, Key, Spec

TINY = {
    'steps': 2,
    'width': 2,
    'multipliers': (1, 1),
    'latent': 3,
    'style': 3,
    'mapping_layers': 1,
    'batch_size': 8,
    'path_weight': 0.0,
    'truncations': (0.5,),
    'judge_steps': 2,
}


def experiment(
    *,
    data: Path | None = None,
    steps: int = 6000,
    width: int = 16,
    multipliers: tuple[int, ...] = (4, 2, 1),
    latent: int = 32,
    style: int = 32,
    mapping_layers: int = 4,
    mixing: float = 0.9,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    penalty: float = 0.3,
    path_weight: float = 2.0,
    average: float = 0.998,
    truncations: tuple[float, ...] = (0.75, 0.5, 0.25),
    judge_steps: int = 3000,
) -> Experiment:
    """Let a generator that is told a style at every scale learn from a discriminator.

    Args:
        data: a folder of IDX files, or of a folder of pictures a class, square and of
            one size; scikit-learn's digits by default.
        steps: updates in all.
        width: channels at full size, of both.
        multipliers: of the width, from the generator's first maps on; each but the
            first doubles the side.
        latent: dimension of the noise.
        style: numbers of a style.
        mapping_layers: dense layers from noise to style.
        mixing: fraction of samples of two styles, in training.
        batch_size: real images, and fakes, in an update.
        learning_rate: of Adam, for both players.
        penalty: on the discriminator's gradient at real images (R1).
        path_weight: of the generator's penalty on uneven steps; 0 for none.
        average: decay of the average of the generator's weights, which is what is
            shown and measured.
        truncations: parts of a style's distance from the mean style that are kept, in
            a comparison.
        judge_steps: updates of the classifier that judges the samples.
    """
    own, inspector = judge.judged_images(data, judge_steps)
    side, _, channels = inspector.shape
    net = create_model(
        'stylegan_small',
        size=side,
        channels=channels,
        latent=latent,
        style=style,
        mapping_layers=mapping_layers,
        width=width,
        multipliers=multipliers,
        mixing=mixing,
    )
    adam = optax.adam(learning_rate, b1=0.0, b2=0.99)
    players = adversarial_players(
        losses.non_saturating_game(),
        adam,
        average=average,
        penalty=penalise_real(penalty),
        generator_task=hold_paths(path_weight) if path_weight else None,
    )
    truncated = {
        f'{psi:g}': functools.partial(draw, truncation=psi) for psi in truncations
    }
    return Experiment(
        net=net,
        players=players,
        source=sources.resident(
            {'image': 2 * own.images('train')['image'] - 1}, batch_size
        ),
        steps=steps,
        data_summary=f'{own.summary}; {inspector.describe()}',
        inputs={'image': Spec(inspector.shape, 'float32', -1, 1)},
        along={'Samples': of_averages(samples(draw))},
        alarms={'Victory': discriminator_wins(), 'Collapse': modes_collapse()},
        measures={
            'samples': of_averages(judge.sample_quality(draw, inspector)),
            'truncated': of_averages(judge.quality_by_setting(truncated, inspector)),
        },
        pictures={
            'Mixed styles': of_averages(mixed_styles(len(multipliers))),
            'Truncated styles': of_averages(
                in_rows(
                    {
                        '1': draw,
                        **truncated,
                        '0': functools.partial(draw, truncation=0.0),
                    },
                    'part of the distance from the mean style',
                )
            ),
        },
    )


def draw(net: nn.Module, key: Key, count: int, *, truncation: float = 1.0) -> Array:
    """Make images [count, height, width, channel], cut off at 0 and 1."""
    noise = net.prior(key, (count, net.latent))
    images = net.generator(noise, train=False, truncation=truncation)
    return jnp.clip((images + 1) / 2, 0, 1)


if __name__ == '__main__':
    command(experiment)
