"""Batches to translate: pairs changed alike, and two domains without pairs."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np

from dljax.data.augment.form import Augmentation
from dljax.data.resident import resident
from dljax.data.together import together
from dljax.types import AnyBatch, Array, Batch, Key, Position, Source, State, fold

Changes = Mapping[str | tuple[str, ...], Augmentation]


def unpaired(a: np.ndarray, b: np.ndarray, batch_size: int) -> Source:
    """Draw images of two domains, each in an order of its own.

    Args:
        a: [example, height, width, channel] float, of A.
        b: [example', height', width', channel'] float, of B; as many or not.
        batch_size: of each.

    Returns:
        A traced source of the features 'a' and 'b'.

    Raises:
        ValueError: as `resident` raises it.

    Example:
        >>> import jax
        >>> source = unpaired(np.zeros((6, 4, 4, 1)), np.ones((5, 4, 4, 3)), 2)
        >>> _, batch = source.init(jax.random.key(0))
        >>> batch['a'].shape, batch['b'].shape
        ((2, 4, 4, 1), (2, 4, 4, 3))
    """
    both = together(
        {
            'a': resident({'image': np.asarray(a)}, batch_size),
            'b': resident({'image': np.asarray(b)}, batch_size),
        }
    )
    assert both.arrays is not None  # both lie on the device

    def flat(pair: tuple) -> tuple[Position, Batch]:
        return pair[0], {name: part['image'] for name, part in pair[1].items()}

    def first(key: Key) -> tuple[Position, Batch]:
        return flat(both.init(key))

    def following(key: Key, position: Position, state: State) -> tuple[Position, Batch]:
        return flat(both.next(key, position, state))

    arrays = {name: part['image'] for name, part in both.arrays.items()}
    return Source(first, following, arrays=arrays)


def augmented(source: Source, changes: Changes) -> Source:
    """Change what a source draws, so that all players of an update see the same.

    Args:
        source: traced, such as `resident` and `unpaired`.
        changes: by feature an augmentation; by several, ('a', 'b'), one that changes
            them alike, for pictures that belong together: its draws are the same, and
            so it should move pixels and no colours.

    Returns:
        A traced source; its position counts its batches besides.

    Raises:
        ValueError: for a source of the host; later for features that are to be changed
            alike and differ in height or width.

    Example:
        >>> import jax
        >>> from dljax.data.augment import flip
        >>> arrays = {'a': np.zeros((3, 4, 4, 1)), 'b': np.ones((3, 4, 4, 3))}
        >>> source = augmented(resident(arrays, 2), {('a', 'b'): flip()})
        >>> _, batch = source.init(jax.random.key(0))
        >>> batch['a'].shape, batch['b'].shape
        ((2, 4, 4, 1), (2, 4, 4, 3))
    """
    if source.host:
        raise ValueError(
            'the source is one of the host, wanted a traced one, such as resident()'
        )

    def changed(key: Key, count: Array, drawn: AnyBatch) -> Batch:
        key = fold(key, 'augmented', count)
        batch = {name: jnp.asarray(values) for name, values in drawn.items()}
        for features, augment in changes.items():
            several = (features,) if isinstance(features, str) else features
            own = fold(key, *several)
            images = alike(augment)(own, *(batch[name] for name in several))
            batch |= dict(zip(several, images, strict=True))
        return batch

    def first(key: Key) -> tuple[Position, Batch]:
        position, batch = source.init(key)
        count = jnp.zeros((), jnp.int32)
        return {'source': position, 'count': count}, changed(key, count, batch)

    def following(key: Key, position: Position, state: State) -> tuple[Position, Batch]:
        inner, batch = source.next(key, position['source'], state)
        count = position['count']
        after = {'source': inner, 'count': count + 1}
        return after, changed(key, count, batch)

    return Source(first, following, arrays=source.arrays)


def alike(augment: Augmentation) -> Callable[..., tuple[Array, ...]]:
    """Let an augmentation change several images by the same draws.

    Args:
        augment: one that moves pixels, such as `random_crop` and `flip`.

    Returns:
        `(key, *images) -> images`: each [batch, height, width, channels of its own].

    Example:
        >>> import jax
        >>> from dljax.data.augment import flip
        >>> image = jnp.arange(8.0).reshape(4, 1, 2, 1)
        >>> one, other = alike(flip())(jax.random.key(0), image, 2 * image)
        >>> bool((other == 2 * one).all())
        True
    """

    def change(key: Key, *images: Array) -> tuple[Array, ...]:
        if len({image.shape[:3] for image in images}) > 1:
            raise ValueError(
                f'images have shapes {[image.shape for image in images]}, wanted one '
                'batch, height and width to be changed alike: resize them before'
            )
        moved = augment(key, jnp.concatenate(images, axis=-1))
        ends = np.cumsum([image.shape[-1] for image in images])[:-1]
        return tuple(jnp.split(moved, ends, axis=-1))

    return change
