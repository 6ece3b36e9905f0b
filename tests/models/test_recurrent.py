"""The forms of recurrent nets against NumPy's loops over single steps."""

import functools
import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.decoding import greedy
from dljax.layers import GRU, LSTM, Elman, RecurrentStack
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
from dljax.models.translation import END
from dljax.objectives import score_generation
from dljax.types import Array, PyTree
from tests.layers.by_hand import dense, first_carry, run_stack

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 5)).astype(np.float32)
LENGTH = np.array([6, 1, 4])
VALID = np.arange(6)[None, :] < LENGTH[:, None]
FILLED = np.where(VALID[..., None], X, np.float32(1e3))
CELLS = {'lstm': LSTM(4), 'elman': Elman(4), 'gru': GRU(4)}
SOURCE = RNG.integers(2, 9, (3, 6)).astype(np.int32)
LABEL = np.array([0, 2, 1], np.int32)


def drawn(net: nn.Module, *inputs: object, scale: float = 0.7) -> PyTree:
    """Random parameters everywhere, biases included."""
    shapes = jax.eval_shape(net.init, jax.random.key(0), *inputs)['params']
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda s: np.asarray(scale * rng.normal(size=s.shape), s.dtype), shapes
    )


def cases(*quick: tuple[str, bool]) -> list:
    """Each cell in one direction and in both; quick are those that are said."""
    return [
        pytest.param(*pair, marks=() if pair in quick else pytest.mark.exhaustive)
        for pair in itertools.product(CELLS, (True, False))
    ]


def states_by_hand(stack: RecurrentStack, params: PyTree, index: int) -> np.ndarray:
    """Make the states of the true steps of an example, in both directions if asked."""
    return run_stack(stack, params, X[index : index + 1, : LENGTH[index]])[0][0]


@pytest.mark.parametrize(
    ('cell', 'bidirectional'), cases(('lstm', True), ('elman', False))
)
def test_many_to_one_equals_a_loop_over_the_true_steps(
    cell: str, bidirectional: bool
) -> None:
    stack = RecurrentStack(CELLS[cell], bidirectional=bidirectional)
    last, mean = (SequenceClassifier(3, stack, average=a) for a in (False, True))
    params = drawn(last, X, LENGTH)

    @jax.jit
    def answers(params: PyTree) -> list[tuple[Array, Array]]:
        return [
            (
                net.apply({'params': params}, X, LENGTH),
                net.apply({'params': params}, X[:1]),
            )
            for net in (last, mean)
        ]

    for average, (logits, whole) in enumerate(answers(params)):
        for index in range(3):
            states = states_by_hand(stack, params['recurrent'], index)
            summary = states[-1:]
            if bidirectional:
                summary = np.concatenate([states[-1:, :4], states[:1, 4:]], axis=1)
            if average:
                summary = states.mean(axis=0, keepdims=True)
            wanted = dense(params['output'], summary)[0]
            np.testing.assert_allclose(logits[index], wanted, atol=1e-5)
        np.testing.assert_allclose(whole[0], logits[0], atol=1e-6)


@pytest.mark.parametrize(('cell', 'bidirectional'), cases(('gru', True)))
def test_aligned_many_to_many_equals_a_loop_over_the_true_steps(
    cell: str, bidirectional: bool
) -> None:
    stack = RecurrentStack(CELLS[cell], bidirectional=bidirectional)
    net = SequenceTagger(3, stack)
    params = drawn(net, X, LENGTH)
    logits = jax.jit(net.apply)({'params': params}, X, LENGTH)
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
        jax.jit(net.apply)({'params': params}, X[:, :1])[:, 0],
        jax.jit(plain.apply)({'params': same}, X[:, 0]),
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ('form', 'bidirectional'),
    [
        pytest.param('mean', True, marks=pytest.mark.heavy),
        pytest.param('last', False, marks=pytest.mark.heavy),
        pytest.param('mean', False, marks=pytest.mark.exhaustive),
        pytest.param('last', True, marks=pytest.mark.exhaustive),
        pytest.param('each', True, marks=pytest.mark.exhaustive),
        pytest.param('each', False, marks=pytest.mark.exhaustive),
    ],
)
def test_padding_changes_neither_logits_nor_gradients(
    form: str, bidirectional: bool
) -> None:
    layers = 1 if bidirectional else 2
    stack = RecurrentStack(Elman(4), layers, bidirectional=bidirectional)
    net = SequenceTagger(3, stack)
    if form != 'each':
        net = SequenceClassifier(3, stack, average=form == 'mean')
    params = drawn(net, X, LENGTH)

    def total(params: PyTree, inputs: Array) -> Array:
        logits = net.apply({'params': params}, inputs, LENGTH)
        if logits.ndim == 3:
            logits = jnp.where(VALID[..., None], logits, 0.0)
        return jnp.sum(logits**2)

    gradient = jax.jit(jax.value_and_grad(total, (0, 1)))
    first, again = (gradient(params, x) for x in (X, FILLED))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not np.any(np.asarray(first[1][1])[~VALID])


