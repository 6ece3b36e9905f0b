"""Restricted Boltzmann machines on bound nets, alone and in a deep belief network."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax import rules
from dljax.losses import binary_cross_entropy
from dljax.losses.meaning import in_unit_interval
from dljax.metrics import log_partition
from dljax.objectives import wanted
from dljax.training import declared
from dljax.types import Array, Batch, Direction, Metrics, PyTree, Score


def contrastive_divergence(
    feature: str = 'image',
    *,
    steps: int = 1,
    persistent: bool = False,
    weight_decay: float = 0.0,
) -> Direction:
    """Learn a restricted Boltzmann machine by CD-k or PCD-k (U1.13).

    The chains of the persistent form live in the collection 'chain', one for each
    example of a batch, and start at the first batch.

    Args:
        feature: name of the input in the batch, in [0, 1]; all but its batch axis is
            flattened. Real numbers stand for probabilities.
        steps: k, Gibbs steps in an update, at least 1.
        persistent: whether the chains go on from update to update, or start at the
            data each time.
        weight_decay: how much of the weights, not of the biases, the direction takes.

    Returns:
        `(net, batch, step) -> (direction, metrics)` with the metric
        'reconstruction_error', in nats an example.

    Raises:
        ValueError: for fewer than one step.

    Reference:
        Hinton (2002), Training Products of Experts by Minimizing Contrastive
        Divergence, https://doi.org/10.1162/089976602760128018
        Tieleman (2008), Training Restricted Boltzmann Machines Using Approximations to
        the Likelihood Gradient, https://doi.org/10.1145/1390156.1390290

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from dljax import create_model
        >>> from dljax.training import Player, learner
        >>> net = create_model('rbm', visible=6, hidden=4)
        >>> rule = contrastive_divergence('features', steps=5, persistent=True)
        >>> train = learner(net, {'rbm': Player(optax.sgd(.1), direction=rule)})
        >>> state = train.init(jax.random.key(0), {'features': jnp.ones((3, 6))})
        >>> state.collections['chain']['visible'].shape
        (3, 6)
    """
    if steps < 1:
        raise ValueError(f'steps={steps}, wanted 1 or more')

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        data = _bits(net.flat(batch[feature]))
        start = net.get_variable('chain', 'visible', data) if persistent else data
        model = net.gibbs(net.make_rng('gibbs'), start, steps)
        if persistent:
            # The first chains are data: initialisation is no update.
            chain = data if net.is_initializing() else model
            net.put_variable('chain', 'visible', chain)
        params = net.variables['params']
        direction = rules.contrastive_divergence(params, data, model)
        direction['kernel'] = direction['kernel'] + weight_decay * params['kernel']
        error = binary_cross_entropy(net.reconstruct(data), data)
        return direction, {'reconstruction_error': error.mean()}

    return declared(objective, _odds(feature))


def pretrain(
    layer: int,
    feature: str = 'image',
    *,
    steps: int = 1,
    persistent: bool = False,
    weight_decay: float = 0.0,
) -> Direction:
    """Learn one machine of a deep belief network on what those below it make (U1.13).

    `Player(during=...)` gives each layer its phase, from the lowest up.

    Args:
        layer: which machine, from 0 for the lowest.
        feature: name of the input in the batch, in [0, 1].
        steps: of `contrastive_divergence`.
        persistent: likewise.
        weight_decay: likewise.

    Returns:
        `(net, batch, step) -> (direction, metrics)`, the direction of the whole net,
        zero but for this machine.

    Reference:
        Hinton et al. (2006), A Fast Learning Algorithm for Deep Belief Nets,
        https://doi.org/10.1162/neco.2006.18.7.1527

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from dljax import create_model
        >>> from dljax.training import Player, learner
        >>> net = create_model('deep_belief_network', visible=6, hidden=(4, 3))
        >>> train = learner(net, {
        ...     f'layer_{i}': Player(
        ...         optax.sgd(.1),
        ...         direction=pretrain(i, 'features'),
        ...         during=(100 * i, 100 * (i + 1)),
        ...     )
        ...     for i in range(2)
        ... })
        >>> state = train.init(jax.random.key(0), {'features': jnp.ones((3, 6))})
        >>> sorted(state.params)
        ['output', 'rbm_0', 'rbm_1']
    """
    machine = contrastive_divergence(
        'data', steps=steps, persistent=persistent, weight_decay=weight_decay
    )

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[PyTree, Metrics]:
        if net.is_initializing():
            net(batch[feature], train=False)  # all parameters, not this layer's alone
        below = {'data': net.up(batch[feature], layer)}
        direction, metrics = machine(net.rbm[layer], below, step)
        zeros = jax.tree.map(jnp.zeros_like, dict(net.variables['params']))
        return {**zeros, f'rbm_{layer}': direction}, metrics

    return declared(objective, _odds(feature))


def score_machine(feature: str = 'image', *, exact: bool = False) -> Score:
    """Scores of a restricted Boltzmann machine, in nats an example.

    The pseudo-log-likelihood is Σ_i log p(v_i | all others), which needs no partition
    function: log p(v_i | ...) = log σ(F(v with i flipped) - F(v)).

    Args:
        feature: name of the input in the batch, 0 or 1.
        exact: whether to give the 'log_likelihood' too, by enumeration of the smaller
            layer, anew for each batch; it has at most 24 units.

    Returns:
        `(net, batch, step) -> {'pseudo_log_likelihood': [batch],
        'reconstruction_error': [batch]}`, and 'log_likelihood' if asked for.

    Reference:
        Besag (1975), Statistical Analysis of Non-Lattice Data,
        https://doi.org/10.2307/2987782
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        data = _bits(net.flat(batch[feature]))
        free = net(data, train=False)

        def one(index: Array) -> Array:
            flipped = data.at[:, index].set(1 - data[:, index])
            return jax.nn.log_sigmoid(net(flipped, train=False) - free)

        conditional = jax.lax.map(one, jnp.arange(data.shape[1]))
        scores = {
            'pseudo_log_likelihood': conditional.sum(axis=0),
            'reconstruction_error': binary_cross_entropy(net.reconstruct(data), data),
        }
        if exact:
            log_z = log_partition(net.variables['params'])
            scores['log_likelihood'] = -free - log_z
        return scores

    return declared(score, _odds(feature))


def _bits(data: Array) -> Array:
    """Make NaN of what is no probability, in which energies mean nothing."""
    return jnp.where(in_unit_interval(data), data, jnp.nan)


def _odds(feature: str) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    return lambda net, arrays: wanted.interval(
        arrays, feature, why=' as the odds of visible units are'
    )
