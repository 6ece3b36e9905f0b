"""The forms of recurrent nets against Python loops over single steps."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.layers import GRU, LSTM, Elman, InitialCarry, RecurrentStack
from dljax.models.feedforward import MLP
from dljax.models.recurrent import (
    EncoderDecoder,
    SequenceClassifier,
    SequenceGenerator,
    SequenceTagger,
    bernoulli,
    categorical,
    expected,
)
from dljax.models.recurrent.encoder_decoder import END
from dljax.objectives import score_generation
from dljax.types import Array, PyTree

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 5)).astype(np.float32)
LENGTH = jnp.array([6, 1, 4])
VALID = np.arange(6)[None, :] < np.asarray(LENGTH)[:, None]
FILLED = np.where(VALID[..., None], X, 1e3)
CELLS = {'elman': Elman(4), 'lstm': LSTM(4), 'gru': GRU(4)}
SOURCE = jnp.asarray(RNG.integers(2, 9, (3, 6)), jnp.int32)
LABEL = jnp.array([0, 2, 1])


def drawn(net: nn.Module, *inputs: object, scale: float = 0.7) -> PyTree:
    """Random parameters everywhere, biases included."""
    shapes = jax.eval_shape(net.init, jax.random.key(0), *inputs)['params']
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda s: jnp.asarray(scale * rng.normal(size=s.shape), s.dtype), shapes
    )


def dense(params: PyTree, inputs: Array) -> Array:
    return inputs @ params['kernel'] + params['bias'][None, :]


def loop(cell: nn.Module, params: PyTree, steps: np.ndarray) -> list[np.ndarray]:
    """Run a layer over [1, time, inputs], a call a step."""
    carry, states = None, []
    for t in range(steps.shape[1]):
        outputs, carry = cell.apply({'params': params}, steps[:, t : t + 1], carry)
        states.append(outputs[:, 0])
    return states


def states_by_hand(stack: RecurrentStack, params: PyTree, index: int) -> Array:
    """Make the states of the true steps of an example, in both directions if asked."""
    steps = X[index : index + 1, : int(LENGTH[index])]
    states = loop(stack.cell, params['forward_0'], steps)
    if stack.bidirectional:
        back = loop(stack.cell, params['backward_0'], steps[:, ::-1])[::-1]
        states = [
            jnp.concatenate(pair, axis=1) for pair in zip(states, back, strict=True)
        ]
    return jnp.concatenate(states)


@pytest.mark.parametrize('average', [False, True])
@pytest.mark.parametrize('bidirectional', [False, True])
@pytest.mark.parametrize('cell', CELLS)
def test_many_to_one_equals_a_loop_over_the_true_steps(
    cell: str, bidirectional: bool, average: bool
) -> None:
    stack = RecurrentStack(CELLS[cell], bidirectional=bidirectional)
    net = SequenceClassifier(3, stack, average=average)
    params = drawn(net, X, LENGTH)
    logits = net.apply({'params': params}, X, LENGTH)
    for index in range(3):
        states = states_by_hand(stack, params['recurrent'], index)
        summary = states[-1:]
        if bidirectional:
            summary = jnp.concatenate([states[-1:, :4], states[:1, 4:]], axis=1)
        if average:
            summary = states.mean(axis=0, keepdims=True)
        wanted = dense(params['output'], summary)[0]
        np.testing.assert_allclose(logits[index], wanted, atol=1e-5)
    whole = net.apply({'params': params}, X[:1])
    np.testing.assert_allclose(whole[0], logits[0], atol=1e-6)


@pytest.mark.parametrize('bidirectional', [False, True])
@pytest.mark.parametrize('cell', CELLS)
def test_aligned_many_to_many_equals_a_loop_over_the_true_steps(
    cell: str, bidirectional: bool
) -> None:
    stack = RecurrentStack(CELLS[cell], bidirectional=bidirectional)
    net = SequenceTagger(3, stack)
    params = drawn(net, X, LENGTH)
    logits = net.apply({'params': params}, X, LENGTH)
    for index, length in enumerate(LENGTH):
        states = states_by_hand(stack, params['recurrent'], index)
        wanted = dense(params['output'], states)
        np.testing.assert_allclose(logits[index, :length], wanted, atol=1e-5)


def test_one_to_one_is_a_feed_forward_net_with_one_hidden_layer() -> None:
    net, plain = (
        SequenceTagger(3, RecurrentStack(Elman(4))),
        MLP((4,), 3, activation=jnp.tanh),
    )
    params = drawn(net, X[:, :1])
    cell = params['recurrent']['forward_0']
    same = {
        'hidden_0': {name: cell[name] for name in ('kernel', 'bias')},
        'output': params['output'],
    }
    np.testing.assert_allclose(
        net.apply({'params': params}, X[:, :1])[:, 0],
        plain.apply({'params': same}, X[:, 0]),
        atol=1e-6,
    )


@pytest.mark.parametrize('average', [False, True])
@pytest.mark.parametrize('bidirectional', [False, True])
def test_padding_changes_neither_logits_nor_gradients(
    bidirectional: bool, average: bool
) -> None:
    stack = RecurrentStack(LSTM(4), layers=2, bidirectional=bidirectional)
    for net in (SequenceClassifier(3, stack, average), SequenceTagger(3, stack)):
        params = drawn(net, X, LENGTH)

        def total(params: PyTree, inputs: Array, net: nn.Module = net) -> Array:
            logits = net.apply({'params': params}, inputs, LENGTH)
            if logits.ndim == 3:
                logits = jnp.where(VALID[..., None], logits, 0.0)
            return jnp.sum(logits**2)

        first, again = (
            jax.value_and_grad(total, (0, 1))(params, x) for x in (X, FILLED)
        )
        jax.tree.map(np.testing.assert_array_equal, first, again)
        assert not np.any(first[1][1][~VALID])


@pytest.mark.parametrize('draw', [categorical, bernoulli, expected])
@pytest.mark.parametrize('cell', CELLS)
def test_teacher_forcing_with_its_own_outputs_is_running_freely(
    cell: str, draw: object
) -> None:
    net = SequenceGenerator(4, 7, 3, RecurrentStack(CELLS[cell], 2), draw)
    params = drawn(net, LABEL)
    for key in (None, jax.random.key(5)):
        made, logits = net.apply({'params': params}, LABEL, key, method='generate')
        forced = net.apply({'params': params}, LABEL, made)
        np.testing.assert_allclose(forced, logits, atol=1e-5)
    free = net.apply({'params': params}, LABEL)
    greedy = net.apply({'params': params}, LABEL, method='generate')[1]
    np.testing.assert_array_equal(free, greedy)


def test_one_to_many_equals_a_loop_over_single_steps() -> None:
    stack = RecurrentStack(GRU(4))
    net = SequenceGenerator(3, 5, None, stack, expected)
    condition = X[:, 0]
    params = drawn(net, condition)
    made, outputs = net.apply({'params': params}, condition, method='generate')
    start = {'params': params['start']}
    carry = InitialCarry(stack).apply(start, condition)
    before = jnp.zeros((3, 3))
    for t in range(5):
        states, carry = stack.apply(
            {'params': params['recurrent']}, before[:, None], carry
        )
        before = dense(params['output'], states[:, 0])
        np.testing.assert_allclose(made[:, t], before, atol=1e-5)
    np.testing.assert_array_equal(made, outputs)


def test_the_likelihoods_of_all_sequences_add_up_to_one() -> None:
    net = SequenceGenerator(3, 4, 3, RecurrentStack(LSTM(4)))
    params = drawn(net, LABEL)
    every = jnp.array(list(itertools.product(range(3), repeat=4)), jnp.int32)
    for label in range(3):
        batch = {'label': jnp.full(len(every), label), 'sequence': every}
        scores = nn.apply(score_generation(), net)({'params': params}, batch, 0)
        assert jnp.exp(-scores['nll']).sum() == pytest.approx(1, abs=1e-5)


def test_samples_follow_the_likelihood_and_their_key() -> None:
    net = SequenceGenerator(2, 2, 1, RecurrentStack(Elman(4)))
    params, many = drawn(net, LABEL), jnp.zeros(4000, jnp.int32)

    def sample(seed: int) -> np.ndarray:
        key = jax.random.key(seed)
        return net.apply({'params': params}, many, key, method='generate')[0]

    made = sample(0)
    np.testing.assert_array_equal(made, sample(0))
    assert np.any(made != sample(1))
    every = jnp.array([[0, 0], [0, 1], [1, 0], [1, 1]], jnp.int32)
    batch = {'label': jnp.zeros(4, jnp.int32), 'sequence': every}
    nll = nn.apply(score_generation(), net)({'params': params}, batch, 0)['nll']
    shares = np.bincount(made[:, 0] * 2 + made[:, 1], minlength=4) / 4000
    np.testing.assert_allclose(shares, jnp.exp(-nll), atol=0.04)


def translator(**settings: object) -> EncoderDecoder:
    settings = {'encoder': RecurrentStack(LSTM(4), bidirectional=True)} | settings
    settings = {'decoder': RecurrentStack(GRU(5), layers=2)} | settings
    return EncoderDecoder(9, 6, embedding=3, **settings)


def decoded_by_hand(
    net: EncoderDecoder, params: PyTree, index: int, steps: int
) -> tuple[list[int], Array]:
    """Encode one source without padding; then argmax, step by step, until the end."""
    source = SOURCE[index : index + 1, : int(LENGTH[index])]
    if net.reverse:
        source = source[:, ::-1]
    embedded = params['source_embedding']['embedding'][source]
    _, carry = net.encoder.apply({'params': params['reader']}, embedded)
    summary = jnp.concatenate(jax.tree.leaves(carry), axis=1)
    bridge = InitialCarry(net.decoder)
    carry = bridge.apply({'params': params['bridge']}, summary)
    token, tokens, logits = END, [], []
    while len(tokens) < steps:
        inputs = params['target_embedding']['embedding'][token][None, None]
        if net.context:
            inputs = jnp.concatenate([inputs, summary[:, None]], axis=-1)
        states, carry = net.decoder.apply({'params': params['writer']}, inputs, carry)
        logits.append(dense(params['output'], states[:, 0])[0])
        token = int(logits[-1].argmax())
        tokens.append(token)
        if token == END:
            break
    return tokens, jnp.stack(logits)


@pytest.mark.parametrize(
    'settings',
    [
        {},
        pytest.param({'context': True}, marks=pytest.mark.heavy),
        pytest.param({'reverse': True}, marks=pytest.mark.heavy),
        pytest.param(
            {'encoder': RecurrentStack(GRU(4), 2), 'decoder': RecurrentStack(LSTM(4))},
            marks=pytest.mark.heavy,
        ),
    ],
    ids=['plain', 'context', 'reverse', 'forward'],
)
def test_greedy_decoding_is_step_by_step_argmax_and_stops_at_the_end(
    settings: dict,
) -> None:
    net, ends = translator(**settings), set()
    target = jnp.ones((3, 8), jnp.int32)
    variables = drawn(net, SOURCE, target, LENGTH, scale=1.5)
    greedy = jax.jit(functools.partial(net.apply, steps=8, method='greedy'))
    forcing = jax.jit(net.apply)
    for push in (-20.0, 0.0, 2.0, 20.0):  # towards the end token
        params = jax.tree.map(lambda p: p, variables)
        params['output']['bias'] = params['output']['bias'].at[END].add(push)
        tokens, length = greedy({'params': params}, SOURCE, LENGTH)
        forced = forcing({'params': params}, SOURCE, tokens, LENGTH)
        for index in range(3):
            wanted, logits = decoded_by_hand(net, params, index, 8)
            size = len(wanted)
            assert tokens[index].tolist() == wanted + [0] * (8 - size)
            assert length[index] == size
            # What it was fed under teacher forcing is what it had said itself.
            np.testing.assert_allclose(forced[index, :size], logits, atol=1e-4)
            ends.add(size)
    assert {1, 8} <= ends


@pytest.mark.parametrize('reverse', [False, True])
def test_the_padding_of_a_source_changes_nothing(reverse: bool) -> None:
    net = translator(reverse=reverse, context=True)
    target = jnp.asarray(RNG.integers(1, 6, (3, 4)), jnp.int32)
    params = drawn(net, SOURCE, target, LENGTH)
    other = jnp.where(VALID, SOURCE, 8)
    assert np.any(other != SOURCE)

    def total(params: PyTree, source: Array) -> Array:
        return jnp.sum(net.apply({'params': params}, source, target, LENGTH) ** 2)

    slope = jax.jit(jax.value_and_grad(total))
    first, again = (slope(params, source) for source in (SOURCE, other))
    jax.tree.map(np.testing.assert_array_equal, first, again)


def test_a_step_of_the_target_sees_those_before_it_only() -> None:
    net = translator()
    target = jnp.asarray(RNG.integers(1, 6, (3, 4)), jnp.int32)
    variables = {'params': drawn(net, SOURCE, target, LENGTH)}
    changed = target.at[:, 2].set((target[:, 2] + 1) % 6)
    before, after = (net.apply(variables, SOURCE, t, LENGTH) for t in (target, changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.all(before[:, 3] != after[:, 3])


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: SequenceClassifier(0), 'outputs is 0'),
        (lambda: SequenceClassifier(dropout=1.0), 'dropout is 1.0'),
        (lambda: SequenceTagger(0), 'outputs is 0'),
        (lambda: SequenceGenerator(steps=0), 'steps is 0'),
        (lambda: SequenceGenerator(dropout=-0.1), 'dropout is -0.1'),
        (
            lambda: SequenceGenerator(stack=RecurrentStack(bidirectional=True)),
            'stack is bidirectional',
        ),
        (lambda: EncoderDecoder(target_tokens=2), 'target_tokens is 2'),
        (
            lambda: EncoderDecoder(decoder=RecurrentStack(bidirectional=True)),
            'decoder is bidirectional',
        ),
    ],
)
def test_a_wrong_setting_is_named(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_dropout_of_the_answer_acts_in_training_only() -> None:
    net = SequenceClassifier(3, RecurrentStack(GRU(4)), dropout=0.5)
    variables = {'params': drawn(net, X)}
    rngs = {'dropout': jax.random.key(0)}
    calm = net.apply(variables, X)
    np.testing.assert_array_equal(calm, net.apply(variables, X, rngs=rngs))
    assert np.any(net.apply(variables, X, train=True, rngs=rngs) != calm)
