"""Learning and scoring the class of each pixel."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.losses.segmentation import pixel_cross_entropy, soft_dice
from dljax.metrics import accuracy, confusion_matrix
from dljax.objectives.class_weights import check_weights
from dljax.objectives.classification import label_check
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Predict, Score

Maps = TypeVar('Maps', Array, np.ndarray)


def segment(
    feature: str = 'image',
    *,
    class_weights: Sequence[float] | np.ndarray | None = None,
    weights: Callable[[Batch], Array] | None = None,
    dice: float = 0.0,
    ignore: int | None = None,
) -> Loss:
    """Loss of a net that classifies pixels: their cross-entropy, and soft Dice.

    The net is called in train mode, so it moves its own batch statistics. Where it
    gives logits to the middle of an image alone, as unpadded convolutions do, the
    labels of the middle are what it is compared with.

    Args:
        feature: name of the input in the batch; the classes are its 'label', [batch,
            height, width] integers.
        class_weights: [classes], of the cross-entropy.
        weights: `(batch) -> [batch, height, width]`, of its pixels, such as by
            `losses.border_weights` of an instance map.
        dice: by how much the soft Dice loss is added, at least 0.
        ignore: the label of pixels that do not count.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'accuracy', of pixels.

    Example:
        >>> import jax, optax
        >>> from dljax import create_model
        >>> from dljax.training import Player, learner
        >>> net = create_model('unet', classes=3, width=2, depth=1)
        >>> train = learner(net, {'unet': Player(optax.adam(.01), loss=segment())})
        >>> batch = {'image': jnp.ones((2, 4, 4, 1)), 'label': jnp.ones((2, 4, 4), int)}
        >>> state = train.init(jax.random.key(0), batch)
        >>> sorted(train.update(jax.random.key(0), state, batch)[1])[0]
        'unet/accuracy'
    """
    if dice < 0:
        raise ValueError(f'dice is {dice}, wanted at least 0')
    checked = check_weights(class_weights)

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        logits = net(batch[feature], train=True)
        labels = crop(batch['label'], logits)
        losses = pixel_cross_entropy(
            logits,
            labels,
            class_weights=checked,
            weights=None if weights is None else crop(weights(batch), logits),
            ignore=ignore,
        )
        if dice:
            losses = losses + dice * soft_dice(logits, labels, ignore=ignore)
        right = accuracy(logits, labels, where=_counted(labels, ignore))
        return losses.mean(), {'accuracy': right.mean()}

    return declared(
        objective, label_check(_outputs(feature), feature, ignore, exact=False)
    )


def score_segmentation(feature: str = 'image', *, ignore: int | None = None) -> Score:
    """Scores of single examples: pixel accuracy and cross-entropy.

    Intersections over unions are ratios over a whole set, which no mean over examples
    gives: take `measures.segmentation.overlaps` as a measure.

    Args:
        feature: name of the input in the batch; the classes are its 'label'.
        ignore: the label of pixels that do not count.

    Returns:
        `(net, batch, step) -> {'accuracy', 'foreground', 'loss': [batch]}`, in
        evaluation mode; 'foreground' is the accuracy on the pixels that are not
        class 0, and 1 for an example without one.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        logits = net(batch[feature], train=False)
        labels = crop(batch['label'], logits)
        counted = _counted(labels, ignore)
        objects = (labels != 0) & counted
        found = accuracy(logits, labels, where=objects)
        return {
            'accuracy': accuracy(logits, labels, where=counted),
            'foreground': jnp.where(objects.any((1, 2)), found, 1.0),
            'loss': pixel_cross_entropy(logits, labels, ignore=ignore),
        }

    return declared(score, label_check(_outputs(feature), feature, ignore, exact=False))


def count_pixels(feature: str = 'image', *, ignore: int | None = None) -> Predict:
    """Count which class pixels were taken for, as the metrics of a whole set ask.

    Args:
        feature: name of the input in the batch; the classes are its 'label'.
        ignore: the label of pixels that do not count.

    Returns:
        `(net, batch) -> [classes, classes]` int32 in evaluation mode, row: the truth;
        those of several batches add up. Examples with a 'mask' of 0, as the padding of
        `dljax.data.batches` has it, do not count.
    """

    def count(net: nn.Module, batch: Batch) -> Array:
        logits = net(batch[feature], train=False)
        labels = crop(batch['label'], logits)
        counted = _counted(labels, ignore)
        if 'mask' in batch:
            counted = counted & (batch['mask'] > 0)[:, None, None]
        return confusion_matrix(
            logits.argmax(-1).astype(jnp.int32),
            labels,
            classes=logits.shape[-1],
            where=counted,
        )

    return count


def crop(maps: Maps, like: Array | np.ndarray) -> Maps:
    """Cut the middle of maps to the height and width of others.

    Args:
        maps: [batch, height, width, ...].
        like: [batch, height', width', ...], no larger.

    Returns:
        [batch, height', width', ...] of `maps`; an odd pixel more is lost below and at
        the right.

    Raises:
        ValueError: if `like` is larger.

    Example:
        >>> print(crop(jnp.arange(16).reshape(1, 4, 4), jnp.ones((1, 2, 2, 7)))[0])
        [[ 5  6]
         [ 9 10]]
    """
    height, width = like.shape[1:3]
    spare = maps.shape[1] - height, maps.shape[2] - width
    if min(spare) < 0:
        raise ValueError(
            f'maps have shape {maps.shape} and what they are cut like {like.shape}, '
            'wanted no smaller height and width: resize one of them'
        )
    top, left = (side // 2 for side in spare)
    return maps[:, top : top + height, left : left + width]


def _outputs(feature: str) -> Predict:
    return lambda net, batch: net(batch[feature], train=False)


def _counted(labels: Array, ignore: int | None) -> Array:
    return jnp.ones(labels.shape, bool) if ignore is None else labels != ignore
