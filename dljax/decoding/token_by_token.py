"""One token after the other: the likeliest one, or one that is drawn."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.core import Tracer

from dljax.decoding.protocol import PADDING, Decoded, start
from dljax.types import Array, Key, PyTree, fold

# Number of the step and log-probabilities [batch, vocabulary] -> tokens [batch].
Choose = Callable[[Array, Array], Array]


def greedy(
    net: nn.Module,
    prompt: Array,
    *conditions: PyTree,
    steps: int,
    end: int | None = None,
) -> Decoded:
    """Write what is likeliest at each step, until the end token.

    A pure function of a bound net, for `nn.apply` and `jit`.

    Args:
        net: in evaluation mode, with `begin` and `read` as of `decoding.protocol`; none
            of its collections moves.
        prompt: [batch, time] int32 tokens, at least one a row, that is read first.
        conditions: what `begin` is called with, such as a source and its length.
        steps: the most tokens to write, the end token included; static under `jit`.
        end: the token that ends a sequence; None writes all steps. Static as well.

    Returns:
        Tokens [batch, steps], lengths and log-probabilities [batch].

    Raises:
        ValueError: for a prompt that cannot be read, fewer than one step, or an end
            token beyond the vocabulary.

    Example:
        >>> import functools
        >>> from dljax import create_model
        >>> net, prompt = create_model('character_lstm'), jnp.array([[7, 8]])
        >>> variables = net.init(jax.random.key(0), prompt)
        >>> write = jax.jit(nn.apply(functools.partial(greedy, steps=5), net))
        >>> write(variables, prompt).tokens.shape
        (1, 5)
    """

    def likeliest(step: Array, said: Array) -> Array:
        return said.argmax(axis=-1)

    return _write(net, prompt, conditions, likeliest, steps, end)


def sample(
    net: nn.Module,
    key: Key,
    prompt: Array,
    *conditions: PyTree,
    steps: int,
    end: int | None = None,
    temperature: float | Array = 1.0,
    top_k: int | None = None,
    top_p: float | Array | None = None,
    symbols: int | None = None,
) -> Decoded:
    """Draw one token after the other, until the end token.

    Token t is drawn from softmax(logits_t / temperature), of which the k largest
    probabilities are kept, and of these the fewest that together have at least p of
    what the k have.

    Args:
        net: as for `greedy`.
        key: of the draws; or [batch] keys, one for each row, which is then written
            alike whatever stands beside it.
        prompt: [batch, time] int32, as for `greedy`.
        conditions: as for `greedy`.
        steps: as for `greedy`.
        end: as for `greedy`.
        temperature: at least 0, scalar or [batch]; 0 takes the likeliest.
        top_k: how many tokens may be drawn, in [1, vocabulary]; None for all, 1 takes
            the likeliest. Static under `jit`.
        top_p: p in (0, 1], scalar or [batch]; None and 1 leave all.
        symbols: tokens below this one alone may be drawn, in [1, vocabulary]; those
            behind stand in prompts only. None for all. Static under `jit`.

    Returns:
        Tokens [batch, steps], lengths and log-probabilities [batch]: those that the net
        gives the sequence at temperature 1, whatever it was drawn with.

    Raises:
        ValueError: as for `greedy`, or for a temperature, k, p or symbols out of range.

    Reference:
        Fan et al. (2018), Hierarchical Neural Story Generation,
        https://arxiv.org/abs/1805.04833; the k likeliest.
        Holtzman et al. (2020), The Curious Case of Neural Text Degeneration,
        https://arxiv.org/abs/1904.09751; the fewest that have p.

    Example:
        >>> import functools
        >>> from dljax import create_model
        >>> net, prompt = create_model('character_lstm'), jnp.array([[7, 8]])
        >>> variables = net.init(jax.random.key(0), prompt)
        >>> write = jax.jit(nn.apply(functools.partial(sample, steps=5, top_k=9), net))
        >>> write(variables, jax.random.key(1), prompt, temperature=0.8).tokens.shape
        (1, 5)
    """
    _check_range('temperature', temperature, lambda x: x >= 0, '0 or more')
    _check_range('top_p', top_p, lambda x: 0 < x <= 1, 'a number in (0, 1]')
    heat = jnp.broadcast_to(jnp.asarray(temperature, jnp.float32), prompt.shape[:1])
    keys = _one_a_row(key, len(prompt))

    def draw(step: Array, said: Array) -> Array:
        said = _of_symbols(said, symbols)
        scaled = said / jnp.where(heat > 0, heat, 1.0)[:, None]
        now = jax.vmap(lambda key: fold(key, step))(keys)
        ranks = _keep(scaled, top_k, top_p)
        values, tokens = (scaled, None) if ranks is None else ranks
        drawn = jax.vmap(jax.random.categorical)(now, values)
        if tokens is not None:
            drawn = jnp.take_along_axis(tokens, drawn[:, None], axis=1)[:, 0]
        return jnp.where(heat > 0, drawn, said.argmax(axis=-1))

    return _write(net, prompt, conditions, draw, steps, end)


def _of_symbols(said: Array, symbols: int | None) -> Array:
    """Strike out the tokens from `symbols` on."""
    if symbols is None:
        return said
    vocabulary = said.shape[1]
    if not 1 <= symbols <= vocabulary:
        raise ValueError(
            f'symbols is {symbols}, wanted a number in [1, {vocabulary}], the '
            'vocabulary, or None for all of it'
        )
    return jnp.where(jnp.arange(vocabulary)[None] < symbols, said, -jnp.inf)


def _one_a_row(key: Key, rows: int) -> Key:
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape not in ((), (rows,)):
        raise ValueError(
            f'key is {key.dtype} of shape {key.shape}, wanted one of '
            f'jax.random.key, or {rows} of them, one for each row'
        )
    if key.shape:
        return key
    return jax.vmap(lambda row: fold(key, row))(jnp.arange(rows))


def _keep(
    said: Array, top_k: int | None, top_p: float | Array | None
) -> tuple[Array, Array] | None:
    """Sort [batch, vocabulary] from the likeliest on, and strike out what is cut off.

    Returns:
        Logits and tokens [batch, k], or None where nothing is cut off.
    """
    rows, vocabulary = said.shape
    if top_k is not None and not 1 <= top_k <= vocabulary:
        raise ValueError(
            f'top_k is {top_k}, wanted a number in [1, {vocabulary}], the vocabulary, '
            'or None for all of it'
        )
    if top_k is None and top_p is None:
        return None
    values, tokens = jax.lax.top_k(said, top_k or vocabulary)
    if top_p is not None:
        mass = jnp.cumsum(jax.nn.softmax(values), axis=-1)
        before = jnp.pad(mass, ((0, 0), (1, 0)))[:, :-1]
        least = jnp.broadcast_to(jnp.asarray(top_p, jnp.float32), (rows,))
        values = jnp.where(before < least[:, None], values, -jnp.inf)
    return values, tokens


class _Written(NamedTuple):
    """What stands after some steps: rows of tokens, and who has ended."""

    step: Array
    rows: Decoded
    ended: Array
    last: Array
    carry: PyTree


def _write(
    net: nn.Module,
    prompt: Array,
    conditions: tuple[PyTree, ...],
    choose: Choose,
    steps: int,
    end: int | None,
) -> Decoded:
    read, said, carry = start(net, prompt, conditions, steps=steps, end=end)
    batch = len(prompt)

    def write(state: _Written, said: Array, carry: PyTree) -> _Written:
        tokens, lengths, total = state.rows
        live = ~state.ended
        token = jnp.where(live, choose(state.step, said).astype(jnp.int32), PADDING)
        gain = jnp.take_along_axis(said, token[:, None], axis=1)[:, 0]
        rows = Decoded(
            tokens.at[:, state.step].set(token),
            lengths + live.astype(jnp.int32),
            jnp.where(live, total + gain, total),
        )
        ended = state.ended if end is None else state.ended | (token == end)
        return _Written(state.step + 1, rows, ended, token, carry)

    def is_going_on(state: _Written) -> Array:
        return (state.step < steps) & ~state.ended.all()

    def go_on(state: _Written) -> _Written:
        return write(state, *read(state.last[:, None], state.carry))

    rows = Decoded(
        jnp.full((batch, steps), PADDING, jnp.int32),
        jnp.zeros(batch, jnp.int32),
        jnp.zeros(batch, jnp.float32),
    )
    nobody = jnp.zeros(batch, bool)
    empty = _Written(jnp.int32(0), rows, nobody, jnp.zeros(batch, jnp.int32), carry)
    first = write(empty, said, carry)
    return jax.lax.while_loop(is_going_on, go_on, first).rows


def _check_range(
    name: str,
    value: float | Array | None,
    is_right: Callable[[float], bool],
    wanted: str,
) -> None:
    """Refuse numbers out of range; those that are traced cannot be looked at."""
    if value is None or isinstance(value, Tracer):
        return
    if not all(map(is_right, np.asarray(value).ravel().tolist())):
        raise ValueError(f'{name} is {value}, wanted {wanted}')
