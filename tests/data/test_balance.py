"""Weights and draws that make unequal classes count the same."""

import jax
import numpy as np
import pytest

from dljax.data import class_weights, labelled, resident, with_balance

LABELS = np.repeat([0, 1, 3], [900, 90, 10])


def test_each_class_that_occurs_has_the_same_part() -> None:
    weights = class_weights(LABELS)
    parts = np.bincount(LABELS) * weights / len(LABELS)
    np.testing.assert_allclose(parts, [1 / 3, 1 / 3, 0, 1 / 3], rtol=1e-6)
    assert len(class_weights(LABELS, 7)) == 7
    balance = with_balance({'label': LABELS})['balance']
    assert balance.dtype == np.float32 and balance.mean() == pytest.approx(1)
    # Who always says the first class is right a third of the time.
    assert (balance * (LABELS == 0)).mean() == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ('labels', 'classes'),
    [([], None), ([-1, 0], None), ([0, 3], 3), ([0.5], None), ([[0]], None)],
)
def test_labels_without_a_class_are_refused(labels: list, classes: int | None) -> None:
    with pytest.raises(ValueError, match='wanted one integer of'):
        class_weights(np.array(labels), classes)


@pytest.mark.heavy
def test_classes_are_drawn_equally_often_and_all_their_examples() -> None:
    arrays = {'label': LABELS[::-1].copy(), 'place': np.arange(1000)}
    source = resident(arrays, 300, balanced='label')
    key, places, counts = jax.random.key(0), set(), np.zeros(4)
    position, first = jax.jit(source.init)(key)
    following = jax.jit(lambda position: source.next(key, position, None))
    for _ in range(20):
        position, batch = following(position)
        np.testing.assert_array_equal(arrays['label'][batch['place']], batch['label'])
        counts += np.bincount(batch['label'], minlength=4)
        places |= {*batch['place'].tolist()}
    np.testing.assert_allclose(counts, [2000, 2000, 0, 2000], atol=150)
    assert len(places) > 850
    assert not np.array_equal(first['place'], batch['place'])
    again = following(position - 1)[1]
    np.testing.assert_array_equal(again['place'], batch['place'])


def test_what_cannot_be_balanced_is_refused() -> None:
    arrays = {'label': LABELS, 'x': np.zeros(1000)}
    with pytest.raises(ValueError, match='batch_size=None'):
        resident(arrays, balanced='label')
    for name in ('x', 'y'):
        with pytest.raises(
            ValueError, match=f"the class is '{name}' of .* one integer"
        ):
            resident(arrays, 10, balanced=name)
        with pytest.raises(
            ValueError, match=f"the class is '{name}' of .* one integer"
        ):
            with_balance(arrays, name)
    for label in (np.eye(2)[[0, 1]], np.array([0.0, 1.0]), np.array([-1, 1])):
        with pytest.raises(ValueError, match="'label'"):
            labelled({'label': label}, 2)
    with pytest.raises(ValueError, match="the class is 'label' of"):
        labelled({'x': np.zeros(4)}, 2)
