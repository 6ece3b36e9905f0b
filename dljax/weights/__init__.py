"""Weights of other frameworks, in and out."""

from dljax.weights.torchvision import from_torchvision, to_torchvision

__all__ = ['from_torchvision', 'to_torchvision']
