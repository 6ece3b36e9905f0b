"""Generators and discriminators that learn against each other."""

from typing import Any

import optax

from dljax import losses
from dljax.models.adversarial import CodedNoise
from dljax.models.adversaries import Adversaries
from dljax.objectives import (
    classify_samples,
    fool,
    penalise_between,
    penalise_real,
    recover_codes,
    tell_apart,
)
from dljax.objectives.adversarial import Penalty
from dljax.recipes.plan import Plan
from dljax.training import Player, averaged

_ADAM = optax.adam(2e-4, b1=0.5)


def _players(
    game: losses.Game,
    *,
    shown: tuple[str, ...] = (),
    penalty: Penalty | None = None,
    adam: optax.GradientTransformation = _ADAM,
    every: int = 1,
    **both: Any,
) -> dict[str, Player]:
    """The two turns; what samples are judged by is the generator's average."""
    return {
        'discriminator': Player(
            adam,
            loss=tell_apart(game, penalty=penalty, shown=shown, **both),
            trains=('discriminator',),
        ),
        'generator': Player(
            averaged(adam, 0.999),
            loss=fool(game, shown=shown, **both),
            trains=('generator',),
            every=every,
        ),
    }


def _plan(game: losses.Game, **settings: Any) -> Plan:
    players = _players(game, **settings)
    return Plan(lambda net: players, 64, drawn=('noise',))


def _infogan(net: Adversaries) -> dict[str, Player]:
    prior = net.prior
    assert isinstance(prior, CodedNoise)  # as `infogan` makes it
    return _players(
        losses.non_saturating_game(),
        task=recover_codes(prior.categories, prior.continuous),
        penalty=penalise_real(0.3),
    )


_LABEL = ('label',)

PLANS = {
    'gan': _plan(losses.non_saturating_game()),
    'dcgan': _plan(losses.non_saturating_game()),
    'dcgan_small': _plan(losses.non_saturating_game()),
    'cgan': _plan(
        losses.non_saturating_game(),
        given=_LABEL,
        shown=_LABEL,
        penalty=penalise_real(0.3),
    ),
    'lsgan': _plan(losses.least_squares_game()),
    'wgan_gp': _plan(
        losses.wasserstein_game(),
        penalty=penalise_between(10.0),
        adam=optax.adam(1e-4, b1=0.0, b2=0.9),
        every=5,
    ),
    'acgan': _plan(
        losses.non_saturating_game(),
        given=_LABEL,
        task=classify_samples(),
        penalty=penalise_real(0.3),
    ),
    'infogan': Plan(_infogan, 64, drawn=('noise',)),
}
