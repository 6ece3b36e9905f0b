"""What each word of a text adds to its class (U1.16, D11)."""

import chex
import jax.numpy as jnp
from flax import linen as nn

from dljax.explain.shapley import shapley_values
from dljax.explain.target import logits_of
from dljax.types import Array, Key


def keep_words(tokens: Array, keep: Array) -> tuple[Array, Array]:
    """Leave words out of texts, and move the others together.

    Args:
        tokens: [batch, time] integers.
        keep: [batch, time] bool, those that stay.

    Returns:
        [batch, time] tokens, padded by 0, and [batch] how many they are; of none 1,
        since no net reads a text without a token: it is padding.

    Example:
        >>> keep = jnp.array([[True, False, True]])
        >>> [x.tolist() for x in keep_words(jnp.array([[5, 6, 7]]), keep)]
        [[[5, 7, 0]], [2]]
    """
    order = jnp.argsort(~keep, axis=1, stable=True)
    rest = jnp.take_along_axis(jnp.where(keep, tokens, 0), order, axis=1)
    return rest, jnp.maximum(keep.sum(axis=1), 1)


def word_values(
    net: nn.Module,
    tokens: Array,
    length: Array,
    label: Array | None = None,
    *,
    end: int | None = 1,
    pairs: int = 16,
    key: Key | None = None,
) -> Array:
    """Estimate the Shapley value of each word; one that is not there is left out.

    The words that are there move together, as in a shorter text. The values of a text
    add up to its logit less that of the text without words.

    Args:
        net: a bound module, `(tokens, length, train) -> [batch, classes]` logits.
        tokens: [batch, time] integers, padded at the end by 0.
        length: [batch] integers, true tokens of each.
        label: [batch] int32, the class explained; None for the one predicted.
        end: the token that ends a text, which always stays; None for none.
        pairs: orders that are drawn, as of `shapley_values`.
        key: of the drawing; None for a fixed one.

    Returns:
        [batch, time] float32; 0 for padding and the end.

    Raises:
        AssertionError: for tokens or lengths of another rank, size or type.
        ValueError: for no pair, or a net that gives something else than logits.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dljax import create_model
        >>> net = create_model('text_cnn', vocabulary=9, embedding=4, features=3)
        >>> tokens, length = jnp.array([[3, 4, 1, 0], [6, 1, 0, 0]]), jnp.array([3, 2])
        >>> variables = net.init(jax.random.key(0), tokens, length)
        >>> nn.apply(word_values, net)(variables, tokens, length).shape
        (2, 4)
    """
    tokens, length = jnp.asarray(tokens), jnp.asarray(length)
    chex.assert_rank(tokens, 2)
    chex.assert_shape(length, tokens.shape[:1])
    chex.assert_type([tokens, length], int)
    if net.is_initializing():
        net(tokens, length, train=False)
    apart, variables = net.unbind()
    true = jnp.arange(tokens.shape[1])[None] < length[:, None]
    stays = true & (tokens == end) if end is not None else jnp.zeros_like(true)

    def predict(kept: Array) -> Array:
        rest, count = keep_words(tokens, (true & (kept != 0)) | stays)
        return logits_of(apart.apply(variables, rest, count, train=False))

    nothing = jnp.zeros_like(tokens[:1])
    return shapley_values(
        predict, tokens, label, background=nothing, pairs=pairs, key=key
    )
