"""Alarms for `Experiment.alarms`: what can be wrong with a run, said in a sentence."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from flax import linen as nn

from dljax.data import batches
from dljax.experiment import Alarm, Outcome
from dljax.types import Array, Key, Predict


def discriminator_wins(player: str = 'discriminator', above: float = 0.99) -> Alarm:
    """Sound where a discriminator classifies nearly all samples correctly.

    Its outputs then hold nothing that a generator could learn from, and under the loss
    of the minimax game no gradient either.

    Args:
        player: whose metric 'accuracy' is looked at, as `objectives.tell_apart` gives
            it, averaged over the last row of the records.
        above: the accuracy from which on it has won; ½ is chance.

    Returns:
        The alarm; of an ensemble it says how many members are concerned.
    """
    return _where(
        f'{player}/accuracy',
        lambda values: values > above,
        'the discriminator wins outright, {value:.1%} classified correctly{members}: '
        'slow it down, smooth its labels, or bound its gradient',
    )


def modes_collapse(player: str = 'generator', below: float = 0.4) -> Alarm:
    """Sound where a generator's samples are much more alike than real ones.

    That is where all or most noise ends in a few samples. Where many modes are lost but
    the others lie far apart it stays silent: count the modes, or take the recall of
    `metrics.manifold_precision_recall`.

    Args:
        player: whose metric 'spread' is looked at, as `objectives.fool` gives it,
            averaged over the last row of the records.
        below: the fraction of the real samples' distance from which down they collapse.

    Returns:
        The alarm; of an ensemble it says how many members are concerned.
    """
    return _where(
        f'{player}/spread',
        lambda values: values < below,
        'the modes collapse, samples lie {value:.1%} as far apart as real ones'
        '{members}: train the discriminator more often, or try another game',
    )


def classes_collapse(
    draw: Callable[[nn.Module, Key, Array], Array],
    images: np.ndarray,
    labels: np.ndarray,
    below: float = 0.4,
    each: int = 20,
) -> Alarm:
    """Sound where the samples of a class are much more alike than real ones of it.

    A generator conditioned on the class may make one sample of each and let the noise
    alone. Those lie far apart, so that `modes_collapse` stays silent, and each is of
    the class that was asked for.

    Args:
        draw: `(net, key, labels) -> samples` of [count, ...].
        images: real ones, [examples, ...] in the range of the samples.
        labels: [examples] integers.
        below: the fraction of the real samples' distance from which down they collapse.
        each: samples of every class.

    Returns:
        The alarm; of an ensemble it says how many members are concerned.
    """
    classes = np.unique(labels)
    asked = np.repeat(classes, each).astype(np.int32)
    real = within_classes(images, labels)

    def alarm(outcome: Outcome) -> str | None:
        made = np.asarray(outcome.each(draw, jax.random.key(0), asked), np.float32)
        fractions = np.array([within_classes(one, asked) for one in made]) / real
        return _said(
            fractions,
            fractions < below,
            'the samples of a class collapse, they lie {value:.1%} as far apart as '
            'real ones of it{members}: give the noise a larger variance, or flatten '
            'the discriminator by a penalty',
        )

    return alarm


def within_classes(images: np.ndarray, labels: np.ndarray) -> float:
    """Average the distance of two examples of one class.

    Args:
        images: [examples, ...].
        labels: [examples] integers.

    Returns:
        The mean over the pairs of a class, then over the classes.

    Example:
        >>> points = np.array([[0.0], [2.0], [5.0], [9.0]])
        >>> within_classes(points, np.array([0, 0, 1, 1]))
        3.0
    """
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    means = []
    for label in np.unique(labels):
        part = flat[labels == label]
        gaps = np.linalg.norm(part[:, None] - part[None], axis=-1)
        means.append(gaps.sum() / (len(part) * (len(part) - 1)))
    return float(np.mean(means))


def classes_never_found(
    predict: Predict,
    names: Sequence[str],
    split: str = 'validation',
    batch: int = 64,
) -> Alarm:
    """Sound where a classifier never says a class that there are examples of.

    The accuracy may be high all the same, where the class is rare.

    Args:
        predict: `(net, batch) -> logits` of [batch, classes].
        names: of the classes.
        split: the set that is looked at.
        batch: examples at once.

    Returns:
        The alarm; of an ensemble it speaks of the first member concerned.
    """

    def alarm(outcome: Outcome) -> str | None:
        for table in confusions(outcome, predict, split, len(names), batch):
            missed = (np.diagonal(table) == 0) & (table.sum(1) > 0)
            said = [
                f"class '{names[c]}' is never found: recall 0 of {table[c].sum()}"
                for c in np.flatnonzero(missed).tolist()
            ]
            if said:
                more = f'; and {len(said) - 5} more' if len(said) > 5 else ''
                return (
                    f'{"; ".join(said[:5])}{more} in {split}: weigh the classes, draw '
                    'them equally often, or add examples'
                )
        return None

    return alarm


def classes_absent(names: Sequence[str]) -> Alarm:
    """Sound where a set that is scored holds no example of a class.

    Whether the class is ever found is then not known, whatever the accuracy, balanced
    or not, which is of the other classes.

    Args:
        names: of the classes.

    Returns:
        The alarm.
    """

    def alarm(outcome: Outcome) -> str | None:
        said = []
        for split, arrays in sorted(outcome.evaluation.items()):
            counts = np.bincount(arrays['label'], minlength=len(names))
            absent = [f"'{names[c]}'" for c in np.flatnonzero(counts == 0).tolist()]
            if absent:
                more = f' and {len(absent) - 5} more' if len(absent) > 5 else ''
                said.append(f'{split} has no example of {", ".join(absent[:5])}{more}')
        if said:
            return f'{"; ".join(said)}: their recall is not known, add some'
        return None

    return alarm


def confusions(
    outcome: Outcome,
    predict: Predict,
    split: str,
    classes: int,
    batch: int = 64,
) -> np.ndarray:
    """Count what each member takes for what in a set.

    Args:
        outcome: of a classifier.
        predict: `(net, batch) -> logits` of [batch, classes].
        split: the set.
        classes: how many there are.
        batch: examples at once.

    Returns:
        [members, classes, classes] int64; row: the truth, column: what it was taken
        for. A run without an ensemble is one member.
    """
    arrays = outcome.evaluation[split]
    tables = np.zeros((), np.int64)
    for part in batches(arrays, min(batch, len(arrays['label']))):
        mask = part.pop('mask') > 0
        said = np.asarray(outcome.each(predict, part))[:, mask].argmax(-1)
        pairs = part['label'][mask].astype(np.int64) * classes + said
        tables = tables + np.stack(
            [np.bincount(one, minlength=classes**2) for one in pairs]
        )
    return tables.reshape(-1, classes, classes)


def _where(metric: str, wrong: Callable, says: str) -> Alarm:
    def alarm(outcome: Outcome) -> str | None:
        if metric not in outcome.latest:
            raise ValueError(
                f"there is no metric '{metric}', wanted one of "
                f'{sorted(outcome.latest)}: name the player'
            )
        values = np.atleast_1d(outcome.latest[metric])
        return _said(values, wrong(values), says)  # of NaN, one that has not moved: no

    return alarm


def _said(values: np.ndarray, concerned: np.ndarray, says: str) -> str | None:
    """Say it of the members concerned, if any is."""
    if not concerned.any():
        return None
    members = f' in {concerned.sum()} of {len(values)} members'
    return says.format(
        value=values[concerned].mean(), members=members if len(values) > 1 else ''
    )
