"""Objectives of sequences: masks, scores by hand, and small problems learned."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import resident
from dljax.layers import GRU, LSTM, Elman, RecurrentStack
from dljax.losses import quadratic
from dljax.models.recurrent import (
    EncoderDecoder,
    SequenceClassifier,
    SequenceGenerator,
    SequenceTagger,
    expected,
)
from dljax.objectives import (
    classify,
    generate,
    predict,
    regress,
    score_classes,
    score_generation,
    score_regression,
    score_tags,
    score_translation,
    tag,
    translate,
)
from dljax.objectives.sequence import per_step, within_length
from dljax.training import Player, evaluate, fit, learner
from dljax.types import Array, Batch, Objective, State

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
BOTH = ('sequence', 'length')


def trained(
    net: nn.Module, loss: Objective, batch: Batch, steps: int, rate: float = 0.02
) -> State:
    train = learner(net, {'p': Player(optax.adam(rate), loss=loss)})
    return fit(train, resident(batch, 50), steps=steps, key=KEY, chunk=50)[0]


def bits(examples: int, time: int, shortest: int) -> dict[str, np.ndarray]:
    """Random bits in [-1, 1], some of them padding, filled with what is not 0."""
    values = RNG.integers(0, 2, (examples, time))
    length = RNG.integers(shortest, time, examples, endpoint=True)
    valid = np.arange(time)[None, :] < length[:, None]
    sequence = np.where(valid, 2.0 * values - 1, RNG.normal(size=values.shape))
    return {
        'sequence': sequence[..., None].astype(np.float32),
        'length': length.astype(np.int32),
        'bits': values * valid,
    }


@pytest.mark.exhaustive
def test_a_tagger_learns_the_parity_so_far() -> None:
    data = bits(400, 8, 3)
    data['label'] = (data.pop('bits').cumsum(axis=1) % 2).astype(np.int32)
    net = SequenceTagger(1, RecurrentStack(Elman(12)))
    state = trained(net, tag(), data, steps=600)
    fresh = bits(200, 8, 3)
    fresh['label'] = (fresh.pop('bits').cumsum(axis=1) % 2).astype(np.int32)
    scores = evaluate(net, score_tags(), state, [fresh])
    # Without memory the parity after some bits is a coin.
    assert scores['accuracy'] > 0.97 and scores['exact'] > 0.9
    assert scores['loss'] < 0.2


@pytest.mark.heavy
def test_a_classifier_learns_the_last_true_step_from_sequence_and_length() -> None:
    data = bits(400, 6, 1)
    last = data['length'] - 1
    data['label'] = data.pop('bits')[np.arange(400), last].astype(np.int32)
    net = SequenceClassifier(2, RecurrentStack(Elman(8)))
    state = trained(net, classify(BOTH), data, steps=200)
    assert evaluate(net, score_classes(BOTH), state, [data])['accuracy'] > 0.98
    blind = {**data, 'length': np.full(400, 6, np.int32)}
    assert evaluate(net, score_classes(BOTH), state, [blind])['accuracy'] < 0.85
    variables = {'params': state.params}
    logits = nn.apply(predict(BOTH), net)(variables, data)
    assert (logits.argmax(1) == data['label']).mean() > 0.98


@pytest.mark.exhaustive
def test_a_regression_learns_the_sum_of_a_sequence() -> None:
    data = bits(400, 5, 1)
    data['target'] = data.pop('bits').sum(axis=1).astype(np.float32)
    net = SequenceClassifier(1, RecurrentStack(GRU(12), bidirectional=True))
    state = trained(net, regress(BOTH), data, steps=400)
    error = evaluate(net, score_regression(BOTH), state, [data])['squared_error']
    assert error < 0.05 < data['target'].var() / 5


@pytest.mark.exhaustive
def test_a_generator_learns_its_classes_down_to_their_entropy() -> None:
    label = RNG.integers(0, 2, 400)
    first = RNG.integers(0, 2, 400)
    # A coin, then its value again (class 0) or the other one (class 1), by turns.
    steps = (first[:, None] + np.arange(6)[None, :] * label[:, None]) % 2
    data = {'label': label.astype(np.int32), 'sequence': steps.astype(np.int32)}
    net = SequenceGenerator(2, 6, 2, RecurrentStack(LSTM(8)))
    state = trained(net, generate(), data, steps=200)
    nll = evaluate(net, score_generation(), state, [data])['nll']
    assert np.log(2) - 0.02 < nll < np.log(2) + 0.05  # six coins would cost 4.16
    labels = jnp.array([0, 1] * 50)
    made, _ = net.apply({'params': state.params}, labels, KEY, method='generate')
    same = np.diff(made, axis=1) == 0
    assert (same == (np.asarray(labels) == 0)[:, None]).mean() > 0.98
    assert 0.2 < made[:, 0].mean() < 0.8


@pytest.mark.exhaustive
def test_a_generator_of_real_numbers_continues_a_wave_by_itself() -> None:
    phase = RNG.uniform(0, 2 * np.pi, 200)
    times = phase[:, None] + 0.5 * np.arange(8)[None, :]
    waves = np.sin(times)[..., None].astype(np.float32)
    start = np.stack([np.sin(phase), np.cos(phase)], axis=1).astype(np.float32)
    data = {'start': start, 'wave': waves}
    net = SequenceGenerator(1, 8, None, RecurrentStack(GRU(16)), expected)
    loss = generate('start', 'wave', loss=quadratic)
    state = trained(net, loss, data, steps=300)
    free = net.apply({'params': state.params}, start)
    assert np.square(free - waves).mean() < 0.02 < waves.var() / 10
    score = score_generation('start', 'wave', loss=quadratic)
    assert evaluate(net, score, state, [data])['nll'] < 0.08


def reversals(examples: int) -> dict[str, np.ndarray]:
    """Strings of 1 to 4 letters and the same strings backwards, with their ends."""
    length = RNG.integers(1, 4, examples, endpoint=True)
    letters = RNG.integers(2, 5, (examples, 4))
    source, target = np.zeros((examples, 5), int), np.zeros((examples, 5), int)
    for row, size in enumerate(length):
        source[row, :size] = letters[row, :size]
        target[row, :size] = letters[row, :size][::-1]
        source[row, size] = target[row, size] = 1
    arrays = {'source': source, 'target': target}
    arrays |= {'source_length': length + 1, 'target_length': length + 1}
    return {name: values.astype(np.int32) for name, values in arrays.items()}


@pytest.mark.heavy
def test_an_encoder_decoder_learns_to_turn_strings_round() -> None:
    net = EncoderDecoder(5, 5, 8, RecurrentStack(GRU(24)), RecurrentStack(GRU(24)))
    state = trained(net, translate(), reversals(500), steps=500)
    scores = evaluate(net, score_translation(), state, [reversals(200)])
    # A guess of the length alone is right a quarter of the time.
    assert scores['exact'] > 0.9 and scores['accuracy'] > 0.95


@pytest.mark.heavy
def test_padding_changes_neither_the_loss_nor_its_gradients() -> None:
    data = bits(6, 5, 1)
    data['label'] = data.pop('bits').astype(np.int32)
    pairs = reversals(6)
    valid = np.arange(5)[None, :] < data['length'][:, None]
    said = np.arange(5)[None, :] < pairs['target_length'][:, None]
    read = np.arange(5)[None, :] < pairs['source_length'][:, None]
    other = {
        **data,
        'sequence': np.where(valid[..., None], data['sequence'], 9.0),
        'label': np.where(valid, data['label'], 1),
    }
    other_pairs = {
        **pairs,
        'source': np.where(read, pairs['source'], 4),
        'target': np.where(said, pairs['target'], 3),
    }
    tagger = SequenceTagger(2, RecurrentStack(LSTM(3), bidirectional=True))
    translator = EncoderDecoder(5, 5, 4, decoder=RecurrentStack(GRU(3)))
    for net, loss, batch, changed in (
        (tagger, tag(), data, other),
        (translator, translate(), pairs, other_pairs),
    ):
        form = jax.eval_shape(nn.init(loss, net), KEY, batch, 0)['params']
        params = jax.tree.map(lambda s: np.float32(RNG.normal(size=s.shape)), form)
        applied = nn.apply(loss, net)

        @jax.jit
        @jax.value_and_grad
        def gradient(params: dict, batch: Batch, applied: Callable = applied) -> Array:
            return applied({'params': params}, batch, 0)[0]

        first, again = (gradient(params, b) for b in (batch, changed))
        jax.tree.map(np.testing.assert_array_equal, first, again)


class Says(nn.Module):
    """A translator and tagger whose answers are known."""

    tokens: tuple[tuple[int, ...], ...]

    def __call__(self, *inputs: Array, train: bool) -> Array:
        """Say the tokens, each with a logit of 4 against 0."""
        return 4.0 * jax.nn.one_hot(jnp.array(self.tokens), 4)

    def begin(self, source: Array, length: Array, *, steps: int) -> Array:
        """Begin at the first token."""
        return jnp.int32(0)

    def read(self, tokens: Array, place: Array) -> tuple[Array, Array]:
        """Say the next one, whatever was said before."""
        logits = 4.0 * jax.nn.one_hot(jnp.array(self.tokens)[:, place], 4)
        return logits[:, None], place + 1


def test_a_token_that_there_is_none_of_makes_all_scores_of_its_example_nan() -> None:
    answers = ((2, 3), (2, 3))
    target, length = jnp.array([[2, 9], [2, 3]]), jnp.array([2, 2])
    batch = {'source': target, 'target': target}
    batch |= {'source_length': length, 'target_length': length}
    scores = jax.jit(nn.apply(score_translation(), Says(answers)))({}, batch, 0)
    for values in scores.values():
        np.testing.assert_array_equal(np.isnan(values), [True, False])


@pytest.mark.heavy
def test_scores_count_true_places_only_and_whole_answers() -> None:
    net = Says(((2, 3, 1, 0), (2, 3, 1, 0), (2, 2, 3, 1)))
    target = np.array([[2, 3, 1, 0], [2, 1, 0, 0], [2, 3, 3, 1]])
    length = np.array([3, 2, 4])
    right, wrong = np.log(1 + 3 * np.exp(-4)), np.log(3 + np.exp(4))
    batch = {'source': target, 'target': target, 'source_length': length}
    batch |= {'target_length': length, 'sequence': target, 'length': length}
    batch['label'] = target
    for score, loss in ((score_translation(), translate()), (score_tags(), tag())):
        scores = jax.jit(nn.apply(score, net))({}, batch, 0)
        np.testing.assert_array_equal(scores['exact'], [1, 0, 0])
        np.testing.assert_allclose(scores['accuracy'], [1, 0.5, 0.75])
        wanted = np.array([right, (right + wrong) / 2, (3 * right + wrong) / 4])
        np.testing.assert_allclose(scores['loss'], wanted, rtol=1e-5)
        value, metrics = jax.jit(nn.apply(loss, net))({}, batch, 0)
        np.testing.assert_allclose(value, wanted.mean(), rtol=1e-5)
        np.testing.assert_allclose(metrics['accuracy'], 0.75)
    without = {name: batch[name] for name in ('sequence', 'label')}
    scores = jax.jit(nn.apply(score_tags('sequence'), net))({}, without, 0)
    np.testing.assert_allclose(scores['accuracy'], [1, 0.5, 0.75])
    # What is generated has no padding: all four places count.
    wanted = np.array([4 * right, 2 * right + 2 * wrong, 3 * right + wrong])
    scores = jax.jit(nn.apply(score_generation(), net))({}, batch, 0)
    np.testing.assert_allclose(scores['nll'], wanted, rtol=1e-5)
    value, _ = jax.jit(nn.apply(generate(), net))({}, batch, 0)
    np.testing.assert_allclose(value, wanted.mean() / 4, rtol=1e-5)


def test_an_example_without_a_true_step_costs_nothing() -> None:
    @jax.jit
    def costs(logits: Array, labels: Array, length: Array) -> Array:
        return per_step(logits, labels, within_length(length, 2))

    labels, length = np.zeros((2, 2), np.int32), np.array([0, 1])
    values = costs(np.zeros((2, 2, 3)), labels, length)
    np.testing.assert_allclose(values, [0, np.log(3)], rtol=1e-6)
    single = costs(np.zeros((2, 2, 1)), labels, length)
    np.testing.assert_allclose(single, [0, np.log(2)], rtol=1e-6)


def test_an_input_that_the_batch_lacks_is_named() -> None:
    net = SequenceTagger(2, RecurrentStack(Elman(2)))
    with pytest.raises(KeyError, match='length'):
        nn.init(tag(), net)(KEY, {'sequence': jnp.ones((1, 2, 1))}, 0)
