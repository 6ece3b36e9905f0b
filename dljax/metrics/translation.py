"""How much of a translation stands in the references: BLEU, and what it is made of."""

import collections
import math
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

Tokens = Sequence[Hashable]


class Bleu(NamedTuple):
    """BLEU of a corpus, and its parts.

    Attributes:
        score: in [0, 1]; papers tell it times 100.
        precisions: of 1-grams, 2-grams and so on, in [0, 1].
        brevity_penalty: in [0, 1], 1 where the predictions are not too short.
        length: tokens of all predictions.
        reference_length: tokens of the references nearest in length.
    """

    score: float
    precisions: tuple[float, ...]
    brevity_penalty: float
    length: int
    reference_length: int


def bleu(
    predictions: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    order: int = 4,
    smoothing: bool = False,
) -> Bleu:
    r"""BLEU of a corpus, $BP \exp(\frac{1}{N} \sum_{n=1}^N \log p_n)$.

    $p_n$ is the fraction of all n-grams that stand in a reference, each counted as
    often as it stands in one of them at most; BP is `brevity_penalty`. Both are of the
    corpus as a whole, which is no mean over sentences. Scores of different
    tokenisations cannot be compared: say which one it was.

    Args:
        predictions: token sequences, of words or integers, one for each example.
        references: for each example one token sequence or more, as a list of them.
        order: N, the longest n-gram, at least 1.
        smoothing: whether the k-th precision without a match is 1 / (2^k n-grams)
            instead of 0, as NIST's script and sacrebleu's default have it.

    Returns:
        The score and its parts; the score is 0 where nothing matches at all.

    Raises:
        ValueError: for no or too few references, an order below 1, or a text that is
            not split into tokens.

    Reference:
        Papineni et al. (2002), BLEU: a Method for Automatic Evaluation of Machine
        Translation, https://doi.org/10.3115/1073083.1073135
        Chen, Cherry (2014), A Systematic Comparison of Smoothing Techniques for
        Sentence-Level BLEU, https://doi.org/10.3115/v1/W14-3346; its method 3.
        Post (2018), A Call for Clarity in Reporting BLEU Scores,
        https://arxiv.org/abs/1804.08771

    Example:
        >>> prediction = 'the cat sat on the mat'.split()
        >>> reference = 'the cat sat on a mat'.split()
        >>> result = bleu([prediction], [[reference]])
        >>> print(round(result.score, 4), result.precisions[:2])
        0.5373 (0.8333333333333334, 0.6)
    """
    _check(predictions, references, order)
    matches, totals = [0] * order, [0] * order
    length = reference_length = 0
    for prediction, several in zip(predictions, references, strict=True):
        length += len(prediction)
        reference_length += nearest_length(len(prediction), map(len, several))
        for n in range(order):
            found, count = ngram_matches(prediction, several, n + 1)
            matches[n] += found
            totals[n] += count
    penalty = brevity_penalty(length, reference_length)
    if not any(matches):
        return Bleu(0.0, (0.0,) * order, penalty, length, reference_length)
    precisions, halves = [], 1
    for found, count in zip(matches, totals, strict=True):
        if smoothing and count and not found:
            halves *= 2
            precisions.append(1 / (halves * count))
        else:
            precisions.append(found / count if count else 0.0)
    score = 0.0
    if all(precisions):
        score = penalty * math.exp(math.fsum(map(math.log, precisions)) / order)
    return Bleu(score, tuple(precisions), penalty, length, reference_length)


def ngram_matches(
    prediction: Tokens, references: Sequence[Tokens], n: int
) -> tuple[int, int]:
    """Count the n-grams of a sentence that stand in a reference, and all of them.

    Args:
        prediction: the tokens of the sentence.
        references: those of each of its references.
        n: the tokens of an n-gram, at least 1.

    Returns:
        The matches, an n-gram counted as often as in one of the references at most, and
        the number of n-grams: their ratio is the precision.

    Example:
        >>> ngram_matches('the the the'.split(), ['the cat'.split()], 1)
        (1, 3)
    """
    counts = _ngrams(prediction, n)
    most: collections.Counter[tuple] = collections.Counter()
    for reference in references:
        most |= _ngrams(reference, n)
    return (counts & most).total(), counts.total()


def brevity_penalty(length: int, reference_length: int) -> float:
    """Penalise what is too short, min(1, exp(1 - r / c)), for precision does not.

    Args:
        length: c, tokens of the predictions.
        reference_length: r, tokens of the references.

    Returns:
        A number in [0, 1], 0 for no tokens where some were wanted.

    Example:
        >>> print(brevity_penalty(9, 9), round(brevity_penalty(5, 10), 3))
        1.0 0.368
    """
    if length >= reference_length:
        return 1.0
    return math.exp(1 - reference_length / length) if length else 0.0


def nearest_length(length: int, references: Iterable[int]) -> int:
    """Find the reference length that is nearest, of two the shorter one.

    Args:
        length: of the prediction.
        references: of each reference, at least one.

    Returns:
        One of them.
    """
    return min(references, key=lambda each: (abs(each - length), each))


def _ngrams(tokens: Tokens, n: int) -> collections.Counter[tuple]:
    return collections.Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


def _check(
    predictions: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    order: int,
) -> None:
    if order < 1:
        raise ValueError(f'order is {order}, wanted at least 1; 4 is usual')
    if not len(predictions) or len(predictions) != len(references):
        raise ValueError(
            f'{len(predictions)} predictions and references for {len(references)}, '
            'wanted at least one prediction, and a list of references for each: the '
            'outer list is that of the examples'
        )
    for number, (prediction, several) in enumerate(
        zip(predictions, references, strict=True)
    ):
        if isinstance(several, str) or not hasattr(several, '__len__') or not several:
            raise ValueError(
                f'the references of example {number} are {several!r}, wanted a list of '
                'one token sequence or more'
            )
        for tokens in (prediction, *several):
            if isinstance(tokens, str) or not hasattr(tokens, '__len__'):
                raise ValueError(
                    f'example {number} has {tokens!r} where a sequence of tokens was '
                    'wanted: split texts first, text.split() or list(text), and give '
                    'each example a list of references, also of one'
                )
