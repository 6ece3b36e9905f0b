"""A set of images and its judge, as experiments of generators open them."""

import os

from dljax.data import DataSet, open_images
from dljax.measures.judge.classifier import Judge
from dljax.measures.judge.training import Recipe, digits_judge, judge_of


def judged_images(
    path: str | os.PathLike[str] | None = None, steps: int = Recipe.steps
) -> tuple[DataSet, Judge]:
    """Open labelled images and train their judge.

    Args:
        path: of files of your own, see `data.open_images`; None for the digits of 8x8
            that are built in.
        steps: updates of the judge, by the recipe of `digits_judge`.

    Returns:
        The set, and the judge of its splits 'train' and 'test'.

    Raises:
        FileNotFoundError: if there is nothing.
        ValueError: for a set that makes no judge.

    Example:
        >>> own, judge = judged_images(steps=1)
        >>> own.name, judge.shape, judge.noun
        ('digits', (8, 8, 1), 'digits')
    """
    own = open_images(path)
    if path is None:
        return own, digits_judge(steps)
    return own, judge_of(own, Recipe(steps=steps))
