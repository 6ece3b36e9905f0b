"""What stands before the names of a net that was part of another when it was saved."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

# First words of names of what is no part of a net: losses, scores, and the count of
# `torch.optim.swa_utils.AveragedModel`.
_BESIDE = re.compile(
    r'(.*_)?(loss|losses|loss_fn|criterion|metrics?|acc|accuracy|auroc|f1|precision|'
    r'recall|confusion)(_.*|\d*)|n_averaged',
    re.IGNORECASE,
)
_AVERAGES = re.compile(
    r'(^|[._])(ema|swa|avg|averaged?|teacher|target|momentum)($|[._])', re.IGNORECASE
)


class Unwrapped(NamedTuple):
    """A net's own arrays.

    Attributes:
        arrays: by the names that the net itself gives them.
        prefix: that stood before them, such as 'model.', or nothing.
        left_out: the names of what else was there, such as the weights of a loss.
    """

    arrays: dict[str, np.ndarray]
    prefix: str
    left_out: tuple[str, ...]


def unwrap(arrays: Mapping[str, np.ndarray], wanted: Collection[str]) -> Unwrapped:
    """Take off the prefix behind which a net's names stand.

    Wrappers put one before all names ('module.' `DataParallel`, '_orig_mod.'
    `torch.compile`), and modules that hold a net its own name ('model.', 'backbone.').
    It is the one behind which all that the net has is there; of a net and its averages
    that of the net. Beside it may stand what `left_out` tells of; all else stays, to be
    named as not wanted.

    Args:
        arrays: by their names in a file, joined by dots.
        wanted: the names that the net has.

    Returns:
        The net's own arrays. Where it is not all there, those behind the prefix of more
        than half of it, if there is one, so that the rest can be named.

    Raises:
        ValueError: where two such nets are there, and neither is of averages.

    Example:
        >>> found = unwrap({'model.w': np.ones(1), 'loss.weight': np.ones(2)}, ['w'])
        >>> found.prefix, list(found.arrays), found.left_out
        ('model.', ['w'], ('loss.weight',))
    """
    wanted, counts = set(wanted), Counter()
    for name in arrays:
        parts = name.split('.')
        for start in range(len(parts)):
            if '.'.join(parts[start:]) in wanted:
                counts[''.join(f'{part}.' for part in parts[:start])] += 1
    whole = [prefix for prefix, count in counts.items() if count == len(wanted)]
    if '' in whole:
        return Unwrapped(dict(arrays), '', ())
    plain = [prefix for prefix in whole if not _AVERAGES.search(prefix)]
    if len(whole) > 1 and len(plain) != 1:
        raise ValueError(
            f'the whole net is there {len(whole)} times, behind '
            f'{", ".join(map(repr, whole))}, and nothing says which is wanted: keep '
            'only the names behind one of them'
        )
    if whole:
        prefix = plain[0] if len(whole) > 1 else whole[0]
        others = tuple(other for other in whole if other != prefix)
    else:
        prefix, count = max(counts.items(), key=lambda item: item[1], default=('', 0))
        others = ()
        if 2 * count <= len(wanted) or not wanted.isdisjoint(arrays):
            prefix = ''  # a few names, or those of two origins, are no net
    kept, left = {}, []
    for name, array in arrays.items():
        beside = _BESIDE.fullmatch(name.partition('.')[0]) or name.startswith(others)
        if prefix and name.startswith(prefix):
            kept[name.removeprefix(prefix)] = array
        elif prefix and whole and beside:
            left.append(name)
        else:
            kept[name] = array
    return Unwrapped(kept, prefix, tuple(left))
