"""What counting gets out of a text: n-gram models, to measure a net against."""

import numpy as np


def witten_bell(
    training: np.ndarray, text: np.ndarray, *, symbols: int, orders: int = 5
) -> np.ndarray:
    r"""Bits that n-gram models, smoothed after Witten and Bell, need a character.

    $p_n(c | h) = (N(hc) + T(h) p_{n-1}(c | h')) / (N(h) + T(h))$ for a context h of
    n - 1 characters, which N(h) characters of T(h) kinds follow in the training text;
    h' is h without its first. An unseen context leaves $p_{n-1}$; $p_0$ is uniform.

    Args:
        training: [characters] integers in [0, symbols).
        text: [characters] integers in [0, symbols), the continuation of the training
            text: there its first characters find their contexts.
        symbols: size of the vocabulary.
        orders: the largest n, 1 or more; order 1 knows no context.

    Returns:
        [orders, characters] float64, -log2 of the probability of each character of the
        text by each order. Their mean is the bits per character.

    Raises:
        ValueError: for a training text shorter than the contexts, tokens out of range,
            or more contexts than 64 bits can number.

    Reference:
        Witten, Bell (1991), The Zero-Frequency Problem: Estimating the Probabilities of
        Novel Events in Adaptive Text Compression, https://doi.org/10.1109/18.87000; its
        method C, interpolated.

    Example:
        >>> training, text = np.array([0, 1, 0, 1]), np.array([0])
        >>> print(2.0 ** -witten_bell(training, text, symbols=2, orders=2).ravel())
        [0.5  0.75]
    """
    training, text = np.asarray(training, np.int64), np.asarray(text, np.int64)
    _check(training, text, symbols, orders)
    stream = np.concatenate([training[len(training) - (orders - 1) :], text])
    probability = np.full(len(text), 1 / symbols)
    bits = []
    for order in range(1, orders + 1):
        grams, counts = np.unique(_grams(training, order, symbols), return_counts=True)
        contexts, first, kinds = np.unique(
            grams // symbols, return_index=True, return_counts=True
        )
        totals = np.add.reduceat(counts, first)
        here = _grams(stream, order, symbols)[orders - order :]
        seen = _looked_up(here, grams, counts)
        total = _looked_up(here // symbols, contexts, totals)
        types = _looked_up(here // symbols, contexts, kinds)
        mixed = (seen + types * probability) / np.maximum(total + types, 1)
        probability = np.where(total > 0, mixed, probability)
        bits.append(-np.log2(probability))
    return np.stack(bits)


def _grams(tokens: np.ndarray, order: int, symbols: int) -> np.ndarray:
    """Number every run of `order` tokens; the last token is the last digit."""
    count = len(tokens) - order + 1
    numbers = np.zeros(count, np.int64)
    for place in range(order):
        numbers = numbers * symbols + tokens[place : place + count]
    return numbers


def _looked_up(wanted: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Find the value of each key, 0 where there is none; the keys are sorted."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


def _check(training: np.ndarray, text: np.ndarray, symbols: int, orders: int) -> None:
    if orders < 1 or len(training) < orders or symbols**orders >= 2**63:
        raise ValueError(
            f'orders is {orders} for {symbols} symbols and {len(training)} characters '
            'of training, wanted 1 or more, at most the characters, and symbols^orders '
            'below 2^63'
        )
    for name, tokens in (('training', training), ('text', text)):
        if tokens.ndim != 1 or (
            tokens.size and not 0 <= tokens.min() <= tokens.max() < symbols
        ):
            raise ValueError(
                f'{name} has shape {tokens.shape} and tokens not all in [0, {symbols}),'
                ' wanted a row of tokens of one vocabulary'
            )
