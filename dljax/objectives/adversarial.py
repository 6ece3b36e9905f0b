"""Objectives of the two players of an adversarial game.

The net is an `Adversaries` of dljax.models.adversarial, or has what that has:
`generator`, `discriminator` and `noise(count)`. A discriminator of translations
(objectives.image_translation) is trained by `tell_apart` as well. Each turn moves the
collections (batch statistics, spectral norms) of its own player only; both nets work in
train mode in both turns, with the statistics of the batch.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import Game, gradient_penalty, r1_penalty
from dljax.objectives import features, wanted
from dljax.objectives.conditions import check_conditions, mark_unknown
from dljax.objectives.outputs import range_of
from dljax.objectives.unmoved import unmoved
from dljax.training import declared
from dljax.training.declaration import check_by
from dljax.types import Array, Batch, Loss, Metrics

Critic = Callable[[Array], Array]
# (logit of a sample, real samples, fake samples, random numbers in [0, 1], one a pair)
# -> [batch] penalties
Penalty = Callable[[Critic, Array, Array, Array], Array]
# (net, further outputs on real samples or None, those on fakes, noise, batch)
# -> the loss of a further task and its metrics
Task = Callable[[nn.Module, tuple | None, tuple, Array, Batch], tuple[Array, Metrics]]


def tell_apart(
    game: Game,
    *,
    feature: str = 'image',
    source: str | None = None,
    generator: str = 'generator',
    discriminator: str = 'discriminator',
    pool: str | None = None,
    generator_conditions: tuple[str, ...] = (),
    discriminator_conditions: tuple[str, ...] = (),
    penalty: Penalty | None = None,
    task: Task | None = None,
) -> Loss:
    """Train a discriminator on real samples and as many fakes.

    It moves the discriminator's collections only, and its pool if it has one; the
    player should train the discriminator's group. Real samples and fakes are judged in
    batches of their own, so that batch statistics do not mix them.

    Args:
        game: its losses.
        feature: of the batch that holds real samples.
        source: the feature that the generator turns into fakes; None for noise.
        generator: the net's field that makes them.
        discriminator: the net's field that judges.
        pool: the net's field through which fakes go first, an `ImagePool`, if any.
        generator_conditions: features that the generator takes beside the noise,
            such as a label.
        discriminator_conditions: features that the discriminator takes beside a sample.
        penalty: on its gradient, if any: `penalise_between(10.)`, `penalise_real(1.)`.
        task: a further one that it shares with the generator, if any.

    Returns:
        `(net, batch, step) -> (loss, metrics)`: 'gap' (mean logit of real samples less
        that of fakes) and, where the game has a threshold, 'accuracy' (fraction of
        samples classified correctly; ½ is as good as chance).

    Raises:
        ValueError: for a pool beside conditions of the discriminator, which belong to
            the newest fakes alone.
    """
    if pool and discriminator_conditions:
        raise ValueError(
            f'pool is {pool!r} and discriminator_conditions '
            f'{discriminator_conditions}, wanted one of them: an earlier fake has not '
            'the condition of the example in whose place it is shown'
        )

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        real, maker = batch[feature], getattr(net, generator)
        judging = getattr(net, discriminator)
        noise = batch[source] if source else _noise(net, len(real))
        conditions = features.inputs_of(batch, generator_conditions)
        fake = unmoved(maker)(noise, *conditions, train=True)
        fake = jax.lax.stop_gradient(fake)
        fake = getattr(net, pool)(fake) if pool else fake
        labels = features.inputs_of(batch, discriminator_conditions)
        on_real, real_outputs = _parted(judging(real, *labels, train=True))
        on_fake, fake_outputs = _parted(judging(fake, *labels, train=True))
        loss = (game.real(on_real) + game.fake(on_fake)).mean()
        loss = loss * mark_unknown(maker, conditions) * mark_unknown(judging, labels)
        metrics = {'gap': on_real.mean() - on_fake.mean()}
        if game.threshold is not None:
            right = on_real > game.threshold, on_fake < game.threshold
            metrics['accuracy'] = (right[0].mean() + right[1].mean()) / 2
        # Linen cannot be initialised inside `jax.grad`; the net has been called above.
        if penalty is not None and not net.is_initializing():
            judge = unmoved(judging)

            def critic(sample: Array) -> Array:
                return _parted(judge(sample, *labels, train=True))[0]

            shape = (len(real),) + (1,) * (real.ndim - 1)
            mix = jax.random.uniform(net.make_rng('penalty'), shape)
            held = penalty(critic, real, fake, mix).mean()
            loss, metrics['penalty'] = loss + held, held
        if task is not None:
            more, found = task(net, real_outputs, fake_outputs, noise, batch)
            loss, metrics = loss + more, {**metrics, **found}
        return loss, metrics

    def made(net: nn.Module, batch: Batch) -> Array:
        noise = batch[source] if source else net.noise(len(batch[feature]))
        conditions = features.inputs_of(batch, generator_conditions)
        return getattr(net, generator)(noise, *conditions, train=False)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        wanted.finite(arrays, feature)
        if source:
            wanted.finite(arrays, source)
        check_conditions(
            net, arrays, feature, generator_conditions, discriminator_conditions
        )
        named = {feature, *generator_conditions} | ({source} if source else set())
        whole = {name: arrays[name] for name in sorted(named)}
        if limits := range_of(made, net, whole):
            wanted.interval(arrays, feature, *limits, why=' as the generator makes')
        check_by(task, net, arrays)

    return declared(objective, check)


def fool(
    game: Game,
    *,
    feature: str = 'image',
    generator_conditions: tuple[str, ...] = (),
    discriminator_conditions: tuple[str, ...] = (),
    task: Task | None = None,
) -> Loss:
    """Train a generator by what the discriminator says of its samples.

    It moves the generator's collections only; the player should train the group
    'generator'.

    Args:
        game: its losses.
        feature: of the batch that holds real samples, for the metric alone.
        generator_conditions: features that the generator takes beside the noise,
            such as a label.
        discriminator_conditions: features that the discriminator takes beside a sample.
        task: a further one that it shares with the discriminator, if any.

    Returns:
        `(net, batch, step) -> (loss, metrics)`: 'spread', the mean distance of two
        samples over that of two real ones, which falls to 0 where all noise is turned
        into one sample (mode collapse).
    """

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        real = batch[feature]
        noise = _noise(net, len(real))
        conditions = features.inputs_of(batch, generator_conditions)
        fake = net.generator(noise, *conditions, train=True)
        labels = features.inputs_of(batch, discriminator_conditions)
        logits, outputs = _parted(unmoved(net.discriminator)(fake, *labels, train=True))
        metrics = {'spread': spread(jax.lax.stop_gradient(fake), real)}
        loss = game.generator(logits).mean()
        loss = (
            loss
            * mark_unknown(net.generator, conditions)
            * mark_unknown(net.discriminator, labels)
        )
        if task is not None:
            more, found = task(net, None, outputs, noise, batch)
            loss, metrics = loss + more, {**metrics, **found}
        return loss, metrics

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        check_conditions(
            net, arrays, feature, generator_conditions, discriminator_conditions
        )
        check_by(task, net, arrays)

    return declared(objective, check)


def _noise(net: nn.Module, count: int) -> Array:
    if not callable(getattr(net, 'noise', None)):
        raise ValueError(
            f'{type(net).__name__} has no noise(count), wanted a method that draws '
            'what its generator turns into so many samples, such as: '
            "def noise(self, count): return jax.random.normal(self.make_rng('noise'), "
            '(count, 2))'
        )
    return net.noise(count)


def penalise_between(weight: float = 10.0, target: float = 1.0) -> Penalty:
    """Hold the norm of a critic's gradient between real samples and fakes (WGAN-GP).

    Args:
        weight: λ, 10 in the paper.
        target: the norm wanted.

    Returns:
        λ (‖∂D/∂x̂‖ - t)² at random points x̂ = εx + (1 - ε)G(z), for `tell_apart`. The
        critic should hold no batch normalisation, which ties its samples together.

    Reference:
        Gulrajani et al. (2017), Improved Training of Wasserstein GANs,
        https://arxiv.org/abs/1704.00028
    """
    _check_weight(weight)

    def penalty(critic: Critic, real: Array, fake: Array, mix: Array) -> Array:
        between = mix * real + (1 - mix) * fake
        return weight * gradient_penalty(sample_gradient(critic, between), target)

    return penalty


def penalise_real(weight: float = 1.0) -> Penalty:
    """Flatten a discriminator at real samples (R1).

    Args:
        weight: γ.

    Returns:
        ½γ‖∂D/∂x‖² at the real samples, for `tell_apart`.

    Reference:
        Mescheder et al. (2018), Which Training Methods for GANs do actually Converge?,
        https://arxiv.org/abs/1801.04406
    """
    _check_weight(weight)

    def penalty(critic: Critic, real: Array, fake: Array, mix: Array) -> Array:
        del fake, mix
        return weight * r1_penalty(sample_gradient(critic, real))

    return penalty


def sample_gradient(critic: Critic, samples: Array) -> Array:
    """Differentiate each sample's logit (the mean of several) by the sample itself.

    Args:
        critic: `samples -> logits` that moves no collection, see `unmoved`.
        samples: [batch, ...].

    Returns:
        [batch, ...] float32, differentiable again.
    """

    def total(samples: Array) -> Array:
        logits = critic(samples).astype(jnp.float32)
        return logits.reshape(len(samples), -1).mean(1).sum()

    return jax.grad(total)(samples.astype(jnp.float32))


def spread(fake: Array, real: Array) -> Array:
    """Compare how far samples lie apart with how far real ones do.

    Args:
        fake: [batch, ...] samples in any order.
        real: [batch, ...] real ones.

    Returns:
        Mean distance of neighbours in the batch, of fakes over real ones: 1 where they
        vary alike, 0 where all fakes are one; float32 scalar.
    """

    def apart(values: Array) -> Array:
        flat = values.astype(jnp.float32).reshape(len(values), -1)
        return jnp.linalg.norm(flat - jnp.roll(flat, 1, axis=0), axis=1).mean()

    return apart(fake) / jnp.maximum(apart(real), 1e-12)


def _parted(output: Array | tuple) -> tuple[Array, tuple]:
    """Part the logits from the further outputs of a discriminator."""
    return (output[0], output[1:]) if isinstance(output, tuple) else (output, ())


def _check_weight(weight: float) -> None:
    if not weight > 0:
        raise ValueError(f'weight is {weight}, wanted a positive number: 10 is usual')
