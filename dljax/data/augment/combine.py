"""Augmentations made of others: one after the other, now and then, one of several."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dljax.data.augment.form import Augmentation, check_probability, of_each
from dljax.types import Array, Key, fold


def compose(*augmentations: Augmentation) -> Augmentation:
    """Apply augmentations one after the other, each with a key of its own.

    The key follows from the place in the list, so that two of the same kind draw
    independently.

    Args:
        *augmentations: `(key, images) -> images`, in their order; none is the identity.

    Returns:
        A pure function `(key, images) -> images`.

    Raises:
        ValueError: at construction, for what cannot be called.

    Example:
        >>> augment = compose(lambda key, x: 2 * x, lambda key, x: x + 1)
        >>> print(augment(jax.random.key(0), jnp.ones((1, 1, 1, 1))).ravel())
        [3.]
    """
    _check_callable('compose', augmentations)

    def augment(key: Key, images: Array) -> Array:
        for place, apply in enumerate(augmentations):
            images = apply(fold(key, 'compose', place), images)
        return images

    return augment


def chance(probability: float, augmentation: Augmentation) -> Augmentation:
    """Apply an augmentation to some of the examples, each with a probability.

    It is computed for all of them and chosen after that, as shapes are static.

    Args:
        probability: in [0, 1].
        augmentation: one that keeps the size of its images.

    Returns:
        A pure function `(key, images) -> images`.

    Raises:
        ValueError: at construction, for a probability out of range or what cannot be
            called; later, where the size changes.

    Example:
        >>> from dljax.data.augment import flip
        >>> augment = chance(0.5, flip(vertical=True))
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((4, 8, 8, 1))).shape
        (4, 8, 8, 1)
    """
    check_probability('probability', probability)
    _check_callable('chance', (augmentation,))

    def augment(key: Key, images: Array) -> Array:
        changed = augmentation(fold(key, 'augmentation'), images)
        _check_kept('chance', images, changed)
        chosen = jax.random.bernoulli(
            fold(key, 'chance'), probability, images.shape[:1]
        )
        return jnp.where(of_each(chosen, images), changed, images)

    return augment


def choice(*augmentations: Augmentation) -> Augmentation:
    """Apply one of several augmentations, drawn evenly for each example.

    All are computed for all examples and chosen from after that.

    Args:
        *augmentations: one or more, which keep the size of their images.

    Returns:
        A pure function `(key, images) -> images`.

    Raises:
        ValueError: at construction, without one or for what cannot be called; later,
            where the size changes.

    Example:
        >>> augment = choice(lambda key, x: x, lambda key, x: 1 - x)
        >>> changed = augment(jax.random.key(0), jnp.ones((40, 1, 1, 1)))
        >>> print(jnp.unique(changed))
        [0. 1.]
    """
    if not augmentations:
        raise ValueError('choice() got no augmentation, wanted one or more')
    _check_callable('choice', augmentations)

    def augment(key: Key, images: Array) -> Array:
        chosen = jax.random.randint(
            fold(key, 'choice'), images.shape[:1], 0, len(augmentations)
        )
        result = images
        for place, apply in enumerate(augmentations):
            changed = apply(fold(key, 'augmentation', place), images)
            _check_kept('choice', images, changed)
            result = jnp.where(of_each(chosen == place, images), changed, result)
        return result

    return augment


def fixed(function: Callable[..., Array], **settings: Any) -> Augmentation:
    """Give a function of images that draws nothing the form of an augmentation.

    Args:
        function: `(images, **settings) -> images`, such as `data.resize`,
            `data.pad`, `data.crop` or `data.augment.to_grayscale`.
        **settings: its other arguments.

    Returns:
        A pure function `(key, images) -> images` that leaves its key unused.

    Example:
        >>> from dljax.data import resize
        >>> augment = fixed(resize, size=(16, 12))
        >>> jax.jit(augment)(jax.random.key(0), jnp.ones((4, 8, 8, 1))).shape
        (4, 16, 12, 1)
    """
    _check_callable('fixed', (function,))

    def augment(key: Key, images: Array) -> Array:
        del key
        return function(images, **settings)

    return augment


def _check_callable(name: str, functions: tuple) -> None:
    for place, function in enumerate(functions):
        if not callable(function):
            raise ValueError(
                f'argument {place} of {name}() is {function!r}, wanted a function of '
                'images: give each as an argument of its own, and one that is built '
                'by a call, as flip()'
            )


def _check_kept(name: str, images: Array, changed: Array) -> None:
    if changed.shape != images.shape:
        raise ValueError(
            f'an augmentation in {name}() made {changed.shape} of {images.shape}, '
            'wanted the same size: put the one that changes it outside'
        )
