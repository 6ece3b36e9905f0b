"""The players of games and of double nets, for recipes and experiments alike."""

from collections.abc import Callable

import jax.numpy as jnp
import optax

from dljax import losses
from dljax.objectives import (
    close_cycles,
    follow,
    fool,
    match_pairs,
    restore,
    restore_to_fool,
    tell_apart,
    tell_restored,
    temporal_difference,
    within,
)
from dljax.objectives.adversarial import Penalty, Task
from dljax.objectives.restoration import Difference, PictureLoss
from dljax.training import Player, averaged
from dljax.types import Array


def adversarial_players(
    game: losses.Game,
    optimizer: optax.GradientTransformation,
    *,
    generator_optimizer: optax.GradientTransformation | None = None,
    average: float = 0.999,
    every: int = 1,
    feature: str = 'image',
    generator_conditions: tuple[str, ...] = (),
    discriminator_conditions: tuple[str, ...] = (),
    penalty: Penalty | None = None,
    task: Task | None = None,
    generator_task: Task | None = None,
) -> dict[str, Player]:
    """Make the two players of an adversarial game.

    Args:
        game: the losses of both.
        optimizer: of both.
        generator_optimizer: of the generator, where it has another one.
        average: decay of the average of the generator's weights, by which samples are
            judged, in [0, 1).
        every: moves of the discriminator for one of the generator.
        feature: of the batch that holds real samples.
        generator_conditions: features that the generator takes beside the noise.
        discriminator_conditions: features that the discriminator takes beside a sample.
        penalty: on the discriminator's gradient, if any.
        task: a further one that both share, if any.
        generator_task: a further one of the generator, in the place of the shared one.

    Returns:
        'discriminator' and 'generator', for a net with these two groups, such as
        `models.adversaries.Adversaries`.

    Example:
        >>> list(adversarial_players(losses.hinge_game(), optax.adam(2e-4, b1=0.5)))
        ['discriminator', 'generator']
    """
    return {
        'discriminator': Player(
            optimizer,
            loss=tell_apart(
                game,
                feature=feature,
                generator_conditions=generator_conditions,
                discriminator_conditions=discriminator_conditions,
                penalty=penalty,
                task=task,
            ),
            trains=('discriminator',),
        ),
        'generator': Player(
            averaged(generator_optimizer or optimizer, average),
            loss=fool(
                game,
                feature=feature,
                generator_conditions=generator_conditions,
                discriminator_conditions=discriminator_conditions,
                task=generator_task or task,
            ),
            trains=('generator',),
            every=every,
        ),
    }


def restoring_players(
    game: losses.Game,
    optimizer: optax.GradientTransformation,
    *,
    difference: Difference | None = None,
    weight: float = 1e-3,
    pretraining: int = 0,
    pretrainer: optax.GradientTransformation | None = None,
    loss: PictureLoss = losses.pixel_squared_error,
) -> dict[str, Player]:
    """Make the players of SRGAN: a generator that learns by pixels, then the game.

    Args:
        game: the losses of both.
        optimizer: of both in the game.
        difference: from the true pictures that the generator pays for in the game.
        weight: of the game's loss beside it.
        pretraining: updates before the game, in which the generator learns alone.
        pretrainer: the optimizer of these; None for `optimizer`.
        loss: of these, `(pictures, targets) -> [batch]`.

    Returns:
        'discriminator' and 'generator', and 'pretraining' before them if there is any,
        for a net such as `models.restoration.srgan`.

    Example:
        >>> game = losses.non_saturating_game()
        >>> list(restoring_players(game, optax.adam(1e-4), pretraining=100))
        ['pretraining', 'discriminator', 'generator']
    """
    first: dict[str, Player] = {}
    if pretraining:
        first['pretraining'] = Player(
            pretrainer or optimizer,
            loss=within('generator', restore(loss=loss)),
            trains=('generator',),
            during=(0, pretraining),
        )
    return first | {
        'discriminator': Player(
            optimizer,
            loss=tell_restored(game),
            trains=('discriminator',),
            during=(pretraining, None),
        ),
        'generator': Player(
            optimizer,
            loss=restore_to_fool(game, difference, weight=weight),
            trains=('generator',),
            during=(pretraining, None),
        ),
    }


