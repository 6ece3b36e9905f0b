"""metrics.jsonl, TensorBoard events, and the averages that go into them."""

import json
import math
import struct

import numpy as np
import optax
import pytest
from tensorboardX.proto.event_pb2 import Event

from dljax.runs.record import Records, read_rows
from dljax.runs.rows import checksums, read
from dljax.training import Player
from dljax.training.summary import sat_out, spread, summary


def events(workdir):
    """Read a TensorBoard file: length, checksum, record, checksum, and again."""
    found = []
    for path in sorted((workdir / 'events').iterdir()):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack('<Q', data[place : place + 8])
            found.append(Event.FromString(data[place + 12 : place + 12 + length]))
            place += 16 + length
    return found


def scalars(workdir):
    return [
        (event.step, value.tag, value.simple_value)
        for event in events(workdir)
        for value in event.summary.value
        if value.HasField('simple_value')
    ]


def test_a_summary_skips_turns_that_were_sat_out():
    means = summary(
        {
            'a/loss': np.array([1.0, np.nan, 3.0]),
            'b/loss': np.array([np.nan, np.nan, np.nan]),
            'a/finite': np.array([True, True, True]),
        }
    )
    assert set(means) == {'a/loss', 'b/loss'}
    assert means['a/loss'] == 2.0 and np.isnan(means['b/loss'])


def test_a_summary_keeps_members_apart_and_infinity():
    loss = np.array([[1.0, np.nan, 1.0], [3.0, 5.0, np.inf]])
    assert summary({'loss': loss})['loss'].tolist() == [2.0, 5.0, np.inf]


def test_a_spread_is_mean_and_sample_deviation():
    row = spread({'loss': np.array([1.0, 2.0, 6.0]), 'one': np.array([4.0]), 'x': 2})
    assert row == {
        'loss': 3.0,
        'loss/std': pytest.approx(math.sqrt(7.0)),
        'one': 4.0,
        'one/std': 0.0,
        'x': 2.0,
    }


def test_rows_are_written_and_read_back(tmp_path):
    records = Records(tmp_path)
    first = records.write(10, {'loss': 0.5})
    records.write(20, {'loss': np.array([1.0, 3.0])})
    records.close()
    rows = read_rows(tmp_path / 'metrics.jsonl')
    assert rows[0] == first == {'step': 10, 'seconds': first['seconds'], 'loss': 0.5}
    assert rows[1]['loss'] == 2.0 and rows[1]['loss/std'] == pytest.approx(2**0.5)
    assert records.rows == rows
    assert 0 <= rows[0]['seconds'] <= rows[1]['seconds']


def test_figures_that_are_not_finite_leave_a_gap(tmp_path):
    records = Records(tmp_path)
    row = records.write(1, {'a': math.nan, 'b': math.inf, 'c': 1.0, 'd': [math.nan, 1]})
    records.close()
    gaps = {'a', 'b', 'd', 'd/std'}
    assert row['c'] == 1.0 and all(math.isnan(row[name]) for name in gaps)
    text = (tmp_path / 'metrics.jsonl').read_text()
    assert 'NaN' not in text
    assert {k for k, v in json.loads(text).items() if v is None} == gaps
    (again,) = read_rows(tmp_path / 'metrics.jsonl')
    assert again.keys() == row.keys() and all(math.isnan(again[name]) for name in gaps)
    shown = {tag: value for _, tag, value in scalars(tmp_path)}
    assert math.isnan(shown['a']) and shown['c'] == 1.0


def test_a_player_that_does_not_move_is_named():
    rule = optax.sgd(0.1)
    players = {
        'always': Player(rule, loss=print),
        'rare': Player(rule, loss=print, every=4),
        'late': Player(rule, loss=print, during=(10, None)),
    }
    assert sat_out(players, 1, 4) == ('rare/', 'late/')
    assert sat_out(players, 4, 5) == ('late/',)
    assert sat_out(players, 9, 11) == ('rare/',)


def three_rows(folder):
    records = Records(folder)
    for step in (10, 20, 30):
        records.write(step, {'loss': step / 7, 'accuracy': 0.5})
    records.close()
    return folder / 'metrics.jsonl'


@pytest.mark.parametrize('line', [0, 1, 2])
def test_a_flipped_bit_costs_its_row_alone(tmp_path, line):
    path = three_rows(tmp_path)
    lines, good = path.read_bytes().splitlines(), read_rows(path)
    starts = [sum(len(text) + 1 for text in lines[:n]) for n in range(4)]
    whole = path.read_bytes()
    for place in range(starts[line], starts[line + 1]):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(bytes(content))
        others = [row for row in read_rows(path) if row in good]
        assert read_rows(path) == others
        ends = place == starts[line + 1] - 1  # then two lines have become one
        assert len(others) == (1 if ends and line < 2 else 2)


