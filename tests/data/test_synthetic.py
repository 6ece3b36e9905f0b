"""Problems made by rule."""

import operator

import numpy as np
import pytest

from dljax.data import regression, truth_table


@pytest.mark.parametrize(
    'gate, rule',
    [
        ('and', operator.and_),
        ('or', operator.or_),
        ('xor', operator.xor),
        ('xnor', lambda a, b: 1 - (a ^ b)),
        ('nand', lambda a, b: 1 - (a & b)),
    ],
)
def test_a_truth_table_follows_its_operator(gate, rule):
    table = truth_table(gate)
    a, b = table['features'].astype(int).T
    np.testing.assert_array_equal(table['label'], rule(a, b))
    assert len(np.unique(table['features'], axis=0)) == 4
    assert table['features'].dtype == np.float32 and table['label'].dtype == np.int32


def test_an_unknown_gate_is_refused():
    with pytest.raises(ValueError, match="gate is 'nor', wanted one of"):
        truth_table('nor')


def test_the_regression_is_linear_in_all_features_with_large_targets():
    data = regression(0)
    x, y = data['features'], data['target']
    assert x.shape == (1000, 20) and y.shape == (1000,) and y.dtype == np.float32
    weights, residual, *_ = np.linalg.lstsq(x.astype(np.float64), y, rcond=None)
    assert (np.abs(weights) > 0.5).all()
    assert np.sqrt(residual[0] / 1000) < 0.2
    assert 150 < y.std() < 400


def test_the_seed_decides():
    np.testing.assert_array_equal(regression(3)['target'], regression(3)['target'])
    assert (regression(3)['target'] != regression(4)['target']).any()


@pytest.mark.parametrize('settings', [{'examples': 0}, {'features': 0}, {'noise': -1}])
def test_sizes_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match='wanted sizes'):
        regression(0, **settings)
