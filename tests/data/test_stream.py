"""The source that reads records on the host."""

import subprocess
import sys
import threading

import cloudpickle
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.data import as_float, load, resident, stream
from dljax.types import Spec

KEY = jax.random.key(3)

# Workers need not find the tests: what is defined here travels whole.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Numbered:
    """Records that carry their number; at `bad` stands what `fault` makes of it."""

    def __init__(self, size, bad=None, fault=None):
        self.size, self.bad, self.fault = size, bad, fault

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        record = {'x': np.full(2, index, np.float32), 'label': np.int64(index)}
        return self.fault(record) if index == self.bad else record


def taken(source, key, start, count):
    position, batches = start, []
    for _ in range(count):
        position, batch = source.next(key, position, None)
        assert isinstance(position, int)
        batches.append({name: np.array(values) for name, values in batch.items()})
    return batches


def assert_equal(got, expected):
    for a, b in zip(got, expected, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            assert a[name].dtype == b[name].dtype
            np.testing.assert_array_equal(a[name], b[name])


def test_stream_and_resident_draw_the_same_batches():
    data = load('iris')
    hosted = stream(data.records('train'), 16, specs=data.specs)
    on_device = resident(data['train'], 16)
    assert hosted.host
    position, expected, take = jnp.int32(4), [], jax.jit(on_device.next)
    for _ in range(10):  # into the third epoch
        position, batch = take(KEY, position, None)
        expected.append({name: np.asarray(a) for name, a in batch.items()})
    assert_equal(taken(hosted, KEY, 4, 10), expected)


@pytest.mark.heavy
def test_worker_processes_draw_the_same_batches():
    data = load('digits')
    alone = taken(stream(data.records('train'), 100), KEY, 11, 5)
    several = taken(stream(data.records('train'), 100, workers=2), KEY, 11, 5)
    assert_equal(several, alone)


def test_a_resumed_stream_goes_on_as_if_never_interrupted():
    whole = taken(stream(Numbered(20), 3), KEY, 0, 15)
    assert_equal(taken(stream(Numbered(20), 3), KEY, 9, 6), whole[9:])


def test_any_position_and_key_may_be_asked_for_at_any_time():
    source, other = stream(Numbered(20), 3), jax.random.key(4)
    in_order = taken(stream(Numbered(20), 3), KEY, 0, 10)
    for position in (5, 6, 2, 2, 9, 0, 1):
        assert_equal(taken(source, KEY, position, 1), [in_order[position]])
    assert_equal(
        taken(source, other, 2, 2), taken(stream(Numbered(20), 3), other, 2, 2)
    )
    assert_equal(taken(source, KEY, 4, 2), in_order[4:6])


def test_init_shows_the_form_of_a_batch():
    position, batch = stream(Numbered(20), 3).init(KEY)
    assert position == 0
    assert batch['x'].shape == (3, 2) and batch['x'].dtype == np.float32
    assert batch['label'].shape == (3,) and batch['label'].dtype == np.int32


def test_the_shards_of_a_batch_joined_are_the_global_batch():
    whole = taken(stream(Numbered(50), 12), KEY, 2, 5)
    parts = [taken(stream(Numbered(50), 12, shard=(i, 3)), KEY, 2, 5) for i in range(3)]
    for i, batch in enumerate(whole):
        for name, values in batch.items():
            joined = np.concatenate([part[i][name] for part in parts])
            np.testing.assert_array_equal(joined, values)


def test_a_transform_sees_one_example():
    def adjust_brightness(example):
        return {'image': as_float(example['image']), 'label': example['label']}

    data = load('digits')
    (batch,) = taken(
        stream(data.records('test'), 8, transform=adjust_brightness), KEY, 0, 1
    )
    (plain,) = taken(stream(data.records('test'), 8), KEY, 0, 1)
    assert batch['image'].dtype == np.float32
    np.testing.assert_allclose(batch['image'] * 255, plain['image'], rtol=1e-6)


FAULTS = {
    'is broken': (lambda r: 1 / 0, 'record 13 cannot be read.*ZeroDivisionError'),
    'has no label': (lambda r: {'x': r['x']}, "record 13: 'label' has type object"),
    'has another shape': (
        lambda r: r | {'x': np.zeros(5, np.float32)},
        "'x' of record .*resize or pad",
    ),
    'is not finite': (
        lambda r: r | {'x': np.array([1, np.nan], np.float32)},
        "record 13: 'x' is nan",
    ),
    'has a label out of range': (
        lambda r: r | {'label': np.int64(99)},
        "record 13: 'label' of example 0 is 99, wanted a value in",
    ),
    'has a label below zero': (
        lambda r: r | {'label': np.int64(-1)},
        "record 13: 'label' of example 0 is -1, wanted a value in",
    ),
}


@pytest.mark.parametrize('case', FAULTS)
def test_a_record_that_does_not_fit_is_named(case):
    fault, message = FAULTS[case]
    specs = {'label': Spec((), 'int32', 0, 19)}
    source = stream(Numbered(20, 13, fault), 10, specs=specs)
    with pytest.raises(ValueError, match=message):
        taken(source, KEY, 0, 2)


def test_after_an_error_other_positions_can_still_be_read():
    source = stream(Numbered(20, 13, lambda r: 1 / 0), 1)
    good, failures = [], 0
    for position in range(20):
        try:
            good += [int(taken(source, KEY, position, 1)[0]['label'][0])]
        except ValueError:
            failures += 1
    assert failures == 1 and sorted(good) == [i for i in range(20) if i != 13]


def test_a_feature_that_specs_declare_must_be_there():
    source = stream(Numbered(20), 5, specs={'image': Spec((2,))})
    with pytest.raises(ValueError, match=r"wanted \['image'\] too"):
        source.init(KEY)


def test_a_first_batch_that_does_not_come_is_an_error():
    released = threading.Event()

    def hang(record):
        released.wait(30)
        return record

    source = stream(Numbered(4, 0, hang), 4, first_batch_timeout=0.2)
    try:
        with pytest.raises(TimeoutError, match='more than 0.2 s.*first_batch_timeout'):
            source.next(KEY, 0, None)
    finally:
        released.set()


UNGUARDED = """
import jax, numpy as np
from dljax.data import stream
records = [{'x': np.zeros(2, np.float32)}] * 8
stream(records, 4, workers=1).next(jax.random.key(0), 0, None)
"""


@pytest.mark.heavy
def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    script = tmp_path / 'unguarded.py'
    script.write_text(UNGUARDED)
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 1
    last = run.stderr.strip().splitlines()[-1]
    assert "guard the script's entry by `if __name__ == '__main__':`" in last


@pytest.mark.heavy
def test_a_worker_names_the_record_that_cannot_be_read():
    source = stream(Numbered(20, 13, divide_by_zero), 10, workers=2)
    with pytest.raises(ValueError, match='record 13 cannot be read'):
        taken(source, KEY, 0, 2)


def divide_by_zero(record):
    return 1 / 0


@pytest.mark.heavy
def test_workers_that_hang_give_a_timeout_that_names_the_main_guard():
    source = stream(Hanging(), 4, workers=1, first_batch_timeout=2.0)
    with pytest.raises(TimeoutError, match='1 workers took more than 2 s.*__main__'):
        source.next(KEY, 0, None)


class Hanging(Numbered):
    """Records that can be read here and nowhere else."""

    def __init__(self):
        super().__init__(8)

    def __setstate__(self, state):
        threading.Event().wait(60)


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'batch_size': 21}, 'batch_size is 21, wanted 1 to 20'),
        ({'batch_size': 0}, 'batch_size is 0'),
        ({'shard': (2, 2)}, 'shard is'),
        ({'shard': (0, 3)}, 'a batch that count divides'),
        ({'workers': -1}, 'workers is -1'),
        ({'first_batch_timeout': 0}, 'a time above 0 s'),
    ],
)
def test_settings_out_of_range_are_refused_at_construction(settings, message):
    settings = {'batch_size': 10} | settings
    with pytest.raises(ValueError, match=message):
        stream(Numbered(20), **settings)
