"""Batches of two domains, and pairs that are changed alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax import data
from dljax.data.translated import alike, augmented, unpaired
from dljax.types import Source, State

KEY = jax.random.key(3)
NOTHING = State(jnp.int32(0), {}, {}, {})


def drawn(source: Source, count: int) -> list:
    """The batches after each other, as the compiled step draws them."""
    position, _ = source.init(KEY)
    step, batches = jax.jit(lambda at: source.next(KEY, at, NOTHING)), []
    for _ in range(count):
        position, batch = step(position)
        batches.append(jax.tree.map(np.asarray, batch))
    return batches


def numbered(count: int, channels: int = 1, side: int = 1) -> np.ndarray:
    shape = (count, side, side, channels)
    return np.broadcast_to(np.arange(float(count))[:, None, None, None], shape)


def test_each_domain_is_visited_in_an_order_of_its_own() -> None:
    batches = drawn(unpaired(numbered(6), 10 + numbered(6), 3), 4)
    a, b = (np.stack([batch[name].ravel() for batch in batches]) for name in 'ab')
    for epoch in (a[:2], a[2:], b[:2] - 10, b[2:] - 10):
        assert sorted(epoch.ravel().tolist()) == list(range(6))
    assert not np.array_equal(a, b - 10)  # or each a would always meet one b
    source = unpaired(numbered(6), numbered(5, channels=3), 2)
    assert {k: v.shape[0] for k, v in source.arrays.items()} == {'a': 6, 'b': 5}


def test_pairs_are_cut_and_mirrored_alike_and_batches_differ() -> None:
    image = np.arange(8 * 8.0).reshape(1, 8, 8, 1).repeat(4, 0)
    arrays = {'a': image, 'b': np.concatenate([2 * image] * 3, axis=-1)}
    crop = data.augment.random_crop(0, (5, 4))
    changes = data.augment.compose(crop, data.augment.flip())
    source = augmented(data.resident(arrays, 4), {('a', 'b'): changes})
    batches = drawn(source, 8)
    places = set()
    for batch in batches:
        assert batch['a'].shape == (4, 5, 4, 1) and batch['b'].shape == (4, 5, 4, 3)
        np.testing.assert_array_equal(2 * batch['a'].repeat(3, -1), batch['b'])
        for part in batch['a'][..., 0]:
            mirrored = part[0, 1] < part[0, 0]
            places.add((int(part[0].min()), bool(mirrored)))
    # Every place is as likely: 4 x 5 of them, mirrored or not, in 32 draws.
    assert len(places) > 15 and {m for _, m in places} == {True, False}
    again = drawn(source, 8)
    jax.tree.map(np.testing.assert_array_equal, batches, again)


def test_features_of_their_own_are_changed_by_draws_of_their_own() -> None:
    image = np.arange(4.0).reshape(1, 1, 4, 1).repeat(64, 0)
    flip = data.augment.flip()
    source = augmented(
        data.resident({'a': image, 'b': image}, 64), {'a': flip, 'b': flip}
    )
    (batch,) = drawn(source, 1)
    a, b = (batch[name][:, 0, 0, 0] > 0 for name in 'ab')
    assert 0.2 < (a == b).mean() < 0.8 and 0.2 < a.mean() < 0.8


def test_what_cannot_be_changed_alike_is_refused() -> None:
    change = alike(data.augment.flip())
    with pytest.raises(ValueError, match='wanted one batch, height and width'):
        change(KEY, jnp.ones((2, 4, 4, 1)), jnp.ones((2, 4, 5, 1)))
    host = data.resident({'a': numbered(3)}, 2)._replace(host=True)
    with pytest.raises(ValueError, match='one of the host, wanted a traced one'):
        augmented(host, {'a': data.augment.flip()})
