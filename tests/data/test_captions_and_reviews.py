"""Captions and reviews by rule: what they say is so, and splits are apart."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax import data
from dljax.data.captions import CAPTION_WORDS, DIGITS, describe
from dljax.data.reviews import ASPECTS, BAD, CLASS_NAMES, GOOD, REVIEW_WORDS
from dljax.types import fold

KEY = jax.random.key(0)
GLYPHS = np.random.default_rng(0).uniform(0.5, 1, (20, 8, 8, 1)).astype(np.float32)


def scenes(**settings: object) -> data.Scenes:
    given = {'size': (32, 40), 'most': 2, 'side': (8, 11), **settings}
    return data.digit_scenes(GLYPHS, np.arange(20) % 10, **given)


@pytest.mark.parametrize(
    'first, second, said',
    [
        ((0, 5, 10, 15), (20, 0, 30, 10), ('a two above a six', 'a six below a two')),
        ((20, 0, 30, 10), (0, 5, 10, 15), ('a two below a six', 'a six above a two')),
        (
            (0, 0, 9, 9),
            (5, 20, 14, 29),
            ('a two left of a six', 'a six right of a two'),
        ),
        (
            (5, 20, 14, 29),
            (0, 0, 9, 9),
            ('a two right of a six', 'a six left of a two'),
        ),
    ],
)
def test_both_captions_are_true(first: tuple, second: tuple, said: tuple) -> None:
    boxes = jnp.array([[first, second]], jnp.float32)
    both = np.asarray(describe(jnp.array([[3, 7]]), boxes))[0]
    assert tuple(map(CAPTION_WORDS.decode, both)) == said


def test_what_is_not_seen_is_not_said() -> None:
    boxes = jnp.zeros((3, 2, 4))
    both = np.asarray(describe(jnp.array([[3, 0], [0, 7], [0, 0]]), boxes))
    said = [[CAPTION_WORDS.decode(one) for one in pair] for pair in both]
    assert said == [['a two'] * 2, ['a six'] * 2, ['nothing'] * 2]
    alone = np.asarray(describe(jnp.array([[10]]), boxes[:1, :1]))
    assert CAPTION_WORDS.decode(alone[0, 0]) == 'a nine'


def test_captions_go_with_their_scenes() -> None:
    made = data.captioned_scenes(scenes(fewest=1))
    batch = made.fixed(200)
    below = made.scenes.draw(fold(fold(KEY, 'fixed captions'), 'scenes'), 200)
    np.testing.assert_array_equal(batch['image'], below['image'])
    seconds = 0
    for caption, length, both, classes in zip(
        batch['caption'],
        batch['caption_length'],
        batch['references'],
        np.asarray(below['class']),
        strict=True,
    ):
        text = CAPTION_WORDS.decode(caption)
        assert caption[length - 1] == 1 and not caption[length:].any()
        assert text in [CAPTION_WORDS.decode(one) for one in both]
        seconds += (caption != both[0]).any()
        named = sorted(DIGITS.index(w) + 1 for w in text.split() if w in DIGITS)
        assert named == sorted(c for c in classes if c)
    # Half of the scenes have one digit, and one caption.
    assert 30 < seconds < 70 and 'captions made by rule' in made.summary
    again = made.fixed(200)
    np.testing.assert_array_equal(batch['caption'], again['caption'])
    source = data.procedural(made.draw, 4)
    _, form = jax.eval_shape(lambda: source.next(KEY, jnp.int32(0), None))
    assert form['image'].shape == (4, 32, 40, 1) and form['caption'].shape == (4, 7)


def test_scenes_of_many_digits_are_refused() -> None:
    with pytest.raises(ValueError, match='up to 3 digits'):
        data.captioned_scenes(scenes(most=3))


def judged(text: str) -> str:
    """Tell the sentiment by the rule that a reader would follow."""
    main = text.removesuffix(' .').split(' , ')[-1]
    good = any(word in GOOD for word in main.split())
    negated = bool(re.search(r'\b(not|never)\b', main))
    return CLASS_NAMES[good != negated]


def test_reviews_mean_what_their_labels_say() -> None:
    sets = data.reviews(0, 3000, 300, 300)
    opinions = {}
    for split, arrays in sets.items():
        opinions[split] = set()
        rows = zip(arrays['tokens'], arrays['length'], arrays['label'], strict=True)
        for tokens, length, label in rows:
            assert tokens[length - 1] == 1 and not tokens[length:].any()
            text = REVIEW_WORDS.decode(tokens)
            assert judged(text) == CLASS_NAMES[label] and '\ufffd' not in text
            for clause in text.split(' , '):
                words = clause.split()
                pair = [w for w in words if w in (*ASPECTS, *GOOD, *BAD)]
                opinions[split].update({tuple(pair)} if len(pair) == 2 else ())
    assert len(opinions['train']) == 168
    for split in ('validation', 'test'):
        assert not opinions[split] & opinions['train']


def test_a_bag_of_words_hardly_tells_the_sentiment() -> None:
    """What counts single words is near chance where nothing is conceded."""
    arrays = data.reviews(0, 4000, 1, 2000, concessions=0.0)
    counts = {
        split: np.stack(
            [
                np.bincount(row, minlength=REVIEW_WORDS.size)
                for row in arrays[split]['tokens']
            ]
        ).clip(0, 1)[:, 2:]
        for split in ('train', 'test')
    }
    signs = 2.0 * arrays['train']['label'] - 1
    weights = np.linalg.lstsq(counts['train'].astype(float), signs, rcond=None)[0]
    found = (counts['test'] @ weights > 0) == arrays['test']['label']
    assert 0.4 < found.mean() < 0.6


def test_equal_seeds_give_equal_reviews_and_others_do_not() -> None:
    first, again, other = (
        data.reviews(s, 9, 9, 9)['train']['tokens'] for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda: data.reviews(0, 0), "'train': 0"),
        (lambda: data.reviews(0, concessions=1.5), 'concessions 1.5'),
    ],
)
def test_settings_out_of_range_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
