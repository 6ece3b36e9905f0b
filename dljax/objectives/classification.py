"""Learning and scoring classes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.losses import binary_cross_entropy, cross_entropy
from dljax.metrics import accuracy
from dljax.objectives import wanted
from dljax.objectives.class_weights import check_weights
from dljax.objectives.features import (
    Features,
    check_sequences,
    inputs_of,
    names,
)
from dljax.objectives.outputs import shape_of
from dljax.training import declared
from dljax.types import Array, Batch, Key, Loss, Metrics, Predict, Score


def classify(
    feature: Features = 'image',
    *,
    augment: Callable[[Key, Array], Array] | None = None,
    mix: Callable[[Key, Array], tuple[Array, Array, Array]] | None = None,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | np.ndarray | None = None,
    train: bool = True,
) -> Loss:
    """Loss of a classifier: cross-entropy of the label, from the logits.

    The net is called in train mode, so it moves its own batch statistics. A net with a
    single logit tells two classes apart by binary cross-entropy. Labels are [batch].
    In evaluation mode a net is learned from that stands still but for what is trained:
    a head upon a frozen body.

    Args:
        feature: name of the input in the batch, or names of several inputs.
        augment: `(key, input) -> input`, of the first of them, drawn anew in each step.
        mix: `(key, input) -> (mixed, partner, fraction)`, such as
            `data.augment.mixup(0.2)`, of the first of them, after `augment`. The loss
            of example i is then `fraction[i]` times that of its label and the rest
            times that of the label of example `partner[i]`, and so is 'accuracy'.
        label_smoothing: in [0, 1].
        class_weights: [classes] numbers of at least 0, what an example of each counts,
            such as `data.class_weights(labels)`; by default all count 1.
        train: whether the net is called in train mode; if not, its batch statistics are
            used and do not move, and nothing is dropped out.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'accuracy'.

    Raises:
        ValueError: for weights that are no finite numbers of 0 or more, or not as many
            as classes.

    Example:
        >>> import jax, optax
        >>> from dljax import create_model
        >>> from dljax.training import Player, learner
        >>> net = create_model('mlp', hidden=(8,), outputs=3)
        >>> player = Player(optax.adam(.01), loss=classify('features'))
        >>> train = learner(net, {'classifier': player})
        >>> batch = {'features': jnp.ones((4, 2)), 'label': jnp.array([0, 1, 2, 0])}
        >>> state = train.init(jax.random.key(0), batch)
        >>> sorted(train.update(jax.random.key(0), state, batch)[1])[0]
        'classifier/accuracy'
    """
    weights = check_weights(class_weights)

    def seen(net: nn.Module, batch: Batch) -> tuple[Array, ...]:
        inputs, *others = inputs_of(batch, feature)
        if augment is not None:
            inputs = augment(net.make_rng('augment'), inputs)
        return inputs, *others

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        inputs, *others = seen(net, batch)
        if mix is not None:
            inputs, partner, fraction = mix(net.make_rng('mix'), inputs)
        logits, labels = net(inputs, *others, train=train), batch['label']

        def judged(labels: Array) -> tuple[Array, Array]:
            loss = label_cross_entropy(logits, labels, label_smoothing=label_smoothing)
            if weights is not None:
                loss = loss * _weights_of(weights, logits, labels)
            return loss, accuracy(logits, labels)

        loss, right = judged(labels)
        if mix is not None:
            # Cross-entropy is linear in its target: this is the loss of a mixed label.
            loss, right = (
                fraction * own + (1 - fraction) * other
                for own, other in zip(
                    (loss, right), judged(labels[partner]), strict=True
                )
            )
        return loss.mean(), {'accuracy': right.mean()}

    def logits(net: nn.Module, batch: Batch) -> Array:
        return net(*seen(net, batch), train=False)

    return declared(objective, label_check(logits, feature))


def label_check(
    logits: Predict,
    feature: Features,
    ignore: int | None = None,
    exact: bool = True,
) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    """Make the check of what is classified: inputs that can be, and labels of classes.

    Args:
        logits: `(net, batch) -> [batch, ..., classes]` in evaluation mode, or a single
            one for two classes.
        feature: name of the input in the batch, or names of several inputs.
        ignore: a label that there may be beside those of the classes.
        exact: whether there is a label for each place of the output, or at least.

    Returns:
        `(net, arrays) -> None`, for `training.declared`; it learns the number of the
        classes from the net's outputs.
    """

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.take(arrays, *names(feature), 'label')
        wanted.finite(arrays, *names(feature))
        check_sequences(arrays, feature, getattr(net, 'vocabulary', None))
        inputs = {name: arrays[name] for name in names(feature)}
        shape = shape_of(logits, net, inputs)
        if not shape or len(shape) < 2:
            return wanted.classes(arrays, 'label', None, single=True, ignore=ignore)
        single = shape[-1] == 1
        return wanted.classes(
            arrays,
            'label',
            2 if single else shape[-1],
            shape=shape[1:-1] if exact else (None,) * len(shape[1:-1]),
            single=single,
            ignore=ignore,
        )

    return check


def _weights_of(weights: np.ndarray, logits: Array, labels: Array) -> Array:
    classes = max(logits.shape[-1], 2)  # a single logit tells two apart
    if len(weights) != classes:
        raise ValueError(
            f'class_weights are {len(weights)}, wanted one for each of {classes} '
            'classes'
        )
    return jnp.asarray(weights)[labels.astype(jnp.int32)]


def score_classes(feature: Features = 'image', *, balance: str | None = None) -> Score:
    """Scores of a classifier: accuracy and cross-entropy of each example.

    Args:
        feature: name of the input in the batch, or names of several inputs.
        balance: name of the weight of each example's class, as `data.with_balance`
            adds it to a set: its weighted accuracy is the mean of the recalls.

    Returns:
        `(net, batch, step) -> {'accuracy': [batch], 'loss': [batch]}`, in evaluation
        mode, with 'balanced_accuracy' if there is a balance.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        logits = net(*inputs_of(batch, feature), train=False)
        right = accuracy(logits, batch['label'])
        scores = {
            'accuracy': right,
            'loss': label_cross_entropy(logits, batch['label']),
        }
        if balance is not None:
            scores['balanced_accuracy'] = right * batch[balance]
        return scores

    return declared(score, label_check(_outputs(feature), feature))


