"""Objectives of nets that translate images: from pairs, and from cycles without pairs.

The critics of both are trained by `tell_apart`, which is told the feature to translate
and the fields of the net: `tell_apart(game, feature='b', source='a',
discriminator_conditions=('a',))` of pairs; `tell_apart(game, feature='b', source='a',
generator='generator_ab', discriminator='discriminator_b', pool='pool_b')` of cycles.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from dljax.losses import Game
from dljax.losses.reduction import pair
from dljax.objectives import wanted
from dljax.objectives.outputs import range_of, shape_of
from dljax.objectives.unmoved import unmoved
from dljax.training import declared
from dljax.types import Array, Batch, Loss, Metrics, Score

GENERATORS = ('generator_ab', 'generator_ba')


def match_pairs(
    game: Game, *, source: str = 'a', feature: str = 'b', weight: float = 100.0
) -> Loss:
    """Train a translator by its pairs and by what the discriminator says of them.

    V(D(G(a), a)) + λ mean |G(a) - b|: the distance gives what is large, the
    discriminator what is sharp. It moves the generator's collections only; the player
    should train the group 'generator'.

    Args:
        game: its losses.
        source: feature of the images to translate.
        feature: of the images that they should become.
        weight: λ of the distance, at least 0; 100 in the paper.

    Returns:
        `(net, batch, step) -> (loss, metrics)`: 'l1', the mean distance on the scale
        of the images, of which [-1, 1] is 2 long.

    Raises:
        ValueError: for a weight below 0.

    Reference:
        Isola et al. (2017), Image-to-Image Translation with Conditional Adversarial
        Networks, https://arxiv.org/abs/1611.07004
    """
    _check_weights(weight=weight)

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        given = batch[source]
        made = net.generator(given, train=True)
        logits = unmoved(net.discriminator)(made, given, train=True)
        distance = image_distance(made, batch[feature]).mean()
        loss = game.generator(logits).mean() + weight * distance
        return loss, {'l1': distance}

    return declared(objective, _check_of({'generator': (source, feature)}))


def close_cycles(
    game: Game,
    *,
    generators: tuple[str, ...] = GENERATORS,
    cycle: float = 10.0,
    identity: float = 0.0,
) -> Loss:
    """Train translators G from A to B and F back, without pairs.

    V(D_B(G(a))) + V(D_A(F(b))) + λ mean |F(G(a)) - a| + λ mean |G(F(b)) - b|, and
    with the identity loss + μ mean |G(b) - b| + μ mean |F(a) - a|. A player of one
    generator alone has its own terms of the first and the last kind and both cycles,
    through which the other translates without learning. Only the collections of the
    generators that learn move.

    Args:
        game: the losses.
        generators: those that the player trains: 'generator_ab', 'generator_ba', or
            both, as the paper does it; both in one turn cost less than one each.
        cycle: λ, at least 0; 10 in the paper.
        identity: μ, at least 0: 0 in the paper but for paintings, 5 there. It keeps the
            colours, and needs images of as many channels in A and B.

    Returns:
        `(net, batch, step) -> (loss, metrics)` of a `CycleTranslation` and the features
        'a' and 'b', whose examples need not belong together: 'cycle_a' and 'cycle_b',
        mean distances on the scale of the images.

    Raises:
        ValueError: for a weight below 0 or unknown generators.

    Reference:
        Zhu et al. (2017), Unpaired Image-to-Image Translation using Cycle-Consistent
        Adversarial Networks, https://arxiv.org/abs/1703.10593
    """
    _check_weights(cycle=cycle, identity=identity)
    if not generators or not set(generators) <= set(GENERATORS):
        raise ValueError(
            f'generators is {generators}, wanted one or both of {GENERATORS}'
        )

    def objective(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        a, b = batch['a'], batch['b']
        into_b, into_a = (_way(net, name, name in generators) for name in GENERATORS)
        made_b, made_a = into_b(a), into_a(b)
        metrics = {
            'cycle_a': image_distance(into_a(made_b), a).mean(),
            'cycle_b': image_distance(into_b(made_a), b).mean(),
        }
        loss = cycle * (metrics['cycle_a'] + metrics['cycle_b'])
        for name, translate, made, critic, real in (
            ('generator_ab', into_b, made_b, net.discriminator_b, b),
            ('generator_ba', into_a, made_a, net.discriminator_a, a),
        ):
            if name in generators:
                loss += game.generator(unmoved(critic)(made, train=True)).mean()
                if identity:
                    loss += identity * image_distance(translate(real), real).mean()
        return loss, metrics

    ways = {'generator_ab': ('a', 'b'), 'generator_ba': ('b', 'a')}
    checks = _check_of(ways)

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        checks(net, arrays)
        of_a, of_b = (arrays[name].shape[-1] for name in ('a', 'b'))
        if identity and of_a != of_b:
            raise ValueError(
                f"'a' has {of_a} channels and 'b' {of_b}, wanted as many for the "
                'identity loss: repeat those of grey images, or identity=0'
            )

    return declared(objective, check)


def score_pairs(source: str = 'a', feature: str = 'b') -> Score:
    """Score translations by the images that they should be.

    Args:
        source: feature of the images to translate.
        feature: of the images that they should become, in [-1, 1].

    Returns:
        `(net, batch, step) -> {'l1': [batch]}`: mean distance in [0, 1], of which 1 is
        that of black and white.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        made = net.generator(batch[source], train=False)
        return {'l1': image_distance(made, batch[feature]) / 2}

    return declared(score, _check_of({'generator': (source, feature)}))


