"""What a net that labels frames has said: labels without repeats and blanks.

Connectionist temporal classification gives each frame a label or the blank. An
alignment stands for the labels that remain where repeats are merged and then blanks
dropped, so that the probability of labels is a sum over all alignments that give them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dljax.decoding.beam_search import vacated
from dljax.decoding.protocol import PADDING, Decoded
from dljax.types import Array


def ctc_greedy(
    logits: Array, lengths: Array | None = None, *, blank: int = 0
) -> Decoded:
    """Take the likeliest alignment, merge its repeats and drop its blanks.

    The labels of the likeliest alignment need not be the likeliest labels, which
    `ctc_beam` looks for.

    Args:
        logits: [batch, time, classes] float, the blank among the classes.
        lengths: [batch] integers in [0, time], true frames; None for all.
        blank: the class that stands for no label, in [0, classes); static under `jit`.

    Returns:
        Tokens [batch, time] int32 in [0, classes), 0 in the padding; lengths [batch],
        the number of labels; log-probabilities [batch] of the alignment.

    Raises:
        ValueError: for logits or lengths of another shape, or a blank out of range.

    Reference:
        Graves et al. (2006), Connectionist Temporal Classification: Labelling
        Unsegmented Sequence Data with Recurrent Neural Networks, section 3.2,
        https://doi.org/10.1145/1143844.1143891

    Example:
        >>> frames = jnp.array([[0, 2, 2, 0, 2, 1]])
        >>> tokens, lengths, _ = ctc_greedy(9. * jax.nn.one_hot(frames, 3))
        >>> print(tokens, lengths)
        [[2 2 1 0 0 0]] [3]
    """
    said, real = _frames(logits, lengths, blank)
    rows, time, _ = said.shape
    likeliest = said.argmax(axis=-1).astype(jnp.int32)
    before = jnp.pad(likeliest, ((0, 0), (1, 0)), constant_values=blank)[:, :-1]
    stays = real & (likeliest != blank) & (likeliest != before)
    # What does not stay is written beyond the end, where it is dropped.
    place = jnp.where(stays, stays.cumsum(axis=1) - 1, time)
    tokens = jnp.full((rows, time), PADDING, jnp.int32)
    tokens = tokens.at[jnp.arange(rows)[:, None], place].set(likeliest, mode='drop')
    total = jnp.where(real, said.max(axis=-1), 0.0).sum(axis=1)
    return Decoded(tokens, stays.sum(axis=1, dtype=jnp.int32), total)


def ctc_beam(
    logits: Array,
    lengths: Array | None = None,
    *,
    blank: int = 0,
    width: int = 16,
) -> Decoded:
    """Search the likeliest labels by their prefixes, alignments summed up.

    A prefix has two probabilities, of alignments that end with the blank and of those
    that end with its last label: a further frame of that label merges with the one,
    and begins anew after the other. The best prefixes are kept at each frame. Of a
    width that holds all of them the log-probabilities are exact, else lower bounds.

    Args:
        logits: [batch, time, classes] float, the blank among the classes.
        lengths: [batch] integers in [0, time], true frames; None for all.
        blank: the class that stands for no label; static under `jit`.
        width: how many prefixes are kept, at least 1; static under `jit`.

    Returns:
        Tokens [batch, width, time] int32, 0 in the padding, lengths [batch, width] and
        log-probabilities [batch, width] of the labels, the best first. What is left of
        the width has length 0 and the log-probability -inf.

    Raises:
        ValueError: as for `ctc_greedy`, or for a width below 1.

    Reference:
        Graves et al. (2006), Connectionist Temporal Classification: Labelling
        Unsegmented Sequence Data with Recurrent Neural Networks,
        https://doi.org/10.1145/1143844.1143891; the two probabilities.
        Hannun et al. (2014), First-Pass Large Vocabulary Continuous Speech Recognition
        using Bi-Directional Recurrent DNNs, https://arxiv.org/abs/1408.2873; the
        search, here without a language model.

    Example:
        >>> chances = jnp.array([[[.6, .4], [.6, .4]]])
        >>> print(ctc_greedy(jnp.log(chances)).lengths)
        [0]
        >>> tokens, lengths, logs = ctc_beam(jnp.log(chances), width=2)
        >>> print(lengths, (100 * jnp.exp(logs)).round())
        [[1 0]] [[64. 36.]]
    """
    if width < 1:
        raise ValueError(f'width is {width}, wanted at least 1 prefix to keep')
    said, real = _frames(logits, lengths, blank)

    def search(said: Array, real: Array) -> Decoded:
        time = len(said)
        first = _Prefixes(
            jnp.full((width, time), PADDING, jnp.int32),
            jnp.zeros(width, jnp.int32),
            jnp.full(width, blank, jnp.int32),
            jnp.where(jnp.arange(width) == 0, 0.0, -jnp.inf).astype(jnp.float32),
            jnp.full(width, -jnp.inf, jnp.float32),
        )

        def read(prefixes: _Prefixes, frame: tuple) -> tuple[_Prefixes, tuple]:
            said, real = frame
            after = _read(prefixes, said, blank)
            return jax.tree.map(lambda a, b: jnp.where(real, a, b), after, prefixes), ()

        last, _ = jax.lax.scan(read, first, (said, real))
        return Decoded(last.tokens, last.lengths, last.total())

    return vacated(jax.vmap(search)(said, real))


class _Prefixes(NamedTuple):
    """The prefixes of one example: tokens [width, time], all others [width]."""

    tokens: Array
    lengths: Array
    last: Array  # the last token; the blank of the empty prefix
    with_blank: Array  # log-probability of alignments that end with the blank
    with_label: Array  # and of those that end with the last label

    def total(self) -> Array:
        return jnp.logaddexp(self.with_blank, self.with_label)


def _read(prefixes: _Prefixes, said: Array, blank: int) -> _Prefixes:
    """Go on by a frame with the log-probabilities [classes] of its labels."""
    width, time = prefixes.tokens.shape
    classes = len(said)
    total = prefixes.total()
    # Longer by each class: a repeat of the last label needs a blank between.
    label = jnp.arange(classes)[None, :]
    repeats = label == prefixes.last[:, None]
    longer = jnp.where(repeats, prefixes.with_blank[:, None], total[:, None])
    longer = jnp.where(label == blank, -jnp.inf, longer + said[None, :])
    # As long as before, where another that has become longer may be the same.
    parent = _parents(prefixes)
    joins = jnp.where(parent, longer[:, prefixes.last], -jnp.inf)
    with_blank = total + said[blank]
    with_label = jnp.logaddexp(
        jnp.where(
            prefixes.lengths > 0, prefixes.with_label + said[prefixes.last], -jnp.inf
        ),
        jax.nn.logsumexp(joins, axis=0),
    )
    ends = jax.nn.one_hot(prefixes.last, classes, dtype=bool)
    joined = (parent[:, :, None] & ends[None, :, :]).any(axis=1)
    longer = jnp.where(joined, -jnp.inf, longer)
    # The best of both kinds.
    scores = jnp.concatenate(
        [jnp.logaddexp(with_blank, with_label), longer.reshape(-1)]
    )
    best = jax.lax.top_k(scores, width)[1]
    same = best < width
    source = jnp.where(same, best, (best - width) // classes)
    token = ((best - width) % classes).astype(jnp.int32)
    lengths = prefixes.lengths[source]
    write = ~same[:, None] & (jnp.arange(time)[None, :] == lengths[:, None])
    return _Prefixes(
        jnp.where(write, token[:, None], prefixes.tokens[source]),
        lengths + (~same).astype(jnp.int32),
        jnp.where(same, prefixes.last[source], token),
        jnp.where(same, with_blank[source], -jnp.inf),
        jnp.where(same, with_label[source], scores[best]),
    )


def _parents(prefixes: _Prefixes) -> Array:
    """Tell which prefix is which other one without its last token: [width, width]."""
    tokens, lengths = prefixes.tokens, prefixes.lengths
    place = jnp.arange(tokens.shape[1])[None, :]
    shorter = jnp.where(place == lengths[:, None] - 1, PADDING, tokens)
    equal = (tokens[:, None, :] == shorter[None, :, :]).all(axis=-1)
    # A place that is free may hold the tokens of another.
    alive = prefixes.total() > -jnp.inf
    return equal & (lengths[:, None] + 1 == lengths[None, :]) & alive[None, :]


def _frames(logits: Array, lengths: Array | None, blank: int) -> tuple[Array, Array]:
    """Give log-probabilities in float32, and which frames are real [batch, time]."""
    if logits.ndim != 3 or (
        lengths is not None
        and (
            lengths.shape != logits.shape[:1]
            or not jnp.issubdtype(lengths.dtype, jnp.integer)
        )
    ):
        form = None if lengths is None else (lengths.shape, str(lengths.dtype))
        raise ValueError(
            f'logits have shape {logits.shape} and lengths are {form}, wanted [batch, '
            'time, classes] and one integer an example'
        )
    if not 0 <= blank < logits.shape[-1]:
        raise ValueError(
            f'blank is {blank}, wanted a class in [0, {logits.shape[-1]}), as the '
            'logits have them'
        )
    rows, time, _ = logits.shape
    ends = jnp.full(rows, time) if lengths is None else lengths
    real = jnp.arange(time)[None, :] < ends[:, None]
    return jax.nn.log_softmax(logits.astype(jnp.float32)), real
