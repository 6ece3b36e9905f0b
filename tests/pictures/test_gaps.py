"""Gaps of texts, written as a net fills them."""

import re
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.data import Words
from dljax.pictures.gaps import gaps_filled
from dljax.types import Array

TOKENS = Words(('a', 'dull', 'film', '[CLS]', '[MASK]'))
CLS, MASK = 6, 7


class Echo(nn.Module):
    """A net that is sure of what it sees, and of 'film' where it sees nothing."""

    def fill(self, tokens: Array, length: Array) -> Array:
        return jax.nn.one_hot(jnp.where(tokens == MASK, 5, tokens), TOKENS.size)


def lines(fraction: float, texts: list[list[int]], lengths: list[int]) -> list[str]:
    picture = gaps_filled(TOKENS, MASK, specials=(0, 1, CLS), fraction=fraction)
    net = Echo()
    outcome = SimpleNamespace(
        evaluation={'test': {'tokens': np.int32(texts), 'length': np.int32(lengths)}},
        apply=lambda function, *arrays: function(net, *arrays),
    )
    return picture(outcome).splitlines()


def test_a_gap_is_in_brackets_with_what_stood_there_if_something_else_did() -> None:
    head, blank, *found = lines(1.0, [[CLS, 3, 4, 5, 1], [CLS, 5, 1, 0, 0]], [5, 3])
    assert head.startswith('[word]: filled in as it was')
    assert blank == ''
    assert found == ['[film, not a] [film, not dull] [film]', '[film]']


def test_what_is_no_gap_is_written_as_it_stands() -> None:
    *_, found = lines(1e-6, [[CLS, 3, 4, 4, 3, 2, 1]], [7])
    assert len(re.findall(r'\[film, not (?:a|dull|\ufffd)\]', found)) == 1
    whole = re.sub(r'\[film, not (.+?)\]', r'\1', found)
    assert whole == 'a dull dull a \ufffd'
