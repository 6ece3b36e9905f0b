"""Learning with classifiers on the way through a deep net."""

from collections.abc import Callable

from flax import linen as nn

from dljax.metrics import accuracy
from dljax.objectives.classification import label_check, label_cross_entropy
from dljax.training import declared
from dljax.types import Array, Batch, Key, Loss, Metrics


def classify_with_auxiliaries(
    feature: str = 'image',
    *,
    weight: float = 0.3,
    augment: Callable[[Key, Array], Array] | None = None,
    label_smoothing: float = 0.0,
) -> Loss:
    r"""Loss of a classifier with auxiliary heads, such as GoogLeNet.

    $\ell = H(y, f(x)) + w \sum_h H(y, f_h(x))$ with the cross-entropy H, the logits f
    of the main head and those of the others. All move their batch statistics. Score by
    `score_classes`: evaluation leaves the auxiliary heads out.

    Args:
        feature: name of the input in the batch.
        weight: w of each auxiliary head, above 0.
        augment: `(key, input) -> input`, drawn anew in each step.
        label_smoothing: in [0, 1].

    Returns:
        `(net, batch, step) -> (loss, metrics)` for a net with a method
        `with_auxiliaries(input, train) -> (logits, auxiliary logits)`; the metric
        'accuracy' is that of the main head.

    Raises:
        ValueError: for a weight that is not positive.

    Reference:
        Szegedy et al. (2015), Going Deeper with Convolutions, section 5,
        https://arxiv.org/abs/1409.4842
    """
    if not weight > 0:
        raise ValueError(
            f'weight is {weight}, wanted a positive number such as 0.3; without '
            'auxiliary heads the loss is `classify`'
        )

    def seen(net: nn.Module, batch: Batch) -> Array:
        image = batch[feature]
        return image if augment is None else augment(net.make_rng('augment'), image)

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        image, label = seen(net, batch), batch['label']
        logits, others = net.with_auxiliaries(image, train=True)
        main, *rest = (
            label_cross_entropy(one, label, label_smoothing=label_smoothing).mean()
            for one in (logits, *others)
        )
        metrics = {'accuracy': accuracy(logits, label).mean()}
        return main + weight * sum(rest), metrics

    def main(net: nn.Module, batch: Batch) -> Array:
        return net(seen(net, batch), train=False)

    return declared(objective, label_check(main, feature))
