"""Classifiers that model how each class makes its examples."""

import optax

from dljax.objectives import fit_classes
from dljax.recipes.plan import Plan
from dljax.training import Player

# A closed form: one move, and the batch stands for the whole set.
_FITTED = Plan(
    lambda net: {'classes': Player(optax.sgd(1.0), direction=fit_classes())}, 512
)

PLANS = {
    'gaussian_classifier': _FITTED,
    'quadratic_discriminant_analysis': _FITTED,
    'linear_discriminant_analysis': _FITTED,
    'gaussian_naive_bayes': _FITTED,
}
