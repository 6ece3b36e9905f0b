"""Data: sets, sources of batches, normalisation and augmentation."""

from dljax.data.arrays import batches_per_epoch
from dljax.data.batches import batches
from dljax.data.dataset import DataSet, Records
from dljax.data.images import as_float, padded, resized
from dljax.data.load import load
from dljax.data.resident import resident
from dljax.data.shuffle import permuted

__all__ = [
    'DataSet',
    'Records',
    'as_float',
    'batches',
    'batches_per_epoch',
    'load',
    'padded',
    'permuted',
    'resident',
    'resized',
]
