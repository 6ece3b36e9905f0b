r"""Every adversarial game on mixtures of Gaussians whose modes are known (U4.1, U4.4).

Papers: the games, see dljax.losses; the ring: Metz et al. (2017), Unrolled Generative
Adversarial Networks, https://arxiv.org/abs/1611.02163; ring and grid, and how modes are
counted: Srivastava et al. (2017), VEEGAN, https://arxiv.org/abs/1705.07761.

Measured with 5 members, seed 0, on a 2-core CPU: modes that 2,500 samples of each cover
(within three standard deviations of the centre), the fraction of samples that near, and
the divergence of the modes' fractions from equal ones in nats, after 6,000 updates:

| game | ring of 8, by member | near | divergence | grid of 25 | near | divergence |
|---|---|---|---|---|---|---|
| Wasserstein, penalty 0.1 | 8 8 8 8 8 | 86 % | 0.00 | 24 24 23 24 24 | 14 % | 0.03 |
| -log D with R1, 0.02 | 8 8 8 8 7 | 77 % | 0.03 | 24 25 21 24 24 | 26 % | 0.07 |
| minimax | 7 6 6 7 6 | 72 % | 0.23 | 16 18 17 18 13 | 7 % | 0.39 |
| hinge | 6 4 6 8 8 | 80 % | 0.28 | 15 17 15 12 15 | 42 % | 0.61 |
| -log D | 4 4 5 5 5 | 87 % | 0.74 | 14 18 11 19 10 | 27 % | 0.65 |
| -log D, smoothed by 0.1 | 4 4 4 5 4 | 90 % | 0.69 | 15 12 13 12 13 | 33 % | 0.77 |
| least squares | 5 2 3 3 5 | 87 % | 0.88 | 13 12 15 9 13 | 57 % | 0.94 |

After the 12,000 updates of the default both penalised games cover all 25 modes in all
members, with 79 % (Wasserstein) and 71 % (R1) of the samples near one. Without a
penalty modes are lost for good, which the alarm says from the first evaluation on. The
weights of the penalties and the rate were tried on these mixtures.
Cost: 496 and 972 s for all seven on one core and on a busy machine, 319 s for the two.
Commands:
python experiments/adversarial/games_gaussians.py --members 5 --steps 6000
python experiments/adversarial/games_gaussians.py --members 5 --mixture grid \
    --steps 6000
python experiments/adversarial/games_gaussians.py --members 5 --mixture grid \
    --games r1 wasserstein
"""

import dataclasses
from typing import Literal

from dljax.cli import command

import jax
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data, losses
from dljax.experiment import Alarm, Experiment, Measure, Outcome, Picture, of_averages
from dljax.measures.alarms import discriminator_wins, modes_collapse
from dljax.metrics import count_modes
from dljax.models.adversaries import Adversaries
from dljax.models.container import container
from dljax.objectives import penalise_between, penalise_real, within
from dljax.pictures.samples import Draw, plane
from dljax.recipes.players import adversarial_players
from dljax.types import Array, Key, Spec

TINY = {
    'steps': 4,
    'games': ('smoothed', 'wasserstein'),
    'width': 4,
    'batch_size': 8,
    'samples': 50,
}
GAMES = (
    'minimax',
    'non_saturating',
    'smoothed',
    'least_squares',
    'hinge',
    'r1',
    'wasserstein',
)


