"""Checkpoints come back as they went, or say that they did not."""

import functools
import json
import math
import random
import shutil
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from dljax.host.interrupt import Interrupted, ending_at_once
from dljax.host.sealing import Damaged
from dljax.training import Player, data_mesh, learner, sharded
from dljax.training.checkpoint import Checkpoints
from dljax.training.header import make_header, require_saved, restore_checked
from dljax.training.listing import changed_files
from dljax.training.position import Stored
from dljax.types import Array, State

KEY = jax.random.key(0)
BATCH = {'x': jnp.ones((8, 4))}


def loss(net: nn.Module, batch: dict, step: Array) -> tuple[Array, dict]:
    return jnp.mean(net(batch['x']) ** 2), {}


@functools.cache
def compiled(units: int) -> tuple[Callable, Callable]:
    rule = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1))
    train = learner(nn.Dense(units), {'p': Player(rule, loss=loss)})
    return jax.jit(train.init), jax.jit(train.update)


@functools.cache
def trained(steps: int = 0, units: int = 64) -> State:
    init, update = compiled(units)
    state = init(KEY, BATCH)
    for _ in range(steps):
        state, _ = update(KEY, state, BATCH)
    return state


def save(checkpoints: Checkpoints, step: int, state: State, **metrics: float) -> None:
    checkpoints.save(step, state, step, metrics=metrics, notes={'words': 'kept'})


def assert_same(left: Any, right: Any) -> None:
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.others('heavy')
@pytest.mark.parametrize(
    'position', [{'a': jnp.arange(3), 'b': 2}, 7, jnp.int32(7)], ids=str
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


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize(('maximize', 'best'), [(False, 3), (True, 2)])
def test_the_last_ones_and_the_best_are_kept(
    tmp_path: Path, maximize: bool, best: int
) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2, best='score', maximize=maximize)
    for step, score in enumerate([0.5, 0.6, 0.9, 0.1, 0.5, 0.4, 0.3]):
        if step == 4:  # another session goes on
            checkpoints.close()
            checkpoints = Checkpoints(tmp_path, keep=2, best='score', maximize=maximize)
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


def test_a_signal_disturbs_no_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Orbax logs whatever is raised in its wait, with a stack trace."""
    checkpoints = Checkpoints(tmp_path, best='a')
    join = threading.Thread.join

    def disturbed(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == 'save_finalize':
            signal.raise_signal(signal.SIGTERM)
        join(thread, timeout)

    for ask in (checkpoints.ranked, lambda: checkpoints.restore(trained(), 0)):
        steps = checkpoints.steps()
        save(checkpoints, 1 + len(steps), trained(1), a=1.0)
        monkeypatch.setattr(threading.Thread, 'join', disturbed)
        with pytest.raises(Interrupted), ending_at_once():
            ask()
        monkeypatch.undo()
        assert len(checkpoints.steps()) == 1 + len(steps)
    checkpoints.close()
    assert not caplog.records


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


@pytest.fixture(scope='module')
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoints of steps 1 and 2, to be copied."""
    folder = tmp_path_factory.mktemp('two')
    checkpoints = Checkpoints(folder, best='score')
    for step in (1, 2):
        notes = {'pending': {'loss': [0.5, step / 3, math.nan]}, 'alarms': {'a': 1}}
        state = trained(step, units=4)
        checkpoints.save(step, state, step, metrics={'score': step / 7}, notes=notes)
    checkpoints.close()
    return folder


def assert_right_or_passed_over(folder: Path, name: str) -> int:
    """Restore: what comes must be what was saved at its step; a step back is said."""
    checkpoints = Checkpoints(folder, best='score')
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        found = checkpoints.restore(trained(units=4), 0)
    checkpoints.close()
    said = [str(w.message) for w in caught if 'is damaged' in str(w.message)]
    step = found.step
    assert len(said) == 2 - step, (name, said)
    assert all(m.startswith('checkpoint 2 is damaged and is passed') for m in said)
    assert_same(found.state, trained(step, units=4))
    assert (found.position, found.metrics) == (step, {'score': step / 7})
    pending = found.notes.pop('pending')['loss']
    np.testing.assert_array_equal(pending, [0.5, step / 3, math.nan])
    assert found.notes == {'alarms': {'a': 1}}
    return step


