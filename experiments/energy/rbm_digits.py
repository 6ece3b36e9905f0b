"""A restricted Boltzmann machine on real handwritten digits, made binary (U1.13).

Paper: Hinton (2002), Training products of experts by minimizing contrastive divergence,
https://doi.org/10.1162/089976602760128018; persistent chains: Tieleman (2008),
https://doi.org/10.1145/1390156.1390290; the estimate of its likelihood: Salakhutdinov
and Murray (2008), https://doi.org/10.1145/1390156.1390266.

Measured with 5 members, seed 0, on a 2-core CPU, as the mean log-likelihood in nats of
the 360 test images after 10,000 updates; the estimate is that of annealed importance
sampling with 200 runs of 5,000 temperatures:

| hidden units, rule | estimate, test | exact, test | estimate, train | error of log Z |
|---|---|---|---|---|
| none: independent pixels | | -25.22 | | |
| 16, PCD-1 (the default) | -18.52 ± 0.14 | -18.52 ± 0.14 | -17.80 ± 0.08 | 0.005 |
| 16, CD-1 | -18.57 ± 0.10 | -18.57 ± 0.10 | -17.86 ± 0.06 | 0.005 |
| 16, CD-10 | -18.51 ± 0.10 | -18.52 ± 0.10 | -17.78 ± 0.05 | 0.006 |
| 200, PCD-1 | -16.56 ± 0.01 | too many units | -15.42 ± 0.01 | 0.012 |

In all 15 small machines the exact log Z lies within three of its estimate's errors. So
few pixels are easy to mix: the three rules differ by less than their members do.
Cost: 8 to 26 s of training for all. Commands:
python experiments/energy/rbm_digits.py --members 5
python experiments/energy/rbm_digits.py --members 5 --no-persistent
python experiments/energy/rbm_digits.py --members 5 --no-persistent --gibbs-steps 10
python experiments/energy/rbm_digits.py --members 5 --hidden 200
"""

from typing import TYPE_CHECKING

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data, pictures
from dljax.experiment import Experiment, Measure, Outcome
from dljax.losses import binary_cross_entropy
from dljax.metrics import annealed_importance_sampling, log_partition
from dljax.objectives import contrastive_divergence, score_machine
from dljax.training import Player
from dljax.types import Array, Key, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'steps': 2, 'hidden': 4, 'batch_size': 8, 'runs': 4, 'temperatures': 5}
ENUMERATED = 16  # hidden units up to which the likelihood is computed exactly as well


def experiment(
    *,
    hidden: int = 16,
    gibbs_steps: int = 1,
    persistent: bool = True,
    steps: int = 10_000,
    batch_size: int = 100,
    learning_rate: float = 0.1,
    weight_decay: float = 1e-3,
    runs: int = 200,
    temperatures: int = 5000,
) -> Experiment:
    """Learn the distribution of the 64 pixels, dark or light, without the classes.

    Args:
        hidden: units; up to 16 the likelihood is computed exactly beside its estimate.
        gibbs_steps: in an update.
        persistent: whether chains go on from update to update (PCD) or start at the
            data (CD).
        steps: updates in all.
        batch_size: examples, and chains, in an update.
        learning_rate: at the start; it falls linearly to 0.
        weight_decay: of the weights.
        runs: of annealed importance sampling.
        temperatures: in each of these runs.
    """
    digits = data.load('digits')
    splits = {
        split: {'image': (digits.images(split)['image'] > 0.5).astype(np.float32)}
        for split in digits.splits
    }
    pixels = splits['train']['image'].reshape(-1, 64)
    # As if each pixel had been seen once more in either state.
    fraction = (pixels.sum(0) + 1) / (len(pixels) + 2)
    odds = np.log(fraction / (1 - fraction))

    def from_odds(key: Key, shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
        return jnp.asarray(odds, dtype).reshape(shape)

    exact = hidden <= ENUMERATED
    return Experiment(
        net=create_model('rbm', visible=64, hidden=hidden, visible_bias_init=from_odds),
        players={
            'rbm': Player(
                optax.sgd(optax.linear_schedule(learning_rate, 0.0, steps)),
                direction=contrastive_divergence(
                    steps=gibbs_steps,
                    persistent=persistent,
                    weight_decay=weight_decay,
                ),
            )
        },
        source=data.resident(splits['train'], batch_size),
        steps=steps,
        data_summary=f'{digits.summary}; pixels above one half are 1, others 0',
        score=score_machine(exact=exact),
        evaluation=splits,
        inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        measures={
            'ais': likelihood(odds, runs, temperatures, exact),
            'independent_pixels': baseline(odds),
        },
        pictures={
            'Samples': draw_samples,
            'Filters': pictures.filters(title='weights of the hidden units'),
        },
    )


def likelihood(odds: np.ndarray, runs: int, temperatures: int, exact: bool) -> Measure:
    """Estimate the mean log-likelihood of each set, in nats an image.

    Args:
        odds: log odds of the pixels, where the annealing starts.
        runs: of annealed importance sampling.
        temperatures: in each run.
        exact: whether to compute log Z by enumeration, too.
    """

    def measure(outcome: Outcome) -> dict[str, np.ndarray]:
        images = {name: batch['image'] for name, batch in outcome.evaluation.items()}

        def estimate(net: nn.Module, images: dict[str, Array]) -> dict[str, Array]:
            params = net.variables['params']
            found = annealed_importance_sampling(
                jax.random.key(0),
                params,
                jnp.asarray(odds),
                runs=runs,
                steps=temperatures,
            )
            figures = {'log_z': found.value, 'log_z/error': found.error}
            if exact:
                log_z = log_partition(params)
                inside = (found.low <= log_z) & (log_z <= found.high)
                figures |= {'exact_log_z': log_z, 'within_three_errors': inside}
            for name, image in images.items():
                free = net(image, train=False).mean()
                figures[f'{name}/log_likelihood'] = -free - found.value
            return figures

        found = outcome.each(estimate, images)
        return {name: np.asarray(values, np.float64) for name, values in found.items()}

    return measure


def baseline(odds: np.ndarray) -> Measure:
    """Compute the mean log-likelihood under independent pixels.

    Args:
        odds: log odds of the pixels.
    """

    def measure(outcome: Outcome) -> dict[str, float]:
        figures = {}
        for name, batch in outcome.evaluation.items():
            images = batch['image'].reshape(-1, len(odds))
            logits = np.broadcast_to(odds, images.shape)
            error = binary_cross_entropy(jnp.asarray(logits), jnp.asarray(images))
            figures[f'{name}/log_likelihood'] = -float(error.mean())
        return figures

    return measure


def draw_samples(outcome: Outcome) -> 'Figure':
    """Show the probabilities of the pixels at the end of 32 chains from noise."""

    def sample(net: nn.Module, start: Array) -> Array:
        states = net.gibbs(jax.random.key(0), start, 2000)
        return jax.nn.sigmoid(net.reconstruct(states))

    noise = jax.random.bernoulli(jax.random.key(1), shape=(32, 64))
    shown = outcome.apply(sample, noise.astype(jnp.float32))
    return pictures.grid(
        np.asarray(shown, np.float32).reshape(-1, 8, 8, 1),
        title='samples: 2,000 Gibbs steps from noise',
    )


if __name__ == '__main__':
    command(experiment)
