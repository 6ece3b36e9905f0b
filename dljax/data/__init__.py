"""Data: sets, sources of batches, normalisation and augmentation."""

from dljax.data.arrays import batches_per_epoch
from dljax.data.augment import affine, rotation, scaling, translation, warped
from dljax.data.batches import batches
from dljax.data.brackets import brackets
from dljax.data.composition import Placement, compose
from dljax.data.corrupt import gaussian_noise, masking, salt_and_pepper
from dljax.data.dataset import DataSet, Records
from dljax.data.dates import dates
from dljax.data.faults import FAULTS, inject_faults
from dljax.data.images import as_float, padded, resized
from dljax.data.labelled import labelled
from dljax.data.load import BUILT_IN, load
from dljax.data.mixtures import Mixture, lattice, ring
from dljax.data.normalise import Normalizer, min_max, z_score
from dljax.data.procedural import procedural
from dljax.data.replay import Replay, replay
from dljax.data.resident import resident
from dljax.data.scenes import Scenes, digit_scenes
from dljax.data.sequences import adding_problem, sum_problem
from dljax.data.series import by_time, mackey_glass, seasonal
from dljax.data.shuffle import permuted
from dljax.data.stream import stream
from dljax.data.synthetic import regression, truth_table
from dljax.data.table import read_column
from dljax.data.text import Vocabulary, read_text, scored_windows, text_windows
from dljax.data.together import together
from dljax.data.windows import (
    all_windows,
    count_windows,
    cut_windows,
    overlapped,
    window_source,
)

__all__ = [
    'BUILT_IN',
    'FAULTS',
    'DataSet',
    'Mixture',
    'Normalizer',
    'Placement',
    'Records',
    'Replay',
    'Scenes',
    'Vocabulary',
    'adding_problem',
    'affine',
    'all_windows',
    'as_float',
    'batches',
    'batches_per_epoch',
    'brackets',
    'by_time',
    'compose',
    'count_windows',
    'cut_windows',
    'dates',
    'digit_scenes',
    'gaussian_noise',
    'inject_faults',
    'labelled',
    'lattice',
    'load',
    'mackey_glass',
    'masking',
    'min_max',
    'overlapped',
    'padded',
    'permuted',
    'procedural',
    'read_column',
    'read_text',
    'regression',
    'replay',
    'resident',
    'resized',
    'ring',
    'rotation',
    'salt_and_pepper',
    'scaling',
    'scored_windows',
    'seasonal',
    'stream',
    'sum_problem',
    'text_windows',
    'together',
    'translation',
    'truth_table',
    'warped',
    'window_source',
    'z_score',
]
