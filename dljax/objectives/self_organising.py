"""Self-organising maps on bound nets: the rule's direction, and the map's errors."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import ArrayLike

from dljax import rules
from dljax.metrics import quantisation_error, topographic_error
from dljax.objectives import wanted
from dljax.training import declared
from dljax.types import Array, Batch, Direction, Metrics, PyTree, Score


def organise(
    feature: str = 'features',
    *,
    radius: Callable[[Array], ArrayLike],
    rule: Callable[..., Array] = rules.batch_map,
    neighbourhood: rules.Neighbourhood = rules.gaussian,
) -> Direction:
    """Learn a self-organising map by one of its rules (U1.13).

    Batches of the whole set and `optax.sgd(1.)` go with `rules.batch_map`, small
    batches and a smaller rate with `rules.kohonen`. The radius should shrink from about
    half the grid to about one unit: the map unfolds first and is refined then.

    Args:
        feature: name of the input in the batch; all but its batch axis is flattened.
        radius: of the neighbourhood on the grid, by the update's number, such as an
            Optax schedule.
        rule: `rules.batch_map`, `rules.kohonen` or another of the same form.
        neighbourhood: `rules.gaussian` or `rules.bubble`.

    Returns:
        `(net, batch, step) -> (direction, metrics)` with the metrics 'radius',
        'quantisation_error' and 'topographic_error', those of the batch before the
        move.

    Reference:
        Kohonen (1982), Self-Organized Formation of Topologically Correct Feature Maps,
        https://doi.org/10.1007/BF00337288

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from dljax import create_model
        >>> from dljax.training import Player, learner
        >>> shrink = optax.linear_schedule(2., .5, 10)
        >>> player = Player(optax.sgd(1.), direction=organise(radius=shrink))
        >>> train = learner(create_model('self_organising_map'), {'map': player})
        >>> batch = {'features': jnp.ones((4, 2))}
        >>> state = train.init(jax.random.key(0), batch)
        >>> _, metrics = train.update(jax.random.key(0), state, batch)
        >>> float(metrics['map/radius'])
        2.0
    """
    score = score_map(feature)

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        errors = score(net, batch, step)
        wide = jnp.asarray(radius(step), jnp.float32)
        direction = rule(
            net.variables['params']['prototypes'],
            batch[feature].reshape(len(batch[feature]), -1),
            net.coordinates(),
            wide,
            neighbourhood=neighbourhood,
        )
        means = {name: values.mean() for name, values in errors.items()}
        return {'prototypes': direction}, {'radius': wide, **means}

    return declared(objective, wanted.all_finite(feature))


def score_map(feature: str = 'features') -> Score:
    """Scores of a self-organising map: how well it fits and how well it is unfolded.

    Args:
        feature: name of the input in the batch.

    Returns:
        `(net, batch, step) -> {'quantisation_error': [batch], 'topographic_error':
        [batch]}`.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        distances = net.distances(batch[feature])
        return {
            'quantisation_error': quantisation_error(distances),
            'topographic_error': topographic_error(distances, net.coordinates()),
        }

    return declared(score, wanted.all_finite(feature))
