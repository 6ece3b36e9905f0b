"""Finding what does not belong: encoders that invert a generator, and scores (U5.5)."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import sum_squared_error
from dljax.objectives import wanted
from dljax.objectives.outputs import range_of
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Score


def invert(
    encoder: str = 'inverse',
    game: str = 'gan',
    *,
    feature: str = 'image',
    layer: str = 'hidden_1',
    weight: float = 1.0,
) -> Loss:
    """Train an encoder to find the noise from which a generator makes an image.

    Both halves of ‖x - G(E(x))‖²/n + κ ‖f(x) - f(G(E(x)))‖²/m, where f is a layer of
    the discriminator of m units and x has n pixels. The player should train the group
    of the encoder: the adversaries are as they are after their game, in evaluation
    mode, and none of their collections moves.

    Args:
        encoder: the field of the net that holds E, `(image, train) -> noise`.
        game: the field that holds the `Adversaries`.
        feature: of the batch that holds the images.
        layer: the name of the discriminator's layer whose outputs f are.
        weight: κ, at least 0.

    Returns:
        `(net, batch, step) -> (loss, metrics)`: 'pixels' and 'features', the halves.

    Raises:
        ValueError: for a negative weight; at the first call, for an unknown layer.

    Reference:
        Schlegl et al. (2019), f-AnoGAN: Fast Unsupervised Anomaly Detection with
        Generative Adversarial Networks, https://doi.org/10.1016/j.media.2019.01.010;
        the encoder of kind izi_f.
    """
    if weight < 0:
        raise ValueError(f'weight is {weight}, wanted at least 0')

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        image = batch[feature]
        pixels, features = _residuals(net, encoder, game, image, layer, train=True)
        metrics = {'pixels': pixels.mean(), 'features': features.mean()}
        return metrics['pixels'] + weight * metrics['features'], metrics

    return declared(objective, _makeable(game, feature))


def score_inversion(
    encoder: str = 'inverse',
    game: str = 'gan',
    *,
    feature: str = 'image',
    layer: str = 'hidden_1',
    weight: float = 1.0,
) -> Score:
    """Score images by how badly a generator makes them, as `invert` has learned it.

    Args:
        encoder: the field of the net that holds the encoder.
        game: the field that holds the `Adversaries`.
        feature: of the batch that holds the images.
        layer: of the discriminator.
        weight: κ, as in training.

    Returns:
        `(net, batch, step) -> scores`, each [batch] and larger for what is stranger:
        'inversion', the sum of `invert`, and 'discriminator', minus its logit.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        image = batch[feature]
        pixels, features = _residuals(net, encoder, game, image, layer, train=False)
        logits = getattr(net, game).discriminator(image, train=False)
        return {
            'inversion': pixels + weight * features,
            'discriminator': -logits.astype(jnp.float32)
            .reshape(len(image), -1)
            .mean(1),
        }

    return declared(score, _makeable(game, feature))


def _makeable(
    game: str, feature: str
) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    """Check that images lie where the generator makes them."""

    def made(net: nn.Module, batch: Batch) -> Array:
        return net.generator(net.noise(len(batch[feature])), train=False)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.finite(arrays, feature)
        images = {feature: arrays[feature]}
        if limits := range_of(made, getattr(net, game, None), images):
            wanted.interval(arrays, feature, *limits, why=' as the generator makes')

    return check


def _residuals(
    net: nn.Module, encoder: str, game: str, image: Array, layer: str, train: bool
) -> tuple[Array, Array]:
    """What is lost of images, and of their features: [batch] means of squares."""
    adversaries = getattr(net, game)
    noise = getattr(net, encoder)(image, train=train)
    made = adversaries.generator(noise, train=False)
    if net.is_initializing():
        adversaries.discriminator(image, train=False)
    judge, variables = adversaries.discriminator.unbind()

    def features(image: Array) -> Array:
        _, kept = judge.apply(
            variables,
            image,
            train=False,
            capture_intermediates=lambda module, _: module.name == layer,
            mutable=['intermediates'],
        )
        found = kept.get('intermediates', {})
        if layer not in found:
            raise ValueError(
                f"the discriminator has no layer '{layer}' that it calls, only "
                f'{sorted(variables["params"])}: name one of these'
            )
        return found[layer]['__call__'][0]

    ours, theirs = features(made), features(image)
    weights = 1 / image[0].size, 1 / ours[0].size
    return (
        weights[0] * sum_squared_error(made, image),
        weights[1] * sum_squared_error(ours, theirs),
    )
