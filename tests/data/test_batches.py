"""Batches for evaluation."""

import numpy as np
import pytest

from dljax.data import batches


@pytest.mark.parametrize('batch_size', [1, 3, 5, 10, 16])
def test_the_masked_mean_is_exact_and_order_is_kept(batch_size):
    x = np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32)
    parts = list(batches({'x': x}, batch_size))
    assert all(part['x'].shape == (batch_size, 2) for part in parts)
    masks = np.concatenate([part['mask'] for part in parts])
    joined = np.concatenate([part['x'] for part in parts])
    assert masks.sum() == 10 and masks.dtype == np.float32
    np.testing.assert_array_equal(joined[masks > 0], x)
    np.testing.assert_array_equal(joined[masks == 0], 0)


def test_padding_keeps_types():
    (part,) = batches({'image': np.ones((1, 2, 2, 1), np.uint8), 'label': [3]}, 4)
    assert part['image'].dtype == np.uint8 and part['label'].dtype == np.int32
    assert part['label'].tolist() == [3, 0, 0, 0]


def test_a_feature_named_mask_is_refused():
    with pytest.raises(ValueError, match="named 'mask'"):
        batches({'mask': np.ones(3)}, 2)


def test_a_batch_size_of_zero_is_refused_at_the_call():
    with pytest.raises(ValueError, match='batch_size is 0'):
        batches({'x': np.ones(3)}, 0)
