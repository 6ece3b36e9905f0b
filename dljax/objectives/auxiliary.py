"""Further tasks of adversaries: to tell classes, and to read codes off samples.

A `Task` of `tell_apart` and `fool`: both players are paid for what the discriminator
outputs beside its logit.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import cross_entropy, gaussian_log_density
from dljax.metrics import accuracy
from dljax.objectives import wanted
from dljax.objectives.adversarial import Task
from dljax.training import declared
from dljax.types import Array, Batch, Metrics


def classify_samples(weight: float = 1.0, feature: str = 'label') -> Task:
    """Reward both players where a sample is classified correctly (ACGAN).

    The discriminator's first further output is the logits of the classes. It learns
    them of real samples and of fakes alike; the generator, which is given the label,
    makes fakes that are classified correctly.

    Args:
        weight: of the cross entropies.
        feature: of the batch that holds the classes; `given` to the generator.

    Returns:
        The task. Metrics: 'classified', the fraction of fakes classified correctly, and
        where there are real samples 'classified_real', that of those.

    Raises:
        ValueError: for a weight that is not positive.

    Reference:
        Odena et al. (2017), Conditional Image Synthesis with Auxiliary Classifier GANs,
        https://arxiv.org/abs/1610.09585
    """
    _check('weight', weight)

    def task(
        net: nn.Module,
        real: tuple[Array, ...] | None,
        fake: tuple[Array, ...],
        noise: Array,
        batch: Batch,
    ) -> tuple[Array, Metrics]:
        del net, noise
        label = batch[feature]
        loss = cross_entropy(fake[0], label).mean()
        metrics = {'classified': accuracy(fake[0], label).mean()}
        if real is not None:
            loss = loss + cross_entropy(real[0], label).mean()
            metrics['classified_real'] = accuracy(real[0], label).mean()
        return weight * loss, metrics

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        # The generator is given the classes; the discriminator has as many logits.
        count = getattr(getattr(net, 'generator', None), 'classes', None)
        wanted.classes(arrays, feature, count, shape=())

    return declared(task, check)


def recover_codes(
    categories: int = 10,
    continuous: int = 2,
    *,
    weight: float = 1.0,
    continuous_weight: float = 0.1,
) -> Task:
    """Pay both players where the codes of a fake can be read off it (InfoGAN).

    The last numbers of the noise are a one-hot vector and codes that are uniform in
    [-1, 1). The discriminator's further outputs are the logits of the category, and
    means and logarithms of the variance of the codes. They give lower bounds of the
    mutual information of code and sample, H(c) + E log q(c|x), which is the entropy
    H(c) where a category is always read correctly.

    Args:
        categories: of the category.
        continuous: how many codes.
        weight: λ of the category.
        continuous_weight: λ of the codes, smaller, since what it weighs has no bound.

    Returns:
        The task. Metrics, of fakes: 'information', the bound of the category in nats,
        log(categories) at most; 'continuous_information', that of the codes together;
        'read', the fraction of categories read correctly.

    Raises:
        ValueError: for weights that are not positive.

    Reference:
        Chen et al. (2016), InfoGAN: Interpretable Representation Learning by
        Information Maximizing Generative Adversarial Nets,
        https://arxiv.org/abs/1606.03657
    """
    _check('weight', weight)
    _check('continuous_weight', continuous_weight)

    def task(
        net: nn.Module,
        real: tuple[Array, ...] | None,
        fake: tuple[Array, ...],
        noise: Array,
        batch: Batch,
    ) -> tuple[Array, Metrics]:
        del net, real, batch
        logits, mean, log_variance = (output.astype(jnp.float32) for output in fake)
        codes = noise[:, noise.shape[1] - continuous :]
        which = noise[:, noise.shape[1] - continuous - categories :][:, :categories]
        chosen = which.argmax(1)
        likelihood = -cross_entropy(logits, chosen).mean()
        information = math.log(categories) + likelihood
        density = gaussian_log_density(codes, mean, log_variance).mean()
        about_codes = continuous * math.log(2.0) + density
        metrics = {
            'information': information,
            'continuous_information': about_codes,
            'read': accuracy(logits, chosen).mean(),
        }
        return -weight * information - continuous_weight * about_codes, metrics

    return task


def _check(name: str, weight: float) -> None:
    if not weight > 0:
        raise ValueError(f'{name} is {weight}, wanted a positive number')
