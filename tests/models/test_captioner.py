"""A captioner reads its image once, and writes step by step as it does at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model
from dljax.decoding import beam, greedy
from dljax.explain import attention_maps
from dljax.layers import GRU, LSTM, RecurrentStack
from dljax.models.recurrent import Captioner
from dljax.models.recurrent.captioner import PooledConvolutions
from dljax.types import Array, PyTree

RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(size=(3, 6, 8, 1)).astype(np.float32)
CAPTION = RNG.integers(2, 7, (3, 4)).astype(np.int32)


@functools.cache
def made(attention: bool, **settings: object) -> tuple[Captioner, PyTree]:
    net = Captioner(
        vocabulary=7,
        embedding=4,
        encoder=PooledConvolutions((3, 5), normalise=None),
        decoder=RecurrentStack(LSTM(6), layers=2),
        attention=attention,
        attention_features=4,
    )
    shapes = jax.eval_shape(net.init, jax.random.key(0), IMAGE, CAPTION)
    draw = np.random.default_rng(1)
    return net, jax.tree.map(
        lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), shapes
    )


@functools.cache
def logits(attention: bool) -> np.ndarray:
    net, variables = made(attention)
    return np.asarray(jax.jit(net.apply)(variables, IMAGE, CAPTION))


BOTH = pytest.mark.parametrize(
    'attention', [True, pytest.param(False, marks=pytest.mark.heavy)]
)


@BOTH
def test_step_by_step_it_predicts_what_it_does_at_once(attention: bool) -> None:
    net, variables = made(attention)

    def one_by_one(variables: PyTree) -> Array:
        carry = net.apply(variables, IMAGE, method='begin')
        before = jnp.pad(CAPTION, ((0, 0), (1, 0)), constant_values=1)[:, :-1]
        steps = []
        for token in before.T:
            said, carry = net.apply(variables, token[:, None], carry, method='read')
            steps.append(said[:, 0])
        return jnp.stack(steps, axis=1)

    found = jax.jit(one_by_one)(variables)
    np.testing.assert_allclose(found, logits(attention), rtol=1e-4, atol=1e-5)


@BOTH
def test_later_tokens_change_no_earlier_step_and_earlier_ones_do(
    attention: bool,
) -> None:
    net, variables = made(attention)
    other = CAPTION.copy()
    other[:, 1:] = (other[:, 1:] + 1) % 7
    found = np.asarray(jax.jit(net.apply)(variables, IMAGE, other))
    # The logits of step t read the tokens before t: those of 0 and 1 are equal.
    np.testing.assert_array_equal(found[:, :2], logits(attention)[:, :2])
    assert (np.abs(found - logits(attention))[:, 2:].max(-1) > 1e-3).all()


@BOTH
def test_the_caption_is_about_the_image(attention: bool) -> None:
    net, variables = made(attention)
    found = jax.jit(net.apply)(variables, IMAGE[::-1], CAPTION)
    gap = np.abs(np.asarray(found) - logits(attention)).max((1, 2))
    assert gap[0] > 1e-3 and gap[1] < 1e-5 and gap[2] > 1e-3


def test_the_attention_adds_up_to_one_over_the_places_row_by_row() -> None:
    net, variables = made(True)

    def look(net: Captioner, image: Array, caption: Array) -> tuple[dict, Array]:
        return attention_maps(net, image, caption), net.maps(image)

    found, maps = jax.jit(nn.apply(look, net))(variables, IMAGE, CAPTION)
    weights = np.asarray(found['attention'])
    assert maps.shape == (3, 3, 4, 5) and weights.shape == (3, 1, 4, 12)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert weights.std(-1).min() > 1e-3
    # By hand: v · tanh(W h_0 + b + U a) of the first step, h_0 of the upper layer.
    params = variables['params']
    places = np.asarray(maps).reshape(3, 12, 5)
    bridge = params['bridge']['states']
    start = np.tanh(places.mean(1) @ bridge['kernel'] + bridge['bias'])
    query = start[:, 12:18] @ params['look']['query']['kernel']
    hidden = query[:, None] + params['look']['query']['bias']
    hidden = np.tanh(hidden + places @ params['look']['key']['kernel'])
    scores = np.exp(hidden @ params['look']['score']['kernel'])[..., 0]
    wanted = scores / scores.sum(-1, keepdims=True)
    np.testing.assert_allclose(weights[:, 0, 0], wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.heavy
@pytest.mark.parametrize('attention', [True, False])
def test_it_is_decoded_greedily_and_by_beams(attention: bool) -> None:
    net, variables = made(attention)
    prompt = np.ones((3, 1), np.int32)
    write = jax.jit(nn.apply(functools.partial(greedy, steps=5, end=1), net))
    one = write(variables, prompt, IMAGE)
    first = np.asarray(jax.jit(net.apply)(variables, IMAGE, one.tokens))
    for row, said, length in zip(one.tokens, first, one.lengths, strict=True):
        np.testing.assert_array_equal(row[:length], said.argmax(-1)[:length])
    search = functools.partial(beam, steps=5, end=1, width=4, length_penalty=0.0)
    best = jax.jit(nn.apply(search, net))(variables, prompt, IMAGE)
    assert best.tokens.shape == (3, 4, 5)
    assert (best.log_probabilities[:, 0] >= one.log_probabilities - 1e-4).all()


@pytest.mark.heavy
def test_a_layer_of_a_net_of_the_zoo_can_be_the_encoder() -> None:
    encoder = create_model('resnet_cifar', depth=8)
    settings = {'vocabulary': 7, 'embedding': 4, 'attention_features': 4}
    settings['decoder'] = RecurrentStack(GRU(6))
    whole = Captioner(encoder=encoder, **settings)
    image = np.ones((2, 16, 16, 3), np.float32)
    with pytest.raises(ValueError, match=r'the encoder gives \(2, 10\), wanted featur'):
        jax.eval_shape(whole.init, jax.random.key(0), image, CAPTION[:2])
    block = next(n for n in paths(encoder, image) if paths(encoder, image)[n] == 4)
    net = Captioner(encoder=encoder, layer=block, **settings)
    variables = jax.jit(net.init)(jax.random.key(0), image, CAPTION[:2])

    @jax.jit
    def moved(variables: PyTree) -> tuple[PyTree, PyTree]:
        def total(params: PyTree) -> tuple[Array, PyTree]:
            said, state = net.apply(
                {**variables, 'params': params},
                image,
                CAPTION[:2],
                train=True,
                mutable=['batch_stats'],
            )
            return jnp.square(said).sum(), state

        return jax.grad(total, has_aux=True)(variables['params'])

    gradients, state = moved(variables)
    assert any(jnp.any(leaf != 0) for leaf in jax.tree.leaves(gradients['encoder']))
    jax.tree.map(
        np.testing.assert_array_equal,
        state['batch_stats'],
        variables['batch_stats'],
    )


def paths(net: nn.Module, image: np.ndarray) -> dict[str, int]:
    """Give the ranks of what its modules return."""
    from dljax.models.features import feature_shapes

    variables = jax.eval_shape(net.init, jax.random.key(0), image)
    variables = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), variables)
    found = nn.apply(feature_shapes, net)(variables, image)
    return {name: len(form.shape) for name, form in found.items()}


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'vocabulary': 2}, 'vocabulary is 2, wanted at least 3'),
        ({'embedding': 0}, 'embedding is 0'),
        ({'attention_features': 0}, 'attention_features is 0'),
        ({'dropout': 1.0}, 'dropout is 1.0'),
        (
            {'decoder': RecurrentStack(GRU(4), bidirectional=True)},
            'decoder is bidirectional',
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Captioner(**settings)


def test_an_encoder_without_convolutions_or_for_tiny_images_is_refused() -> None:
    with pytest.raises(ValueError, match='features is'):
        PooledConvolutions(())
    net = Captioner(7)
    with pytest.raises(ValueError, match='height and width of at least 4'):
        jax.eval_shape(net.init, jax.random.key(0), IMAGE[:, :3], CAPTION)
    with pytest.raises(ValueError, match='add the missing axis'):
        jax.eval_shape(net.init, jax.random.key(0), IMAGE[..., 0], CAPTION)