def score_solved(feature: Features = 'image') -> Score:
    """Score whether a whole set is classified without a mistake.

    The mean over the members of an ensemble is the fraction of them that solve it.

    Args:
        feature: name of the input in the batch, which is the whole set:
            `evaluation_batch` has to be its size.

    Returns:
        `(net, batch, step) -> {'accuracy': [batch], 'solved': [batch]}`, in evaluation
        mode; 'solved' is 1 for all examples or for none.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        right = accuracy(net(*inputs_of(batch, feature), train=False), batch['label'])
        return {
            'accuracy': right,
            'solved': jnp.broadcast_to(right.min(), right.shape),
        }

    return declared(score, label_check(_outputs(feature), feature))


def _outputs(feature: Features) -> Predict:
    return lambda net, batch: net(*inputs_of(batch, feature), train=False)


def predict(feature: Features = 'image') -> Predict:
    """Logits in evaluation mode, as pictures and users ask for them.

    Args:
        feature: name of the input in the batch, or names of several inputs.

    Returns:
        `(net, batch) -> logits`, float32 whatever the precision, for NumPy and
        Matplotlib know no bfloat16.
    """

    def logits(net: nn.Module, batch: Batch) -> Array:
        inputs = map(jnp.asarray, inputs_of(batch, feature))
        return net(*inputs, train=False).astype(jnp.float32)

    return logits


def label_cross_entropy(
    logits: Array,
    labels: Array,
    *,
    label_smoothing: float = 0.0,
    where: Array | None = None,
) -> Array:
    """Cross-entropy of labels, binary where there is a single logit.

    Args:
        logits: [batch, ..., classes], or [batch, ..., 1] for two classes.
        labels: [batch, ...] integers.
        label_smoothing: in [0, 1].
        where: the labels that count, [batch, ...] or its first axes; None counts all.

    Returns:
        [batch] float32 in nats, summed over an example's labels.
    """
    options = {'label_smoothing': label_smoothing, 'where': where}
    if logits.shape[-1] == 1 and logits.ndim == labels.ndim + 1:
        return binary_cross_entropy(logits[..., 0], labels, **options)
    return cross_entropy(logits, labels, **options)