DRAWS = {'categorical': categorical, 'bernoulli': bernoulli, 'expected': expected}
HEAVY = {('lstm', 'categorical'), ('gru', 'bernoulli'), ('elman', 'expected')}


@pytest.mark.parametrize(
    ('cell', 'draw'),
    [
        pytest.param(
            *pair, marks=pytest.mark.heavy if pair in HEAVY else pytest.mark.exhaustive
        )
        for pair in itertools.product(CELLS, DRAWS)
    ],
)
def test_teacher_forcing_with_its_own_outputs_is_running_freely(
    cell: str, draw: str
) -> None:
    net = SequenceGenerator(4, 5, 3, RecurrentStack(CELLS[cell]), DRAWS[draw])
    params = {'params': drawn(net, LABEL)}
    generate = functools.partial(net.apply, method='generate')
    forcing = jax.jit(net.apply)
    greedy = jax.jit(generate)(params, LABEL)
    random = jax.jit(generate)(params, LABEL, jax.random.key(5))
    for made, logits in (greedy, random):
        forced = forcing(params, LABEL, made)
        np.testing.assert_allclose(forced, logits, atol=1e-5)
    # Without a target it is the very program that runs freely.
    texts = [
        jax.jit(lambda params, run=run: run(params)).lower(params).as_text()
        for run in (
            lambda params: net.apply(params, LABEL),
            lambda params: generate(params, LABEL)[1],
        )
    ]
    assert texts[0] == texts[1]


def test_one_to_many_equals_a_loop_over_single_steps() -> None:
    stack = RecurrentStack(GRU(4))
    net = SequenceGenerator(3, 5, None, stack, expected)
    condition = X[:, 0]
    params = drawn(net, condition)
    generate = jax.jit(functools.partial(net.apply, method='generate'))
    made, outputs = generate({'params': params}, condition)
    carry = first_carry(stack, params['start'], condition)
    before = np.zeros((3, 3))
    for t in range(5):
        states, carry = run_stack(stack, params['recurrent'], before[:, None], carry)
        before = dense(params['output'], states[:, 0])
        np.testing.assert_allclose(made[:, t], before, atol=1e-5)
    np.testing.assert_array_equal(made, outputs)


def test_the_likelihoods_of_all_sequences_add_up_to_one() -> None:
    net = SequenceGenerator(3, 4, 3, RecurrentStack(LSTM(4)))
    params = drawn(net, LABEL)
    every = np.array(list(itertools.product(range(3), repeat=4)), np.int32)
    score = jax.jit(nn.apply(score_generation(), net))
    for label in range(3):
        batch = {'label': np.full(len(every), label, np.int32), 'sequence': every}
        scores = score({'params': params}, batch, 0)
        assert np.exp(-scores['nll']).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.heavy
def test_samples_follow_the_likelihood_and_their_key() -> None:
    net = SequenceGenerator(2, 2, 1, RecurrentStack(Elman(4)))
    params, many = drawn(net, LABEL), np.zeros(4000, np.int32)

    @jax.jit
    def sample(seed: int) -> Array:
        key = jax.random.key(seed)
        return net.apply({'params': params}, many, key, method='generate')[0]

    made = np.asarray(sample(0))
    np.testing.assert_array_equal(made, sample(0))
    assert np.any(made != sample(1))
    every = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32)
    batch = {'label': np.zeros(4, np.int32), 'sequence': every}
    score = jax.jit(nn.apply(score_generation(), net))
    nll = score({'params': params}, batch, 0)['nll']
    fractions = np.bincount(made[:, 0] * 2 + made[:, 1], minlength=4) / 4000
    np.testing.assert_allclose(fractions, np.exp(-nll), atol=0.04)


