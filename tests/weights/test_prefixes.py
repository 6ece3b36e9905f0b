"""A net is found where it was part of another as it was saved."""

from pathlib import Path

import numpy as np
import pytest

from dljax import weights
from dljax.weights import torchvision
from dljax.weights.pickled import Held
from dljax.weights.prefixes import unwrap
from tests.weights.torch_files import save, tensors

WANTED = ('conv.weight', 'norm.weight', 'norm.bias', 'fc.weight')


def net(prefix: str = '', value: float = 1.0) -> dict[str, np.ndarray]:
    return {f'{prefix}{name}': np.full(2, value) for name in WANTED}


def state(name: str = 'resnet18', prefix: str = '') -> dict[str, np.ndarray]:
    """All arrays of a model, each of one number."""
    arrays = {}
    for number, entry in enumerate(torchvision._entries(name, heads=False)):
        arrays[f'{prefix}{entry.theirs}'] = np.full(
            (1,) * entry.form.rank, number + 0.5
        )
        if entry.theirs.endswith('running_var'):
            counted = entry.theirs.replace('running_var', 'num_batches_tracked')
            arrays[f'{prefix}{counted}'] = np.zeros((), np.int64)
    return arrays


@pytest.mark.parametrize(
    'prefix',
    [
        '',
        'model.',
        'module.',
        '_orig_mod.',
        'net.model.module.',
        'backbone.',
        '0.',
        'a-b.',
    ],
)
def test_any_prefix_of_all_names_is_taken_off(prefix: str) -> None:
    found = unwrap(net(prefix), WANTED)
    assert (found.prefix, found.left_out) == (prefix, ())
    assert list(found.arrays) == list(WANTED)


@pytest.mark.parametrize(
    'beside',
    ['n_averaged', 'criterion.weight', 'loss_fn.pos_weight', 'train_acc.total',
     'val_f1.tp', 'metrics.accuracy.correct', 'ema_model.module.conv.weight'],
)  # fmt: skip
def test_what_is_no_part_of_a_net_is_left_out_and_told(beside: str) -> None:
    arrays = {**net('model.'), beside: np.ones(3)}
    if beside.startswith('ema'):
        arrays |= net('ema_model.module.', 2.0)
    found = unwrap(arrays, WANTED)
    assert found.prefix == 'model.' and beside in found.left_out
    assert found.arrays.keys() == set(WANTED)
    assert all(array[0] == 1 for array in found.arrays.values())


@pytest.mark.parametrize(
    'other', ['normalize.mean', 'projector.weight', 'lossy.weight']
)
def test_what_may_matter_stays_to_be_refused(other: str) -> None:
    found = unwrap({**net('model.'), other: np.ones(3)}, WANTED)
    assert found.left_out == () and other in found.arrays


def test_two_nets_are_refused_where_nothing_says_which() -> None:
    with pytest.raises(
        ValueError, match="there 2 times, behind 'a.', 'b.', and nothing"
    ):
        unwrap({**net('a.'), **net('b.')}, WANTED)


def test_the_arrays_of_a_net_itself_keep_their_names() -> None:
    arrays = {**net(), **net('ema.')}
    assert unwrap(arrays, WANTED).arrays.keys() == arrays.keys()
    assert unwrap({}, WANTED) == ({}, '', ())
    other = {'model.x': np.ones(1)}
    assert unwrap(other, WANTED) == (other, '', ())


@pytest.mark.parametrize('suffix', ['.ckpt', '.pt', '.bin'])
def test_a_checkpoint_of_a_wrapped_model_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f'last{suffix}'
    plain = weights.from_torchvision('resnet18', state())
    save(path, {'epoch': 1, 'state_dict': tensors(state(prefix='model.'))})
    arrays = weights.read(path)
    assert isinstance(arrays, Held) and (arrays.entry, arrays.beside) == (
        'state_dict',
        (),
    )
    assert weights.unwrap_arrays('resnet18', arrays).prefix == 'model.'
    found = weights.from_torchvision('resnet18', arrays)
    left, right = (weights.without(v) for v in (found, plain))
    for collection in plain:
        np.testing.assert_equal(left[collection], right[collection])


def test_the_entries_that_were_not_taken_are_told(tmp_path: Path) -> None:
    path = tmp_path / 'last.pt'
    content = {'ema': tensors(net()), 'model': tensors(net()), 'epoch': 3}
    save(path, content)
    arrays = weights.read(path)
    assert (arrays.entry, arrays.beside) == ('model', ('ema',))


def test_names_of_two_origins_make_no_net() -> None:
    arrays = net('model.')
    arrays['fc.weight'] = arrays.pop('model.fc.weight')
    assert unwrap(arrays, WANTED) == (arrays, '', ())


def test_what_does_not_fit_is_named_behind_the_prefix() -> None:
    arrays = state(prefix='model.')
    arrays['model.head.weight'] = arrays.pop('model.fc.weight')
    with pytest.raises(ValueError) as caught:
        weights.from_torchvision('resnet18', arrays)
    said = str(caught.value)
    assert "torchvision's resnet18, behind the prefix 'model.':" in said
    assert 'missing (1): fc.weight' in said and 'not wanted (1): head.weight' in said
    with pytest.raises(ValueError, match='All of it is there: leave the others out'):
        weights.from_torchvision(
            'resnet18',
            {**state(prefix='model.'), 'projector.0.weight': np.ones((2, 2))},
        )
