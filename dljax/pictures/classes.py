"""Classes of a set in words: how many examples there are, and what is mistaken."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from dljax.experiment import Outcome, Picture
from dljax.metrics import confusion_matrix
from dljax.pictures.basic import Predict, predict_set


def class_counts(labels: Mapping[str, np.ndarray], names: Sequence[str]) -> Picture:
    """List how many examples of each class there are in each split.

    Args:
        labels: [example] by split.
        names: of the classes.

    Returns:
        The picture, a text.
    """
    rows = [('class', *labels)]
    counts = [np.bincount(values, minlength=len(names)) for values in labels.values()]
    rows += [(name, *map(str, row)) for name, *row in zip(names, *counts, strict=True)]
    rows += [('all', *(str(count.sum()) for count in counts))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = '\n'.join(
        '  '.join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
        )
        for row in rows
    )
    return lambda outcome: text


def confused_pairs(
    predict: Predict, names: Sequence[str], split: str = 'test', most: int = 20
) -> Picture:
    """List the pairs of classes that are confused most often.

    Args:
        predict: `(net, batch) -> logits` of [batch, classes].
        names: of the classes.
        split: which set.
        most: how many pairs.

    Returns:
        The picture, a text.
    """

    def write(outcome: Outcome) -> str:
        labels = np.asarray(outcome.evaluation[split]['label'])
        said = predict_set(outcome, predict, split).argmax(1)
        table = confusion_matrix(
            jnp.asarray(said), jnp.asarray(labels), classes=len(names)
        )
        table = np.array(table)
        totals = table.sum(1)
        np.fill_diagonal(table, 0)
        order = np.argsort(-table, axis=None, kind='stable')[:most]
        pairs = [divmod(int(place), len(names)) for place in order]
        lines = [
            f'{names[true]} taken for {names[taken]}: {table[true, taken]} of '
            f'{totals[true]}'
            for true, taken in pairs
            if table[true, taken]
        ]
        return '\n'.join(lines) or f'no mistake in {len(labels)} examples of {split}'

    return write
