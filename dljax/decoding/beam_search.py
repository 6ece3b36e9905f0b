"""Several sequences at once, of which the best ones are kept."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.decoding.protocol import PADDING, Decoded, start
from dljax.types import Array, PyTree


def length_normalised(
    log_probabilities: Array, lengths: Array, length_penalty: float
) -> Array:
    r"""Score sequences of different lengths, $\log P(Y) / ((5 + |Y|) / 6)^\alpha$.

    Args:
        log_probabilities: [...] float in nats.
        lengths: [...] integers |Y|, the end token included.
        length_penalty: α, at least 0; 0 leaves the log-probability, which favours what
            is short, 1 comes near to the mean of a token.

    Returns:
        [...] float32.

    Reference:
        Wu et al. (2016), Google's Neural Machine Translation System, section 7,
        https://arxiv.org/abs/1609.08144; without its coverage penalty.

    Example:
        >>> two = jnp.array([-2., -3.]), jnp.array([1, 7])
        >>> print(length_normalised(*two, 1.0))
        [-2.  -1.5]
    """
    penalty = ((5.0 + lengths.astype(jnp.float32)) / 6.0) ** length_penalty
    return log_probabilities.astype(jnp.float32) / penalty


def beam(
    net: nn.Module,
    prompt: Array,
    *conditions: PyTree,
    steps: int,
    end: int | None = None,
    width: int = 4,
    length_penalty: float = 0.6,
) -> Decoded:
    """Keep the best few sequences at each step, and write each one a token longer.

    All that there are, ended or not, are ranked by `length_normalised`. One that has
    ended stays as it is, as long as it is among the best. Width 1 is `greedy`; of a
    width that holds all sequences nothing is lost.

    Args:
        net: as for `greedy`. The first axis of its carry becomes batch times width, and
            is reordered at each step; scalars are left alone.
        prompt: [batch, time] int32, as for `greedy`.
        conditions: as for `greedy`.
        steps: the most tokens to write, the end token included; static under `jit`, as
            are all that follow.
        end: the token that ends a sequence; None writes all steps.
        width: how many are kept, at least 1.
        length_penalty: α of `length_normalised`, at least 0.

    Returns:
        Tokens [batch, width, steps], lengths and log-probabilities [batch, width], the
        best score first. Where there are fewer sequences than the width, what is left
        has length 0 and the log-probability -inf.

    Raises:
        ValueError: as for `greedy`, for a width or a penalty out of range, or a carry
            without a batch axis.

    Reference:
        Wu et al. (2016), Google's Neural Machine Translation System,
        https://arxiv.org/abs/1609.08144; the score. Theirs sets what has ended apart.

    Example:
        >>> import functools
        >>> from dljax import create_model
        >>> net, source = create_model('encoder_decoder'), jnp.ones((2, 6), jnp.int32)
        >>> variables = net.init(jax.random.key(0), source, source)
        >>> write = functools.partial(beam, steps=8, end=1, width=3)
        >>> prompt = jnp.ones((2, 1), jnp.int32)
        >>> jax.jit(nn.apply(write, net))(variables, prompt, source).tokens.shape
        (2, 3, 8)
    """
    if width < 1 or length_penalty < 0:
        raise ValueError(
            f'width is {width} and length_penalty {length_penalty}, wanted a width of '
            'at least 1 and a penalty of at least 0: 0 ranks by probability alone'
        )
    read, said, carry = start(net, prompt, conditions, steps=steps, end=end)
    batch, vocabulary = said.shape

    def write(state: _Beams, said: Array, carry: PyTree) -> _Beams:
        ranked = _longer(state, said.reshape(batch, width, vocabulary))
        lengths = state.rows.lengths + (~state.ended).astype(jnp.int32)
        scores = length_normalised(ranked, lengths[..., None], length_penalty)
        best = jax.lax.top_k(scores.reshape(batch, -1), width)[1]
        parent, token = best // vocabulary, (best % vocabulary).astype(jnp.int32)
        tokens = jnp.take_along_axis(state.rows.tokens, parent[..., None], axis=1)
        rows = Decoded(
            tokens.at[:, :, state.step].set(token),
            jnp.take_along_axis(lengths, parent, axis=1),
            jnp.take_along_axis(ranked.reshape(batch, -1), best, axis=1),
        )
        ended = jnp.take_along_axis(state.ended, parent, axis=1)
        ended = ended if end is None else ended | (token == end)
        return _Beams(state.step + 1, rows, ended, token, _reorder(carry, parent))

    def is_going_on(state: _Beams) -> Array:
        return (state.step < steps) & ~state.ended.all()

    def go_on(state: _Beams) -> _Beams:
        return write(state, *read(state.last.reshape(-1, 1), state.carry))

    # One sequence, the empty one; the other places are free.
    alone = jnp.where(jnp.arange(width) == 0, 0.0, -jnp.inf)
    rows = Decoded(
        jnp.full((batch, width, steps), PADDING, jnp.int32),
        jnp.zeros((batch, width), jnp.int32),
        jnp.broadcast_to(alone, (batch, width)).astype(jnp.float32),
    )
    empty = _Beams(
        jnp.int32(0),
        rows,
        jnp.zeros((batch, width), bool),
        jnp.full((batch, width), PADDING, jnp.int32),
        None,
    )
    first = write(empty, jnp.repeat(said, width, axis=0), _repeat(carry, batch, width))
    return vacated(jax.lax.while_loop(is_going_on, go_on, first).rows)


class _Beams(NamedTuple):
    """What stands after some steps: [batch, width] sequences, and who has ended."""

    step: Array
    rows: Decoded
    ended: Array
    last: Array
    carry: PyTree


def _longer(state: _Beams, said: Array) -> Array:
    """Log-probabilities [batch, width, vocabulary] of all that may come next."""
    total = state.rows.log_probabilities[..., None]
    stays = jnp.arange(said.shape[-1])[None, None, :] == PADDING
    return jnp.where(
        state.ended[..., None], jnp.where(stays, total, -jnp.inf), total + said
    )


def _repeat(carry: PyTree, batch: int, width: int) -> PyTree:
    """Give each place of the beam a copy of its row's carry."""

    def copy(leaf: Array) -> Array:
        if jnp.ndim(leaf) == 0:
            return leaf
        if leaf.shape[0] != batch:
            raise ValueError(
                f'a leaf of the carry has shape {leaf.shape}, wanted the batch of '
                f'{batch} as its first axis, or a scalar: a beam reorders that axis'
            )
        return jnp.repeat(leaf, width, axis=0)

    return jax.tree.map(copy, carry)


def _reorder(carry: PyTree, parent: Array) -> PyTree:
    """Let each place go on with the carry of its parent [batch, width]."""
    batch, width = parent.shape
    flat = (parent + width * jnp.arange(batch)[:, None]).reshape(-1)
    return jax.tree.map(lambda leaf: leaf[flat] if jnp.ndim(leaf) else leaf, carry)


def vacated(rows: Decoded) -> Decoded:
    """Empty the places of sequences that cannot be, of log-probability -inf.

    Args:
        rows: sequences of any shape.

    Returns:
        The same, with no tokens and length 0 there.
    """
    free = rows.log_probabilities == -jnp.inf
    return rows._replace(
        tokens=jnp.where(free[..., None], PADDING, rows.tokens),
        lengths=jnp.where(free, 0, rows.lengths),
    )
