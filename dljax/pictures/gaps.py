"""Pictures of what fills the gaps of texts."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.data import Tokens
from dljax.experiment import Outcome, Picture
from dljax.objectives.masked import hide
from dljax.objectives.steps import within_length
from dljax.types import Array


def gaps_filled(
    tokens: Tokens,
    mask: int,
    *,
    specials: tuple[int, ...],
    fraction: float = 0.15,
    part: Callable[[nn.Module], nn.Module] = lambda net: net,
    evaluation: str = 'test',
    count: int = 20,
) -> Picture:
    """Write texts with gaps as a net fills them, beside what stood there.

    All that is chosen is hidden, none of it changed or kept. A gap is in brackets, with
    what stood there where that is something else: '[so, not very]'.

    Args:
        tokens: of the texts.
        mask: the token that hides.
        specials: tokens that are never hidden and not written.
        fraction: of the other tokens that is hidden, in (0, 1]; at least one of a text.
        part: `(net) -> net`, the one that offers `fill` as `predict_masked` wants it.
        evaluation: the set whose first texts are taken: 'tokens' and 'length'.
        count: texts at most.

    Returns:
        The picture, a text of a line for each.
    """

    def guess(net: nn.Module, text: Array, length: Array) -> tuple[Array, Array]:
        where = within_length(length, text.shape[1])
        for special in specials:
            where = where & (text != special)
        key = jax.random.key(0)
        _, gap = hide(key, text, where, tokens.size, mask=mask, fraction=fraction)
        logits = part(net).fill(jnp.where(gap, mask, text), length)
        return gap, logits.argmax(-1)

    def written(row: np.ndarray, gaps: np.ndarray, said: np.ndarray) -> str:
        pieces = []
        for token, gap, answer in zip(row, gaps, said, strict=True):
            true, filled = (tokens.decode([each]) for each in (token, answer))
            wrong = '' if answer == token else f', not {true}'
            pieces.append(f'[{filled}{wrong}]' if gap else true)
        return ' '.join(pieces)

    def write(outcome: Outcome) -> str:
        texts = outcome.evaluation[evaluation]
        rows, lengths = texts['tokens'][:count], texts['length'][:count]
        gaps, said = map(np.asarray, outcome.apply(guess, rows, lengths))
        seen = (np.arange(rows.shape[1]) < lengths[:, None]) & ~np.isin(rows, specials)
        lines = [
            written(row[here], gap[here], answer[here])
            for row, gap, answer, here in zip(rows, gaps, said, seen, strict=True)
        ]
        head = '[word]: filled in as it was; [word, not word]: otherwise'
        return '\n'.join([head, '', *lines])

    return write
