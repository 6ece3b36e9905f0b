"""A variational autoencoder on real handwritten digits (U5.1).

Paper: Kingma and Welling (2014), Auto-encoding variational Bayes,
https://arxiv.org/abs/1312.6114; the importance-weighted bounds: Burda, Grosse and
Salakhutdinov (2016), Importance weighted autoencoders, https://arxiv.org/abs/1509.00519.
Beside the net a second one with a code of two numbers learns, for a map of its plane.

Measured with 5 members, seed 0, on a 2-core CPU, as the mean bound on log p(x) in nats
of the 360 test images after 4,000 updates, by the number of codes k drawn for an image;
p is that of all 16 + 1 shades of a pixel:

| code | rate | ELBO | k = 1 | k = 5 | k = 50 | k = 500 |
|---|---|---|---|---|---|---|
| 10 numbers | 24.7 ± 0.1 bits | -96.6 ± 0.4 | -96.6 | -93.8 | -92.0 | -91.1 ± 0.4 |
| 2 numbers | 10.1 ± 0.1 bits | -141.4 ± 1.6 | -141.4 | -138.8 | -136.8 | -135.7 ± 1.4 |

All ten numbers are in use. By eye, half of the dense net's samples are digits, others
lie between them. One convolutional member comes to an ELBO of -95.7, -89.8 at k = 500,
with 28.4 bits, and draws digits nearly always. More and cleaner ones cost likelihood
(`beta_vae_digits`), or come of the class as a condition (`conditional_vae_digits`).
Cost: 142 s of training for all on a busy machine; that one 67 s. Commands:
python experiments/autoencoders/vae_digits.py --members 5
python experiments/autoencoders/vae_digits.py --kind convolutional --hidden 32 64
"""

import functools
from typing import TYPE_CHECKING, Literal

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data
from dljax.experiment import Experiment, Outcome, Picture
from dljax.losses import binomial_loss
from dljax.models.container import container
from dljax.objectives import elbo, score_variational, side_by_side, within
from dljax.pictures.codes import image_rows, latent_plot, reconstructions, traversal
from dljax.training import Player, evaluate
from dljax.types import Array, Batch, Objective, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'steps': 2, 'code': 3, 'hidden': (8,), 'batch_size': 8, 'samples': (1, 2)}
ACTIVE = (
    0.01  # variance of a number's mean over the images, if it is used (Burda et al.)
)

COUNTS = functools.partial(binomial_loss, trials=16)  # a pixel is 4x4 dots


