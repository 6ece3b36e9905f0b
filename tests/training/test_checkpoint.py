"""Checkpoints come back as they went, or say that they did not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.training import Player, data_mesh, learner, sharded
from dljax.training.checkpoint import Checkpoints
from dljax.types import Array, State

KEY = jax.random.key(0)
BATCH = {'x': jnp.ones((8, 4))}


def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    return jnp.mean(net(batch['x']) ** 2), {}


def trained(steps: int = 0, units: int = 64) -> State:
    rule = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1))
    train = learner(nn.Dense(units), {'p': Player(rule, loss=loss)})
    state = train.init(KEY, BATCH)
    for _ in range(steps):
        state, _ = train.update(KEY, state, BATCH)
    return state


def save(checkpoints: Checkpoints, step: int, state: State, **metrics: float) -> None:
    checkpoints.save(step, state, step, metrics=metrics, notes={'words': 'kept'})


def assert_same(left: Any, right: Any) -> None:
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    'position', [7, jnp.int32(7), {'a': jnp.arange(3), 'b': 2}], ids=str
)
def test_what_is_saved_comes_back_bit_for_bit(tmp_path: Path, position: Any) -> None:
    state = trained(2)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(2, state, position, metrics={'a': 1.5}, notes={'b': [1, None]})
    checkpoints.close()
    again = Checkpoints(tmp_path)
    found = again.restore(trained(), jax.tree.map(lambda x: 0 * x, position))
    again.close()
    assert_same(found.state, state)
    assert jax.tree.structure(found.state) == jax.tree.structure(state)
    assert jax.tree.map(type, found.position) == jax.tree.map(type, position)
    for a, b in zip(
        jax.tree.leaves(found.position), jax.tree.leaves(position), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert (found.step, found.metrics) == (2, {'a': 1.5})
    assert found.notes == {'b': [1, None]}


def test_an_empty_folder_has_nothing_to_restore(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.restore(trained(), 0) is None
    assert checkpoints.best_step() is None
    checkpoints.close()


@pytest.mark.parametrize(('higher', 'best'), [(True, 2), (False, 3)])
def test_the_last_ones_and_the_best_are_kept(
    tmp_path: Path, higher: bool, best: int
) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2, best='score', higher=higher)
    for step, score in enumerate([0.5, 0.6, 0.9, 0.1, 0.5, 0.4, 0.3]):
        if step == 4:  # another session goes on
            checkpoints.close()
            checkpoints = Checkpoints(tmp_path, keep=2, best='score', higher=higher)
        save(checkpoints, step, trained(), score=score)
    save(checkpoints, 7, trained())  # a save without the metric is not the best
    checkpoints.manager.wait_until_finished()
    assert checkpoints.steps() == [best, 6, 7]
    assert checkpoints.best_step() == best
    assert checkpoints.restore(trained(), 0, step=best).step == best
    checkpoints.close()


def test_a_state_may_be_donated_as_soon_as_it_is_saved(tmp_path: Path) -> None:
    state = jax.jit(lambda s: s)(trained(1))
    copy = jax.device_get(state)
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1, state)
    zeroed = jax.jit(lambda s: jax.tree.map(jnp.zeros_like, s), donate_argnums=0)(state)
    jax.block_until_ready(zeroed)
    checkpoints.close()
    again = Checkpoints(tmp_path)
    assert_same(again.restore(trained(), 0).state, copy)
    again.close()


def data_files(folder: Path) -> list[Path]:
    """The files that hold the numbers."""
    return [p for p in (folder / 'tree').rglob('*') if p.is_file() and '/d/' in str(p)]


def flip(folder: Path) -> None:
    """Not one bit only, since some bytes are copies that nobody reads."""
    for path in data_files(folder):
        content = np.frombuffer(path.read_bytes(), np.uint8).copy()
        content[::16] ^= 0b100
        path.write_bytes(content.tobytes())


def shorten(folder: Path) -> None:
    for path in data_files(folder):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def unlist(folder: Path) -> None:
    shutil.rmtree(folder / 'tree')


def corrupt_header(folder: Path) -> None:
    for path in (folder / 'header').iterdir():
        if path.is_file():
            path.write_bytes(b'{"no')


def other_digest(folder: Path) -> None:
    """Stand for values that Orbax read without complaint but that are not the saved."""
    for path in (folder / 'header').iterdir():
        text = path.read_text() if path.is_file() else ''
        if 'sha256' in text:
            header = json.loads(text)
            header['sha256'] = '0' * 64
            path.write_text(json.dumps(header))


@pytest.mark.parametrize(
    'damage', [flip, shorten, unlist, corrupt_header, other_digest]
)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1, trained(1))
    save(checkpoints, 2, trained(2))
    checkpoints.close()
    damage(tmp_path / '2')
    again = Checkpoints(tmp_path)
    with pytest.warns(RuntimeWarning, match='checkpoint 2 is damaged'):
        found = again.restore(trained(), 0)
    again.close()
    assert found.step == 1
    assert_same(found.state, trained(1))


def test_nothing_but_damage_is_an_error(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1, trained(1))
    checkpoints.close()
    flip(tmp_path / '1')
    again = Checkpoints(tmp_path)
    with (
        pytest.warns(RuntimeWarning, match='damaged'),
        pytest.raises(
            ValueError, match=r'every checkpoint .* is damaged \(steps \[1\]'
        ),
    ):
        again.restore(trained(), 0)
    again.close()


def test_another_form_is_refused_by_the_leaf_and_both_forms(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1, trained(1))
    checkpoints.manager.wait_until_finished()
    message = r'state/params/kernel: saved float32\[4, 64\], now float32\[4, 32\]'
    with pytest.raises(ValueError, match=message):
        checkpoints.restore(trained(units=32), 0)
    checkpoints.close()


def test_a_state_is_restored_onto_other_devices(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1, trained(1))
    checkpoints.manager.wait_until_finished()
    rule = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1))
    train = learner(nn.Dense(64), {'p': Player(rule, loss=loss)})
    split = sharded(train, data_mesh(fsdp=2), threshold=16)
    template = jax.jit(split.init)(KEY, BATCH)
    found = checkpoints.restore(template, 0)
    checkpoints.close()
    assert found.state.params['kernel'].sharding == template.params['kernel'].sharding
    assert len(found.state.params['kernel'].addressable_shards) == 2
    assert_same(found.state, trained(1))


def test_what_a_killed_save_left_is_removed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1, trained(1))
    checkpoints.close()
    unfinished = tmp_path / '2.orbax-checkpoint-tmp'
    shutil.copytree(tmp_path / '1', unfinished)
    (unfinished / 'commit_success.txt').unlink()
    again = Checkpoints(tmp_path)
    assert again.steps() == [1]
    save(again, 3, trained(1))
    again.close()
    assert not unfinished.exists()


def test_fewer_than_one_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='keep=0'):
        Checkpoints(tmp_path, keep=0)
