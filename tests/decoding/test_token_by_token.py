"""Greedy and random decoding against loops over single tokens."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy.special import softmax

from dljax.decoding import Decoded, greedy, sample
from dljax.layers import LSTM
from dljax.models.recurrent import CharacterModel
from dljax.types import Array, PyTree
from tests.decoding.nets import END, Table, as_numpy, log_probability, padded, tables

KEY = jax.random.key(0)
STEPS = 6
TABLES = tables(5)
PROMPT = np.array([[2, 3], [0, 2], [3, 3], [1, 2], [2, 2]], np.int32)


@functools.cache
def compiled(function: Callable, **settings: object) -> Callable:
    settings = {'steps': STEPS, 'end': END} | settings
    return jax.jit(nn.apply(functools.partial(function, **settings), Table()))


def drawn(key: Array = KEY, prompt: np.ndarray = PROMPT, **options: object) -> Decoded:
    static = {k: options.pop(k) for k in ('top_k', 'end', 'steps') if k in options}
    rows = TABLES[: len(prompt)]
    return as_numpy(
        compiled(sample, **static)(
            {}, key, prompt, rows, **{'temperature': 1.0} | options
        )
    )


def likeliest() -> Decoded:
    return as_numpy(compiled(greedy)({}, PROMPT, TABLES))


def by_hand(table: np.ndarray, prompt: list[int]) -> list[int]:
    tokens = []
    while len(tokens) < STEPS and END not in tokens:
        chances = [log_probability(table, prompt, [*tokens, n]) for n in range(4)]
        tokens.append(int(np.argmax(chances)))
    return tokens


def test_greedy_is_the_argmax_of_each_step_until_the_end() -> None:
    tokens, lengths, logs = likeliest()
    assert tokens.dtype == lengths.dtype == np.int32 and logs.dtype == np.float32
    for table, prompt, row, length, log in zip(
        TABLES, PROMPT.tolist(), tokens.tolist(), lengths, logs, strict=True
    ):
        wanted = by_hand(table, prompt)
        assert row == padded(wanted, STEPS) and length == len(wanted)
        np.testing.assert_allclose(
            log, log_probability(table, prompt, wanted), rtol=1e-5
        )
    assert min(lengths) < STEPS


def test_without_an_end_token_all_steps_are_written() -> None:
    tokens, lengths, _ = as_numpy(compiled(greedy, end=None)({}, PROMPT, TABLES))
    assert (lengths == STEPS).all()
    short = likeliest()
    for row, other, length in zip(tokens, short.tokens, short.lengths, strict=True):
        np.testing.assert_array_equal(row[:length], other[:length])


@pytest.mark.parametrize(
    'options', [{'temperature': 0.0}, {'top_k': 1}, {'top_p': 0.0 + 1e-6}]
)
def test_no_heat_one_token_or_no_mass_is_greedy(options: dict) -> None:
    for got, wanted in zip(drawn(**options), likeliest(), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_what_is_drawn_stops_at_the_end_and_pads() -> None:
    many = np.repeat(PROMPT[:1], 400, axis=0)
    function = compiled(sample)
    tokens, lengths, logs = as_numpy(
        function({}, KEY, many, np.repeat(TABLES[:1], 400, axis=0))
    )
    assert {1, STEPS} <= set(lengths.tolist())
    for row, length, log in list(zip(tokens.tolist(), lengths, logs, strict=True))[:60]:
        assert END not in row[: length - 1]
        assert length == STEPS or row[length - 1] == END
        assert row[length:] == [0] * (STEPS - length)
        # That of the net itself, at temperature 1.
        wanted = log_probability(TABLES[0], PROMPT[0].tolist(), row[:length])
        np.testing.assert_allclose(log, wanted, rtol=1e-4)


def test_a_batch_is_written_as_each_row_alone() -> None:
    keys = jax.random.split(KEY, len(PROMPT))
    options = {'top_k': 3, 'top_p': 0.9, 'temperature': 0.7}
    together, best = drawn(keys, **options), likeliest()
    alone, single = compiled(sample, top_k=3), compiled(greedy)
    for n in range(len(PROMPT)):
        one = slice(n, n + 1)
        rows = alone(
            {}, keys[one], PROMPT[one], TABLES[one], top_p=0.9, temperature=0.7
        )
        for got, wanted in zip(rows, together, strict=True):
            np.testing.assert_allclose(got[0], wanted[n], rtol=1e-6)
        for got, wanted in zip(single({}, PROMPT[one], TABLES[one]), best, strict=True):
            np.testing.assert_allclose(got[0], wanted[n], rtol=1e-6)
    other = drawn(jax.random.key(1))
    assert (other.tokens != drawn().tokens).any()


def test_members_of_an_ensemble_write_as_each_alone() -> None:
    write = nn.apply(functools.partial(greedy, steps=STEPS, end=END), Table())
    members = jax.jit(jax.vmap(write, (None, 0, 0)))
    found = as_numpy(members({}, PROMPT[:, None], TABLES[:, None]))
    for got, wanted in zip(found, likeliest(), strict=True):
        np.testing.assert_allclose(got[:, 0], wanted, rtol=1e-6)


def counted(chances: np.ndarray, count: int, **options: object) -> np.ndarray:
    """How often each token is the first one, of a net that knows its chances."""
    table = np.zeros((1, 4, 4, 4), np.float32)
    table[..., :] = np.log(chances) / 1.5
    static = {k: options.pop(k) for k in ('top_k', 'symbols') if k in options}
    function = compiled(sample, steps=1, **static)
    prompt, many = np.zeros((count, 1), np.int32), np.repeat(table, count, axis=0)
    tokens = function({}, KEY, prompt, many, **{'temperature': 1.0} | options).tokens
    return np.bincount(np.asarray(tokens)[:, 0], minlength=4)


CHANCES = np.array([0.1, 0.4, 0.2, 0.3])


@pytest.mark.parametrize(
    ('options', 'kept'),
    [
        ({}, [0, 1, 2, 3]),
        ({'top_k': 2}, [1, 3]),
        ({'top_k': 4}, [0, 1, 2, 3]),
        ({'symbols': 3}, [0, 1, 2]),
        ({'symbols': 3, 'top_k': 2}, [1, 2]),
        ({'symbols': 1, 'temperature': 0.0}, [0]),
        # The fewest that have p: 0.4, 0.7, 0.9, 1.
        ({'top_p': 0.39}, [1]),
        ({'top_p': 0.41}, [1, 3]),
        ({'top_p': 0.69}, [1, 3]),
        ({'top_p': 0.71}, [1, 2, 3]),
        ({'top_p': 1.0}, [0, 1, 2, 3]),
        # Of the two, 4/7 and 3/7.
        ({'top_k': 2, 'top_p': 0.5}, [1]),
        ({'top_k': 2, 'top_p': 0.6}, [1, 3]),
        ({'temperature': 0.5, 'top_p': 0.8}, [1, 3]),  # 16/30, 9/30, 4/30, 1/30
    ],
)
def test_only_what_is_kept_is_drawn_and_with_its_chances(
    options: dict, kept: list[int]
) -> None:
    count = 4000
    counts = counted(CHANCES, count, **options)
    assert np.flatnonzero(counts).tolist() == kept
    wanted = CHANCES[kept] ** (1 / (options.get('temperature') or 1.0))
    wanted = count * wanted / wanted.sum()
    # Three degrees of freedom: 16.3 is passed by one draw of a thousand.
    assert ((counts[kept] - wanted) ** 2 / wanted).sum() < 16.3


def test_each_row_has_its_own_temperature_and_mass() -> None:
    heats = np.float32([0.0, 1.0, 1.0, 1.0, 0.0])
    masses = np.float32([1.0, 1e-6, 1.0, 1e-6, 1.0])
    mixed = drawn(temperature=heats, top_p=masses)
    free = drawn(top_p=1.0)
    for n, wanted in enumerate(likeliest().tokens):
        row = free.tokens[n] if n == 2 else wanted
        np.testing.assert_array_equal(mixed.tokens[n], row)


def test_the_net_is_read_once_for_each_token_that_is_written() -> None:
    """The prompt as a whole, and then what was written, but for the last one."""

    class Counting(nn.Module):
        def begin(self, *, steps: int) -> None:
            return None

        def read(self, tokens: Array, carry: PyTree) -> tuple[Array, PyTree]:
            count = tokens.shape[1] + (0 if carry is None else carry)
            return 9.0 * jax.nn.one_hot(jnp.full(tokens.shape, count % 9), 9), count

    write = nn.apply(functools.partial(greedy, steps=5, end=7), Counting())
    tokens, lengths, _ = write({}, np.zeros((2, 4), np.int32))
    assert tokens.tolist() == [[4, 5, 6, 7, 0]] * 2 and lengths.tolist() == [4, 4]


@functools.cache
def of_opinions() -> tuple[CharacterModel, PyTree]:
    """A net that keeps a carry of another batch, and is sure of some characters."""
    net = CharacterModel(7, LSTM(8), embedding=4, stateful=True)
    forms = jax.eval_shape(
        functools.partial(net.init, train=True), KEY, np.zeros((3, 2), np.int32)
    )
    rng = np.random.default_rng(0)
    return net, jax.tree.map(
        lambda s: (1.2 * rng.normal(size=s.shape)).astype(s.dtype), forms
    )


def test_a_character_model_goes_on_from_zero_whatever_it_has_kept() -> None:
    net, variables = of_opinions()
    assert 'carry' in variables
    prompt = np.array([[1, 2, 3], [4, 4, 4]], np.int32)
    write = jax.jit(nn.apply(functools.partial(greedy, steps=9), net))
    tokens = np.pad(prompt, ((0, 0), (0, 9)))
    predict = jax.jit(net.apply)
    for time in range(3, 12):  # what is still to come changes no logits before it
        logits = np.asarray(predict({'params': variables['params']}, tokens))
        tokens[:, time] = logits[:, time - 1].argmax(axis=-1)
    np.testing.assert_array_equal(write(variables, prompt).tokens, tokens[:, 3:])


@pytest.mark.heavy
@pytest.mark.parametrize('heat', [1.0, 0.5])
def test_what_is_drawn_has_the_distribution_that_the_net_predicts(heat) -> None:
    net, variables = of_opinions()
    count = 20_000
    prompt = np.tile(np.int32([[1, 5]]), (count, 1))
    write = jax.jit(nn.apply(functools.partial(sample, steps=2), net))
    written = np.asarray(write(variables, KEY, prompt, temperature=heat).tokens)
    common = int(np.bincount(written[:, 0]).argmax())
    tokens = np.array([[1, 5, common]])
    params = {'params': variables['params']}
    logits = np.asarray(jax.jit(net.apply)(params, tokens))[0] / heat

    def chi_square(drawn: np.ndarray, logits: np.ndarray) -> float:
        expected = len(drawn) * softmax(logits)
        counts = np.bincount(drawn, minlength=7)
        return float(((counts - expected) ** 2 / expected).sum())

    # Six degrees of freedom: 22.5 is passed by one draw of a thousand.
    assert chi_square(written[:, 0], logits[1]) < 22.5
    then = written[written[:, 0] == common, 1]
    assert chi_square(then, logits[2]) < 22.5


def test_a_token_that_the_net_has_none_of_makes_its_row_nan() -> None:
    prompt = np.where(np.arange(5)[:, None] == 1, np.int32(9), PROMPT)
    logs = as_numpy(compiled(greedy)({}, prompt, TABLES)).log_probabilities
    np.testing.assert_array_equal(np.isnan(logs), np.arange(5) == 1)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'prompt': np.zeros((2, 0), np.int32)}, 'at least one token a row'),
        ({'prompt': np.zeros(3, np.int32)}, 'at least one token a row'),
        ({'steps': 0}, 'steps is 0'),
        ({'end': 4}, r'end is 4, wanted a token in \[0, 4\)'),
        ({'top_k': 0}, r'top_k is 0, wanted a number in \[1, 4\]'),
        ({'top_k': 5}, 'top_k is 5'),
        ({'symbols': 0}, r'symbols is 0, wanted a number in \[1, 4\]'),
        ({'symbols': 5}, 'symbols is 5'),
        ({'top_p': 0.0}, 'top_p is 0.0'),
        ({'top_p': 1.5}, 'top_p is 1.5'),
        ({'temperature': -1.0}, 'temperature is -1.0'),
        ({'temperature': np.float32(-1.0)}, 'temperature is -1.0'),
        ({'temperature': jnp.array([1.0, np.nan, 0.0])}, 'temperature is '),
        ({'top_p': jnp.array([0.5, 0.0, 1.0])}, 'top_p is '),
        ({'key': jax.random.split(KEY, 3)}, r'of shape \(3,\), wanted one of'),
        ({'key': jax.random.PRNGKey(0)}, 'key is uint32'),
    ],
)
def test_what_cannot_be_decoded_is_refused(options: dict, message: str) -> None:
    options = {'prompt': PROMPT, 'key': KEY, 'steps': 2} | options
    prompt, key = options.pop('prompt'), options.pop('key')
    with pytest.raises(ValueError, match=message):
        nn.apply(functools.partial(sample, **options), Table())(
            {}, key, prompt, TABLES[: len(prompt)]
        )
