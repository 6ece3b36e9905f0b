"""Transformers see what they may, and write step by step what they would at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax import create_model
from dljax.data import resident
from dljax.decoding import greedy
from dljax.models.attention.vision_transformer import as_patches
from dljax.objectives import (
    predict_next,
    score_translation,
    translate,
)
from dljax.training import Player, evaluate, fit, learner
from dljax.types import Array, PyTree

RNG = np.random.default_rng(0)
SMALL = {'width': 8, 'layers': 2, 'heads': 2, 'hidden': 16}
TOKENS = RNG.integers(2, 11, (3, 6)).astype(np.int32)
SOURCE = RNG.integers(2, 11, (3, 5)).astype(np.int32)
LENGTHS = np.array([6, 3, 4], np.int32)


def drawn(net: nn.Module, *inputs: np.ndarray, **settings: object) -> PyTree:
    """Random parameters everywhere, without compiling an initialiser."""
    init = functools.partial(net.init, **settings)
    shapes = jax.eval_shape(init, jax.random.key(0), *inputs)
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(size=leaf.shape) / 2, leaf.dtype), shapes
    )


@functools.cache
def gpt() -> tuple[nn.Module, PyTree]:
    net = create_model('gpt_character', vocabulary=11, context=9, **SMALL)
    return net, drawn(net, TOKENS)


@functools.cache
def translator() -> tuple[nn.Module, PyTree]:
    tokens = {'source_tokens': 11, 'target_tokens': 11}
    net = create_model('transformer', **tokens, **SMALL)
    return net, drawn(net, SOURCE, TOKENS)


@functools.cache
def bert() -> tuple[nn.Module, PyTree]:
    net = create_model('bert_base', vocabulary=11, context=9, **SMALL)
    return net, drawn(net, TOKENS, method='fill')


def test_a_token_changes_no_logits_before_it() -> None:
    net, variables = gpt()
    run = jax.jit(net.apply)
    changed = TOKENS.copy()
    changed[:, 4] = (changed[:, 4] + 1) % 11
    before, after = run(variables, TOKENS), run(variables, changed)
    assert before.shape == (3, 6, 11)
    assert np.array_equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).any(-1).all()


def test_reading_on_from_a_carry_equals_one_pass_up_to_the_context() -> None:
    net, variables = gpt()
    read = jax.jit(functools.partial(net.apply, method='read'))
    tokens = np.concatenate([TOKENS, TOKENS], axis=1)
    whole = jax.jit(net.apply)(variables, tokens[:, :9])
    carry, parts = None, []
    for start in range(0, 12, 3):
        logits, carry = read(variables, tokens[:, start : start + 3], carry)
        parts.append(logits)
    np.testing.assert_allclose(np.concatenate(parts[:3], 1), whole, atol=1e-5)
    assert np.isnan(parts[3]).all()
    assert all(leaf.shape[0] == 3 for leaf in jax.tree.leaves(carry))


def test_text_is_written_within_the_context() -> None:
    net, variables = gpt()
    write = nn.apply(functools.partial(greedy, steps=5), net)
    prompt = TOKENS[:, :4]
    text = jax.jit(write)(variables, prompt).tokens
    run, tokens = jax.jit(net.apply), np.zeros((3, 9), np.int32)
    tokens[:, :4] = prompt
    for step in range(4, 9):
        tokens[:, step] = run(variables, tokens)[:, step - 1].argmax(-1)
    assert np.array_equal(text, tokens[:, 4:])
    with pytest.raises(ValueError, match='10 tokens, wanted at most 9'):
        nn.apply(functools.partial(greedy, steps=6), net)(variables, prompt)


def test_the_translator_sees_true_steps_of_the_source_and_no_later_targets() -> None:
    net, variables = translator()
    run = jax.jit(net.apply)
    length = np.array([5, 2, 3], np.int32)
    logits = run(variables, SOURCE, TOKENS, length)
    source = np.where(np.arange(5) < length[:, None], SOURCE, 7)
    target = TOKENS.copy()
    target[:, 3:] = 4
    other = run(variables, source, target, length)
    assert np.array_equal(logits[:, :4], other[:, :4])
    assert (run(variables, SOURCE[:, ::-1], TOKENS, length) != logits).any()


def test_greedy_writing_equals_the_likeliest_of_one_pass() -> None:
    net, variables = translator()
    length = np.array([5, 2, 3], np.int32)
    write = jax.jit(nn.apply(functools.partial(greedy, steps=6, end=1), net))
    first = np.ones((3, 1), np.int32)
    tokens, lengths, _ = write(variables, first, SOURCE, length)
    likeliest = jax.jit(net.apply)(variables, SOURCE, tokens, length).argmax(-1)
    for row, count in enumerate(lengths):
        assert np.array_equal(tokens[row, :count], likeliest[row, :count])
        assert (tokens[row, count:] == 0).all()


@pytest.mark.heavy
def test_a_carry_of_the_translator_can_be_put_in_another_order() -> None:
    net, variables = translator()
    carry = net.apply(variables, SOURCE, steps=4, method='begin')
    assert all(leaf.shape[0] == 3 for leaf in jax.tree.leaves(carry))
    order = np.array([2, 0, 0])
    read = functools.partial(net.apply, variables, method='read')
    _, carry = read(TOKENS[:, :2], carry)
    wanted, _ = read(TOKENS[:, 2:3], carry)
    turned = jax.tree.map(lambda leaf: leaf[order], carry)
    logits, _ = read(TOKENS[order, 2:3], turned)
    np.testing.assert_allclose(logits, wanted[order], atol=1e-6)


@pytest.mark.heavy
@pytest.mark.parametrize(('shared', 'matrices'), [('all', 1), ('output', 2)])
def test_matrices_are_shared(shared: str, matrices: int) -> None:
    settings = {'source_tokens': 11, 'target_tokens': 11, **SMALL}
    nets = [create_model('transformer', shared=s, **settings) for s in (shared, 'none')]
    counts = [
        sum(leaf.size for leaf in jax.tree.leaves(drawn(net, SOURCE, TOKENS)))
        for net in nets
    ]
    assert counts[1] - counts[0] == (3 - matrices) * 11 * 8


def test_padding_changes_nothing_for_a_net_that_fills_gaps() -> None:
    net, variables = bert()
    fill = jax.jit(functools.partial(net.apply, method='fill'))
    logits = fill(variables, TOKENS, LENGTHS)
    true = np.arange(6) < LENGTHS[:, None]
    other = fill(variables, np.where(true, TOKENS, 5), LENGTHS)
    assert logits.shape == (3, 6, 11)
    assert np.array_equal(logits[true], other[true])
    first = TOKENS.copy()
    first[:, 0] = (first[:, 0] + 1) % 11  # each place reads all others
    assert (fill(variables, first, LENGTHS) != logits).any(-1)[true].all()


def test_patches_times_a_matrix_are_a_convolution() -> None:
    image = RNG.normal(size=(2, 6, 9, 2)).astype(np.float32)
    kernel = RNG.normal(size=(3, 3, 2, 4)).astype(np.float32)
    got = as_patches(image, 3) @ kernel.reshape(-1, 4)
    wanted = jax.lax.conv_general_dilated(
        image, kernel, (3, 3), 'VALID', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
    )
    np.testing.assert_allclose(got, wanted.reshape(2, 6, 4), atol=1e-4)


@pytest.mark.parametrize(
    ('name', 'settings', 'message'),
    [
        ('gpt2', {'heads': 5}, 'a width that is a multiple of the heads'),
        ('gpt2', {'vocabulary': 1}, 'vocabulary is 1'),
        ('transformer', {'source_tokens': 9}, "since shared is 'all'"),
        ('transformer', {'shared': 'both'}, "wanted 'all', 'output' or 'none'"),
        ('bert_base', {'width': 700}, 'multiple of the heads'),
        ('vit_b_16', {'size': 100}, 'a multiple of the patch'),
    ],
)
def test_what_does_not_fit_is_refused(name: str, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_model(name, **settings)


def test_images_of_another_size_are_refused() -> None:
    net = create_model('vit_b_16')
    with pytest.raises(ValueError, match='a height and width of 224'):
        jax.eval_shape(net.init, jax.random.key(0), jnp.ones((1, 32, 32, 3)))


@pytest.mark.heavy
def test_blocks_computed_anew_have_the_same_gradients() -> None:
    net, variables = translator()

    def loss(net: nn.Module, params: PyTree) -> Array:
        lengths = LENGTHS - 1
        return (net.apply({'params': params}, SOURCE, TOKENS, lengths) ** 2).mean()

    plain, anew = (
        jax.jit(jax.grad(functools.partial(loss, each)))(variables['params'])
        for each in (net, net.clone(remat=True))
    )
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), plain, anew
    )


@pytest.mark.heavy
def test_a_transformer_learns_to_turn_sequences_round() -> None:
    rows = RNG.integers(2, 8, (600, 4)).astype(np.int32)
    ends = np.ones((600, 1), np.int32)
    data = {
        'source': rows,
        'source_length': np.full(600, 4, np.int32),
        'target': np.concatenate([rows[:, ::-1], ends], axis=1),
        'target_length': np.full(600, 5, np.int32),
    }
    settings = {**SMALL, 'width': 32, 'hidden': 64, 'norm_first': True, 'dropout': 0.0}
    net = create_model('transformer', source_tokens=8, target_tokens=8, **settings)
    player = Player(optax.adam(3e-3), loss=translate(label_smoothing=0.05))
    train = learner(net, {'translator': player})
    seen = {name: values[:500] for name, values in data.items()}
    state, _ = fit(
        train, resident(seen, 50), steps=400, key=jax.random.key(0), chunk=50
    )
    fresh = {name: values[500:] for name, values in data.items()}
    found = evaluate(net, score_translation(), state, [fresh])
    assert found['exact'] > 0.8  # chance is 1 in 1,296


@pytest.mark.heavy
def test_a_gpt_learns_a_rule_over_several_tokens() -> None:
    # A token is the sum of the two before it, modulo 7.
    text = np.zeros((300, 12), np.int32)
    text[:, :2] = RNG.integers(0, 7, (300, 2))
    for step in range(2, 12):
        text[:, step] = (text[:, step - 1] + text[:, step - 2]) % 7
    settings = {**SMALL, 'width': 32, 'hidden': 64, 'vocabulary': 7, 'context': 12}
    net = create_model('gpt_character', **settings)
    train = learner(net, {'model': Player(optax.adam(3e-3), loss=predict_next())})
    data = {'tokens': text[:, :-1], 'target': text[:, 1:]}
    state, _ = fit(
        train, resident(data, 50), steps=400, key=jax.random.key(0), chunk=50
    )
    write = nn.apply(functools.partial(greedy, steps=8), net)
    wrote = write({'params': state.params}, text[:20, :2]).tokens
    assert (np.asarray(wrote) == text[:20, 2:10]).mean() > 0.9
