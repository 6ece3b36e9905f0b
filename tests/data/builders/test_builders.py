"""The sets that come with scikit-learn, as TFDS builders."""

import hashlib

import numpy as np
import pytest
from sklearn import datasets

from dljax.data import load
from dljax.data.builders.embedded import split_indices

SPLITS = ('train', 'validation', 'test')
LOADERS = {
    'digits': datasets.load_digits,
    'iris': datasets.load_iris,
    'wine': datasets.load_wine,
    'breast_cancer': datasets.load_breast_cancer,
    'diabetes': lambda: datasets.load_diabetes(scaled=False),
}


def rows(split):
    """One row an example, answer last."""
    inputs, answers = split.values()
    flat = inputs.reshape(len(inputs), -1).astype(np.float64)
    return np.column_stack([flat, answers])


def in_order(table):
    return table[np.lexsort(table.T[::-1])]


@pytest.mark.parametrize('name', LOADERS)
def test_the_splits_together_are_the_source_and_nothing_is_in_two(name):
    data, source = load(name), LOADERS[name]()
    inputs = source.data.astype(np.float32)
    if name == 'digits':
        inputs = np.rint(inputs * (255 / 16))
    expected = np.column_stack([inputs, source.target])
    parts = [rows(data[split]) for split in SPLITS]
    assert sum(len(part) for part in parts) == len(expected)
    # As multisets: an example in two splits would be there once too often.
    np.testing.assert_array_equal(in_order(np.concatenate(parts)), in_order(expected))


@pytest.mark.parametrize('name', LOADERS)
def test_the_splits_have_their_stated_sizes(name):
    data = load(name)
    total = sum(data.splits.values())
    assert tuple(data.splits) == SPLITS
    for split, fraction in zip(SPLITS, (0.7, 0.1, 0.2), strict=True):
        assert abs(data.splits[split] - fraction * total) <= 1.5
        assert len(next(iter(data[split].values()))) == data.splits[split]


@pytest.mark.parametrize('name', [name for name in LOADERS if name != 'diabetes'])
def test_every_split_keeps_the_fractions_of_the_classes(name):
    data = load(name)
    whole = np.bincount(data.merged(*SPLITS)['label'])
    for split in SPLITS:
        counts = np.bincount(data[split]['label'], minlength=len(whole))
        expected = whole * data.splits[split] / whole.sum()
        assert np.abs(counts - expected).max() <= 1.5


@pytest.mark.parametrize(
    'name, digest',
    [
        ('digits', 'e9ed4a56bcdcd89e'),
        ('iris', '08429d690485e345'),
        ('diabetes', '77afee92c9216dd4'),
    ],
)
def test_the_test_split_is_the_same_everywhere_and_for_ever(name, digest):
    table = rows(load(name)['test']).astype(np.float32)
    assert hashlib.sha256(table.tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize('name', LOADERS)
def test_examples_are_as_declared_and_provenance_is_stated(name):
    data = load(name)
    for split in SPLITS:
        assert set(data[split]) == set(data.specs)
        for feature, spec in data.specs.items():
            spec.check(feature, data[split][feature])
    assert data.kind == 'real' and data.name == name
    assert 'Real data' in data.description and 'test 20 %' in data.description
    assert 'https://doi.org' in data.citation


def test_digits_use_the_whole_range_of_grey_levels():
    images = load('digits')['train']['image']
    assert images.dtype == np.uint8
    assert len(np.unique(images)) == 17
    assert (images.min(), images.max()) == (0, 255)


def test_class_names_follow_the_labels():
    assert load('digits').class_names == tuple('0123456789')
    assert load('breast_cancer').class_names == ('malignant', 'benign')
    assert load('diabetes').class_names == ()


def test_parts_do_not_depend_on_the_state_of_a_global_generator():
    labels = np.arange(100) % 4
    first = split_indices(100, labels)
    np.random.seed(7)
    for split, index in split_indices(100, labels).items():
        np.testing.assert_array_equal(index, first[split])
