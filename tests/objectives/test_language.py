"""Text: learning it in windows, scoring it, writing it, and the run as a whole."""

import functools
import io
import signal
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from rich.console import Console
from scipy.special import log_softmax

from dljax import run, zoo
from dljax.data import Vocabulary, batches, scored_windows, text_windows
from dljax.decoding import sample
from dljax.experiment import Experiment, Options, Report
from dljax.layers import LSTM, Elman
from dljax.models.recurrent import CharacterModel
from dljax.objectives import predict_next, score_next
from dljax.training import Player, evaluate, fit, learner
from dljax.types import Array, Batch, PyTree, State

KEY = jax.random.key(0)
TOKENS = np.random.default_rng(0).integers(1, 7, 200)
STATEFUL = CharacterModel(7, LSTM(8), embedding=4, stateful=True)
PERIOD = 'abcabdabe. '


def first_batch(window: int = 24) -> Batch:
    return text_windows(TOKENS, 3, window).init(KEY)[1]


@functools.cache
def differentiated(net: nn.Module, parts: int) -> Callable:
    def loss(params: PyTree, variables: PyTree, batch: Batch) -> tuple[Array, PyTree]:
        (value, metrics), kept = nn.apply(predict_next(parts), net, mutable='carry')(
            {**variables, 'params': params}, batch, jnp.int32(0)
        )
        return value, (kept, metrics['bits_per_character'])

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def valued(net: nn.Module, parts: int, batch: Batch, variables: PyTree) -> tuple:
    """The loss, its gradient, and the collections after it."""
    (value, (kept, bits)), gradient = differentiated(net, parts)(
        variables['params'], variables, batch
    )
    np.testing.assert_allclose(bits * np.log(2), value, rtol=1e-6)
    return value, gradient, kept


def started() -> PyTree:
    form = jax.eval_shape(
        nn.init(predict_next(), STATEFUL), KEY, first_batch(), jnp.int32(0)
    )
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda s: (0.4 * rng.normal(size=s.shape)).astype(s.dtype), form['params']
    )
    return {
        'params': params,
        'carry': jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), form['carry']),
    }


def of_opinions() -> tuple[CharacterModel, PyTree]:
    """A net that does not save the carry, and is sure of some characters."""
    params = jax.tree.map(lambda p: 3 * p, started()['params'])
    return STATEFUL.clone(stateful=False), params


@pytest.mark.others('exhaustive', first='heavy')
@pytest.mark.parametrize('parts', [2, 6, 24])
def test_windows_with_the_carry_equal_one_pass_but_for_the_gradient(parts) -> None:
    batch = first_batch()
    variables = started()
    whole, full, end = valued(STATEFUL, 1, batch, variables)
    cut, truncated, last = valued(STATEFUL, parts, batch, variables)
    np.testing.assert_allclose(cut, whole, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), end, last)
    apart = jax.tree.map(lambda a, b: np.square(a - b).sum(), full, truncated)
    assert np.sqrt(sum(jax.tree.leaves(apart))) > 1e-3
    # Without a carry each part begins at zero, and the loss is another one.
    without = nn.apply(
        predict_next(parts), STATEFUL.clone(stateful=False), mutable='carry'
    )
    (value, _), kept = jax.jit(without)(
        {'params': variables['params']}, batch, jnp.int32(0)
    )
    assert abs(value - whole) > 1e-5 and not kept


@pytest.mark.heavy
def test_the_truncated_gradient_is_that_of_windows_one_after_the_other() -> None:
    batch = first_batch()
    variables = started()
    together = valued(STATEFUL, 2, batch, variables)[1]
    kept, gradients = variables, []
    for half in (slice(12), slice(12, 24)):
        part = {name: tokens[:, half] for name, tokens in batch.items()}
        _, gradient, carry = valued(STATEFUL, 1, part, kept)
        gradients.append(gradient)
        kept = {**variables, **carry}
    mean = jax.tree.map(lambda a, b: (np.asarray(a) + b) / 2, *gradients)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), together, mean
    )


def test_the_loss_is_that_of_a_uniform_guess_for_a_net_that_knows_nothing() -> None:
    batch = first_batch()
    variables = started()
    nothing = jax.tree.map(np.zeros_like, variables['params'])
    value, _, _ = valued(STATEFUL, 2, batch, {**variables, 'params': nothing})
    np.testing.assert_allclose(value, np.log(7), rtol=1e-6)


def test_parts_have_to_divide_the_window() -> None:
    with pytest.raises(ValueError, match='24 characters does not divide into 5'):
        nn.init(predict_next(5), STATEFUL)(KEY, first_batch(), jnp.int32(0))
    with pytest.raises(ValueError, match='parts=0'):
        predict_next(0)


def test_the_score_is_the_mean_over_the_characters_that_are_scored() -> None:
    net, params = of_opinions()
    state = State(jnp.int32(0), params, {}, {})
    # With all the text before it as the context of each row the score is exact.
    rows = scored_windows(TOKENS, 150, window=20, context=200)
    scored = evaluate(net, score_next(), state, batches(rows, 2))
    logits = jax.jit(net.apply)({'params': params}, TOKENS[None, :-1].astype(np.int32))
    logs = log_softmax(np.asarray(logits)[0], axis=-1)[np.arange(199), TOKENS[1:]]
    wanted = -logs[149:].mean() / np.log(2)
    np.testing.assert_allclose(scored['bits_per_character'], wanted, rtol=1e-5)


