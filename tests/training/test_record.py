"""metrics.jsonl, TensorBoard events, and the averages that go into them."""

import json
import math
import struct

import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

from dljax.training.record import Records, read_rows, spread, summary


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


def test_figures_that_are_not_finite_are_left_out(tmp_path):
    records = Records(tmp_path)
    row = records.write(1, {'a': math.nan, 'b': math.inf, 'c': 1.0, 'd': [math.nan, 1]})
    records.close()
    assert set(row) == {'step', 'seconds', 'c'}
    assert 'NaN' not in (tmp_path / 'metrics.jsonl').read_text()


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
