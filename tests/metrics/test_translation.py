"""BLEU by hand and by brute force; tests/parity has sacrebleu."""

import math

import numpy as np
import pytest

from dljax.metrics import bleu, brevity_penalty, ngram_matches
from dljax.metrics.translation import nearest_length

RNG = np.random.default_rng(0)
WORDS = 'a the cat dog sat ran on under mat , .'.split()


def sentences(count: int, longest: int = 12) -> list[list[str]]:
    sizes = RNG.integers(1, longest, count)
    return [[str(w) for w in RNG.choice(WORDS, size)] for size in sizes]


def noisy(sentence: list[str]) -> list[str]:
    """Leave out some words and change others, the order kept."""
    kept = [w for w in sentence if RNG.uniform() < 0.9]
    return [str(RNG.choice(WORDS)) if RNG.uniform() < 0.15 else w for w in kept]


TARGETS = sentences(40)
CORPUS = [noisy(t) for t in TARGETS], [[t, noisy(t)] for t in TARGETS]


def brute(predictions: list, references: list, order: int) -> float:
    """The formula of the paper, n-grams counted by going through them."""

    def grams(tokens: list, n: int) -> list[tuple]:
        return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]

    logs = []
    for n in range(1, order + 1):
        right = total = 0
        for tokens, several in zip(predictions, references, strict=True):
            found = grams(tokens, n)
            total += len(found)
            for gram in set(found):
                most = max(grams(reference, n).count(gram) for reference in several)
                right += min(found.count(gram), most)
        logs.append(math.log(right / total))
    c = sum(map(len, predictions))
    r = sum(
        min((abs(len(each) - len(tokens)), len(each)) for each in several)[1]
        for tokens, several in zip(predictions, references, strict=True)
    )
    return min(1, math.exp(1 - r / c)) * math.exp(sum(logs) / order)


@pytest.mark.parametrize('order', [1, 2, 4])
@pytest.mark.parametrize('rows', [slice(None), slice(20)])
def test_it_is_the_formula_over_the_corpus_as_a_whole(order: int, rows: slice) -> None:
    predictions, references = CORPUS[0][rows], CORPUS[1][rows]
    result = bleu(predictions, references, order=order)
    np.testing.assert_allclose(
        result.score, brute(predictions, references, order), rtol=1e-12
    )
    assert 0.2 < result.score < 1 and len(result.precisions) == order


def test_the_parts_are_those_worked_by_hand() -> None:
    # The paper's first two candidates, and its three references.
    references = [
        'It is a guide to action that ensures that the military will forever heed '
        'Party commands',
        'It is the guiding principle which guarantees the military forces always being '
        'under the command of the Party',
        'It is the practical guide for the army always to heed the directions of the '
        'party',
    ]
    good = 'It is a guide to action which ensures that the military always obeys the '
    poor = 'It is to insure the troops forever hearing the activity guidebook that '
    lists = [reference.split() for reference in references]
    good, poor = f'{good}commands of the party'.split(), f'{poor}party direct'.split()
    assert ngram_matches(good, lists, 1) == (17, 18)
    assert ngram_matches(good, lists, 2) == (10, 17)
    assert ngram_matches(poor, lists, 1) == (8, 14)
    assert ngram_matches(poor, lists, 2) == (1, 13)
    assert ngram_matches(['the'] * 7, ['the cat is on the mat'.split()], 1) == (2, 7)
    result = bleu([good], [lists])
    assert result.precisions[:2] == (17 / 18, 10 / 17)
    assert (result.length, result.reference_length) == (18, 18)
    assert result.brevity_penalty == 1


def test_what_is_short_is_penalised_against_the_nearest_reference() -> None:
    assert brevity_penalty(12, 10) == brevity_penalty(10, 10) == 1
    np.testing.assert_allclose(brevity_penalty(8, 10), math.exp(-0.25))
    assert brevity_penalty(0, 3) == 0 and brevity_penalty(0, 0) == 1
    assert nearest_length(5, [9, 3, 7]) == 3 and nearest_length(8, [9, 3, 7]) == 7
    half = bleu([['a', 'b']], [[['a', 'b', 'c', 'd']]], order=1)
    np.testing.assert_allclose(half.score, math.exp(-1))


def test_what_is_right_is_one_and_what_has_nothing_in_common_is_zero() -> None:
    perfect = bleu(TARGETS, [[t] for t in TARGETS])
    assert perfect.score == 1 and perfect.precisions == (1, 1, 1, 1)
    nothing = bleu([['x'] * 5], [[['y'] * 5]], smoothing=True)
    assert nothing.score == 0 and nothing.precisions == (0,) * 4
    # Tokens may be anything that can be compared.
    numbers = bleu([np.array([4, 5, 6])], [[np.array([4, 5, 7])]], order=2)
    np.testing.assert_allclose(numbers.score, math.sqrt(2 / 3 * 1 / 2))


def test_smoothing_halves_what_an_order_without_a_match_counts() -> None:
    prediction, reference = list('abxcdye'), list('abzcdwe')
    plain = bleu([prediction], [[reference]])
    assert plain.score == 0 and plain.precisions == (5 / 7, 2 / 6, 0, 0)
    smooth = bleu([prediction], [[reference]], smoothing=True)
    assert smooth.precisions == (5 / 7, 2 / 6, 1 / (2 * 5), 1 / (4 * 4))
    np.testing.assert_allclose(smooth.score, math.prod(smooth.precisions) ** 0.25)


@pytest.mark.parametrize(
    ('predictions', 'references', 'message'),
    [
        ([], [], 'at least one prediction'),
        ([['a']], [[['a']], [['b']]], '1 predictions and references for 2'),
        (['a b'], [[['a', 'b']]], "example 0 has 'a b' where a sequence of tokens"),
        ([['a', 'b']], [['a', 'b']], "has 'a' .* a list of references, also of one"),
        ([[1, 2]], [[1, 2]], 'has 1 where a sequence'),
        ([['a']], ['a'], "references of example 0 are 'a'"),
        ([['a']], [[]], r'references of example 0 are \[\]'),
    ],
)
def test_what_is_no_corpus_is_refused(predictions, references, message) -> None:
    with pytest.raises(ValueError, match=message):
        bleu(predictions, references)
    with pytest.raises(ValueError, match='order is 0'):
        bleu([['a']], [[['a']]], order=0)
