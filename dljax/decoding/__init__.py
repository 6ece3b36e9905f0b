"""Writing sequences with a net: greedily, at random, by beams, and out of CTC."""

from dljax.decoding.beam_search import beam, length_normalised
from dljax.decoding.ctc import ctc_beam, ctc_greedy
from dljax.decoding.protocol import Decoded
from dljax.decoding.token_by_token import greedy, sample

__all__ = [
    'Decoded',
    'beam',
    'ctc_beam',
    'ctc_greedy',
    'greedy',
    'length_normalised',
    'sample',
]
