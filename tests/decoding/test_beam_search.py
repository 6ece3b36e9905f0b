"""Beam search against exhaustive search, greedy decoding and a loop over beams."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.decoding import Decoded, beam, greedy, length_normalised
from dljax.layers import GRU, LSTM, RecurrentStack
from dljax.models.recurrent import EncoderDecoder
from dljax.types import Array, PyTree
from tests.decoding.nets import (
    END,
    Table,
    all_sequences,
    as_numpy,
    log_probability,
    padded,
    tables,
)

STEPS = 4
TABLES = tables(5, seed=1)
PROMPT = np.array([[2, 3], [0, 2], [3, 3], [1, 2], [2, 2]], np.int32)


@functools.cache
def compiled(function: Callable = beam, **settings: object) -> Callable:
    settings = {'steps': STEPS, 'end': END} | settings
    return jax.jit(nn.apply(functools.partial(function, **settings), Table()))


def searched(rows: slice = slice(None), **settings: object) -> Decoded:
    return as_numpy(compiled(**settings)({}, PROMPT[rows], TABLES[rows]))


def score(table: np.ndarray, prompt: list, tokens: list, penalty: float) -> float:
    log = log_probability(table, prompt, tokens)
    return log / ((5 + len(tokens)) / 6) ** penalty


@pytest.mark.others('heavy')
@pytest.mark.parametrize('end', [END, None])
@pytest.mark.parametrize('penalty', [0.6, 0.0, 1.5])
def test_a_beam_that_holds_everything_is_an_exhaustive_search(penalty, end) -> None:
    every = all_sequences(4, STEPS, end)
    width = 4**STEPS  # in the first steps there are not so many
    tokens, lengths, logs = searched(width=width, length_penalty=penalty, end=end)
    for n, prompt in enumerate(PROMPT.tolist()):
        ranked = sorted(every, key=lambda s: -score(TABLES[n], prompt, s, penalty))
        for place in range(12):
            wanted = ranked[place]
            assert tokens[n, place].tolist() == padded(wanted, STEPS)
            assert lengths[n, place] == len(wanted)
        wanted = [log_probability(TABLES[n], prompt, s) for s in ranked]
        np.testing.assert_allclose(logs[n, : len(ranked)], wanted, rtol=1e-4)
        # The probabilities of all that can be written sum to 1.
        np.testing.assert_allclose(np.exp(logs[n]).sum(), 1, rtol=1e-4)
        rest = slice(len(ranked), None)
        assert (logs[n, rest] == -np.inf).all() and not lengths[n, rest].any()
        assert not tokens[n, rest].any()


@pytest.mark.others('heavy')
@pytest.mark.parametrize('penalty', [0.0, 1.0])
def test_a_beam_of_one_is_greedy(penalty: float) -> None:
    wanted = as_numpy(compiled(greedy)({}, PROMPT, TABLES))
    for got, other in zip(
        searched(width=1, length_penalty=penalty), wanted, strict=True
    ):
        np.testing.assert_allclose(got[:, 0], other, rtol=1e-6)


def by_hand(table: np.ndarray, prompt: list, width: int, penalty: float) -> list:
    """The algorithm as it is told: all that there are, a token longer, are ranked."""
    beams = [[]]
    for _ in range(STEPS):
        longer = []
        for tokens in beams:
            ended = bool(tokens) and tokens[-1] == END
            longer += [tokens] if ended else [[*tokens, n] for n in range(4)]
        beams = sorted(longer, key=lambda s: -score(table, prompt, s, penalty))[:width]
    return beams


@pytest.mark.others('heavy')
@pytest.mark.parametrize(('width', 'penalty'), [(3, 0.6), (2, 0.0), (5, 1.0)])
def test_a_narrow_beam_is_that_of_a_loop(width: int, penalty: float) -> None:
    tokens, lengths, _ = searched(width=width, length_penalty=penalty)
    for n, prompt in enumerate(PROMPT.tolist()):
        wanted = by_hand(TABLES[n], prompt, width, penalty)
        assert tokens[n].tolist() == [padded(row, STEPS) for row in wanted]
        assert lengths[n].tolist() == [len(row) for row in wanted]


def test_what_has_ended_stays_and_is_padded() -> None:
    tokens, lengths, _ = searched(width=6, length_penalty=0.0)
    assert (lengths < STEPS).any() and (lengths == STEPS).any()
    for row, length in zip(tokens.reshape(-1, STEPS), lengths.ravel(), strict=True):
        assert END not in row[: length - 1] and not row[length:].any()
        assert length == STEPS or row[length - 1] == END


def test_the_penalty_lets_longer_sequences_win() -> None:
    lengths = [
        searched(width=6, length_penalty=penalty).lengths[:, 0].mean()
        for penalty in (0.0, 3.0)
    ]
    assert lengths[0] < lengths[1]
    logs, sizes = np.float32([-1.0, -2.0, -np.inf]), np.array([1, 4, 0])
    got = length_normalised(logs, sizes, 0.6)
    np.testing.assert_allclose(got, [-1, -2 / 1.5**0.6, -np.inf], rtol=1e-6)
    np.testing.assert_array_equal(length_normalised(logs, sizes, 0.0), logs)


def test_a_batch_is_searched_as_each_row_alone() -> None:
    together = searched(width=3)
    for n in range(len(PROMPT)):
        alone = searched(slice(n, n + 1), width=3)
        for got, wanted in zip(alone, together, strict=True):
            np.testing.assert_allclose(got[0], wanted[n], rtol=1e-6)


class Remembering(nn.Module):
    """Its carry is all that was read; each token asks for another one after it."""

    def begin(self, source: Array, *, steps: int) -> PyTree:
        """Keep the source, and no token yet."""
        rows = len(source)
        return source, jnp.zeros((rows, 3), jnp.int32), jnp.int32(0)

    def read(self, tokens: Array, carry: PyTree) -> tuple[Array, PyTree]:
        """Write down what is read, and look up what the source gives it all."""
        source, seen, place = carry
        seen = jax.lax.dynamic_update_slice(seen, tokens, (jnp.int32(0), place))
        number = (seen * jnp.array([[16, 4, 1]])).sum(axis=1)
        logits = source[jnp.arange(len(tokens)), number]
        return logits[:, None], (source, seen, place + 1)


def test_the_carry_follows_its_sequence_and_scalars_are_left_alone() -> None:
    """A net whose logits need all tokens before: one wrong carry, another result."""
    rng = np.random.default_rng(0)
    source = 2 * rng.normal(size=(4, 64, 4)).astype(np.float32)
    prompt = np.full((4, 1), 3, np.int32)
    search = functools.partial(beam, steps=3, width=4, length_penalty=0.0)
    tokens, _, logs = as_numpy(
        jax.jit(nn.apply(search, Remembering()))({}, prompt, source)
    )
    for n in range(4):
        for row, log in zip(tokens[n], logs[n], strict=True):
            total, seen = 0.0, [3, 0, 0]
            for place, token in enumerate(row):
                chances = source[n, 16 * seen[0] + 4 * seen[1] + seen[2]].astype(float)
                total += chances[token] - np.logaddexp.reduce(chances)
                if place < 2:
                    seen[place + 1] = token
            np.testing.assert_allclose(log, total, rtol=1e-5)
        assert (np.diff(logs[n]) <= 0).all()


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('context', [True, False])
def test_an_encoder_decoder_searched_wholly_gives_its_likeliest_targets(
    context,
) -> None:
    net = EncoderDecoder(
        9,
        3,
        embedding=3,
        encoder=RecurrentStack(LSTM(4), bidirectional=True),
        decoder=RecurrentStack(GRU(5), layers=2),
        context=context,
    )
    rng = np.random.default_rng(0)
    source, length = rng.integers(2, 9, (3, 5)).astype(np.int32), np.array([5, 2, 3])
    forms = jax.eval_shape(net.init, jax.random.key(0), source, source, length)
    variables = jax.tree.map(
        lambda s: (1.5 * rng.normal(size=s.shape)).astype(s.dtype), forms
    )
    prompt = np.full((3, 1), END, np.int32)
    search = functools.partial(beam, steps=3, end=END, width=27, length_penalty=0.0)
    tokens, lengths, logs = as_numpy(
        jax.jit(nn.apply(search, net))(variables, prompt, source, length)
    )
    every = all_sequences(3, 3, END)
    forcing = jax.jit(net.apply)
    for n in range(3):
        assert (logs[n] > -np.inf).sum() == len(every)
        np.testing.assert_allclose(np.exp(logs[n]).sum(), 1, rtol=1e-4)
        many = np.repeat(source[n : n + 1], 27, axis=0)
        logits = forcing(variables, many, tokens[n], np.full(27, length[n]))
        said = np.asarray(jax.nn.log_softmax(logits))
        for place in range(len(every)):
            size = lengths[n, place]
            picked = said[place, np.arange(size), tokens[n, place, :size]]
            np.testing.assert_allclose(logs[n, place], picked.sum(), atol=1e-4)


def test_what_cannot_be_searched_is_refused() -> None:
    def call(**settings: object) -> None:
        settings = {'steps': 2} | settings
        function = nn.apply(functools.partial(beam, **settings), Table())
        function({}, PROMPT, TABLES)

    with pytest.raises(ValueError, match='width is 0'):
        call(width=0)
    with pytest.raises(ValueError, match='length_penalty -1'):
        call(length_penalty=-1.0)
    with pytest.raises(ValueError, match='end is 9'):
        call(end=9)

    class Odd(nn.Module):
        def begin(self, *, steps: int) -> Array:
            return jnp.zeros((2, 3))

        def read(self, tokens: Array, carry: Array) -> tuple[Array, Array]:
            return jax.nn.one_hot(tokens, 4), carry

    with pytest.raises(ValueError, match=r'shape \(2, 3\), wanted the batch of 5'):
        nn.apply(functools.partial(beam, steps=2), Odd())({}, PROMPT)
