"""Classifiers that model how each class makes its examples."""

from dljax.models.generative.discriminant_analysis import (
    gaussian_naive_bayes,
    linear_discriminant_analysis,
    quadratic_discriminant_analysis,
)
from dljax.models.generative.gaussian_classifier import GaussianClassifier

__all__ = [
    'GaussianClassifier',
    'gaussian_naive_bayes',
    'linear_discriminant_analysis',
    'quadratic_discriminant_analysis',
]
