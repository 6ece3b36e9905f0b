"""Faults put into a clean series at known places, to be found again."""

from collections.abc import Sequence

import numpy as np

FAULTS = ('spike', 'shift', 'stuck', 'frequency')


def inject_faults(
    seed: int,
    series: np.ndarray,
    *,
    kinds: Sequence[str] = FAULTS,
    each: int = 10,
    length: int = 24,
    size: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Damage a series by rule, and mark where.

    A spike moves one value and a shift `length` of them, up or down by `size` standard
    deviations of the series; where it is stuck the value before is held for `length`
    steps, as by a sensor that has dropped out; at a wrong frequency the next
    `2 length` steps pass in `length`. The series is parted into equal slots, one for
    each fault in random order, and a fault stands somewhere in its slot, at least
    `length` steps from either border.

    Args:
        seed: 0 or more; equal seeds give equal faults.
        series: [time], finite; it is not written to.
        kinds: of `FAULTS`, one or more.
        each: faults of each kind, 1 or more.
        length: steps that a fault lasts, all but the spike, 2 or more.
        size: of spikes and shifts in standard deviations, above 0.

    Returns:
        The damaged series, and the marks, [time] int32: 0 where nothing is wrong, else
        one more than the place of the kind in `kinds`.

    Raises:
        ValueError: for an unknown kind, a setting out of range, or a series too short.

    Example:
        >>> clean = np.sin(np.arange(400.) / 4)
        >>> series, marks = inject_faults(0, clean, each=1, length=20)
        >>> np.bincount(marks).tolist()
        [339, 1, 20, 20, 20]
        >>> bool((series == clean)[marks == 0].all())
        True
    """
    unknown = [kind for kind in kinds if kind not in FAULTS]
    if unknown or not kinds:
        raise ValueError(f'kinds are {tuple(kinds)}, wanted one or more of {FAULTS}')
    if each < 1 or length < 2 or not size > 0:
        raise ValueError(
            f'each is {each}, length {length} and size {size}, wanted 1 or more faults '
            'of 2 or more steps and a size above 0'
        )
    slot = len(series) // (each * len(kinds))
    if slot < 4 * length:
        raise ValueError(
            f'the series has {len(series)} steps, wanted '
            f'{4 * length * each * len(kinds)} or more for {each * len(kinds)} faults '
            f'of {length}: give a longer series, or fewer or shorter faults'
        )
    random = np.random.default_rng(seed)
    damaged, marks = np.array(series), np.zeros(len(series), np.int32)
    height = size * np.std(series)
    for index, which in enumerate(random.permutation(each * len(kinds)) % len(kinds)):
        start = index * slot + random.integers(length, slot - 2 * length, endpoint=True)
        sign, kind = random.choice((-1.0, 1.0)), kinds[which]
        place = slice(start, start + (1 if kind == 'spike' else length))
        if kind in ('spike', 'shift'):
            damaged[place] += sign * height
        elif kind == 'stuck':
            damaged[place] = series[start - 1]
        else:
            damaged[place] = series[start : start + 2 * length : 2]
        marks[place] = which + 1
    return damaged, marks