def experiment(
    *,
    kind: Literal['dense', 'convolutional'] = 'dense',
    code: int = 10,
    hidden: tuple[int, ...] = (256, 128),
    dropout: float = 0.1,
    beta: float = 1.0,
    warm_up: int = 1000,
    steps: int = 4000,
    batch_size: int = 100,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.1,
    samples: tuple[int, ...] = (1, 5, 50, 500),
) -> Experiment:
    """Learn the distribution of the 64 pixels, without the classes.

    Args:
        kind: of the net with the wide code; that with two numbers is dense.
        code: dimension of the code.
        hidden: widths of the encoder's layers, or the features of its convolutions; the
            decoder mirrors them.
        dropout: fraction of hidden units dropped in an update, of dense nets.
        beta: weight of the divergence.
        warm_up: updates over which that weight rises from 0.
        steps: updates in all.
        batch_size: examples in one update.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        weight_decay: decoupled from the gradient, times the learning rate.
        samples: the numbers of codes of the bounds on the likelihood.
    """
    digits = data.load('digits')
    splits = {split: digits.images(split) for split in digits.splits}
    sizes = {'shape': (8, 8, 1), 'activation': jax.nn.relu}
    dense = {'hidden': hidden, 'dropout': dropout}
    if kind == 'dense':
        wide = create_model('vae', code=code, **dense, **sizes)
    else:
        wide = create_model('convolutional_vae', code=code, features=hidden, **sizes)
    nets = {'vae': wide, 'plane': create_model('vae', code=2, **dense, **sizes)}
    score = side_by_side(
        dict.fromkeys(nets, score_variational(samples=samples, reconstruction=COUNTS))
    )
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    return Experiment(
        net=container(**nets),
        players={
            name: Player(
                optax.adamw(schedule, weight_decay=weight_decay),
                loss=within(
                    name, elbo(beta=beta, warm_up=warm_up, reconstruction=COUNTS)
                ),
                trains=(name,),
            )
            for name in nets
        },
        source=data.resident({'image': splits['train']['image']}, batch_size),
        steps=steps,
        data_summary=digits.summary,
        score=score,
        evaluation_batch=len(splits['test']['image']),
        evaluation={split: splits[split] for split in ('validation', 'test')},
        evaluate_every=max(steps // 5, 1),
        inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        measures={'vae': active_units},
        pictures={
            'Samples': draw_samples,
            'Reconstructions': reconstructions(
                {
                    f'{nets[name].code} numbers': lambda net, batch, name=name: getattr(
                        net, name
                    ).reconstruct(batch['image'])
                    for name in nets
                }
            ),
            'Codes in the plane': latent_plot(
                lambda net, batch: net.plane.encode(batch['image']), digits.class_names
            ),
            'Map of the plane': draw_plane,
            'Traversals': traversal(
                lambda net, code: net.vae.images(code),
                lambda net, batch: net.vae.encode(batch['image']),
            ),
            'Bounds': bounds(samples, score),
        },
    )


def active_units(outcome: Outcome) -> dict[str, np.ndarray]:
    """Count the numbers of the code that depend on the image at all."""

    def count(net: nn.Module, batch: Batch) -> Array:
        return (net.vae.encode(batch['image']).var(0) > ACTIVE).sum()

    found = np.asarray(outcome.each(count, outcome.evaluation['test']), float)
    return {'active_units': found}


def draw_samples(outcome: Outcome) -> 'Figure':
    """Show the expected pixels for codes from the prior, of both nets."""
    codes = {
        name: jax.random.normal(
            jax.random.key(0), (count, 16, getattr(outcome.net, name).code)
        )
        for name, count in (('vae', 4), ('plane', 2))
    }

    def sample(net: nn.Module, codes: dict[str, Array]) -> dict[str, Array]:
        return {
            name: getattr(net, name).images(code.reshape(-1, code.shape[-1]))
            for name, code in codes.items()
        }

    made = outcome.apply(sample, codes)
    rows = {
        f'{codes[name].shape[-1]} numbers, row {row + 1}': images
        for name in codes
        for row, images in enumerate(np.asarray(made[name]).reshape(-1, 16, 8, 8, 1))
    }
    return image_rows(rows, 'samples: codes from the prior')


def draw_plane(outcome: Outcome) -> 'Figure':
    """Show what stands where in the plane, at quantiles of the prior."""
    places = jax.scipy.stats.norm.ppf((jnp.arange(15) + 0.5) / 15)
    across, down = jnp.meshgrid(places, -places)
    codes = jnp.stack([across, down], axis=-1).reshape(-1, 2)
    images = outcome.apply(lambda net, code: net.plane.images(code), codes)
    rows = np.asarray(images).reshape(15, 15, 8, 8, 1)
    captions = [f'{float(-place):+.2f}' for place in places]
    return image_rows(
        dict(zip(captions, rows, strict=True)),
        'the plane of two numbers, at equal steps of the probability',
    )


def bounds(samples: tuple[int, ...], score: Objective) -> Picture:
    """Draw how the bound on the likelihood rises with the samples.

    Args:
        samples: codes drawn for an image.
        score: of both nets.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.6, 4.2), layout='constrained')
        axes = figure.add_subplot()
        batch = outcome.evaluation['test']
        found = evaluate(outcome.net, score, outcome.members, [batch])
        members = np.size(found['vae/elbo'])
        for name, marker in (('vae', 'o'), ('plane', 's')):
            values = np.stack(
                [np.atleast_1d(found[f'{name}/bound_{k}']) for k in samples]
            )
            deviation = values.std(1, ddof=1) if members > 1 else 0 * values[:, 0]
            numbers = getattr(outcome.net, name).code
            line = axes.errorbar(
                samples,
                values.mean(1),
                deviation,
                marker=marker,
                capsize=4,
                label=f'a code of {numbers} numbers',
            )
            axes.axhline(
                np.mean(found[f'{name}/elbo']),
                color=line[0].get_color(),
                linestyle=':',
                label=f'its ELBO, {numbers} numbers',
            )
        axes.set(
            xscale='log',
            xlabel='codes drawn for an image, k',
            ylabel='bound on log p(x), in nats',
            title='test: mean and standard deviation of '
            f'{members} member{"s" * (members > 1)}',
        )
        axes.set_xticks(samples, map(str, samples))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        figure.legend(loc='outside lower center', ncols=2)
        return figure

    return draw


if __name__ == '__main__':
    command(experiment)
