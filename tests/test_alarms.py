"""Alarms about the course of a run."""

import dataclasses

import numpy as np
import pytest
from flax import linen as nn

from dljax.alarms import discriminator_wins, modes_collapse
from dljax.report import Outcome

NOTHING = Outcome(nn.Dense(1), None, None, {}, [])


def after(**latest: np.ndarray) -> Outcome:
    named = {name.replace('_', '/'): np.asarray(v) for name, v in latest.items()}
    return dataclasses.replace(NOTHING, latest=named)


def test_a_discriminator_that_tells_everything_rightly_is_reported() -> None:
    alarm = discriminator_wins()
    assert alarm(after(discriminator_accuracy=0.98)) is None
    said = alarm(after(discriminator_accuracy=0.995))
    assert said.startswith('the discriminator wins outright, 99.5% told rightly: ')


def test_collapsed_members_are_counted() -> None:
    alarm = modes_collapse('g', below=0.5)
    assert alarm(after(g_spread=[0.9, 0.6])) is None
    said = alarm(after(g_spread=[0.1, np.nan, 0.6, 0.3]))
    assert 'lie 20.0% as far apart as real ones in 2 of 4 members: ' in said


def test_a_metric_that_is_not_there_is_asked_for_by_name() -> None:
    with pytest.raises(ValueError, match=r"no metric 'generator/spread', .*'a/loss'"):
        modes_collapse()(after(a_loss=1.0))
