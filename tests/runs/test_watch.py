"""What is watched along a training."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from dljax.runs.watch import Watch


def watching() -> tuple[Watch, list[str]]:
    said: list[str] = []
    experiment = SimpleNamespace(evaluation={'validation': {}}, alarms={}, along={})
    return Watch(experiment, SimpleNamespace(path=Path()), said.append), said


def test_a_figure_that_is_not_finite_is_told_when_it_begins_and_when_it_ceases() -> (
    None
):
    watch, said = watching()
    for step, value in enumerate([1.0, math.nan, math.inf, 2.0, 3.0, math.nan]):
        watch.measure(step, {'validation/loss': value, 'net/loss': 1.0})
    assert said == [
        'alarm     validation/loss is not finite, at step 1: it is nan: an example, a '
        'label or a weight that it cannot score',
        'alarm     validation/loss is not finite: over at step 3',
        'alarm     validation/loss is not finite, at step 5: it is nan: an example, a '
        'label or a weight that it cannot score',
    ]
    (alarm,) = watch.alarms.values()
    assert alarm['spans'] == [[1, 3], [5, None]]


def test_of_an_ensemble_the_members_are_named() -> None:
    watch, said = watching()
    watch.measure(7, {'net/loss': np.array([1.0, math.inf, 2.0, math.inf])})
    assert said == [
        'alarm     net/loss is not finite, at step 7: it is inf in member 1, 3 of 4'
    ]