def experiment(
    *,
    mixture: Literal['ring', 'grid'] = 'ring',
    games: tuple[str, ...] = GAMES,
    steps: int = 12_000,
    width: int = 128,
    latent: int = 8,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    discriminator_moves: int = 1,
    label_smoothing: float = 0.1,
    r1: float = 0.02,
    slope: float = 0.1,
    average: float = 0.99,
    samples: int = 2500,
) -> Experiment:
    """Play the games side by side, each with nets of its own.

    Args:
        mixture: 8 modes on a ring, or 25 on a grid.
        games: which are played.
        steps: updates in all.
        width: units of the three hidden layers of each net.
        latent: dimension of the noise.
        batch_size: real points, and fakes, in an update.
        learning_rate: of Adam, falling to 0 along a cosine.
        discriminator_moves: moves of each discriminator for one of its generator.
        label_smoothing: of the game 'smoothed'.
        r1: weight of the penalty of the game 'r1'.
        slope: weight of the penalty of the game 'wasserstein', whose critic's gradient
            has norm 1.
        average: decay of the average of each generator's weights, which is what is
            measured.
        samples: in which modes are counted.
    """
    unknown = sorted(set(games) - set(GAMES))
    if unknown or not games:
        raise ValueError(f'games is {games}, wanted one or more of {", ".join(GAMES)}')
    grid = data.lattice(spacing=0.7, deviation=0.0175)  # inputs of about one
    target = {'ring': data.ring(), 'grid': grid}[mixture]
    non_saturating = losses.non_saturating_game()
    rules = {
        'minimax': (losses.minimax_game(), None),
        'non_saturating': (non_saturating, None),
        'smoothed': (losses.non_saturating_game(label_smoothing=label_smoothing), None),
        'least_squares': (losses.least_squares_game(), None),
        'hinge': (losses.hinge_game(), None),
        'r1': (non_saturating, penalise_real(r1)),
        'wasserstein': (losses.wasserstein_game(), penalise_between(slope)),
    }
    hidden = (width,) * 3
    adversaries = Adversaries(
        create_model('mlp', hidden=hidden, outputs=2),
        create_model('mlp', hidden=hidden, outputs=1),
        latent=latent,
    )

    def adam(moves: int) -> optax.GradientTransformation:
        rate = optax.cosine_decay_schedule(learning_rate, moves)
        return optax.adam(rate, b1=0.5, b2=0.99)

    players, alarms = {}, {}
    for name in games:
        game, penalty = rules[name]
        pair = adversarial_players(
            game,
            adam(steps),
            generator_optimizer=adam(-(-steps // discriminator_moves)),
            average=average,
            every=discriminator_moves,
            feature='point',
            penalty=penalty,
        )
        for role, player in pair.items():
            players[f'{name}_{role}'] = dataclasses.replace(
                player,
                loss=within(name, player.loss),
                trains=(f'{name}/{role}',),
            )
        alarms[f'Collapse of {name}'] = modes_collapse(f'{name}_generator')
        if game.threshold is not None:
            won = discriminator_wins(f'{name}_discriminator')
            alarms[f'Victory in {name}'] = won
    draws = {name: draw_points(name) for name in games}
    count = counting(draws, target, samples)
    shown = plane(draws, target, 'weights averaged over the last updates')
    return Experiment(
        net=container(**dict.fromkeys(games, adversaries)),
        players=players,
        source=data.procedural(target.draw, batch_size),
        steps=steps,
        data_summary=f'{target.summary}; modes counted in {samples:,} samples',
        inputs={'point': Spec((2,))},
        along={'Samples': of_averages(shown)},
        alarms=alarms | {'Modes lost': lost(count, len(target.centres))},
        measures={'modes': count},
        pictures={'Modes': table(count, target.centres)},
    )


def draw_points(name: str) -> Draw:
    """Let the generator of a game make points.

    Args:
        name: of the game.

    Returns:
        `(net, key, count) -> points` of [count, 2].
    """

    def draw(net: nn.Module, key: Key, count: int) -> Array:
        return getattr(net, name).draw(key, count)

    return draw


def counting(draws: dict[str, Draw], mixture: data.Mixture, samples: int) -> Measure:
    """Count, for every game and member, the modes that the averaged generator covers.

    Args:
        draws: of points, by game.
        mixture: whose modes they are.
        samples: to count in.

    Returns:
        A measure: modes 'GAME/covered', their median over the members, the fraction of
        samples near a mode and the divergence of the modes' fractions from equal ones,
        in nats.
    """

    def drawn(net: nn.Module, key: Key) -> dict[str, Array]:
        return {name: draw(net, key, samples) for name, draw in draws.items()}

    def measure(outcome: Outcome) -> dict[str, float | np.ndarray]:
        points = outcome.averaged().each(drawn, jax.random.key(0))
        figures = {}
        for name in draws:
            found = [
                count_modes(each, mixture.centres, mixture.deviation)
                for each in np.asarray(points[name], np.float64)
            ]
            for figure in ('covered', 'quality', 'divergence'):
                values = [float(getattr(each, figure)) for each in found]
                figures[f'{name}/{figure}'] = np.array(values)
            figures[f'{name}/median'] = float(np.median([one.covered for one in found]))
        return figures

    return measure


def lost(count: Measure, modes: int) -> Alarm:
    """Say which games have lost modes in the median over the members.

    Args:
        count: the measure of the modes.
        modes: that there are.
    """

    def alarm(outcome: Outcome) -> str | None:
        found = count(outcome)
        few = {
            name.partition('/')[0]: value
            for name, value in found.items()
            if name.endswith('/median') and value < modes
        }
        said = ', '.join(f'{game} covers {value:g}' for game, value in few.items())
        return f'of {modes} modes {said}' if few else None

    return alarm


def table(count: Measure, centres: np.ndarray) -> Picture:
    """Write the modes that each game covers as a table, the best game first.

    Args:
        count: the measure of the modes.
        centres: of the mixture.
    """

    def write(outcome: Outcome) -> str:
        found = count(outcome)
        games = [name.removesuffix('/median') for name in found if 'median' in name]
        games.sort(
            key=lambda game: (
                -found[f'{game}/median'],
                np.mean(found[f'{game}/divergence']),
            )
        )
        lines = [
            f'{"game":16} {"modes covered, by member":28} median   near  divergence'
        ]
        for game in games:
            each = np.atleast_1d(found[f'{game}/covered'])
            members = ' '.join(f'{value:g}' for value in each)
            near = np.mean(found[f'{game}/quality'])
            lines.append(
                f'{game:16} {members:28} {found[f"{game}/median"]:6g}  {near:5.1%}'
                f'  {np.mean(found[f"{game}/divergence"]):10.3f}'
            )
        return '\n'.join([*lines, f'of {len(centres)} modes'])

    return write


if __name__ == '__main__':
    command(experiment)
