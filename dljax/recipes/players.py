"""The players of games and of double nets, for recipes and experiments alike."""

from collections.abc import Callable

import jax.numpy as jnp
import optax

from dljax import losses
from dljax.objectives import follow, fool, tell_apart, temporal_difference
from dljax.objectives.adversarial import Penalty, Task
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
