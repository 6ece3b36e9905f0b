"""Networks without convolution or recurrence."""

from dljax.models.feedforward.mlp import MLP

__all__ = ['MLP']
