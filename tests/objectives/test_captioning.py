"""Captions: any reference counts, padding does not, and places are learned to say."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.data import resident
from dljax.layers import LSTM, RecurrentStack
from dljax.models.recurrent import Captioner
from dljax.models.recurrent.captioner import PooledConvolutions
from dljax.objectives import caption, score_caption
from dljax.objectives.captioning import match
from dljax.training import Player, evaluate, fit, learner
from dljax.types import Array

KEY = jax.random.key(0)


class Says(nn.Module):
    """A captioner whose sentences are known."""

    tokens: tuple[tuple[int, ...], ...]

    def __call__(self, image: Array, caption: Array, *, train: bool) -> Array:
        """Say the tokens, each with a logit of 4 against 0."""
        return 4.0 * jax.nn.one_hot(jnp.array(self.tokens)[:, : caption.shape[1]], 4)

    def begin(self, image: Array, *, steps: int) -> Array:
        """Begin at the first token."""
        return jnp.int32(0)

    def read(self, tokens: Array, place: Array) -> tuple[Array, Array]:
        """Say the next one, whatever was said before."""
        logits = 4.0 * jax.nn.one_hot(jnp.array(self.tokens)[:, place], 4)
        return logits[:, None], place + 1


def batch(caption: list, length: list, references: list | None = None) -> dict:
    made = {
        'image': np.zeros((len(caption), 2, 2, 1), np.float32),
        'caption': np.array(caption, np.int32),
        'caption_length': np.array(length, np.int32),
    }
    return made if references is None else made | {'references': np.array(references)}


def test_exact_is_what_equals_any_reference_up_to_its_end() -> None:
    tokens = jnp.array([[2, 3, 1, 0], [2, 3, 1, 0], [2, 3, 1, 0], [2, 3, 2, 2]])
    references = jnp.array(
        [
            [[3, 1, 0, 0], [2, 3, 1, 0]],  # the second of them
            [[2, 3, 1, 3], [0, 0, 0, 0]],  # what follows an end is of no effect
            [[2, 1, 0, 0], [0, 0, 0, 0]],  # a part is not the whole
            [[2, 3, 1, 0], [0, 0, 0, 0]],  # nor is what goes on
        ]
    )
    exact, right = match(tokens, references)
    np.testing.assert_array_equal(exact, [True, True, False, False])
    np.testing.assert_allclose(right, [1, 1, 0.5, 2 / 3], rtol=1e-6)
    # A row of padding is no reference, though nothing was written there either.
    exact, right = match(jnp.zeros((1, 4), jnp.int32), references[1:2])
    assert not exact[0] and right[0] == 0


def test_scores_are_those_of_a_loop_by_hand() -> None:
    net = Says(((2, 3, 1, 0), (2, 3, 1, 0), (2, 2, 3, 1)))
    captions = [[2, 3, 1, 0], [3, 1, 0, 0], [2, 3, 3, 1]]
    plain = batch(captions, [3, 2, 4])
    right, wrong = np.log(1 + 3 * np.exp(-4)), np.log(3 + np.exp(4))
    loss = np.array([right, wrong, (3 * right + wrong) / 4])
    scores = jax.jit(nn.apply(score_caption(), net))({}, plain, 0)
    np.testing.assert_array_equal(scores['exact'], [1, 0, 0])
    np.testing.assert_allclose(scores['accuracy'], [1, 0, 0.75])
    np.testing.assert_allclose(scores['loss'], loss, rtol=1e-5)
    value, metrics = jax.jit(nn.apply(caption(), net))({}, plain, 0)
    np.testing.assert_allclose(value, loss.mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics['accuracy'], (1 + 0 + 0.75) / 3, rtol=1e-6)
    others = [[each, each] for each in captions]
    others[1][1] = [2, 3, 1, 0]
    scores = jax.jit(nn.apply(score_caption(), net))(
        {}, batch(captions, [3, 2, 4], others), 0
    )
    np.testing.assert_array_equal(scores['exact'], [1, 1, 0])
    np.testing.assert_allclose(scores['loss'], loss, rtol=1e-5)


def test_what_stands_after_the_end_changes_neither_loss_nor_scores() -> None:
    net = Says(((2, 3, 1, 0), (2, 2, 1, 0)))
    found = [
        jax.jit(nn.apply(part, net))({}, made, 0)
        for made in (
            batch([[2, 1, 0, 0], [2, 2, 1, 0]], [2, 3]),
            batch([[2, 1, 3, 2], [2, 2, 1, 3]], [2, 3]),
        )
        for part in (caption(), score_caption())
    ]
    jax.tree.map(np.testing.assert_array_equal, found[:2], found[2:])


def test_a_token_that_there_is_none_of_makes_all_scores_of_its_example_nan() -> None:
    made = batch([[2, 9], [2, 3]], [2, 2])
    scores = jax.jit(nn.apply(score_caption(), Says(((2, 3), (2, 3)))))({}, made, 0)
    for values in scores.values():
        np.testing.assert_array_equal(np.isnan(values), [True, False])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'caption': None}, "there is no feature 'caption'"),
        (
            {'caption': [[2, 9], [2, 1]]},
            r"'caption' of example 0 is 9, wanted .*\[0, 4",
        ),
        ({'caption_length': [2, 3]}, "'caption_length' of example 1 is 3"),
        ({'references': [[[2, 1]], [[5, 1]]]}, "'references' of example 1 is 5"),
        ({'references': [[[2, 1]], [[0, 0]]]}, "'references' of example 1 are padding"),
        ({'references': [[2, 1], [2, 1]]}, "'references' has examples of shape"),
    ],
)
def test_what_is_no_caption_is_refused_on_the_host(change: dict, message: str) -> None:
    made = batch([[2, 1], [2, 1]], [2, 2])
    made |= {k: np.asarray(v) for k, v in change.items() if v is not None}
    made = {k: v for k, v in made.items() if change.get(k, v) is not None}
    with pytest.raises(ValueError, match=message):
        score_caption().check(Says(((2, 1), (2, 1))), made)


def squares(examples: int, seed: int) -> dict[str, np.ndarray]:
    """A bright or dark square in a corner: 'bright up left', 'up left bright'."""
    rng = np.random.default_rng(seed)
    bright, down, right, order = rng.integers(0, 2, (4, examples))
    image = np.full((examples, 12, 12, 1), 0.5) + rng.normal(0, 0.05, (12, 12, 1))
    for n in range(examples):
        y, x = 6 * down[n] + rng.integers(0, 3), 6 * right[n] + rng.integers(0, 3)
        image[n, y : y + 4, x : x + 4] = bright[n]
    end = np.ones(examples, int)
    words = 2 + bright, 4 + down, 6 + right
    both = [np.stack([*words, end], 1), np.stack([*words[1:], words[0], end], 1)]
    references = np.stack(both, 1)
    made = {
        'image': image.astype(np.float32),
        'caption': references[np.arange(examples), order],
        'caption_length': np.full(examples, 4),
        'references': references,
    }
    return {k: v if k == 'image' else v.astype(np.int32) for k, v in made.items()}


@pytest.mark.heavy
@pytest.mark.parametrize('attention', [True, False])
def test_a_captioner_learns_to_say_what_is_where(attention: bool) -> None:
    net = Captioner(
        8,
        8,
        PooledConvolutions((8, 16)),
        None,
        RecurrentStack(LSTM(24)),
        attention,
        16,
    )
    train = learner(net, {'p': Player(optax.adam(1e-2), loss=caption())})
    made = squares(600, 0)
    source = resident({k: v for k, v in made.items() if k != 'references'}, 50)
    state = fit(train, source, steps=200, key=KEY, chunk=50)[0]
    scores = evaluate(net, score_caption(), state, [squares(200, 1)])
    # A guess of all but one of the three is right in half of the cases.
    assert scores['exact'] > 0.9
    # Which of the two orders it is cannot be known: one bit in four tokens.
    assert np.log(2) / 4 - 0.02 < scores['loss'] < np.log(2) / 4 + 0.1
