"""Pictures of categories that a net found by itself, beside the true classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dljax import metrics
from dljax.experiment import Outcome, Picture
from dljax.types import Predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Read = Predict  # which category an example is of: [batch] integers from 0 on


def categories_and_classes(
    read: Read, categories: int, names: Sequence[str], split: str = 'test'
) -> Picture:
    """Count which category goes with which class, in the order of the best matching.

    A net that was told no class numbers its categories as it likes; each row stands
    where the class is that it is matched with, so that a good net has a dark diagonal.

    Args:
        read: `(net, batch) -> [batch]`, the categories.
        categories: how many there are.
        names: of the classes.
        split: which set.

    Returns:
        The picture; of the first member of an ensemble.
    """

    def draw(outcome: Outcome) -> 'Figure':
        from matplotlib.figure import Figure

        batch = outcome.evaluation[split]
        found, true = np.asarray(outcome.apply(read, batch)), np.asarray(batch['label'])
        table = np.zeros((categories, len(names)), np.int64)
        np.add.at(table, (found, true), 1)
        order = match_order(table)
        figure = Figure(
            figsize=(2.4 + 0.42 * len(names), 1.8 + 0.42 * categories),
            layout='constrained',
        )
        axes = figure.add_subplot()
        axes.imshow(np.sqrt(table[order]), cmap='Blues')
        for (row, column), count in np.ndenumerate(table[order]):
            if count:
                dark = count > table.max() / 3
                axes.text(
                    column,
                    row,
                    str(count),
                    ha='center',
                    va='center',
                    color='white' if dark else 'black',
                )
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(categories), [str(number) for number in order])
        axes.set(xlabel='class', ylabel='category')
        known = metrics.mutual_information(found, true)
        right = metrics.matched_accuracy(found, true)
        axes.set_title(
            f'{split}: {len(true)} examples, {known:.2f} nats known of the class\n'
            f'{right:.1%} right if each category means the class in its place',
            fontsize=9,
        )
        return figure

    return draw


def match_order(table: np.ndarray) -> np.ndarray:
    """Order categories by the classes that they are best matched with.

    Args:
        table: [categories, classes] counts.

    Returns:
        [categories] the rows in their new order; those without a class come last.

    Example:
        >>> print(match_order(np.array([[0, 5], [0, 1], [7, 7]])))
        [2 0 1]
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table, maximize=True)
    place = np.full(len(table), table.shape[1])
    place[rows] = columns
    return np.argsort(place, kind='stable')
