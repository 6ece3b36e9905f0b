"""Labels of a sequence whose places in it are not known."""

import jax
import jax.numpy as jnp
import optax

from dljax.losses.meaning import nan_beyond
from dljax.types import Array

# Stands for log 0: below any sum of log-probabilities, and finite, so that differences
# are. Optax's own, -1e5, is what an alignment that skips labels costs: surely wrong
# frames cost more.
LOG_ZERO = -1e30


def ctc_loss(
    logits: Array,
    labels: Array,
    *,
    lengths: Array | None = None,
    label_lengths: Array | None = None,
    blank: int = 0,
    skip_impossible: bool = False,
) -> Array:
    r"""Connectionist temporal classification: labels without an alignment to frames.

    $-\log \sum_\pi \prod_t \mathrm{softmax}(x_t)_{\pi_t}$ over the alignments π, a
    class or the blank for each frame, that give the labels once repeats are merged and
    then blanks dropped.

    Two equal labels in a row need a blank between, so n labels with r such pairs need
    n + r frames. With fewer no alignment is possible: the loss is +inf, its gradient 0.

    Args:
        logits: [batch, time, classes] x, float; the blank is among the classes.
        labels: [batch, labels] integers in [0, classes) without the blank; what is in
            their padding is of no effect. One that is none of that makes the loss of
            its example NaN, and the derivative too.
        lengths: [batch] integers in [0, time], true frames; None for all. One out of
            range makes the loss NaN.
        label_lengths: [batch] integers in [0, labels], true labels; None for all. One
            out of range makes the loss NaN.
        blank: the class that stands for no label, in [0, classes); 0 as in torch.
        skip_impossible: whether an example without a possible alignment costs 0
            instead, which hides it: torch's zero_infinity.

    Returns:
        [batch] float32 in nats, at least 0, summed over the frames.

    Raises:
        ValueError: if the shapes do not belong together, labels or lengths are no
            integers, or the blank is out of range.

    Reference:
        Graves et al. (2006), Connectionist Temporal Classification: Labelling
        Unsegmented Sequence Data with Recurrent Neural Networks,
        https://doi.org/10.1145/1143844.1143891

    Example:
        >>> logits, labels = jnp.zeros((1, 2, 2)), jnp.array([[1]])
        >>> print(jnp.exp(-ctc_loss(logits, labels)))  # 1-, -1 and 11 of four
        [0.75]
    """
    logits, labels = jnp.asarray(logits, jnp.float32), jnp.asarray(labels)
    _check(logits, labels, blank)
    batch, time, classes = logits.shape
    frames = _lengths('lengths', lengths, batch, time)
    count = _lengths('label_lengths', label_lengths, batch, labels.shape[1])
    real = jnp.arange(time)[None, :] < frames[:, None]
    named = jnp.arange(labels.shape[1])[None, :] < count[:, None]
    # Padding of the same class as a label, or of none, and wild logits in it are out.
    labels = jnp.where(named, labels.astype(jnp.int32), -1)
    logits = jnp.where(real[:, :, None], logits, 0.0)
    # Optax chooses by products with one-hot codes, which other chips would round.
    with jax.default_matmul_precision('highest'):
        loss = optax.ctc_loss(
            logits,
            1.0 - real,
            labels,
            1.0 - named,
            blank_id=blank,
            log_epsilon=LOG_ZERO,
        )
    meant = nan_beyond(labels, classes) * jnp.where(labels == blank, jnp.nan, 1.0)
    meant = jnp.where(named, meant, 1.0).prod(axis=1)
    meant = meant * nan_beyond(frames, time + 1)
    meant = meant * nan_beyond(count, labels.shape[1] + 1)
    repeats = ((labels[:, 1:] == labels[:, :-1]) & named[:, 1:]).sum(axis=1)
    possible = count + repeats <= frames
    # A choice first, for the gradient; then a product, for what has no meaning.
    impossible = 0.0 if skip_impossible else jnp.inf
    return jnp.where(possible, jnp.maximum(loss, 0.0), impossible) * meant


def _lengths(name: str, lengths: Array | None, batch: int, longest: int) -> Array:
    if lengths is None:
        return jnp.full(batch, longest)
    lengths = jnp.asarray(lengths)
    if lengths.shape != (batch,) or not jnp.issubdtype(lengths.dtype, jnp.integer):
        raise ValueError(
            f'{name} are {lengths.dtype} of shape {lengths.shape}, wanted integers of '
            f'shape {(batch,)}: one for each example'
        )
    return lengths.astype(jnp.int32)


def _check(logits: Array, labels: Array, blank: int) -> None:
    if logits.ndim != 3 or not logits.shape[1]:
        raise ValueError(
            f'logits have shape {logits.shape}, wanted [batch, time, classes] with at '
            'least one frame'
        )
    whole = jnp.issubdtype(labels.dtype, jnp.integer)
    if labels.ndim != 2 or labels.shape[0] != logits.shape[0] or not whole:
        raise ValueError(
            f'labels are {labels.dtype} of shape {labels.shape}, wanted integers of '
            f'shape [{logits.shape[0]}, labels] for logits of shape {logits.shape}: '
            'pad the shorter ones, and tell the true ones by label_lengths'
        )
    if not 0 <= blank < logits.shape[-1]:
        raise ValueError(
            f'blank is {blank}, wanted a class in [0, {logits.shape[-1]}): the net '
            'needs an output for it beside those of the labels'
        )