def pair_players(
    optimizer: optax.GradientTransformation,
    *,
    game: losses.Game | None = None,
    weight: float = 100.0,
    average: float = 0.999,
) -> dict[str, Player]:
    """Make the two players of pix2pix.

    Args:
        optimizer: of both.
        game: the losses; None for the paper's, `non_saturating_game`.
        weight: of the distance between what is made and what should be.
        average: decay of the average of the generator's weights, in [0, 1).

    Returns:
        'discriminator' and 'generator', for a `pix2pix` and the features 'a' and 'b'.

    Example:
        >>> list(pair_players(optax.adam(2e-4, b1=0.5)))
        ['discriminator', 'generator']
    """
    game = game or losses.non_saturating_game()
    critic = tell_apart(game, feature='b', source='a', discriminator_conditions=('a',))
    return {
        'discriminator': Player(optimizer, loss=critic, trains=('discriminator',)),
        'generator': Player(
            averaged(optimizer, average),
            loss=match_pairs(game, weight=weight),
            trains=('generator',),
        ),
    }


def cycle_players(
    optimizer: optax.GradientTransformation,
    *,
    game: losses.Game | None = None,
    cycle: float = 10.0,
    identity: float = 0.0,
    joint: bool = False,
    average: float = 0.999,
) -> dict[str, Player]:
    """Make the players of CycleGAN.

    Args:
        optimizer: of all.
        game: the losses; None for the paper's, least squares of which the
            discriminators pay half.
        cycle: weight of both cycles.
        identity: weight of the identity losses; 0 for none.
        joint: whether both generators are one player, 'generators', as in the paper:
            they move at once and the cycles are computed once. Else each is a player
            that sees the move of the other.
        average: decay of the average of the generators' weights, in [0, 1).

    Returns:
        'discriminator_a', 'discriminator_b', 'generator_ab' and 'generator_ba', for a
        `cyclegan` and the features 'a' and 'b'.

    Example:
        >>> list(cycle_players(optax.adam(2e-4, b1=0.5)))
        ['discriminator_a', 'discriminator_b', 'generator_ab', 'generator_ba']
    """
    if game is None:
        half = losses.least_squares_game()
        game = half._replace(generator=lambda fake: 2.0 * half.generator(fake))
    players = {
        f'discriminator_{domain}': Player(
            optimizer,
            loss=tell_apart(
                game,
                feature=domain,
                source=other,
                generator=f'generator_{other}{domain}',
                discriminator=f'discriminator_{domain}',
                pool=f'pool_{domain}',
            ),
            trains=(f'discriminator_{domain}',),
        )
        for domain, other in (('a', 'b'), ('b', 'a'))
    }
    both = ('generator_ab', 'generator_ba')
    teams = {'generators': both} if joint else {name: (name,) for name in both}
    return players | {
        name: Player(
            averaged(optimizer, average),
            loss=close_cycles(game, generators=team, cycle=cycle, identity=identity),
            trains=team,
        )
        for name, team in teams.items()
    }


def q_players(
    optimizer: optax.GradientTransformation,
    *,
    discount: float = 0.99,
    double: bool = True,
    loss: Callable[[Array, Array], Array] = losses.huber,
    tau: float = 0.02,
) -> dict[str, Player]:
    """Make the critic of Q-learning, and the target net that follows it.

    Args:
        optimizer: of the critic.
        discount: of a reward one step later, in [0, 1].
        double: whether the online net chooses the action that the target net judges.
        loss: `(values, targets) -> [batch]`.
        tau: fraction of its distance from the online net that the target net goes in a
            move; its first move makes a copy.

    Returns:
        'critic' and 'target', for a container of the nets 'online' and 'target'.

    Example:
        >>> list(q_players(optax.adam(5e-4)))
        ['critic', 'target']
    """
    return {
        'critic': Player(
            optimizer,
            loss=temporal_difference(discount, double=double, loss=loss),
            trains=('online',),
        ),
        'target': Player(
            optax.sgd(lambda moves: jnp.where(moves == 0, 1.0, tau)),
            direction=follow('online'),
            trains=('target',),
        ),
    }
