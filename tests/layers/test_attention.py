"""Attention reads what it may, as NumPy does, and step by step as at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import (
    AdditiveAttention,
    LearnedPositions,
    MultiHeadAttention,
    MultiplicativeAttention,
    SinusoidalPositions,
    TransformerBlock,
    TransformerStack,
    attend,
    causal_mask,
    length_mask,
    rotate,
    sinusoids,
)
from dljax.types import Array, PyTree

BATCH, STEPS, WIDTH, HEADS = 2, 5, 8, 2
LENGTHS = np.array([5, 3])
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(BATCH, STEPS, WIDTH)).astype(np.float32)
MEMORY = RNG.normal(size=(BATCH, 7, 6)).astype(np.float32)


def softmax(scores: np.ndarray) -> np.ndarray:
    exponents = np.exp(scores - scores.max(-1, keepdims=True))
    return exponents / exponents.sum(-1, keepdims=True)


def drawn(net: nn.Module, *inputs: Array) -> PyTree:
    """Random parameters everywhere, without compiling an initialiser."""
    shapes = jax.eval_shape(net.init, jax.random.key(0), *inputs)
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(size=leaf.shape) / 3, leaf.dtype), shapes
    )


def dense(params: PyTree, x: np.ndarray) -> np.ndarray:
    return x @ np.asarray(params['kernel']) + np.asarray(params.get('bias', 0.0))


def by_hand(
    params: PyTree, x: np.ndarray, memory: np.ndarray, may: np.ndarray
) -> np.ndarray:
    """Attention example by example, head by head and step by step."""
    depth = WIDTH // HEADS
    read = np.zeros((BATCH, STEPS, WIDTH), np.float32)
    q, k, v = (
        dense(params[name], rows)
        for name, rows in (('query', x), ('key', memory), ('value', memory))
    )
    for b in range(BATCH):
        for h in range(HEADS):
            part = slice(h * depth, (h + 1) * depth)
            for t in range(STEPS):
                seen = np.flatnonzero(may[b, t])
                if len(seen):
                    scores = k[b, seen, part] @ q[b, t, part] / np.sqrt(depth)
                    read[b, t, part] = softmax(scores) @ v[b, seen, part]
    return dense(params['output'], read)


@functools.cache
def layer_of(memory: bool, causal: bool) -> tuple[MultiHeadAttention, PyTree]:
    net = MultiHeadAttention(WIDTH, HEADS, causal=causal)
    return net, drawn(net, *((INPUTS, MEMORY) if memory else (INPUTS,)))


@pytest.mark.parametrize('causal', [False, True])
def test_attention_to_itself_is_that_of_numpy(causal: bool) -> None:
    net, variables = layer_of(False, causal)
    may = np.arange(STEPS)[None, None] < LENGTHS[:, None, None]
    may = np.broadcast_to(may, (BATCH, STEPS, STEPS))
    may = may & np.tril(np.ones((STEPS, STEPS), bool)) if causal else may
    wanted = by_hand(variables['params'], INPUTS, INPUTS, may)
    mask = length_mask(LENGTHS, STEPS)
    look = jax.jit(functools.partial(net.apply, mutable='intermediates'))
    got, sown = look(variables, INPUTS, mask=mask)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    fused = jax.jit(net.apply)(variables, INPUTS, mask=mask)
    np.testing.assert_allclose(fused, wanted, atol=1e-5)
    (weights,) = sown['intermediates']['weights']
    assert weights.shape == (BATCH, HEADS, STEPS, STEPS)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    assert (np.asarray(weights)[~np.repeat(may[:, None], HEADS, 1)] == 0).all()


def test_attention_to_a_memory_is_that_of_numpy_and_padding_changes_nothing() -> None:
    net, variables = layer_of(True, False)
    lengths = np.array([7, 4])
    may = np.arange(7)[None, None] < lengths[:, None, None]
    may = np.broadcast_to(may, (BATCH, STEPS, 7))
    run = jax.jit(net.apply)
    mask = length_mask(lengths, 7)
    got = run(variables, INPUTS, MEMORY, mask=mask)
    wanted = by_hand(variables['params'], INPUTS, MEMORY, may)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    other = MEMORY.copy()
    other[1, 4:] = 1e3
    assert np.array_equal(run(variables, INPUTS, other, mask=mask), got)


@pytest.mark.parametrize('looked_at', [False, True])
def test_who_may_read_nothing_gets_zero_and_no_nan(looked_at: bool) -> None:
    net, variables = layer_of(False, False)
    mask = length_mask(np.array([0, 5]), STEPS)

    def loss(inputs: Array) -> tuple[Array, Array]:
        outputs = net.apply(
            variables,
            inputs,
            mask=mask,
            mutable=['intermediates'] if looked_at else False,
        )
        outputs = outputs[0] if looked_at else outputs
        return (outputs**2).sum(), outputs

    compute = jax.jit(jax.grad(loss, has_aux=True))
    gradient, outputs = compute(jnp.asarray(INPUTS))
    bias = np.asarray(variables['params']['output']['bias'])
    np.testing.assert_array_equal(outputs[0], np.broadcast_to(bias, (STEPS, WIDTH)))
    assert (gradient[0] == 0).all() and np.isfinite(gradient).all()
    assert (attend(*np.ones((3, 1, 2, 1, 4)), mask[:1, ..., :2]) == 0).all()


@pytest.mark.parametrize('rotary', [False, True])
def test_no_gradient_flows_from_a_step_to_a_later_one(rotary: bool) -> None:
    net = MultiHeadAttention(WIDTH, HEADS, causal=True, rotary=rotary)
    variables = drawn(net, INPUTS)

    def step(inputs: Array) -> Array:
        return net.apply(variables, inputs)[:, 2].sum()

    gradient = jax.jit(jax.grad(step))(jnp.asarray(INPUTS))
    assert (gradient[:, 3:] == 0).all() and (gradient[:, :3] != 0).any(-1).all()


def test_dropped_weights_are_scaled_and_drawn_anew() -> None:
    net = MultiHeadAttention(WIDTH, HEADS, dropout=0.5)
    _, variables = layer_of(False, False)
    key = jax.random.key(0)
    run = jax.jit(
        lambda key: net.apply(variables, INPUTS, train=True, rngs={'dropout': key})
    )
    many = jax.vmap(run)(jax.random.split(key, 2000))
    still = net.apply(variables, INPUTS)
    assert not np.allclose(many[0], many[1])
    np.testing.assert_allclose(many.mean(0), still, atol=0.1)


class Decoder(nn.Module):
    """Blocks with and without a memory, at positions of each kind."""

    norm_first: bool = True
    rotary: bool = False

    @nn.compact
    def __call__(
        self,
        inputs: Array,
        memory: Array | None = None,
        *,
        cache_length: int | None = None,
    ) -> Array:
        cached = cache_length is not None
        if not self.rotary:
            inputs = LearnedPositions(9)(inputs, cached=cached)
            inputs = SinusoidalPositions()(inputs, cached=cached)
        block = TransformerBlock(
            16, HEADS, causal=True, norm_first=self.norm_first, rotary=self.rotary
        )
        return TransformerStack(block, 1)(inputs, memory, cache_length=cache_length)


@pytest.mark.parametrize('with_memory', [False, True])
def test_step_by_step_equals_all_at_once(with_memory: bool) -> None:
    net = Decoder(norm_first=with_memory)
    memory = (MEMORY,) if with_memory else ()
    variables = drawn(net, INPUTS, *memory)
    whole = jax.jit(net.apply)(variables, INPUTS, *memory)

    def read(cache: PyTree, inputs: Array) -> tuple[PyTree, Array]:
        outputs, cache = net.apply(
            {**variables, **cache}, inputs, *memory, cache_length=6, mutable='cache'
        )
        return cache, outputs

    @jax.jit
    def decode(inputs: Array) -> Array:
        cache, first = read({}, inputs[:, :2])  # two at once, then one by one
        rest = jnp.swapaxes(inputs[:, 2:, None], 0, 1)
        _, others = jax.lax.scan(read, cache, rest)
        return jnp.concatenate([first, jnp.swapaxes(others[:, :, 0], 0, 1)], axis=1)

    parts = decode(INPUTS)
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    if not with_memory:
        each = jax.vmap(decode)(INPUTS[:, None])[:, 0]  # a cache of its own for each
        np.testing.assert_allclose(each, whole, atol=1e-5)


@pytest.mark.heavy
def test_rotary_steps_equal_all_at_once_and_half_precision_is_near() -> None:
    net = Decoder(rotary=True)
    variables = drawn(net, INPUTS)
    whole = net.apply(variables, INPUTS)
    for kind, tolerance in ((jnp.float32, 1e-5), (jnp.bfloat16, 0.15)):
        half = jax.tree.map(lambda leaf, kind=kind: leaf.astype(kind), variables)
        cache, parts = {}, []
        for step in range(STEPS):
            output, cache = net.apply(
                {**half, **cache},
                INPUTS[:, step : step + 1].astype(kind),
                cache_length=STEPS,
                mutable='cache',
            )
            parts.append(output.astype(jnp.float32))
        np.testing.assert_allclose(
            np.concatenate(parts, 1), whole, atol=tolerance, rtol=tolerance
        )


def test_a_step_beyond_the_cache_is_nan() -> None:
    net, variables = layer_of(False, True)
    read = functools.partial(net.apply, cache_length=3, mutable='cache')
    read = jax.jit(read)
    outputs, _ = read(variables, INPUTS[:, :4])
    assert np.isfinite(outputs[:, :3]).all() and np.isnan(outputs[:, 3]).all()


def test_turned_products_depend_on_the_distance_alone() -> None:
    query, key = RNG.normal(size=(2, 1, 1, 1, 8)).astype(np.float32)

    def product(at: int, other: int) -> float:
        turned = rotate(query, np.array([[at]])), rotate(key, np.array([[other]]))
        return float((turned[0] * turned[1]).sum())

    assert abs(product(3, 1) - product(12, 10)) < 1e-5
    assert abs(product(3, 1) - product(3, 2)) > 1e-3
    waves = sinusoids(np.arange(50), 16)
    rates = 10000.0 ** (-np.arange(0, 16, 2) / 16)
    angles = np.arange(50)[:, None] * rates
    np.testing.assert_allclose(waves[:, 0::2], np.sin(angles), atol=1e-5)
    np.testing.assert_allclose(waves[:, 1::2], np.cos(angles), atol=1e-5)


@pytest.mark.parametrize('kind', ['additive', 'dot', 'general'])
def test_attention_of_recurrent_decoders_is_that_of_numpy(kind: str) -> None:
    query = RNG.normal(size=(BATCH, 3, 6)).astype(np.float32)
    lengths = np.array([7, 4])
    net = AdditiveAttention(5) if kind == 'additive' else MultiplicativeAttention(kind)
    variables = drawn(net, query, MEMORY)
    params = variables.get('params', {})
    run = jax.jit(net.apply)
    context, weights = run(variables, query, MEMORY, lengths)
    if kind == 'additive':
        hidden = dense(params['query'], query)[:, :, None]
        hidden = np.tanh(hidden + dense(params['key'], MEMORY)[:, None])
        scores = dense(params['score'], hidden)[..., 0]
        keys = net.apply(variables, MEMORY, method='keys')
        again = run(variables, query, MEMORY, lengths, keys=keys)
        np.testing.assert_allclose(again[0], context, atol=1e-6)
    else:
        asked = query if kind == 'dot' else dense(params['query'], query)
        scores = np.einsum('bsf,btf->bst', asked, MEMORY)
    for b, length in enumerate(lengths):
        wanted = softmax(scores[b, :, :length])
        np.testing.assert_allclose(weights[b, :, :length], wanted, atol=1e-5)
        assert (weights[b, :, length:] == 0).all()
        np.testing.assert_allclose(
            context[b], wanted @ MEMORY[b, :length], atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: MultiHeadAttention(8, 3), 'features is 8 and heads is 3'),
        (lambda: MultiHeadAttention(6, 2, rotary=True), 'a head has 3 features'),
        (lambda: MultiHeadAttention(8, 2, dropout=1.0), r'wanted a number in \[0, 1\)'),
        (lambda: MultiHeadAttention(8, implementation='flash'), "wanted 'xla'"),
        (lambda: TransformerBlock(0), 'hidden is 0'),
        (lambda: TransformerBlock(8, hidden_dropout=-1.0), 'hidden_dropout is -1'),
        (lambda: TransformerStack(layers=0), 'layers is 0'),
        (lambda: LearnedPositions(0), 'length is 0'),
        (lambda: MultiplicativeAttention('sum'), "score is 'sum'"),
        (lambda: sinusoids(jnp.arange(3), 3), 'features is 3'),
        (
            lambda: LearnedPositions(2).init(jax.random.key(0), jnp.ones((1, 3, 4))),
            'the sequence has 3 steps, wanted at most 2',
        ),
        (
            lambda: MultiHeadAttention(8).init(
                jax.random.key(0), jnp.ones((1, 3, 8)), cache_length=3
            ),
            'causal is not set',
        ),
        (
            lambda: MultiHeadAttention(8, causal=True).init(
                jax.random.key(0), jnp.ones((1, 3, 8)), jnp.ones((1, 2, 8))
            ),
            'a memory is given',
        ),
    ],
)
def test_what_cannot_be_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_masks_join() -> None:
    both = causal_mask(np.arange(3)[None], 3) & length_mask(np.array([3, 1]), 3)
    assert both.shape == (2, 1, 3, 3)
    assert both[1, 0].sum() == 3 and both[0, 0].sum() == 6
