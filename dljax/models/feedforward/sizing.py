"""Rules of thumb for the size of a multilayer perceptron (U1.10)."""

import enum
import math


class Difficulty(enum.Enum):
    """How hard a problem is, with the least and the largest number of hidden layers."""

    SEPARABLE = (0, 0)
    MODERATE = (1, 2)
    COMPLEX = (3, 5)


def hidden_width(inputs: int, outputs: int) -> int:
    """Width of a single hidden layer, the geometric mean √(inputs · outputs).

    Args:
        inputs: the number of inputs, at least 1.
        outputs: the number of outputs, at least 1.

    Returns:
        The nearest whole number.

    Raises:
        ValueError: for a number below 1.

    Reference:
        Masters (1993), Practical Neural Network Recipes in C++; the geometric pyramid
        rule.

    Example:
        >>> hidden_width(64, 4)
        16
    """
    return shrinking_widths(inputs, outputs, 1)[0]


def shrinking_widths(inputs: int, outputs: int, depth: int) -> tuple[int, ...]:
    """Widths that lead from the inputs to the outputs in equal ratios.

    With r = (inputs / outputs)^(1 / (depth + 1)) layer l has inputs / r^l units, so
    that the net narrows toward the output. One layer has √(inputs · outputs).

    Args:
        inputs: the number of inputs, at least 1.
        outputs: the number of outputs, at least 1.
        depth: the number of hidden layers, at least 0.

    Returns:
        The widths, of the nearest whole numbers.

    Raises:
        ValueError: for a number out of range.

    Example:
        >>> shrinking_widths(1000, 1, 2)
        (100, 10)
    """
    if min(inputs, outputs) < 1 or depth < 0:
        raise ValueError(
            f'inputs is {inputs}, outputs is {outputs} and depth is {depth}, wanted '
            'at least 1, 1 and 0'
        )
    ratio = math.log(outputs / inputs) / (depth + 1)
    return tuple(
        round(inputs * math.exp(ratio * layer)) for layer in range(1, depth + 1)
    )


def propose_hidden(
    inputs: int, outputs: int, difficulty: Difficulty, *, depth: int | None = None
) -> tuple[int, ...]:
    """Propose the hidden layers of an `MLP` for a problem.

    Linearly separable problems take none, smooth ones one or two, complex ones three
    to five, of widths that shrink toward the output. A start for a search, no more.

    Args:
        inputs: the number of inputs, at least 1.
        outputs: the number of outputs, at least 1.
        difficulty: how hard the problem is.
        depth: the number of hidden layers, within what the difficulty allows; None for
            the least.

    Returns:
        The widths, for the field `hidden`.

    Raises:
        ValueError: for a number out of range.

    Example:
        >>> from dljax.models.feedforward import MLP
        >>> MLP(propose_hidden(64, 10, Difficulty.COMPLEX), outputs=10).hidden
        (40, 25, 16)
    """
    least, most = difficulty.value
    depth = least if depth is None else depth
    if not least <= depth <= most:
        raise ValueError(
            f'depth is {depth}, wanted {least} to {most} hidden layers for a '
            f'{difficulty.name.lower()} problem'
        )
    return shrinking_widths(inputs, outputs, depth)
