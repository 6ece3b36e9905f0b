"""Our variables come back from files, fit the net or not, and lose their head."""

import json
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from dljax.types import PyTree, named_leaves
from dljax.weights import check, restore, save, without


def variables() -> PyTree:
    random = np.random.default_rng(0)
    return {
        'params': {
            'body': {'kernel': random.normal(size=(3, 4)).astype(np.float32)},
            'aux1': {'bias': jnp.arange(3, dtype=jnp.bfloat16)},
            'aux2': {'bias': random.normal(size=2)},
            'output': {'kernel': np.ones((4, 2), np.float16), 'bias': np.zeros(2)},
        },
        'batch_stats': {'body': {'mean': np.ones(4), 'output': np.ones(())}},
        'counts': {'steps': np.int32(3)[...]},
    }


def assert_same(left: PyTree, right: PyTree) -> None:
    left, right = named_leaves(left), named_leaves(right)
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert left[name].shape == right[name].shape
        assert np.asarray(left[name]).tobytes() == np.asarray(right[name]).tobytes()


@pytest.mark.parametrize('name', ['a.safetensors', 'a.h5', 'a', 'weights/a'])
def test_variables_come_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    (tmp_path / 'weights').mkdir()
    path = tmp_path / name
    save(path, variables())
    found = restore(path)
    assert_same(found, variables())
    assert all(isinstance(leaf, np.ndarray) for leaf in named_leaves(found).values())
    save(path, without(variables(), 'output'))  # takes its place
    assert 'output' not in restore(path)['params']
    assert [p.name for p in path.parent.iterdir() if p.name != 'weights'] == [path.name]


def test_any_checkpoint_of_orbax_with_parameters_is_read(tmp_path: Path) -> None:
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / 'state', {'params': {'a': jnp.ones(2)}, 'step': 3})
        checkpointer.save(tmp_path / 'other', {'weights': jnp.ones(2)})
    assert restore(tmp_path / 'state')['params']['a'].tolist() == [1, 1]
    with pytest.raises(ValueError, match="other holds weights ..., wanted 'params'"):
        restore(tmp_path / 'other')


def test_a_folder_of_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/thesis.tex').write_text('words')
    with pytest.raises(FileExistsError, match='mine is there and is no checkpoint'):
        save(tmp_path / 'mine', variables())
    assert (tmp_path / 'mine/thesis.tex').exists()
    with pytest.raises(ValueError, match='mine is no whole checkpoint of Orbax'):
        restore(tmp_path / 'mine')


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    save(tmp_path / 'a', variables())
    shutil.rmtree(tmp_path / 'a/d')
    with pytest.raises(ValueError, match='a is no whole checkpoint of Orbax'):
        restore(tmp_path / 'a')


def test_what_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no 'params', only \['output'\]"):
        save(tmp_path / 'a.npz', {'output': np.ones(2)})
    (tmp_path / 'a.json').write_text(json.dumps({}))
    with pytest.raises(ValueError, match="suffix '.json'"):
        restore(tmp_path / 'a.json')
    np.savez(tmp_path / 'a.npz', **{'fc.weight': np.ones(2)})
    with pytest.raises(ValueError, match='holds fc.weight .*wanted .*from_torchvision'):
        restore(tmp_path / 'a.npz')


def test_variables_of_another_net_are_refused_with_all_differences() -> None:
    check(variables(), variables())
    other = variables()
    del other['params']['body'], other['batch_stats']
    other['params']['output']['bias'] = np.zeros(7, np.float32)
    other['counts']['steps'] = np.float32(3)[...]
    other['params']['new'] = np.zeros(1)
    with pytest.raises(ValueError) as caught:
        check(other, variables(), 'our net')
    text = ' '.join(str(caught.value).split())
    assert text.startswith('these weights are not those of our net: missing (3): ')
    for words in (
        'params/body/kernel float32[3, 4]',
        'batch_stats/body/mean float',
        'not wanted (1): params/new float',
        'params/output/bias float32[7], wanted float',
        'counts/steps float32[], wanted int32[]',
    ):
        assert words in text


@pytest.mark.parametrize(
    ('patterns', 'gone'),
    [
        (('output',), {'params/output/kernel', 'params/output/bias'}),
        (('output/bias',), {'params/output/bias'}),
        (('aux*', '*/mean'), {'params/aux1/bias', 'params/aux2/bias'}),
        (('aux[2-9]',), {'params/aux2/bias'}),
        ((), set()),
    ],
)
def test_parts_are_left_out_by_path(patterns: tuple[str, ...], gone: set[str]) -> None:
    kept = named_leaves(without(variables(), *patterns)).keys()
    if '*/mean' in patterns:
        gone = gone | {'batch_stats/body/mean'}
    assert named_leaves(variables()).keys() - kept == gone


def test_a_pattern_that_nothing_matches_is_refused() -> None:
    message = "nothing is named 'head', the groups are aux1, aux2, body, output, steps"
    with pytest.raises(ValueError, match=message):
        without(variables(), 'output', 'head')
