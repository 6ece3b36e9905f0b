"""Strings of recordings: spoken words put after each other, with pauses between."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dljax.types import Array, Batch, Draw, Key, fold


def compose_recordings(
    arrays: Mapping[str, np.ndarray],
    tokens: Sequence[int] | np.ndarray | None = None,
    *,
    pieces: tuple[int, int] = (1, 5),
    pause: tuple[int, int] = (0, 2400),
    longest: int | None = None,
    noise: float = 0.001,
    by: str | None = None,
) -> Draw:
    """Make what draws strings of recordings, each with what is said in it.

    A string takes a number of recordings, uniform, with replacement, and stands in
    faint noise throughout: before the first one, between two and after the last one is
    a pause, uniform too. What would reach beyond the longest string is left out, from
    the end on, but the first one never.

    Args:
        arrays: 'audio' [recording, time] float, 'length' [recording] integers, samples,
            and 'label' [recording] integers, as `Recordings.arrays` and `spoken_digits`
            have them.
        tokens: [classes] integers of 1 or more, the token of each label; by default one
            more than the label, since 0 is the padding and the blank of CTC.
        pieces: fewest and most recordings of a string.
        pause: shortest and longest one, samples.
        longest: samples of a string; by default those of the most recordings of mean
            length with mean pauses, and room for the longest one.
        noise: standard deviation of the noise, 0 or more.
        by: a feature [recording] of integers, such as 'speaker', of which all pieces of
            a string have the same; by default any recordings come together.

    Returns:
        A pure function `(key, examples) -> batch`, for `procedural`: 'sound' [examples,
        longest] float32, 0 after its end; 'sound_length' [examples] int32, samples;
        'target' [examples, most pieces] int32, padded by 0; 'target_length' [examples]
        int32.

    Raises:
        ValueError: at construction, for a setting out of range, a label without a
            token, or a longest string that the longest recording does not fit into.

    Example:
        >>> from dljax.data import spoken_digits
        >>> arrays = spoken_digits(0, 20, 1, 1)['train']
        >>> draw = compose_recordings(arrays, pieces=(2, 3))
        >>> batch = draw(jax.random.key(0), 4)
        >>> batch['target'].shape, bool((batch['target_length'] >= 2).all())
        ((4, 3), True)
    """
    low, most = pieces
    shortest, slowest = pause
    length = np.asarray(arrays['length'])
    label = np.asarray(arrays['label'])
    if not 1 <= low <= most or not 0 <= shortest <= slowest or not noise >= 0:
        raise ValueError(
            f'pieces are {pieces}, pause {pause} and noise {noise}, wanted 1 <= fewest '
            '<= most, 0 <= shortest <= longest and 0 or more'
        )
    if not len(label) or len(label) != len(length):
        raise ValueError(
            f'there are {len(label)} labels of {len(length)} recordings, wanted one of '
            'each, and 1 recording or more'
        )
    named = np.arange(1, label.max() + 2) if tokens is None else np.asarray(tokens)
    if label.min() < 0 or label.max() >= len(named) or named.min() < 1:
        raise ValueError(
            f'labels are {label.min()} to {label.max()} and tokens '
            f'{named.tolist()!s:.80}, wanted a token of 1 or more for each label from '
            '0 on'
        )
    room = int(length.max()) + 2 * slowest
    if longest is None:
        mean = length.mean() + (shortest + slowest) / 2
        longest = max(room, int((most - 1) * mean + room))
    if longest < room:
        raise ValueError(
            f'longest is {longest} samples, wanted {room} or more: the longest '
            f'recording has {length.max()}, and a pause up to {slowest}'
        )
    groups = np.zeros(len(label), int) if by is None else np.asarray(arrays[by])
    order = np.argsort(groups, kind='stable')
    _, first, number, count = np.unique(
        groups[order], return_index=True, return_inverse=True, return_counts=True
    )
    held = jnp.asarray(arrays['audio'], jnp.float32)
    lengths, token = (jnp.asarray(a, jnp.int32) for a in (length, named[label]))
    order, start, count = (
        jnp.asarray(a, jnp.int32) for a in (order, first[number], count[number])
    )

    def draw(key: Key, examples: int) -> Batch:
        # One recording first, so that each is as likely; the others are of its group.
        chosen = jax.random.randint(fold(key, 'first'), (examples, 1), 0, len(label))
        shape = examples, most
        place = jax.random.uniform(fold(key, 'others'), shape)
        place = jnp.minimum(jnp.floor(place * count[chosen]), count[chosen] - 1)
        index = order[start[chosen] + place.astype(jnp.int32)]
        wanted = jax.random.randint(fold(key, 'pieces'), (examples,), low, most + 1)
        pauses = jax.random.randint(
            fold(key, 'pauses'), (examples, most + 1), shortest, slowest + 1
        )
        # Where each piece begins, and after the last one the whole length.
        begins = pauses.cumsum(axis=1)
        begins = begins.at[:, 1:].add(lengths[index].cumsum(axis=1))
        taken = (begins[:, 1:] <= longest).sum(axis=1)
        taken = jnp.minimum(wanted, taken).astype(jnp.int32)
        ends = jnp.take_along_axis(begins, taken[:, None], axis=1)
        sound = _laid(held, lengths, index, begins, longest)
        hiss = noise * jax.random.normal(fold(key, 'noise'), sound.shape)
        real = jnp.arange(longest)[None] < ends
        within = jnp.arange(most)[None] < taken[:, None]
        return {
            'sound': jnp.where(real, sound + hiss, 0.0),
            'sound_length': ends[:, 0].astype(jnp.int32),
            'target': jnp.where(within, token[index], 0),
            'target_length': taken,
        }

    return draw


def _laid(
    audio: Array, lengths: Array, index: Array, begins: Array, longest: int
) -> Array:
    """Lay pieces at their beginnings, [examples, longest]."""
    time = jnp.broadcast_to(jnp.arange(longest)[None], (len(index), longest))
    piece = jnp.zeros(time.shape, jnp.int32)
    for number in range(1, index.shape[1]):
        piece += time >= begins[:, number : number + 1]
    chosen = jnp.take_along_axis(index, piece, axis=1)
    place = time - jnp.take_along_axis(begins, piece, axis=1)
    inside = (place >= 0) & (place < lengths[chosen])
    return jnp.where(inside, audio[chosen, jnp.where(inside, place, 0)], 0.0)
