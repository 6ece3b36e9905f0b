"""Data: sets, sources of batches, normalisation and augmentation."""

from dljax.data.arrays import batches_per_epoch
from dljax.data.augment import affine, rotation, scaling, translation, warped
from dljax.data.batches import batches
from dljax.data.brackets import brackets
from dljax.data.dataset import DataSet, Records
from dljax.data.dates import dates
from dljax.data.images import as_float, padded, resized
from dljax.data.labelled import labelled
from dljax.data.load import BUILT_IN, load
from dljax.data.normalise import Normalizer, min_max, z_score
from dljax.data.procedural import procedural
from dljax.data.resident import resident
from dljax.data.sequences import adding_problem, sum_problem
from dljax.data.shuffle import permuted
from dljax.data.stream import stream
from dljax.data.synthetic import regression, truth_table
from dljax.data.together import together

__all__ = [
    'BUILT_IN',
    'DataSet',
    'Normalizer',
    'Records',
    'adding_problem',
    'affine',
    'as_float',
    'batches',
    'batches_per_epoch',
    'brackets',
    'dates',
    'labelled',
    'load',
    'min_max',
    'padded',
    'permuted',
    'procedural',
    'regression',
    'resident',
    'resized',
    'rotation',
    'scaling',
    'stream',
    'sum_problem',
    'together',
    'translation',
    'truth_table',
    'warped',
    'z_score',
]
