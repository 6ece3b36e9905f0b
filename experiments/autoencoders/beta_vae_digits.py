"""What β buys: rate against distortion of variational autoencoders (U5.1, U5.2).

Paper: Higgins et al. (2017), beta-VAE: Learning basic visual concepts with a
constrained variational framework, https://openreview.net/forum?id=Sy2fzU9gl; rate and
distortion: Alemi et al. (2018), Fixing a broken ELBO, https://arxiv.org/abs/1711.00464.
Equal nets learn side by side, each at its own β, on real handwritten digits.

Measured with 5 members, seed 0, on a 2-core CPU, on the 360 test images after 4,000
updates; PSNR and SSIM (uniform windows of 7x7) of what the codes' means stand for:

| β | rate in bits | distortion in nats | ELBO | bound of 50 codes | PSNR | SSIM |
|---|---|---|---|---|---|---|
| 0.25 | 36.2 ± 0.1 | 75.1 ± 0.7 | -100.3 ± 0.7 | -96.6 ± 0.6 | 21.0 dB | 0.960 |
| 1 | 24.6 ± 0.1 | 79.6 ± 0.6 | -96.7 ± 0.6 | -92.0 ± 0.6 | 20.8 dB | 0.958 |
| 4 | 13.6 ± 0.3 | 97.0 ± 0.9 | -106.4 ± 0.7 | -94.8 ± 0.7 | 19.8 dB | 0.947 |
| 16 | 5.0 ± 0.1 | 146.7 ± 1.0 | -150.1 ± 0.9 | -119.7 ± 1.3 | 16.7 dB | 0.885 |
| 64 | 0.0 | 253.8 | -253.8 | -253.4 | 11.4 dB | 0.575 |

At β = 16 the nets use 6.4 ± 0.9 of the 10 numbers, at 64 none: all images are the mean.
By eye the samples are best at β = 4.
Cost: 257 s of training for all on a busy machine. Command:
python experiments/autoencoders/beta_vae_digits.py --members 5
"""

import functools
from typing import TYPE_CHECKING

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data, metrics
from dljax.experiment import Experiment, Outcome, Picture
from dljax.losses import binomial_loss
from dljax.models.container import container
from dljax.objectives import elbo, score_variational, side_by_side, within
from dljax.pictures.codes import Encode, image_rows, reconstructions
from dljax.training import Player, evaluate
from dljax.types import Array, Batch, Objective, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'betas': (0.5, 2.0), 'steps': 2, 'code': 2, 'hidden': (8,), 'batch_size': 8}
ACTIVE = 0.01  # variance of a number's mean over the images, if it is used

COUNTS = functools.partial(binomial_loss, trials=16)  # a pixel is 4x4 dots


def experiment(
    *,
    betas: tuple[float, ...] = (0.25, 1.0, 4.0, 16.0, 64.0),
    code: int = 10,
    hidden: tuple[int, ...] = (256, 128),
    dropout: float = 0.1,
    warm_up: int = 1000,
    steps: int = 4000,
    batch_size: int = 100,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.1,
) -> Experiment:
    """Train one net for each β on the same distribution.

    Args:
        betas: weights of the divergence, in ascending order.
        code: dimension of the code.
        hidden: widths of the encoder's layers; the decoder mirrors them.
        dropout: fraction of hidden units dropped in an update.
        warm_up: updates over which the weight rises from 0.
        steps: updates in all.
        batch_size: examples in one update.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        weight_decay: decoupled from the gradient, times the learning rate.
    """
    digits = data.load('digits')
    splits = {split: digits.images(split) for split in digits.splits}
    names = {f'beta_{beta:g}'.replace('.', '_'): beta for beta in betas}
    net = create_model(
        'vae',
        code=code,
        hidden=hidden,
        dropout=dropout,
        shape=(8, 8, 1),
        activation=jax.nn.relu,
    )
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    score = side_by_side(dict.fromkeys(names, score_images))
    return Experiment(
        net=container(**dict.fromkeys(names, net)),
        players={
            name: Player(
                optax.adamw(schedule, weight_decay=weight_decay),
                loss=within(
                    name, elbo(beta=beta, warm_up=warm_up, reconstruction=COUNTS)
                ),
                trains=(name,),
            )
            for name, beta in names.items()
        },
        source=data.resident({'image': splits['train']['image']}, batch_size),
        steps=steps,
        data_summary=digits.summary,
        score=score,
        evaluation_batch=len(splits['test']['image']),
        evaluation={split: splits[split] for split in ('validation', 'test')},
        inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        measures={'active_units': active_units},
        pictures={
            'Rate and distortion': rate_and_distortion(names, score),
            'Samples': samples(names),
            'Reconstructions': reconstructions(
                {f'β = {beta:g}': rebuilt(name) for name, beta in names.items()}
            ),
        },
    )


