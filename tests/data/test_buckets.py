"""Buckets of lengths: few shapes, little padding, and every example in its turn."""

import itertools

import jax
import numpy as np
import pytest

from dljax import data
from dljax.data.buckets import Buckets

KEY = jax.random.key(0)


def examples(count: int, longest: int = 20, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    length = random.integers(1, longest + 1, count).astype(np.int32)
    target_length = np.minimum(longest, length + random.integers(0, 3, count))
    place = np.arange(longest)[None, :]
    return {
        'number': np.arange(count, dtype=np.int32),
        'source': np.where(place < length[:, None], 7, 0).astype(np.int32),
        'target': np.where(place < target_length[:, None], 8, 0).astype(np.int32),
        'source_length': length,
        'target_length': target_length.astype(np.int32),
    }


PAIRS = {'source': 'source_length', 'target': 'target_length'}


def test_the_buckets_are_the_best_there_are() -> None:
    arrays = examples(60, longest=12)
    lengths = np.sort(arrays['source_length'])
    for count in (2, 3):
        wanted = 1 - lengths.sum() / min(
            sum(len(part) * part[-1] for part in np.split(lengths, cuts))
            for cuts in itertools.combinations(range(5, 56), count - 1)
            if min(np.diff([0, *cuts, 60])) >= 5
        )
        buckets = data.length_buckets(
            arrays, {'source': 'source_length'}, 5, padding=wanted + 1e-9, most=count
        )
        assert len(buckets.members) == count
        assert buckets.padding == pytest.approx(wanted, abs=1e-12)


def test_the_padding_is_what_is_stated_and_below_what_is_asked() -> None:
    arrays = examples(400)
    buckets = data.length_buckets(arrays, PAIRS, 16, padding=0.1)
    assert buckets.padding <= 0.1 and len(buckets.members) <= 8
    padded = needed = 0
    for bucket, index in enumerate(buckets.members):
        assert len(index) >= 16
        for name, length in PAIRS.items():
            bound = buckets.bounds[name][bucket]
            assert arrays[length][index].max() == bound
            padded += bound * len(index)
            needed += arrays[length][index].sum()
    assert buckets.padding == pytest.approx(1 - needed / padded)
    assert f'{buckets.padding:.1%}' in buckets.summary
    found = np.sort(np.concatenate(buckets.members))
    np.testing.assert_array_equal(found, np.arange(400))
    fewer = data.length_buckets(arrays, PAIRS, 16, padding=0.3)
    assert len(fewer.members) < len(buckets.members)


def test_long_recordings_have_buckets_too() -> None:
    length = np.random.default_rng(0).integers(1000, 90_000, 900)
    arrays = {'audio': np.zeros((900, 1), np.float32), 'length': length}
    arrays['audio'] = np.lib.stride_tricks.as_strided(
        arrays['audio'], (900, 90_000), (4, 0)
    )
    buckets = data.length_buckets(arrays, {'audio': 'length'}, 32, padding=0.12)
    assert buckets.padding <= 0.12


def drawn(source: object, positions: range) -> list[dict]:
    return [source.next(KEY, position, None)[1] for position in positions]


def made() -> tuple[dict[str, np.ndarray], Buckets]:
    arrays = examples(103)
    return arrays, data.length_buckets(arrays, PAIRS, 8, padding=0.2)


def test_a_batch_follows_from_key_and_position_and_cuts_padding_alone() -> None:
    arrays, buckets = made()
    source = data.bucketed(arrays, buckets)
    assert source.host and source.init(KEY)[0] == 0
    epoch = sum(len(index) // 8 for index in buckets.members)
    first, second = (drawn(source, range(e * epoch, (e + 1) * epoch)) for e in (0, 1))
    shapes = set()
    for batch in first + second:
        number = batch['number']
        for name, length in PAIRS.items():
            np.testing.assert_array_equal(batch[length], arrays[length][number])
            wide = np.pad(batch[name], ((0, 0), (0, 20 - batch[name].shape[1])))
            np.testing.assert_array_equal(wide, arrays[name][number])
        shapes.add((batch['source'].shape, batch['target'].shape))
    assert len(shapes) == len(buckets.members)
    seen = [np.concatenate([batch['number'] for batch in e]) for e in (first, second)]
    assert all(len(set(numbers)) == len(numbers) == 8 * epoch for numbers in seen)
    assert (seen[0] != seen[1]).any()
    again = data.bucketed(arrays, buckets)
    position, batch = again.next(KEY, epoch + 3, None)
    assert position == epoch + 4
    np.testing.assert_array_equal(batch['number'], second[3]['number'])
    other = source.next(jax.random.key(1), epoch + 3, None)[1]
    assert other['number'].tolist() != batch['number'].tolist()


def test_parts_of_a_batch_joined_are_the_batch() -> None:
    source = data.bucketed(*made())
    for position in (0, 7):
        whole = source.next(KEY, position, None)[1]
        parts = [source.part(i, 2).next(KEY, position, None)[1] for i in range(2)]
        for name, values in whole.items():
            np.testing.assert_array_equal(
                np.concatenate([part[name] for part in parts]), values
            )


def test_evaluation_takes_every_example_once_in_the_same_shapes() -> None:
    arrays, buckets = made()
    other = examples(50, seed=3)
    shapes = set(zip(*buckets.bounds.values(), strict=True)) | {(20, 20)}
    for some in (arrays, other):
        found = []
        for batch in data.bucket_batches(some, buckets):
            assert (batch['source'].shape[1], batch['target'].shape[1]) in shapes
            real = batch['mask'] > 0
            found += batch['number'][real].tolist()
            for name, length in PAIRS.items():
                assert (batch[length][real] <= batch[name].shape[1]).all()
        assert sorted(found) == list(range(len(some['number'])))


def test_equal_lengths_need_one_bucket() -> None:
    arrays = {'tokens': np.ones((9, 5), int), 'length': np.full(9, 5)}
    buckets = data.length_buckets(arrays, {'tokens': 'length'}, 4)
    assert buckets.bounds == {'tokens': (5,)} and buckets.padding == 0


@pytest.mark.parametrize(
    'change, message',
    [
        ({'batch_size': 0}, 'batch_size is 0'),
        ({'batch_size': 104}, 'batch_size is 104'),
        ({'padding': 1.0}, 'padding 1.0'),
        ({'padding': 0.001}, r'padding is \d.*in \d buckets of 8'),
        ({'lengths': {}}, 'names no feature'),
        ({'lengths': {'source': 'size'}}, "lengths 'size'"),
        ({'lengths': {'source': 'source'}}, 'an integer from 1'),
        ({'lengths': {'number': 'source_length'}}, 'an integer from 1'),
    ],
)
def test_settings_out_of_range_are_refused(change: dict, message: str) -> None:
    settings = {'lengths': PAIRS, 'batch_size': 8, **change}
    with pytest.raises(ValueError, match=message):
        data.length_buckets(examples(103), **settings)


def test_sources_of_other_arrays_are_refused() -> None:
    arrays, buckets = made()
    with pytest.raises(ValueError, match='of 103 examples and the arrays of 50'):
        data.bucketed(examples(50), buckets)
    with pytest.raises(ValueError, match='shard is'):
        data.bucketed(arrays, buckets, shard=(0, 3))
