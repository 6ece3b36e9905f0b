"""Variational autoencoders on bound nets: the evidence lower bound, and scores."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import (
    binary_cross_entropy,
    gaussian_divergence,
    gaussian_log_density,
)
from dljax.losses.meaning import nan_beyond
from dljax.metrics import importance_weighted_bound
from dljax.objectives import wanted
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Score

Reconstruction = Callable[[Array, Array], Array]


def elbo(
    feature: str = 'image',
    condition: str | None = None,
    *,
    beta: float = 1.0,
    warm_up: int = 0,
    samples: int = 1,
    reconstruction: Reconstruction = binary_cross_entropy,
) -> Loss:
    """Learn a variational autoencoder: distortion + β · rate, over the batch (U5.1).

    The distortion is -E log p(x | z) over codes z from q(z | x), the rate the
    divergence of q(z | x) from the prior. At β = 1 minus their sum is the evidence
    lower bound (ELBO) on log p(x); a larger β buys codes that say less and whose
    numbers are less entangled. A warm-up raises β from 0 in equal steps, so that the
    code is not given up before the decoder has learned to use it.

    Args:
        feature: name of the input in the batch, in [0, 1] for the default distortion;
            numbers between stand for probabilities.
        condition: name of the label that a conditional net takes; None for none.
        beta: β, at least 0.
        warm_up: updates of the learner over which β rises from 0; 0 for none.
        samples: codes drawn for each example, at least 1.
        reconstruction: `(outputs, targets) -> [batch]`, -log p(x | z) in nats; of
            independent bits by default.

    Returns:
        `(net, batch, step) -> (loss, metrics)`: 'distortion' in nats, 'rate' in bits an
        example, and 'beta' as it now is. The net is called in train mode.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Kingma, Welling (2014), Auto-Encoding Variational Bayes,
        https://arxiv.org/abs/1312.6114
        Higgins et al. (2017), beta-VAE: Learning Basic Visual Concepts with a
        Constrained Variational Framework, https://openreview.net/forum?id=Sy2fzU9gl;
        the β.
        Sønderby et al. (2016), Ladder Variational Autoencoders,
        https://arxiv.org/abs/1602.02282; the warm-up.

    Example:
        >>> import jax, jax.numpy as jnp, optax
        >>> from dljax import create_model
        >>> from dljax.training import Player, learner
        >>> net = create_model('vae', code=2, hidden=(8,), shape=(4, 4, 1))
        >>> loss = elbo(beta=4., warm_up=100)
        >>> train = learner(net, {'vae': Player(optax.adam(1e-3), loss=loss)})
        >>> batch, key = {'image': jnp.ones((3, 4, 4, 1))}, jax.random.key(0)
        >>> _, metrics = train.update(key, train.init(key, batch), batch)
        >>> f"{metrics['vae/beta']:.2f} {metrics['vae/rate'] > 0}"
        '0.00 True'
    """
    if not beta >= 0 or warm_up < 0 or samples < 1:
        raise ValueError(
            f'beta is {beta}, warm_up {warm_up} and samples {samples}, wanted at '
            'least 0, 0 and 1'
        )

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        image, conditions = batch[feature], _conditions(batch, condition)
        mean, log_variance = net.distribution(image, *conditions, train=True)
        mean = mean * _known(net, conditions)
        noise = net.noise(samples, len(image))
        codes = _codes(mean, log_variance, noise).reshape(-1, mean.shape[1])
        image, *conditions = (
            jnp.tile(values, (samples,) + (1,) * (values.ndim - 1))
            for values in (image, *conditions)
        )
        outputs = net.decode(codes, *conditions, train=True)
        distortion = reconstruction(outputs, image).mean()
        rate = gaussian_divergence(mean, log_variance).mean()
        rise = jnp.minimum(1.0, step / warm_up) if warm_up else jnp.float32(1.0)
        metrics = {
            'distortion': distortion,
            'rate': rate / math.log(2),
            'beta': beta * rise,
        }
        return distortion + beta * rise * rate, metrics

    return declared(objective, _pixels_of(feature, condition, reconstruction))


def score_variational(
    feature: str = 'image',
    condition: str | None = None,
    *,
    samples: tuple[int, ...] = (1,),
    reconstruction: Reconstruction = binary_cross_entropy,
) -> Score:
    """Scores of a variational autoencoder, and importance-weighted bounds of log p(x).

    Args:
        feature: name of the input in the batch.
        condition: name of the label that a conditional net takes; None for none.
        samples: the k of the bounds, each a divisor of the largest, which is how many
            codes are drawn. All bounds come from the same draws.
        reconstruction: as of `elbo`.

    Returns:
        `(net, batch, step) -> {name: [batch]}`: 'distortion' and 'elbo' in nats, 'rate'
        in bits, and 'bound_K' in nats for each K of the samples. In evaluation mode,
        codes from the stream 'noise'.

    Raises:
        ValueError: for a number of samples that does not divide the largest.

    Reference:
        Burda et al. (2016), Importance Weighted Autoencoders,
        https://arxiv.org/abs/1509.00519
    """
    draws = max(samples, default=0)
    if not samples or min(samples) < 1 or any(draws % k for k in samples):
        raise ValueError(
            f'samples is {samples}, wanted one or more numbers of at least 1, each a '
            'divisor of the largest, such as (1, 5, 50)'
        )

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        image, conditions = batch[feature], _conditions(batch, condition)
        mean, log_variance = net.distribution(image, *conditions, train=False)
        mean = mean * _known(net, conditions)
        noise = net.noise(draws, len(image))

        def one(noise: Array) -> tuple[Array, Array]:
            code = _codes(mean, log_variance, noise)
            outputs = net.decode(code, *conditions, train=False)
            distortion = reconstruction(outputs, image)
            zeros = jnp.zeros_like(code)
            prior = gaussian_log_density(code, zeros, zeros)
            posterior = gaussian_log_density(code, mean, log_variance)
            return distortion, prior - posterior - distortion

        distortions, log_weights = jax.lax.map(one, noise, batch_size=min(draws, 16))
        distortion = distortions.mean(0)
        rate = gaussian_divergence(mean, log_variance)
        bounds = {
            f'bound_{k}': importance_weighted_bound(log_weights, k) for k in samples
        }
        return {
            'distortion': distortion,
            'rate': rate / math.log(2),
            'elbo': -distortion - rate,
            **bounds,
        }

    return declared(score, _pixels_of(feature, condition, reconstruction))


def _pixels_of(
    feature: str, condition: str | None, reconstruction: Reconstruction
) -> Callable[[nn.Module, Mapping[str, Any]], None]:
    """Check inputs that the distortion has a meaning for, and the label of each."""

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.target_of(reconstruction, arrays, feature)
        if condition is not None:
            wanted.take(arrays, feature, condition)
            count = getattr(net, 'classes', None) or None
            wanted.classes(arrays, condition, count, shape=())

    return check


def _codes(mean: Array, log_variance: Array, noise: Array) -> Array:
    """Move noise [..., batch, code] to where the codes are."""
    mean, deviation = (
        jnp.broadcast_to(values, noise.shape)
        for values in (mean, jnp.exp(0.5 * log_variance))
    )
    return mean + deviation * noise


def _known(net: nn.Module, conditions: tuple[Array, ...]) -> Array | float:
    """Mark labels that the net has no class for by NaN: [batch, 1]."""
    if not conditions or not getattr(net, 'classes', None):
        return 1.0
    return nan_beyond(conditions[0], net.classes)[:, None]


def _conditions(batch: Batch, condition: str | None) -> tuple[Array, ...]:
    return () if condition is None else (batch[condition],)
