"""One digit among the others: anomalies that no net has been shown (U5.5).

Papers: reconstruction errors: Sakurada and Yairi (2014), Anomaly detection using
autoencoders with nonlinear dimensionality reduction,
https://doi.org/10.1145/2689746.2689747; the inverted generator: Schlegl et al. (2019),
f-AnoGAN, https://doi.org/10.1016/j.media.2019.01.010.

Measured with 5 members for each digit, seed 0, on a 2-core CPU, as the area under the
receiver operating characteristic: all images of the digit that was held out against
the test images of the others. The pixels are independent Gaussians fitted to the
training images, the neighbour the nearest of these:

| held out | pixels | neighbour | autoencoder | inverted generator | discriminator |
|---|---|---|---|---|---|
| 0 | .532 | .996 | .992 ± .003 | .965 ± .016 | .875 ± .083 |
| 1 | .641 | .956 | .852 ± .033 | .896 ± .038 | .868 ± .031 |
| 2 | .771 | .996 | .988 ± .014 | .964 ± .012 | .861 ± .060 |
| 3 | .512 | .978 | .959 ± .010 | .895 ± .034 | .896 ± .035 |
| 4 | .876 | .994 | .988 ± .006 | .966 ± .010 | .815 ± .070 |
| 5 | .613 | .988 | .989 ± .004 | .950 ± .016 | .832 ± .061 |
| 6 | .609 | .990 | .944 ± .017 | .923 ± .014 | .947 ± .041 |
| 7 | .777 | .993 | .989 ± .004 | .956 ± .012 | .774 ± .170 |
| 8 | .220 | .975 | .963 ± .004 | .873 ± .020 | .855 ± .046 |
| 9 | .499 | .966 | .928 ± .009 | .872 ± .033 | .935 ± .017 |
| mean | .605 | .983 | .959 | .926 | .866 |

In the mean every net beats the pixels, and none the distance to the nearest of about
1,130 images that lie in memory. The discriminator, worse than the pixels for 4 and 7,
was never asked about such digits: what it thinks of them differs most from member to
member.
Cost: 61 to 142 s of training for all on one core of a busy machine. Command:
python experiments/autoencoders/anomaly_digits.py --members 5 --anomaly 0
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from dljax.cli import command

import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data, losses
from dljax.experiment import Experiment, Measure, Outcome, Picture
from dljax.measures.alarms import discriminator_wins, modes_collapse
from dljax.metrics import area_under_roc
from dljax.models.container import container
from dljax.objectives import (
    autoencode,
    fool,
    invert,
    score_inversion,
    tell_apart,
    within,
)
from dljax.pictures.codes import image_rows
from dljax.training import Player
from dljax.types import Array, Metrics, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'steps': 2, 'game_steps': 2, 'hidden': 5, 'code': 2, 'latent': 2}
SHOWN = 12  # images in a row of the picture
Score = Callable[[nn.Module, Array], Metrics]


def experiment(
    *,
    anomaly: int = 4,
    game_steps: int = 8000,
    steps: int = 4000,
    hidden: int = 128,
    code: int = 8,
    latent: int = 16,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    game_rate: float = 5e-4,
    weight: float = 1.0,
) -> Experiment:
    """Learn nine digits, and tell the tenth by what it costs.

    Args:
        anomaly: the digit that is held out of the training.
        game_steps: updates of the adversaries.
        steps: updates after them, of the encoder that inverts the generator; the
            autoencoder learns in as many, from the first on.
        hidden: units of the layers, for all nets.
        code: dimension of the autoencoder's code.
        latent: dimension of the generator's noise.
        batch_size: digits in an update.
        learning_rate: of Adam, for both encoders.
        game_rate: of Adam, for the adversaries.
        weight: of the discriminator's features against the pixels.
    """
    if anomaly not in range(10):
        raise ValueError(f'anomaly={anomaly}, wanted a digit, 0 to 9')
    digits = data.load('digits')
    parts = {split: digits.images(split) for split in digits.splits}
    known = parts['train']['image'][parts['train']['label'] != anomaly]
    test = parts['test']['image'][parts['test']['label'] != anomaly]
    strange = np.concatenate(
        [part['image'][part['label'] == anomaly] for part in parts.values()]
    )
    game = losses.non_saturating_game(label_smoothing=0.1)
    adam = optax.adam(game_rate, b1=0.5)
    play = (0, game_steps)
    players = {
        'autoencoder': Player(
            optax.adam(learning_rate),
            loss=within('autoencoder', autoencode()),
            trains=('autoencoder',),
            during=(0, steps),
        ),
        'discriminator': Player(
            adam,
            loss=within('gan', tell_apart(game)),
            trains=('gan/discriminator',),
            during=play,
        ),
        'generator': Player(
            adam,
            loss=within('gan', fool(game)),
            trains=('gan/generator',),
            during=play,
        ),
        'inverse': Player(
            optax.adam(learning_rate),
            loss=invert(weight=weight),
            trains=('inverse',),
            during=(game_steps, None),
        ),
    }
    scores = scoring(known, weight)
    return Experiment(
        net=container(
            autoencoder=create_model(
                'autoencoder', shape=(8, 8, 1), hidden=(hidden,), code=code
            ),
            gan=create_model(
                'gan',
                size=8,
                latent=latent,
                hidden=(hidden, hidden),
                maxout=(hidden // 2, hidden // 2),
                dropout=0.3,
            ),
            inverse=create_model('mlp', hidden=(hidden, hidden), outputs=latent),
        ),
        players=players,
        source=data.resident({'image': known}, batch_size),
        steps=game_steps + steps,
        data_summary=(
            f'{digits.summary}; trained on {len(known):,} without a {anomaly}, tested '
            f'on {len(test)} others and all {len(strange)} of the digit {anomaly}'
        ),
        inputs={'image': Spec((8, 8, 1), 'float32', 0, 1)},
        alarms={'Victory': discriminator_wins(), 'Collapse': modes_collapse()},
        measures={'auroc': separation(scores, test, strange)},
        pictures={
            'Scores': distributions(scores, test, strange),
            'Strangest and most usual': extremes(scores, test, strange),
        },
    )


def scoring(known: np.ndarray, weight: float) -> Score:
    """Score images by all nets, and by two ways that need none.

    Args:
        known: the images of the training.
        weight: of the discriminator's features, as in training.

    Returns:
        `(net, images) -> {name: [batch]}`, larger for what is stranger.
    """
    flat = known.reshape(len(known), -1)
    mean, deviation = flat.mean(0), np.maximum(flat.std(0), 0.05)
    inversion = score_inversion(weight=weight)

    def score(net: nn.Module, image: Array) -> Metrics:
        pixels = image.reshape(len(image), -1)
        apart = jnp.square(pixels[:, None, :] - jnp.asarray(flat)[None]).sum(-1)
        rebuilt = net.autoencoder.reconstruct(image)
        return {
            'autoencoder': losses.sum_squared_error(rebuilt, image),
            **inversion(net, {'image': image}, jnp.int32(0)),
            'gaussian_pixels': jnp.square((pixels - mean[None]) / deviation[None]).sum(
                1
            ),
            'nearest_neighbour': apart.min(1),
        }

    return score


def separation(score: Score, usual: np.ndarray, strange: np.ndarray) -> Measure:
    """Measure how well each score parts anomalies from the others.

    Args:
        score: of images.
        usual: test images of known digits.
        strange: images of the digit that was held out.

    Returns:
        A measure: by score the area under the receiver operating characteristic of
        every member, and its median.
    """
    images = np.concatenate([usual, strange])
    positive = np.arange(len(images)) >= len(usual)

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        figures = {}
        for name, values in outcome.each(score, images).items():
            areas = [area_under_roc(each, positive) for each in np.asarray(values)]
            figures[name] = np.array(areas)
            figures[f'{name}/median'] = float(np.median(areas))
        return figures

    return measure


def distributions(score: Score, usual: np.ndarray, strange: np.ndarray) -> Picture:
    """Draw the distribution of each score over both kinds, a panel a score.

    Args:
        score: of images.
        usual: test images of known digits.
        strange: images of the digit that was held out.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        images = np.concatenate([usual, strange])
        positive = np.arange(len(images)) >= len(usual)
        found = outcome.apply(score, images)
        figure = Figure(figsize=(3.1 * len(found), 3.2), layout='constrained')
        panels = figure.subplots(1, len(found), squeeze=False)[0]
        for axes, (name, values) in zip(panels, found.items(), strict=True):
            values = np.asarray(values, np.float64)
            bins = np.linspace(*np.quantile(values, (0.0, 0.995)), 30)
            for kind, label in ((~positive, 'known digits'), (positive, 'anomaly')):
                axes.hist(values[kind], bins, density=True, alpha=0.6, label=label)
            area = area_under_roc(values, positive)
            axes.set(
                title=f'{name.replace("_", " ")}\nAUROC {area:.3f}', xlabel='score'
            )
            axes.set_yticks([])
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc='outside lower center', ncols=2)
        return figure

    return draw


def extremes(score: Score, usual: np.ndarray, strange: np.ndarray) -> Picture:
    """Show what is rebuilt of the least and the most strange images of both kinds.

    Args:
        score: of images, with 'autoencoder' and 'inversion'.
        usual: test images of known digits.
        strange: images of the digit that was held out.
    """

    def rebuilt(net: nn.Module, image: Array) -> dict[str, Array]:
        noise = net.inverse(image, train=False)
        return {
            'autoencoder': net.autoencoder.reconstruct(image),
            'generator': net.gan.generator(noise, train=False),
        }

    def draw(outcome: Outcome) -> 'Figure':
        rows = {}
        for kind, images in (('known', usual), ('anomaly', strange)):
            order = np.argsort(np.asarray(outcome.apply(score, images)['inversion']))
            ends = {'least strange': order[:SHOWN], 'strangest': order[::-1][:SHOWN]}
            for end, chosen in ends.items():
                rows[f'{kind}, {end}'] = images[chosen]
                for name, made in outcome.apply(rebuilt, images[chosen]).items():
                    rows[f'{kind}, {end}: {name}'] = np.asarray(made)
        return image_rows(rows, 'by the score of the inverted generator')

    return draw


if __name__ == '__main__':
    command(experiment)