def score_cycles() -> Score:
    """Score how well images of A and B come back.

    Returns:
        `(net, batch, step) -> {'cycle_a': [batch], 'cycle_b': [batch]}`: mean distances
        in [0, 1] of what comes back, of which 1 is that of black and white.
    """

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        into_b, into_a = net.generator_ab, net.generator_ba
        a, b = batch['a'], batch['b']
        return {
            'cycle_a': image_distance(into_a(into_b(a)), a) / 2,
            'cycle_b': image_distance(into_b(into_a(b)), b) / 2,
        }

    ways = {'generator_ab': ('a', 'b'), 'generator_ba': ('b', 'a')}
    return declared(score, _check_of(ways))


def image_distance(images: Array, targets: Array) -> Array:
    """Average the absolute difference over the pixels of each image (L1).

    Args:
        images: [batch, height, width, channel].
        targets: [batch, height, width, channel].

    Returns:
        [batch] float32, on the scale of the images.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> print(image_distance(jnp.zeros((1, 1, 2, 1)), jnp.ones((1, 1, 2, 1))))
        [1.]
    """
    images, targets = pair(images, targets, 'images and targets')
    return jnp.abs(images - targets).reshape(len(images), -1).mean(1)


def _way(net: nn.Module, name: str, moves: bool) -> Callable[[Array], Array]:
    part = getattr(net, name)
    call = part if moves else unmoved(part)
    return lambda image: call(image, train=True)


def _check_weights(**weights: float) -> None:
    for name, value in weights.items():
        if not value >= 0:
            raise ValueError(f'{name} is {value}, wanted 0 or more')


def _check_of(ways: Mapping[str, tuple[str, str]]) -> Callable[[Any, Mapping], None]:
    """Make the check of translators: `{field: (feature given, feature wanted)}`."""

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        for field, (given, target) in ways.items():
            wanted.finite(arrays, given)
            wanted.finite(arrays, target)

            def made(net: nn.Module, batch: Batch, field=field, given=given) -> Array:
                return getattr(net, field)(batch[given], train=False)

            alone = {given: arrays[given]}
            if limits := range_of(made, net, alone):
                why = f' as {field} makes'
                wanted.interval(arrays, target, *limits, why=why)
                wanted.interval(arrays, given, *limits, why=f' as {target!r} is')
            shape, real = shape_of(made, net, alone), arrays[target].shape
            if shape is not None and shape[1:] != real[1:]:
                raise ValueError(
                    f'{field} makes images of shape {shape[1:]} of {given!r}, and '
                    f'{target!r} has {real[1:]}, wanted equal shapes: resize the '
                    'images, or set the channels of the net'
                )

    return check
