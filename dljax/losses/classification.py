"""Cross-entropies of labels, computed from logits so that nothing over- or underflows.

The probability itself never appears: log σ(x) and log softmax(x) are exact where σ(x)
has long been rounded to 0 or 1, so a confident mistake costs |x| and not infinity.
"""

import jax.numpy as jnp
import optax

from dljax.losses.meaning import (
    ROUNDING,
    WHOLE,
    expand,
    in_unit_interval,
)
from dljax.losses.reduction import pair, per_example, sum_losses
from dljax.losses.surprise import surprise
from dljax.types import Array


def binary_cross_entropy(
    logits: Array,
    labels: Array,
    *,
    label_smoothing: float = 0.0,
    where: Array | None = None,
) -> Array:
    """Negative log likelihood of independent yes/no labels.

    -Σ [y log σ(x) + (1 - y) log(1 - σ(x))], the sum over all but the batch axis.

    Args:
        logits: [batch, ...] x, any real numbers.
        labels: y in [0, 1], of the shape of `logits`; booleans and integers will do.
            One out of range makes the loss of its example NaN, and the derivative too.
        label_smoothing: s in [0, 1]; the labels are drawn towards ½ by s.
        where: the positions that count, [batch, ...] or its first axes; None counts
            all.

    Returns:
        [batch] float32 in nats, at least 0.

    Raises:
        ValueError: if the shapes differ or the smoothing is out of range.

    Example:
        >>> import jax.numpy as jnp
        >>> logits = jnp.array([0., 1e4, 1e4])
        >>> print(binary_cross_entropy(logits, jnp.array([1, 1, 0])).round(4))
        [6.931e-01 0.000e+00 1.000e+04]
    """
    _check_smoothing(label_smoothing)

    def loss(logits: Array, labels: Array) -> Array:
        labels = labels * (1.0 - label_smoothing) + 0.5 * label_smoothing
        return optax.sigmoid_binary_cross_entropy(logits, labels)

    return sum_losses(
        loss, logits, labels, 'logits and labels', where, meant=in_unit_interval
    )


def cross_entropy(
    logits: Array,
    labels: Array,
    *,
    label_smoothing: float = 0.0,
    where: Array | None = None,
) -> Array:
    """Negative log likelihood of one class among several, -log softmax(x)_y.

    Args:
        logits: [batch, ..., classes] x, any real numbers.
        labels: integers [batch, ...] in [0, classes), or floats of the logits' shape
            that sum to one over the classes (mixed or otherwise soft labels). One that
            is none of that makes the loss of its example NaN, and the derivative too.
        label_smoothing: s in [0, 1]; the label becomes (1 - s) of itself and s of the
            uniform distribution.
        where: the positions that count, [batch, ...] or its first axes, such as the
            characters of a sequence that are not padding; None counts all.

    Returns:
        [batch] float32 in nats, at least 0, summed over the positions.

    Raises:
        ValueError: if the shapes do not belong together, the labels are neither
            integers nor of the logits' shape, or the smoothing is out of range.

    Reference:
        Szegedy et al. (2016), Rethinking the Inception Architecture for Computer
        Vision, https://arxiv.org/abs/1512.00567; the label smoothing.

    Example:
        >>> import jax.numpy as jnp
        >>> logits = jnp.log(jnp.array([[.5, .25, .25], [.25, .5, .25]]))
        >>> print(cross_entropy(logits, jnp.array([0, 2])).round(4))
        [0.6931 1.3863]
    """
    _check_smoothing(label_smoothing)
    logits, labels = jnp.asarray(logits, jnp.float32), jnp.asarray(labels)
    if logits.ndim < 2:
        raise ValueError(
            f'logits have shape {logits.shape}, wanted [batch, ..., classes]: add the '
            'missing axis, or use binary_cross_entropy for a single logit'
        )
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        logits, labels = pair(logits, labels, 'logits and soft labels')
        known = _is_distribution(labels)
        if where is not None:
            known = known | ~expand(where, labels)[..., 0]
        labels = jnp.where(known[..., None], labels, jnp.nan)
    elif labels.shape != logits.shape[:-1]:
        raise ValueError(
            f'labels have shape {labels.shape}, wanted {logits.shape[:-1]} for logits '
            f'of shape {logits.shape}: one integer for each row of logits'
        )
    else:
        if where is not None:  # padding may be labelled by anything
            labels = jnp.where(expand(where, labels), labels, 0)
        return per_example(surprise(logits, labels, label_smoothing), where)
    labels = optax.smooth_labels(labels, label_smoothing)
    return per_example(optax.softmax_cross_entropy(logits, labels), where)


def _is_distribution(labels: Array) -> Array:
    """Tell which rows hold probabilities."""
    whole = jnp.abs(labels.sum(axis=-1) - 1.0) <= WHOLE
    return (labels >= -ROUNDING).all(axis=-1) & whole


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f'label_smoothing is {label_smoothing}, wanted a number in [0, 1]: 0 keeps '
            'the labels, 0.1 is usual'
        )
