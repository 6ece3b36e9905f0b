"""Alarms for `Experiment.alarms`: what can be wrong with a run, said in a sentence."""

from collections.abc import Callable

import numpy as np

from dljax.report import Alarm, Outcome


def discriminator_wins(player: str = 'discriminator', above: float = 0.99) -> Alarm:
    """Sound where a discriminator tells nearly all samples rightly.

    Its answers then hold nothing that a generator could learn from, and under the loss
    of the minimax game no slope either.

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
        'the discriminator wins outright, {value:.1%} told rightly{members}: slow it '
        'down, smooth its labels, or bound its slope',
    )


def modes_collapse(player: str = 'generator', below: float = 0.4) -> Alarm:
    """Sound where a generator's samples are much more alike than real ones.

    That is where all or most noise ends in a few samples. Where many modes are lost but
    the others lie far apart it stays silent: count the modes, or take the recall of
    `metrics.manifold_precision_recall`.

    Args:
        player: whose metric 'spread' is looked at, as `objectives.fool` gives it,
            averaged over the last row of the records.
        below: the share of the real samples' distance from which down they collapse.

    Returns:
        The alarm; of an ensemble it says how many members are concerned.
    """
    return _where(
        f'{player}/spread',
        lambda values: values < below,
        'the modes collapse, samples lie {value:.1%} as far apart as real ones'
        '{members}: train the discriminator more often, or try another game',
    )


def _where(metric: str, wrong: Callable, says: str) -> Alarm:
    def alarm(outcome: Outcome) -> str | None:
        if metric not in outcome.latest:
            raise ValueError(
                f"there is no metric '{metric}', wanted one of "
                f'{sorted(outcome.latest)}: name the player'
            )
        values = np.atleast_1d(outcome.latest[metric])
        concerned = wrong(values)  # of NaN, a player that has not moved: no
        if not concerned.any():
            return None
        members = f' in {concerned.sum()} of {len(values)} members'
        return says.format(
            value=values[concerned].mean(), members=members if len(values) > 1 else ''
        )

    return alarm