@pytest.fixture(scope='module')
def reciter() -> tuple[CharacterModel, State, Vocabulary]:
    vocabulary = Vocabulary.of(PERIOD)
    net = CharacterModel(vocabulary.size, Elman(24), embedding=16, stateful=True)
    source = text_windows(vocabulary.encode(PERIOD * 20), 4, 16)
    player = Player(optax.adam(0.05), loss=predict_next())
    train = learner(net, {'m': player})
    return net, fit(train, source, steps=100, key=KEY, chunk=100)[0], vocabulary


@pytest.mark.heavy
def test_a_periodic_text_is_learned_to_a_tenth_of_a_bit(reciter: tuple) -> None:
    net, state, vocabulary = reciter
    tokens = vocabulary.encode(PERIOD * 6)
    rows = scored_windows(tokens, 22, window=11, context=22)
    scored = evaluate(net, score_next(), state, [rows])
    assert scored['bits_per_character'] < 0.1  # a uniform guess: 2.8


def write(reciter: tuple, prompts: list[str], heats: list[float]) -> list[str]:
    net, state, vocabulary = reciter
    tokens = np.stack([vocabulary.encode(prompt) for prompt in prompts])
    # All collections, the carry of the training's batch of 4 among them.
    variables = {'params': state.params, **state.collections}
    writer = jax.jit(nn.apply(functools.partial(sample, steps=33), net))
    written = writer(variables, KEY, tokens, temperature=np.float32(heats)).tokens
    return [vocabulary.decode(row) for row in np.asarray(written)]


@pytest.mark.heavy
def test_the_likeliest_characters_go_on_with_the_text(reciter: tuple) -> None:
    whole = PERIOD * 5
    for heat in (0.0, 0.1):
        assert write(reciter, [whole[:14], whole[3:17]], [heat, heat]) == [
            whole[14:47],
            whole[17:50],
        ]


@pytest.mark.heavy
def test_each_row_has_its_own_temperature(reciter: tuple) -> None:
    whole = PERIOD * 5
    cold, warm = write(reciter, [whole[:14], whole[:14]], [0.0, 50.0])
    assert cold == whole[14:47]
    assert sum(a != b for a, b in zip(cold, warm, strict=True)) > 15


def made(**changes: object) -> Experiment:
    rows = scored_windows(TOKENS, 160, window=10, context=20)
    values = {
        'net': CharacterModel(7, LSTM(8), embedding=4, dropout=0.2, stateful=True),
        'players': {'m': Player(optax.adam(0.01), loss=predict_next())},
        'source': text_windows(TOKENS[:160], 4, 8),
        'steps': 12,
        'data_summary': 'numbers (synthetic)',
        'score': score_next(),
        'evaluation': {'held_out': rows},
        'inputs': zoo.inputs('character_lstm', vocabulary=7),
        'record_every': 2,
        'evaluate_every': 4,
    }
    return Experiment(**values | changes)


def trained(experiment: Experiment, workdir: Path, **options: object) -> Report:
    console = Console(file=io.StringIO())
    return run(experiment, workdir, Options(**options), console=console)


@pytest.mark.heavy
def test_a_resumed_run_with_a_carry_ends_bit_for_bit_the_same(tmp_path: Path) -> None:
    # All from the host, so that one program makes the updates of each run.
    source = made().source._replace(host=True)
    whole = trained(made(source=source), tmp_path / 'whole')

    def following(key: Array, position: int, state: State) -> tuple:
        if int(position) == 6 * 8:  # the seventh batch
            signal.raise_signal(signal.SIGTERM)
        return source.next(key, position, state)

    interrupting = source._replace(next=following)
    first = trained(made(source=interrupting), tmp_path / 'parted')
    assert first.ended is None and 0 < first.step < 12
    assert any(np.any(c) for c in jax.tree.leaves(first.state.collections['carry']))
    second = trained(made(source=source), tmp_path / 'parted')
    assert second.step == 12
    for a, b in zip(
        jax.tree.leaves(whole.state), jax.tree.leaves(second.state), strict=True
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    'options',
    [
        pytest.param({'devices': 2}, marks=pytest.mark.heavy, id='devices'),
        pytest.param(
            {'devices': 2, 'parallel': 'pmap'}, marks=pytest.mark.exhaustive, id='pmap'
        ),
        pytest.param({'members': 2}, marks=pytest.mark.exhaustive, id='members'),
    ],
)
def test_it_trains_on_two_devices_and_as_two_members(tmp_path, options) -> None:
    calm = CharacterModel(7, LSTM(8), embedding=4, stateful=True)
    report = trained(made(net=calm), tmp_path / 'many', **options)
    assert np.isfinite(report.metrics['held_out/bits_per_character'])
    carry = jax.tree.leaves(report.state.collections['carry'])
    if 'members' in options:
        assert all(leaf.shape == (2, 4, 8) for leaf in carry)
        assert report.metrics['held_out/bits_per_character/std'] > 0
        return
    assert all(leaf.shape == (4, 8) for leaf in carry)
    alone = trained(made(net=calm), tmp_path / 'one')
    for a, b in zip(
        jax.tree.leaves(report.state), jax.tree.leaves(alone.state), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_a_token_beyond_the_vocabulary_is_refused_before_the_training(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"'tokens' of example 0 is 6, .*in .0, 5."):
        trained(made(inputs=zoo.inputs('character_lstm', vocabulary=6)), tmp_path)