def translator(**settings: object) -> EncoderDecoder:
    settings = {'encoder': RecurrentStack(LSTM(4), bidirectional=True)} | settings
    settings = {'decoder': RecurrentStack(GRU(5), layers=2)} | settings
    return EncoderDecoder(9, 6, embedding=3, **settings)


@functools.cache
def drawn_and_forcing(net: EncoderDecoder) -> tuple[PyTree, Callable]:
    """Random parameters, and the net that reads targets of eight steps."""
    target = np.ones((3, 8), np.int32)
    return drawn(net, SOURCE, target, LENGTH, scale=1.5), jax.jit(net.apply)


def decoded_by_hand(
    net: EncoderDecoder, params: PyTree, index: int, steps: int
) -> tuple[list[int], np.ndarray]:
    """Encode one source without padding; then argmax, step by step, until the end."""
    source = SOURCE[index : index + 1, : LENGTH[index]]
    if net.reverse:
        source = source[:, ::-1]
    embedded = params['source_embedding']['embedding'][source]
    _, carry = run_stack(net.encoder, params['reader'], embedded)
    summary = np.concatenate(jax.tree.leaves(carry), axis=1)
    carry = first_carry(net.decoder, params['bridge'], summary)
    token, tokens, logits = END, [], []
    while len(tokens) < steps:
        inputs = params['target_embedding']['embedding'][token][None, None]
        if net.context:
            inputs = np.concatenate([inputs, summary[:, None]], axis=-1)
        states, carry = run_stack(net.decoder, params['writer'], inputs, carry)
        logits.append(dense(params['output'], states[:, 0])[0])
        token = int(logits[-1].argmax())
        tokens.append(token)
        if token == END:
            break
    return tokens, np.stack(logits)


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
    variables, forcing = drawn_and_forcing(net)
    write = jax.jit(nn.apply(functools.partial(greedy, steps=8, end=END), net))
    prompt = np.full((3, 1), END, np.int32)
    for push in (-20.0, 0.0, 2.0, 20.0):  # towards the end token
        params = jax.tree.map(lambda p: p, variables)
        bias = params['output']['bias']
        params['output']['bias'] = bias + np.float32(push) * np.eye(6)[END]
        tokens, length, _ = write({'params': params}, prompt, SOURCE, LENGTH)
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


@pytest.mark.heavy
@pytest.mark.parametrize('reverse', [True, False])
def test_the_padding_of_a_source_changes_nothing(reverse: bool) -> None:
    stacks = {
        'encoder': RecurrentStack(Elman(4), bidirectional=True),
        'decoder': RecurrentStack(Elman(3)),
    }
    net = translator(reverse=reverse, context=True, **stacks)
    target = RNG.integers(1, 6, (3, 4)).astype(np.int32)
    params = drawn(net, SOURCE, target, LENGTH)
    other = np.where(VALID, SOURCE, np.int32(8))
    assert np.any(other != SOURCE)

    def total(params: PyTree, source: Array) -> Array:
        return jnp.sum(net.apply({'params': params}, source, target, LENGTH) ** 2)

    gradient = jax.jit(jax.value_and_grad(total))
    first, again = (gradient(params, source) for source in (SOURCE, other))
    jax.tree.map(np.testing.assert_array_equal, first, again)


def test_a_step_of_the_target_sees_those_before_it_only() -> None:
    params, forcing = drawn_and_forcing(translator())
    target = RNG.integers(1, 6, (3, 8)).astype(np.int32)
    changed = target.copy()
    changed[:, 2] = (target[:, 2] + 1) % 6
    before, after = (
        forcing({'params': params}, SOURCE, t, LENGTH) for t in (target, changed)
    )
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
        (lambda: EncoderDecoder(target_tokens=2), 'target_tokens 2'),
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
    net = SequenceClassifier(3, RecurrentStack(Elman(4)), dropout=0.5)
    variables = {'params': drawn(net, X)}
    rngs = {'dropout': jax.random.key(0)}
    apply = jax.jit(net.apply, static_argnames='train')
    calm = np.asarray(apply(variables, X))
    np.testing.assert_array_equal(calm, apply(variables, X, rngs=rngs))
    assert np.any(apply(variables, X, train=True, rngs=rngs) != calm)
