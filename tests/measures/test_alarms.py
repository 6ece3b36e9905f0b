"""Alarms about the course of a run."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.experiment import Outcome
from dljax.measures.alarms import (
    classes_absent,
    classes_collapse,
    classes_never_found,
    confusions,
    discriminator_wins,
    modes_collapse,
)
from dljax.objectives import predict
from dljax.training import member
from dljax.types import Array, Key, State

NOTHING = Outcome(nn.Dense(1), None, None, {}, [])


def after(**latest: np.ndarray) -> Outcome:
    named = {name.replace('_', '/'): np.asarray(v) for name, v in latest.items()}
    return dataclasses.replace(NOTHING, latest=named)


def test_a_discriminator_that_classifies_everything_correctly_is_reported() -> None:
    alarm = discriminator_wins()
    assert alarm(after(discriminator_accuracy=0.98)) is None
    said = alarm(after(discriminator_accuracy=0.995))
    assert said.startswith(
        'the discriminator wins outright, 99.5% classified correctly: '
    )


def test_collapsed_members_are_counted() -> None:
    alarm = modes_collapse('g', below=0.5)
    assert alarm(after(g_spread=[0.9, 0.6])) is None
    said = alarm(after(g_spread=[0.1, np.nan, 0.6, 0.3]))
    assert 'lie 20.0% as far apart as real ones in 2 of 4 members: ' in said


def test_a_metric_that_is_not_there_is_asked_for_by_name() -> None:
    with pytest.raises(ValueError, match=r"no metric 'generator/spread', .*'a/loss'"):
        modes_collapse()(after(a_loss=1.0))


class Maker(nn.Module):
    """Points of a class: its number, and noise of a learned standard deviation."""

    @nn.compact
    def __call__(self, key: Key, labels: Array) -> Array:
        """Make points."""
        deviation = self.param('deviation', nn.initializers.ones_init(), ())
        noise = jax.random.normal(key, (len(labels), 2))
        return 9.0 * labels[:, None] + deviation * noise


def test_members_that_make_one_sample_of_a_class_are_reported() -> None:
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], 200)
    real = 9.0 * labels[:, None] + rng.normal(size=(400, 2))
    alarm = classes_collapse(
        lambda net, key, labels: net(key, labels), real, labels, below=0.4, each=100
    )

    def of(*deviations: float) -> Outcome:
        params = {'deviation': jnp.array(deviations)}
        members = State(jnp.zeros(len(deviations), int), params, {}, {})
        return Outcome(Maker(), member(members, 0), members, {}, [])

    assert alarm(of(1.0, 0.5)) is None
    said = alarm(of(1.0, 0.1, 0.0))
    fraction = float(said.partition('they lie ')[2].partition('%')[0])
    assert fraction == pytest.approx(5.0, abs=0.3)  # the mean of 0.1 and 0
    assert 'in 2 of 3 members: ' in said


def test_a_class_that_is_never_found_is_named() -> None:
    # What a member says is its bias: the second class, or the input's sign.
    kernel = jnp.array([[[0.0, 0.0, 0.0]], [[-1.0, 1.0, 0.0]]])
    bias = jnp.array([[0.0, 1.0, 0.0], [0.0, 0.0, -9.0]])
    members = State(jnp.zeros(2, int), {'kernel': kernel, 'bias': bias}, {}, {})

    class Linear(nn.Dense):
        def __call__(self, inputs: Array, train: bool = False) -> Array:
            del train
            return super().__call__(inputs)

    x = np.repeat(np.float32([-1, 1]), [7, 65])[:, None]
    sets = {'validation': {'x': x, 'label': np.repeat([0, 1], [7, 65])}}
    both = Outcome(Linear(3), member(members, 0), members, sets, [])
    logits = predict('x')
    np.testing.assert_array_equal(
        confusions(both, logits, 'validation', 3),
        [[[0, 7, 0], [0, 65, 0], [0, 0, 0]], [[7, 0, 0], [0, 65, 0], [0, 0, 0]]],
    )
    said = classes_never_found(logits, 'abc')(both)
    assert said.startswith("class 'a' is never found: recall 0 of 7 in validation: ")
    good = dataclasses.replace(both, members=member(members, 1))
    assert classes_never_found(logits, 'abc')(good) is None
    said = classes_absent('abc')(both)
    assert said.startswith("validation has no example of 'c': their recall is not")
    assert classes_absent('ab')(both) is None