def test_a_damaged_row_is_set_aside_with_the_next_one_and_nothing_is_done_before(
    tmp_path,
):
    path = three_rows(tmp_path)
    damaged = path.read_bytes().replace(b'"step": 10', b'"step": 11')
    path.write_bytes(damaged)
    before = sorted(p.name for p in tmp_path.iterdir())
    records = Records(tmp_path, step=20)
    records.close()
    assert list(records.bad) == [1] and [row['step'] for row in records.rows] == [20]
    assert path.read_bytes() == damaged
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    records = Records(tmp_path, step=20)
    records.write(30, {'loss': 1.0})
    records.close()
    assert [row['step'] for row in read_rows(path)] == [20, 30]
    aside = (tmp_path / 'metrics.bad.jsonl').read_bytes()
    assert aside == damaged.splitlines()[0] + b'\n'
    assert not read(path).bad and not read(path).missing


def test_rows_from_before_there_were_checksums_are_kept(tmp_path):
    path = three_rows(tmp_path)
    checksums(path).unlink()
    records = Records(tmp_path, step=30)
    records.write(40, {'loss': 1.0})
    records.close()
    assert [row['step'] for row in read_rows(path)] == [10, 20, 30, 40]
    assert len(checksums(path).read_bytes().splitlines()) == 4
    path.write_bytes(path.read_bytes().replace(b'0.5', b'0.7', 1))
    assert [row['step'] for row in read_rows(path)] == [20, 30, 40]


@pytest.mark.parametrize('length', [0, 5, 9, 20])
def test_checksums_that_are_cut_short_cost_no_row(tmp_path, length):
    path = three_rows(tmp_path)
    checksums(path).write_bytes(checksums(path).read_bytes()[:length])
    assert [row['step'] for row in read_rows(path)] == [10, 20, 30]


def test_a_row_that_is_gone_is_missed(tmp_path):
    path = three_rows(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    assert read(path).missing == 1 and not read(path).bad
    assert Records(tmp_path, step=30).missing == 1


@pytest.mark.parametrize(
    'text', [b'[1]', b'{"step": "a"}', b'{"step": 1}', b'\xff', b'{"step": NaN}']
)
def test_what_is_no_row_is_bad(tmp_path, text):
    path = tmp_path / 'metrics.jsonl'
    path.write_bytes(text + b'\n{"step": 1, "seconds": 0.5}\n')
    found = read(path)
    assert found.bad == {1: text} and len(found.rows) == 1


def test_a_resumed_run_drops_what_lies_beyond_its_step(tmp_path):
    records = Records(tmp_path)
    records.elapsed = 100.0
    for step in (10, 20, 30):
        records.write(step, {'loss': float(step)})
    records.close()
    records = Records(tmp_path, step=20)
    assert [row['step'] for row in records.rows] == [10, 20]
    row = records.write(30, {'loss': 0.25})
    records.close()
    assert row['seconds'] >= 100.0  # the time goes on
    rows = read_rows(tmp_path / 'metrics.jsonl')
    assert [row['step'] for row in rows] == [10, 20, 30] and rows[-1]['loss'] == 0.25
    assert not list(tmp_path.glob('*.tmp'))


def test_a_last_line_cut_off_by_a_crash_is_dropped(tmp_path):
    path = tmp_path / 'metrics.jsonl'
    whole = json.dumps({'step': 1, 'seconds': 0.1, 'loss': 2.0})
    path.write_text(whole + '\n' + whole[:-7])
    assert read_rows(path) == [json.loads(whole)]
    records = Records(tmp_path, step=5)
    records.write(6, {'loss': 1.0})
    records.close()
    assert [json.loads(line)['step'] for line in path.read_text().splitlines()] == [
        1,
        6,
    ]


def test_no_file_is_no_rows(tmp_path):
    assert read_rows(tmp_path / 'metrics.jsonl') == []


def test_tensorboard_reads_the_same_scalars_and_pictures(tmp_path):
    records = Records(tmp_path)
    records.write(10, {'net/loss': 0.5})
    records.write(20, {'net/loss': np.array([1.0, 3.0])})
    records.image('picture', np.zeros((4, 5, 3), np.uint8), 20)
    records.close()
    assert scalars(tmp_path) == [
        (10, 'net/loss', 0.5),
        (20, 'net/loss', 2.0),
        (20, 'net/loss/std', pytest.approx(2**0.5)),
    ]
    (image,) = [
        value.image
        for event in events(tmp_path)
        for value in event.summary.value
        if value.HasField('image')
    ]
    assert (image.height, image.width) == (4, 5)
    assert image.encoded_image_string.startswith(b'\x89PNG')


def test_tensorboard_is_told_to_forget_what_lies_beyond_a_resumed_step(tmp_path):
    records = Records(tmp_path, step=20)
    records.write(30, {'loss': 1.0})
    records.close()
    starts = [e.step for e in events(tmp_path) if e.session_log.status == 1]
    assert starts == [21]  # the row of step 20 itself stays
