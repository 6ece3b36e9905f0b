"""What each feature adds to a prediction, shared fairly: Shapley values (U1.16, D11).

The players are the elements of an example, or groups of them. A player that is not
there has the values of other examples, the background, over which the output is
averaged. The values of all players add up to the output less its mean over the
background.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from dljax.explain.coalitions import coalition_value
from dljax.explain.target import Explained
from dljax.types import Array, Key, fold

_MOST = 16  # players whose 2^n coalitions can be gone through


def shapley_values(
    net: Explained,
    inputs: Array,
    label: Array | None = None,
    *,
    background: Array,
    players: Array | np.ndarray | None = None,
    pairs: int = 32,
    key: Key | None = None,
) -> Array:
    """Estimate the Shapley value of each player by drawing orders of them.

    In each order the players come one after the other, and what the output gains is the
    last one's; the value is the mean over all orders. Each drawn order is gone through
    backwards as well, which makes the estimate exact for outputs in which at most two
    players meet. The sum over the players is exact whatever is drawn.

    Args:
        net: a bound module, `(inputs, train) -> [batch, classes]` logits, or any pure
            function of JAX of the inputs: to [batch, classes], or to [batch], a number
            that is explained as it is. It takes no gradient; a model of another library
            goes in by `jax.pure_callback`. A single logit, [batch, 1], tells two
            classes apart, and is explained for the one predicted: give a regression as
            a function to [batch].
        inputs: [batch, ...] of any rank and type, such as a table or tokens.
        label: [batch] int32, the class explained; None for the one predicted.
        background: [examples, ...], what stands for players that are not there: a
            single example such as zeros or padding, or some of the training set.
        players: [...] integers from 0 on, which player each element of an example
            belongs to, static under `jit`; broadcasts to an example. None for a player
            each element.
        pairs: orders that are drawn, each followed by its reverse, at least 1. The cost
            is 2 · pairs · players · batch · examples evaluations.
        key: of the drawing; None for a fixed one.

    Returns:
        [batch, players] float32, or the shape of the inputs where each element is one.

    Raises:
        ValueError: for inputs without a batch, a background or players that do not
            fit, no pair, labels that are not one for each example, or a net that gives
            something else.

    Reference:
        Shapley (1953), A Value for n-Person Games,
        https://doi.org/10.1515/9781400881970-018
        Štrumbelj, Kononenko (2014), Explaining prediction models and individual
        predictions with feature contributions,
        https://doi.org/10.1007/s10115-013-0679-x
        Mitchell et al. (2022), Sampling Permutations for Shapley Value Estimation,
        https://arxiv.org/abs/2104.12199; orders and their reverses.

    Example:
        >>> import jax.numpy as jnp
        >>> line = lambda x: x @ jnp.array([1., 2., 0.])
        >>> x, zeros = jnp.array([[1., 1., 1.], [2., 0., 5.]]), jnp.zeros((1, 3))
        >>> print(shapley_values(line, x, background=zeros))
        [[1. 2. 0.]
         [2. 0. 0.]]
    """
    inputs = jnp.asarray(inputs)
    if pairs < 1:
        raise ValueError(f'pairs is {pairs}, wanted at least 1')
    value, count = coalition_value(net, inputs, label, background, players)
    key = fold(jax.random.key(0) if key is None else key, 'shapley_values')
    nobody = value(jnp.zeros(count, bool))

    def gains(order: Array) -> Array:
        place = jnp.argsort(order)

        def enter(before: Array, last: Array) -> tuple[Array, Array]:
            after = value(place <= last)
            return after, after - before

        _, found = jax.lax.scan(enter, nobody, jnp.arange(count))
        return found[place]

    def pair(index: Array) -> Array:
        order = jax.random.permutation(fold(key, index), count)
        return (gains(order) + gains(order[::-1])) / 2

    found = jax.lax.map(pair, jnp.arange(pairs)).mean(0).T
    return found if players is not None else found.reshape(inputs.shape)


def exact_shapley_values(
    net: Explained,
    inputs: Array,
    label: Array | None = None,
    *,
    background: Array,
    players: Array | np.ndarray | None = None,
) -> Array:
    """Compute the Shapley values by going through all coalitions of up to 16 players.

    Args:
        net: as of `shapley_values`; so for the others.
        inputs: [batch, ...].
        label: [batch] int32; None for the class predicted.
        background: [examples, ...].
        players: [...] integers, or None for a player each element.

    Returns:
        [batch, players] float32, or the shape of the inputs where each element is one.

    Raises:
        ValueError: for more than 16 players, or as of `shapley_values`.

    Example:
        >>> import jax.numpy as jnp
        >>> product = lambda x: x[:, 0] * x[:, 1]
        >>> x, zeros = jnp.array([[3., 2.]]), jnp.zeros((1, 2))
        >>> print(exact_shapley_values(product, x, background=zeros))
        [[3. 3.]]
    """
    inputs = jnp.asarray(inputs)
    value, count = coalition_value(net, inputs, label, background, players)
    if count > _MOST:
        raise ValueError(
            f'there are {count} players, wanted {_MOST} at most, since all their '
            'coalitions are gone through: join some, or take shapley_values'
        )
    member = (np.arange(2**count)[:, None] >> np.arange(count)) % 2 == 1
    size = member.sum(1)
    # Of orders, the fraction in which just these others have come before the player.
    orders = math.factorial(count)
    share = [
        math.factorial(k) * math.factorial(count - k - 1) / orders for k in range(count)
    ]
    joined = np.array([*share, 0.0])[size - 1]  # of none there is no player that joined
    waited = np.array([*share, 0.0])[size]
    weights = np.where(member.T, joined, -waited)
    values = jax.lax.map(value, jnp.asarray(member))
    found = jnp.tensordot(values, jnp.asarray(weights, values.dtype), ((0,), (1,)))
    return found if players is not None else found.reshape(inputs.shape)
