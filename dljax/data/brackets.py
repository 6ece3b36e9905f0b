"""Strings of brackets, and which of them have no partner: kind 'synthetic'."""

import numpy as np

SYMBOLS = '()x'


def find_unmatched(text: str) -> list[bool]:
    """Tell which characters are brackets without a partner.

    Example:
        >>> [int(alone) for alone in find_unmatched('(x))(')]
        [0, 0, 0, 1, 1]
    """
    alone, open_ones = [False] * len(text), []
    for place, symbol in enumerate(text):
        if symbol == '(':
            open_ones.append(place)
        elif symbol == ')' and open_ones:
            open_ones.pop()
        elif symbol == ')':
            alone[place] = True
    for place in open_ones:
        alone[place] = True
    return alone


def brackets(
    seed: int, examples: int, shortest: int, longest: int
) -> dict[str, np.ndarray]:
    """Make strings of brackets and other characters, at random and independently.

    Opening and closing brackets have a probability of 0.4 each, an 'x' that of 0.2.
    Whether an opening bracket has a partner depends on what follows, for a closing one
    on what went before, at any distance.

    Args:
        seed: 0 or more; equal seeds give equal sets.
        examples: number of strings, 1 or more.
        shortest: least length, 1 or more.
        longest: greatest length; all from `shortest` on are equally likely.

    Returns:
        'sequence' [examples, longest, 3] float32, one-hot of '(', ')', 'x' and 0 in the
        padding; 'length' [examples] int32; 'label' [examples, longest] int32, 1 for a
        bracket without a partner.

    Raises:
        ValueError: for fewer than one example or lengths that are no range.
    """
    if examples < 1 or not 1 <= shortest <= longest:
        raise ValueError(
            f'examples is {examples}, shortest {shortest}, longest {longest}, wanted 1 '
            'or more examples and 1 <= shortest <= longest'
        )
    random = np.random.default_rng(seed)
    symbols = random.choice(3, size=(examples, longest), p=[0.4, 0.4, 0.2])
    length = random.integers(shortest, longest, size=examples, endpoint=True)
    valid = np.arange(longest)[None, :] < length[:, None]
    label = np.zeros((examples, longest), np.int32)
    for index, (row, size) in enumerate(zip(symbols, length, strict=True)):
        text = ''.join(SYMBOLS[symbol] for symbol in row[:size])
        label[index, :size] = find_unmatched(text)
    return {
        'sequence': np.eye(3, dtype=np.float32)[symbols] * valid[:, :, None],
        'length': length.astype(np.int32),
        'label': label,
    }
