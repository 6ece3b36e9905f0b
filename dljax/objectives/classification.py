"""Learning and scoring classes."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import binary_cross_entropy, cross_entropy
from dljax.metrics import accuracy
from dljax.objectives.features import Features, given
from dljax.types import Array, Batch, Key, Metrics, Objective


def classify(
    feature: Features = 'image',
    *,
    augment: Callable[[Key, Array], Array] | None = None,
    mix: Callable[[Key, Array], tuple[Array, Array, Array]] | None = None,
    label_smoothing: float = 0.0,
    train: bool = True,
) -> Objective:
    """Loss of a classifier: cross-entropy of the label, from the logits.

    The net is called in train mode, so it moves its own batch statistics. A net with a
    single logit tells two classes apart by binary cross-entropy. Labels are [batch].
    In evaluation mode a net is learned from that stands still but for what is trained:
    a head upon a frozen body.

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

    Args:
        feature: name of the input in the batch, or names of several inputs.
        augment: `(key, input) -> input`, of the first of them, drawn anew in each step.
        mix: `(key, input) -> (mixed, partner, share)`, such as `data.mixup(0.2)`, of
            the first of them, after `augment`. The loss of example i is then `share[i]`
            times that of its label and the rest times that of the label of example
            `partner[i]`, and so is 'accuracy'.
        label_smoothing: in [0, 1].
        train: whether the net is called in train mode; if not, its batch statistics are
            used and do not move, and nothing is dropped out.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'accuracy'.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        inputs, *others = given(batch, feature)
        if augment is not None:
            inputs = augment(net.make_rng('augment'), inputs)
        if mix is not None:
            inputs, partner, share = mix(net.make_rng('mix'), inputs)
        logits, labels = net(inputs, *others, train=train), batch['label']

        def judged(labels: Array) -> tuple[Array, Array]:
            loss = label_cross_entropy(logits, labels, label_smoothing=label_smoothing)
            return loss, accuracy(logits, labels)

        loss, right = judged(labels)
        if mix is not None:
            # Cross-entropy is linear in its target: this is the loss of a mixed label.
            loss, right = (
                share * own + (1 - share) * other
                for own, other in zip(
                    (loss, right), judged(labels[partner]), strict=True
                )
            )
        return loss.mean(), {'accuracy': right.mean()}

    return objective


def score_classes(feature: Features = 'image') -> Objective:
    """Scores of a classifier: accuracy and cross-entropy of each example.

    Args:
        feature: name of the input in the batch, or names of several inputs.

    Returns:
        `(net, batch, step) -> {'accuracy': [batch], 'loss': [batch]}`, in evaluation
        mode.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        logits = net(*given(batch, feature), train=False)
        return {
            'accuracy': accuracy(logits, batch['label']),
            'loss': label_cross_entropy(logits, batch['label']),
        }

    return score


def score_solved(feature: Features = 'image') -> Objective:
    """Score whether a whole set is classified without a mistake.

    The mean over the members of an ensemble is the share of them that solve it.

    Args:
        feature: name of the input in the batch, which is the whole set:
            `evaluation_batch` has to be its size.

    Returns:
        `(net, batch, step) -> {'accuracy': [batch], 'solved': [batch]}`, in evaluation
        mode; 'solved' is 1 for all examples or for none.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        right = accuracy(net(*given(batch, feature), train=False), batch['label'])
        return {
            'accuracy': right,
            'solved': jnp.broadcast_to(right.min(), right.shape),
        }

    return score


def predict(feature: Features = 'image') -> Callable[[nn.Module, Batch], Array]:
    """Logits in evaluation mode, as pictures and users ask for them.

    Args:
        feature: name of the input in the batch, or names of several inputs.

    Returns:
        `(net, batch) -> logits`, float32 whatever the precision, for NumPy and
        Matplotlib know no bfloat16.
    """

    def logits(net: nn.Module, batch: Batch) -> Array:
        inputs = map(jnp.asarray, given(batch, feature))
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
        where: the labels that count; None counts all.

    Returns:
        [batch] float32 in nats, summed over an example's labels.
    """
    options = {'label_smoothing': label_smoothing, 'where': where}
    if logits.shape[-1] == 1 and logits.ndim == labels.ndim + 1:
        return binary_cross_entropy(logits[..., 0], labels, **options)
    return cross_entropy(logits, labels, **options)