def files(folder: Path) -> list[str]:
    paths = sorted(p for p in folder.rglob('*') if p.is_file())
    return [p.relative_to(folder).as_posix() for p in paths]


def kind(name: str) -> str:
    """Files that differ in a random name only, or that nobody reads, are of a kind."""
    if 'ocdbt.process_' in name:
        return 'copies'
    return name.rsplit('/', 1)[0] if '/d/' in name else name


def one_bit(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(bytes(content))


@pytest.mark.heavy
def test_a_flipped_bit_in_any_file_never_restores_what_was_not_saved(
    two: Path, tmp_path: Path
) -> None:
    draw = random.Random(0)
    kinds = {kind(name): name for name in files(two / '2')}
    assert {'header/metadata', 'tree/_METADATA', 'copies'} < kinds.keys()
    steps = {}
    for number, name in enumerate(kinds.values()):
        folder = shutil.copytree(two, tmp_path / str(number))
        one_bit(folder / '2' / name, draw)
        steps[kind(name)] = assert_right_or_passed_over(folder, name)
    assert steps['header/metadata'] == steps['tree/d'] == 1
    assert steps['copies'] == steps['_CHECKPOINT_METADATA'] == 2  # nobody reads them


@pytest.mark.parametrize(
    ('seed', 'count'),
    [
        pytest.param(1, 30, marks=pytest.mark.heavy),
        pytest.param(2, 200, marks=pytest.mark.exhaustive),
    ],
)
def test_hundreds_of_flipped_bits_restore_nothing_that_was_not_saved(
    two: Path, tmp_path: Path, seed: int, count: int
) -> None:
    draw = random.Random(seed)
    names = [name for name in files(two / '2') if kind(name) != 'copies']
    for number in range(count):
        folder = shutil.copytree(two, tmp_path / 'copy')
        name = 'header/metadata' if number % 2 else draw.choice(names)
        one_bit(folder / '2' / name, draw)
        assert_right_or_passed_over(folder, name)
        shutil.rmtree(folder)


def empty(path: Path) -> None:
    path.write_bytes(b'')


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.others('heavy')
@pytest.mark.parametrize('damage', [cut, Path.unlink, empty, replace_by_folder])
def test_a_file_that_is_lost_or_cut_is_never_read_for_another(
    two: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    for number, name in enumerate(['header/metadata', 'tree/_METADATA', 'tree/d']):
        folder = shutil.copytree(two, tmp_path / str(number))
        path = folder / '2' / name
        damage(next(path.iterdir()) if path.is_dir() else path)
        assert assert_right_or_passed_over(folder, name) == 1


def test_what_is_no_checkpoint_is_in_nobodys_way(two: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(two, tmp_path / 'run')
    (folder / '3').write_text('not a folder')
    (folder / '007').mkdir()
    (folder / '\u0663').mkdir()
    (folder / 'notes.txt').write_text('mine')
    shutil.copytree(folder / '1', folder / '5')  # of another step than its name says
    (folder / '8').write_text('in the way of a later save')
    checkpoints = Checkpoints(folder)
    with pytest.warns(RuntimeWarning) as caught:
        found = checkpoints.restore(trained(units=4), 0)
    said = [str(w.message) for w in caught if 'damaged' in str(w.message)]
    assert [line.split(' is')[0] for line in said] == [f'checkpoint {n}' for n in '853']
    assert 'that of step 1' in said[1]
    assert found.step == 2
    (folder / '8').write_text('and once more')
    for step in (3, 8):
        save(checkpoints, step, found.state)
    checkpoints.close()
    again = Checkpoints(folder)
    assert again.restore(trained(units=4), 0).step == 8
    again.close()
    assert (folder / 'notes.txt').read_text() == 'mine'
    assert (folder / '3.damaged').read_text() == 'not a folder'  # nothing is lost


def test_one_that_is_asked_for_and_damaged_is_refused_and_the_whole_ones_are_named(
    two: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(two, tmp_path / 'run')
    shutil.rmtree(folder / '2/tree')
    checkpoints = Checkpoints(folder)
    with pytest.raises(
        ValueError, match=r'checkpoint 2 of .* is damaged: 2/tree/.* whole are \[1\]'
    ):
        checkpoints.restore(trained(units=4), 0, step=2)
    checkpoints.close()
    assert (folder / '2').is_dir()


def test_a_damaged_header_is_no_other_model(two: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(two, tmp_path / 'run')
    path = folder / '2/header/metadata'
    path.write_text(path.read_text().replace('float32[4, 4]', 'float32[4, 5]', 1))
    assert assert_right_or_passed_over(folder, 'shapes') == 1


def test_the_best_is_not_chosen_by_a_damaged_metric(two: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(two, tmp_path / 'run')
    path = folder / '1/header/metadata'
    path.write_text(path.read_text().replace('"score": 0.1', '"score": 9.1'))
    checkpoints = Checkpoints(folder, keep=1, best='score')
    assert checkpoints.best_step() == 2
    save(checkpoints, 3, trained(units=4), score=0.1)
    checkpoints.close()
    assert sorted(p.name for p in folder.iterdir()) == ['2', '3']


def test_a_checkpoint_without_a_seal_is_read_with_a_warning(
    two: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(two, tmp_path / 'run')
    path = folder / '2/header/metadata'
    header = json.loads(path.read_text())
    former = ('notes', 'shapes', 'sha256', 'metrics')
    path.write_text(json.dumps({name: header[name] for name in former}))
    (folder / '2/files.json').unlink()
    checkpoints = Checkpoints(folder)
    with pytest.warns(RuntimeWarning, match='2 was saved by an earlier version'):
        found = checkpoints.restore(trained(units=4), 0)
    checkpoints.close()
    assert found.step == 2 and found.metrics == {'score': 2 / 7}
    path.write_text(json.dumps({name: header[name] for name in (*former, 'step')}))
    assert assert_right_or_passed_over(folder, 'a header that lost its seal') == 1


def test_every_file_is_listed_and_its_change_found(two: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(two, tmp_path / 'run') / '2'
    assert changed_files(folder) == []
    alone = {'files.json', 'commit_success.txt'}
    names = [name for name in files(folder) if name not in alone]
    assert len(names) > 8
    draw = random.Random(2)
    for name in names:
        if name == '_CHECKPOINT_METADATA':  # but for the moment of its commit
            continue
        content = (folder / name).read_bytes()
        one_bit(folder / name, draw)
        assert changed_files(folder) == [name]
        (folder / name).write_bytes(content)
    one_bit(folder / 'files.json', draw)
    assert changed_files(folder) == ['files.json']


def test_values_are_held_against_the_header_whatever_their_files_say(
    tmp_path: Path,
) -> None:
    tree = {'kernel': np.arange(3.0, dtype=np.float32)}
    header = make_header(6, tree, {}, {})
    require_saved(tmp_path, header, tree)
    other = {'kernel': np.nextafter(tree['kernel'], np.float32(9))}
    with pytest.raises(Damaged, match='not those that were saved'):
        require_saved(tmp_path, header, other)


def test_a_reader_that_gives_other_values_is_not_believed(two: Path) -> None:
    checkpoints = Checkpoints(two, best='score')
    template = trained(units=4)
    found = checkpoints.read(2, template, 0)
    tree = {'state': Stored.of(found.state), 'position': found.position}
    header, same = restore_checked(two / '2', lambda: tree)
    assert same is tree and header['step'] == 2
    other = {**tree, 'position': 3}
    with pytest.raises(Damaged, match='2/tree: its values are not those'):
        restore_checked(two / '2', lambda: other)
    checkpoints.close()


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
