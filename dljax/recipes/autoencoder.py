"""Networks that compress their input to a code and rebuild it."""

import optax

from dljax.objectives import autoencode, elbo, quantise_codes, sparse
from dljax.recipes.plan import Plan
from dljax.training import Player
from dljax.types import Loss


def _rebuilding(loss: Loss) -> Plan:
    player = Player(optax.adam(2e-3), loss=loss)
    return Plan(lambda net: {'autoencoder': player}, 128)


def _variational(loss: Loss) -> Plan:
    player = Player(optax.adamw(2e-3, weight_decay=0.1), loss=loss)
    return Plan(lambda net: {'vae': player}, 128)


PLANS = {
    'autoencoder': _rebuilding(autoencode()),
    'linear_autoencoder': _rebuilding(autoencode()),
    'deep_autoencoder': _rebuilding(autoencode()),
    'convolutional_autoencoder': _rebuilding(autoencode()),
    'sparse_autoencoder': _rebuilding(autoencode(penalty=sparse(0.3, target=0.1))),
    'vae': _variational(elbo()),
    'conditional_vae': _variational(elbo(condition='label')),
    'convolutional_vae': _variational(elbo()),
    # The paper's rate and batch.
    'vqvae': Plan(
        lambda net: {'vqvae': Player(optax.adam(2e-4), loss=quantise_codes())}, 128
    ),
}
