"""Generators and discriminators that learn against each other."""

from typing import Any

import optax

from dljax import losses
from dljax.models.adversarial import CodedNoise
from dljax.models.adversaries import Adversaries
from dljax.objectives import (
    classify_samples,
    hold_orthogonal,
    hold_paths,
    penalise_between,
    penalise_real,
    recover_codes,
)
from dljax.recipes.plan import Plan
from dljax.recipes.players import adversarial_players
from dljax.training import Player

_ADAM = optax.adam(2e-4, b1=0.5)


def _plan(game: losses.Game, **settings: Any) -> Plan:
    players = adversarial_players(game, **{'optimizer': _ADAM, **settings})
    return Plan(lambda net: players, 64, drawn=('noise',))


def _infogan(net: Adversaries) -> dict[str, Player]:
    prior = net.prior
    assert isinstance(prior, CodedNoise)  # as `infogan` makes it
    return adversarial_players(
        losses.non_saturating_game(),
        _ADAM,
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
        generator_conditions=_LABEL,
        discriminator_conditions=_LABEL,
        penalty=penalise_real(0.3),
    ),
    'lsgan': _plan(losses.least_squares_game()),
    'wgan_gp': _plan(
        losses.wasserstein_game(),
        penalty=penalise_between(10.0),
        optimizer=optax.adam(1e-4, b1=0.0, b2=0.9),
        every=5,
    ),
    'acgan': _plan(
        losses.non_saturating_game(),
        generator_conditions=_LABEL,
        task=classify_samples(),
        penalty=penalise_real(0.3),
    ),
    **{
        name: _plan(
            losses.hinge_game(),
            optimizer=optax.adam(2e-4, b1=0.0, b2=0.999),
            generator_optimizer=optax.adam(5e-5, b1=0.0, b2=0.999),
            average=0.9999,
            every=2,
            generator_conditions=_LABEL,
            discriminator_conditions=_LABEL,
            generator_task=hold_orthogonal(1e-4),
        )
        for name in ('biggan', 'biggan_small')
    },
    'stylegan_small': _plan(
        losses.non_saturating_game(),
        optimizer=optax.adam(2e-3, b1=0.0, b2=0.99),
        penalty=penalise_real(10.0),
        generator_task=hold_paths(2.0),
    ),
    'infogan': Plan(_infogan, 64, drawn=('noise',)),
}
