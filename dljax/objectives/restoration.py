"""Learning to restore pictures: by their pixels, by features, and by a game.

For the game the net has `generator` and `discriminator`, such as
`models.restoration.srgan`; each turn moves the batch statistics of its own player only.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import Game, pixel_squared_error
from dljax.metrics import psnr, psnr_luma
from dljax.models.features import features
from dljax.objectives import wanted
from dljax.objectives.adversarial import tell_apart
from dljax.objectives.unmoved import unmoved
from dljax.training import declared
from dljax.training.declaration import check_by
from dljax.types import Array, Batch, Loss, Metrics, Score

# (net, pictures made, true ones) -> [batch], how much they differ.
Difference = Callable[[nn.Module, Array, Array], Array]
PictureLoss = Callable[[Array, Array], Array]


def restore(
    feature: str = 'image',
    target: str = 'target',
    *,
    loss: PictureLoss = pixel_squared_error,
) -> Loss:
    """Loss of a net that makes a better picture of a picture.

    The net is called in train mode, so it moves its own batch statistics.

    Args:
        feature: of the batch, what the net is given.
        target: of the batch, what it is to make of it, in [0, 1].
        loss: `(pictures, targets) -> [batch]`, such as `losses.pixel_absolute_error`.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metric 'psnr' in dB, of all
        channels.
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        truth = batch[target]
        made = _made(net(batch[feature], train=True), truth)
        return loss(made, truth).mean(), {'psnr': psnr(made, truth).mean()}

    return declared(objective, _pictures(feature, target))


def score_restoration(
    feature: str = 'image', target: str = 'target', *, border: int = 0
) -> Score:
    """Scores of single pictures: their PSNR, and that of their brightness.

    Args:
        feature: of the batch, what the net is given.
        target: of the batch, the true pictures in [0, 1].
        border: pixels that are left out along each edge, by custom the scale.

    Returns:
        `(net, batch, step) -> {'psnr', 'psnr_rgb', 'squared_error': [batch]}`, in
        evaluation mode, of pictures cut off at 0 and 1; 'psnr' is that of the
        brightness Y, as super-resolution reports it.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        truth = batch[target]
        made = _made(net(batch[feature], train=False), truth)
        made = made.astype(jnp.float32).clip(0.0, 1.0)
        return {
            'psnr': psnr_luma(made, truth, border=border),
            'psnr_rgb': psnr(made, truth),
            'squared_error': pixel_squared_error(made, truth),
        }

    return declared(score, _pictures(feature, target))


def pixel_difference(loss: PictureLoss = pixel_squared_error) -> Difference:
    """Let pictures differ by their pixels.

    Args:
        loss: `(pictures, targets) -> [batch]`.

    Returns:
        `(net, pictures, targets) -> [batch]`, for `restore_to_fool`.
    """
    return lambda net, made, truth: loss(made, truth)


def feature_difference(layer: str, scale: float = 1 / 12.75) -> Difference:
    """Let pictures differ by what a layer of `net.judge` makes of them.

    The mean squared difference of the features times `scale` squared. The judge is
    called in evaluation mode and learns nothing. What its weights are counts: those of
    a classifier of photographs give what the paper means; random ones compare random
    projections of neighbourhoods.

    Args:
        layer: path of a module in the judge, such as 'conv5_4' of a standardised
            VGG-19, its last convolution with its ReLU, which is the paper's choice.
        scale: of the features; 1 / 12.75 brings those of VGG to the range of pixels.

    Returns:
        `(net, pictures, targets) -> [batch]`, for `restore_to_fool`.

    Reference:
        Ledig et al. (2017), Photo-Realistic Single Image Super-Resolution Using a
        Generative Adversarial Network, https://arxiv.org/abs/1609.04802
        Johnson et al. (2016), Perceptual Losses for Real-Time Style Transfer and
        Super-Resolution, https://arxiv.org/abs/1603.08155
    """

    def differ(net: nn.Module, made: Array, truth: Array) -> Array:
        judge = getattr(net, 'judge', None)
        if judge is None:
            raise ValueError(
                f'{type(net).__name__} has no judge, wanted a net whose features '
                'compare pictures: give it one, or take pixel_difference()'
            )
        of_truth = features(judge, truth, [layer])[1][layer]
        of_made = features(judge, made, [layer])[1][layer]
        apart = scale * (of_made - jax.lax.stop_gradient(of_truth))
        return jnp.square(apart.astype(jnp.float32)).reshape(len(made), -1).mean(1)

    return differ


def tell_restored(
    game: Game, *, feature: str = 'image', target: str = 'target'
) -> Loss:
    """Train a discriminator on true pictures and on those that the generator makes.

    It moves the discriminator's collections only; the player should train the group
    'discriminator'.

    Args:
        game: its losses.
        feature: of the batch, what the generator is given.
        target: of the batch, the true pictures in [0, 1].

    Returns:
        `(net, batch, step) -> (loss, metrics)`: 'gap' (mean logit of true pictures less
        that of made ones) and, where the game has a threshold, 'accuracy'.
    """
    judged = tell_apart(game, feature=target, source=feature)
    pictures = _pictures(feature, target)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        pictures(net, arrays)
        check_by(judged, net, arrays)

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        return judged(net, batch, step)

    return declared(objective, check)


def restore_to_fool(
    game: Game,
    difference: Difference | None = None,
    *,
    weight: float = 1e-3,
    feature: str = 'image',
    target: str = 'target',
) -> Loss:
    """Train a generator to restore pictures, and to make them pass for true ones.

    The difference to the true picture plus `weight` times the game's loss. It moves the
    generator's collections only; the player should train the group 'generator'.

    Args:
        game: the losses.
        difference: to the true pictures: `pixel_difference()`, the default, or
            `feature_difference('conv5_4')`.
        weight: of the game's loss, above 0.
        feature: of the batch, what the generator is given.
        target: of the batch, the true pictures in [0, 1].

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the metrics 'difference',
        'adversarial' and 'psnr'.

    Raises:
        ValueError: for a weight that is not positive.
    """
    if not weight > 0:
        raise ValueError(
            f'weight is {weight}, wanted a positive number such as 1e-3: without the '
            'game take restore()'
        )
    differ = difference or pixel_difference()

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        truth = batch[target]
        made = _made(net.generator(batch[feature], train=True), truth)
        apart = differ(net, made, truth).mean()
        logits = unmoved(net.discriminator)(made, train=True)
        adversarial = game.generator(logits).mean()
        metrics = {
            'difference': apart,
            'adversarial': adversarial,
            'psnr': psnr(made, truth).mean(),
        }
        return apart + weight * adversarial, metrics

    return declared(objective, _pictures(feature, target))


def _made(made: Array, truth: Array) -> Array:
    if made.shape != truth.shape:
        raise ValueError(
            f'the net makes {made.shape} of its pictures, but the targets are '
            f'{truth.shape}: give targets of that size, or set the scale of the net'
        )
    return made


def _pictures(
    feature: str, target: str
) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.take(arrays, feature, target)
        for name in (feature, target):
            wanted.interval(arrays, name, why=' as the pixels of pictures are')

    return check
