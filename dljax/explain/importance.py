"""What a score loses where a feature tells nothing any more (U1.16, D11)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dljax.explain.coalitions import groups_of
from dljax.types import Array, Key, fold


def permutation_importance(
    score: Callable[[Array], Array],
    inputs: Array,
    *,
    players: Array | np.ndarray | None = None,
    repeats: int = 8,
    key: Key | None = None,
) -> Array:
    """Measure by how much a score falls when a feature is shuffled among the examples.

    A shuffled feature has its values still, but none of them belongs to its example.
    Of features that tell the same each seems to tell little, since the others are
    there; the value of none of them is that of all: shuffle them as one player.

    Args:
        score: a pure function of inputs [batch, ...] to [batch] scores or their mean,
            the greater the better, such as whether the class is right.
        inputs: [batch, ...] of any rank and type.
        players: [...] integers from 0 on, which player each element of an example
            belongs to, static under `jit`; those of one are shuffled together. None for
            a player each.
        repeats: shuffles of each player, at least 1.
        key: of the shuffling; None for a fixed one.

    Returns:
        [repeats, players] float32, the mean score of the inputs less that of the
        shuffled ones.

    Raises:
        ValueError: for fewer than two examples, no repeat, players that do not fit, or
            a score of another form.

    Reference:
        Breiman (2001), Random Forests, https://doi.org/10.1023/A:1010933404324
        Fisher et al. (2019), All Models are Wrong, but Many are Useful,
        https://arxiv.org/abs/1801.01489

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.array([[0., 5.], [1., 5.], [2., 5.], [3., 5.]])
        >>> error = lambda x: -jnp.abs(x[:, 0] - jnp.arange(4.))
        >>> permutation_importance(error, x).mean(0)[1].item()
        0.0
    """
    inputs = jnp.asarray(inputs)
    if inputs.ndim < 2 or len(inputs) < 2 or repeats < 1:
        raise ValueError(
            f'inputs have shape {inputs.shape} and repeats is {repeats}, wanted '
            '[batch, ...] of two examples or more, and at least 1'
        )
    groups, count = groups_of(players, inputs.shape[1:])
    key = fold(jax.random.key(0) if key is None else key, 'permutation_importance')
    before = _mean(score, inputs)

    def fall(index: Array) -> Array:
        others = inputs[jax.random.permutation(fold(key, index), len(inputs))]
        shuffled = jnp.where(groups == index % count, others, inputs)
        return before - _mean(score, shuffled)

    falls = jax.lax.map(fall, jnp.arange(repeats * count))
    return falls.reshape(repeats, count)


def _mean(score: Callable[[Array], Array], inputs: Array) -> Array:
    """Average the scores, and refuse what is none of an example."""
    found = jnp.asarray(score(inputs), jnp.float32)
    if found.shape not in ((), (len(inputs),)):
        raise ValueError(
            f'the score has shape {found.shape}, wanted ({len(inputs)},), one for each '
            'example, or their mean'
        )
    return found.mean()