def score_images(net: nn.Module, batch: Batch, step: Array) -> dict[str, Array]:
    """Score the bounds, and the reconstructions from the means of the codes."""
    rebuilt = net.reconstruct(batch['image'])
    return {
        **score_variational(samples=(1, 50), reconstruction=COUNTS)(net, batch, step),
        'psnr': metrics.psnr(rebuilt, batch['image']),
        'ssim': metrics.ssim(rebuilt, batch['image'], window=7, sigma=None),
    }


def active_units(outcome: Outcome) -> dict[str, np.ndarray]:
    """Count the numbers of each code that depend on the image at all."""

    def count(net: nn.Module, batch: Batch) -> dict[str, Array]:
        return {
            name: (getattr(net, name).encode(batch['image']).var(0) > ACTIVE).sum()
            for name in outcome.state.params
        }

    found = outcome.each(count, outcome.evaluation['test'])
    return {name: np.asarray(values, float) for name, values in found.items()}


def rebuilt(name: str) -> Encode:
    """Rebuild images by one of the nets.

    Args:
        name: of the net.
    """
    return lambda net, batch: getattr(net, name).reconstruct(batch['image'])


def rate_and_distortion(names: dict[str, float], score: Objective) -> Picture:
    """Draw the distortion that each rate leaves.

    Args:
        names: β by the name of the net.
        score: of all nets.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        found = evaluate(
            outcome.net, score, outcome.members, [outcome.evaluation['test']]
        )
        rate, distortion = (
            np.stack([np.atleast_1d(found[f'{name}/{kind}']) for name in names])
            for kind in ('rate', 'distortion')
        )
        figure = Figure(figsize=(5.8, 4.4), layout='constrained')
        axes = figure.add_subplot()
        axes.plot(rate.mean(1), distortion.mean(1), color='tab:blue', zorder=2)
        for beta, x, y in zip(names.values(), rate, distortion, strict=True):
            axes.scatter(x, y, s=22, color='tab:blue', zorder=3)
            bound = -(y + np.log(2) * x).mean()
            axes.annotate(
                f'β = {beta:g}\nELBO {bound:.1f}',
                (x.mean(), y.mean()),
                xytext=(7, 1),
                textcoords='offset points',
            )
        axes.set(
            xlabel='rate in bits an image',
            ylabel='distortion in nats an image',
            xlim=(0, 1.25 * rate.max()),
            title=f'test: a point for each of {rate.shape[1]} members',
        )
        axes.grid(alpha=0.3)
        return figure

    return draw


def samples(names: dict[str, float]) -> Picture:
    """Show for each β the expected pixels for equal codes from the prior.

    Args:
        names: β by the name of the net.
    """

    def draw(outcome: Outcome) -> 'Figure':
        first = getattr(outcome.net, next(iter(names)))
        code = jax.random.normal(jax.random.key(0), (16, first.code))

        def images(net: nn.Module, code: Array) -> dict[str, Array]:
            return {
                f'β = {beta:g}': getattr(net, name).images(code)
                for name, beta in names.items()
            }

        # A compiled dictionary comes back in the order of its names.
        drawn = outcome.apply(images, code)
        order = [f'β = {beta:g}' for beta in names.values()]
        rows = {caption: jnp.asarray(drawn[caption]) for caption in order}
        return image_rows(rows, 'samples: codes from the prior')

    return draw


if __name__ == '__main__':
    command(experiment)
