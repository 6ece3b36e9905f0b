"""What a comparison comes to: a table of several nets and columns, for all members."""

from collections.abc import Callable, Mapping

import numpy as np

from dljax.experiment import Measure, Outcome

Table = Mapping[str, Mapping[str, np.ndarray]]  # [members] by row and column


def entered(table: Callable[[Outcome], Table]) -> Measure:
    """Enter a table among the metrics of a run, 'row/column'.

    Args:
        table: of an outcome.

    Returns:
        The measure, [members] by metric.
    """

    def measure(outcome: Outcome) -> dict[str, np.ndarray]:
        return {
            f'{row}/{column}': values
            for row, columns in table(outcome).items()
            for column, values in columns.items()
        }

    return measure
