"""Weights of other frameworks, in and out; and our own in files."""

from dljax.weights.checkpoint import check, restore, save, without
from dljax.weights.files import read, write
from dljax.weights.keras import from_keras, to_keras
from dljax.weights.torchvision import from_torchvision, to_torchvision, unwrap_arrays

__all__ = [
    'check',
    'from_keras',
    'from_torchvision',
    'read',
    'restore',
    'save',
    'to_keras',
    'to_torchvision',
    'unwrap_arrays',
    'without',
    'write',
]
