"""Weights of other frameworks, in and out; and our own in files."""

from dljax.weights.checkpoint import check, restore, save, without
from dljax.weights.files import read, write
from dljax.weights.hugging_face import (
    config_of,
    from_hugging_face,
    settings_of_config,
    to_hugging_face,
)
from dljax.weights.keras import from_keras, to_keras
from dljax.weights.torch_attention import from_torch_layer, to_torch_layer
from dljax.weights.torchvision import from_torchvision, to_torchvision, unwrap_arrays

__all__ = [
    'check',
    'config_of',
    'from_hugging_face',
    'from_keras',
    'from_torch_layer',
    'from_torchvision',
    'read',
    'restore',
    'save',
    'settings_of_config',
    'to_hugging_face',
    'to_keras',
    'to_torch_layer',
    'to_torchvision',
    'unwrap_arrays',
    'without',
    'write',
]
