"""Reviews made by rule, in which 'not' turns the meaning round: kind 'synthetic'.

Made, not written by people: what a net reaches here says that it has learned negation
and concession, and nothing about the opinions of real reviewers.
"""

import numpy as np

from dljax.data.padded import pad_rows
from dljax.data.words import Words

CLASS_NAMES = ('negative', 'positive')
ASPECTS = (
    'plot acting music ending story cast camera dialogue pace humour script sound'
).split()
GOOD = 'good great brilliant moving clever charming fresh gripping funny fine'.split()
BAD = 'bad awful dull weak boring silly tired clumsy shallow poor'.split()
VERBS = ('is', 'was', 'seemed', 'felt')
DEGREES = ('', 'very', 'really', 'quite', 'so')
OPENINGS = ('', 'honestly ,', 'in the end ,', 'to me ,', 'all in all ,')
REVIEW_WORDS = Words(
    tuple(
        sorted(
            {
                *ASPECTS,
                *GOOD,
                *BAD,
                *' '.join((*VERBS, *DEGREES, *OPENINGS)).split(),
                *'the not although never .'.split(),
            }
        )
    )
)


def reviews(
    seed: int,
    train: int = 10_000,
    validation: int = 1_000,
    test: int = 2_000,
    *,
    concessions: float = 0.3,
) -> dict[str, dict[str, np.ndarray]]:
    """Make one-sentence reviews with their sentiment, in splits that share no opinion.

    'in the end , the plot was not very good .' is negative. Half of the clauses are
    negated, by 'not' or 'never', whatever the sentiment, so that neither a word nor a
    bag of words tells it: adjective and negation do together. Some begin with a
    concession of the opposite, 'although the cast is great , the plot is dull .', and
    the main clause counts. All pairs of an aspect and an adjective are dealt out to the
    splits, 7 to 1 to 2, so that no pair of the test is in the training.

    Args:
        seed: 0 or more; equal seeds give equal sets.
        train: number of examples, 1 or more; so for the others.
        validation: number of examples.
        test: number of examples.
        concessions: probability of a concession, in [0, 1].

    Returns:
        By split: 'tokens' [example, time] int32 of `REVIEW_WORDS`, with 'length'
        [example] int32, the end included, and 'label' [example] int32, 1 for positive.

    Raises:
        ValueError: for a size below 1, or no probability.

    Example:
        >>> split = reviews(0, 1, 1, 2)['test']
        >>> for tokens, label in zip(split['tokens'], split['label']):
        ...     print(CLASS_NAMES[label], '-', REVIEW_WORDS.decode(tokens))
        negative - to me , the sound felt so poor .
        positive - all in all , the sound is not quite poor .
    """
    sizes = {'train': train, 'validation': validation, 'test': test}
    if min(sizes.values()) < 1 or not 0 <= concessions <= 1:
        raise ValueError(
            f'the sizes are {sizes} and concessions {concessions}, wanted 1 or more of '
            'each and a probability'
        )
    random = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {split: [] for split in sizes}
    for _ in (BAD, GOOD):  # each is dealt out alone, so that every split has both
        pairs = random.permutation(len(ASPECTS) * len(GOOD))
        cuts = [len(pairs) * 7 // 10, len(pairs) * 8 // 10]
        for part, dealt in zip(parts.values(), np.split(pairs, cuts), strict=True):
            part.append(dealt)
    return {
        split: _split(random, parts[split], size, concessions)
        for split, size in sizes.items()
    }


def _split(
    random: np.random.Generator,
    pairs: list[np.ndarray],
    examples: int,
    concessions: float,
) -> dict[str, np.ndarray]:
    labels = random.integers(2, size=examples).astype(np.int32)
    texts = []
    for label in labels:
        text = _clause(random, pairs, bool(label))
        if random.random() < concessions:
            text = f'although {_clause(random, pairs, not label)} , {text}'
        else:
            text = f'{random.choice(OPENINGS)} {text}'
        texts.append(f'{text} .')
    tokens, lengths = pad_rows([REVIEW_WORDS.encode(text) for text in texts])
    return {'tokens': tokens, 'length': lengths, 'label': labels}


def _clause(
    random: np.random.Generator, pairs: list[np.ndarray], positive: bool
) -> str:
    """Say something of a sentiment, half of the time by negating the contrary."""
    negated = random.random() < 0.5
    adjectives = positive != negated
    aspect, word = divmod(int(random.choice(pairs[adjectives])), len(GOOD))
    said = random.choice(('not', 'never')) if negated else ''
    return (
        f'the {ASPECTS[aspect]} {random.choice(VERBS)} {said} {random.choice(DEGREES)} '
        f'{(BAD, GOOD)[adjectives][word]}'
    )
