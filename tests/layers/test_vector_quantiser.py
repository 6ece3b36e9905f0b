"""Vectors replaced by codes: gradients, moving averages, and codes that begin anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import VectorQuantised, VectorQuantiser
from dljax.types import PyTree

CODES, FEATURES = 5, 3
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(2, 2, 3, FEATURES)).astype(np.float32)
# Of the five codes the last is far from all that is seen, so that nothing chooses it.
SUMS = np.float32([[1, 0, 0], [0, 2, 0], [0, 0, -1], [0, 0, 0], [90, 90, 90]])
COUNTS = np.float32([1, 2, 1, 0.5, 1])
VECTORS = SUMS / COUNTS[:, None]
CODEBOOK = {'codebook': {'sums': SUMS, 'counts': COUNTS}}


def nearest(rows: np.ndarray) -> np.ndarray:
    return ((rows[:, None].astype(np.float64) - VECTORS) ** 2).sum(2).argmin(1)


def quantised(
    restart: float = 0.0, train: bool = True, codebook: PyTree = CODEBOOK, z=Z, **more
) -> tuple[VectorQuantised, dict[str, np.ndarray]]:
    layer = VectorQuantiser(CODES, FEATURES, restart=restart, **more)

    @jax.jit
    def run(key: jax.Array) -> tuple:
        return layer.apply(
            codebook, z, train=train, rngs={'restart': key}, mutable='codebook'
        )

    found, moved = run(jax.random.key(1))
    return found, jax.tree.map(np.asarray, moved.get('codebook', {}))


def test_each_vector_becomes_the_nearest_code_and_its_two_losses_are_the_distance():
    found, _ = quantised()
    rows = Z.reshape(-1, FEATURES)
    indices = nearest(rows)
    assert len(set(indices)) > 2
    np.testing.assert_array_equal(found.indices, indices.reshape(Z.shape[:-1]))
    np.testing.assert_array_equal(found.values, VECTORS[indices].reshape(Z.shape))
    wanted = ((rows - VECTORS[indices]) ** 2).sum(1).reshape(Z.shape[:-1])
    np.testing.assert_allclose(found.commitment, wanted, rtol=1e-5)
    np.testing.assert_allclose(found.codebook, wanted, rtol=1e-5)


def test_the_gradient_of_the_values_goes_straight_through():
    weights = RNG.normal(size=Z.shape).astype(np.float32)
    layer = VectorQuantiser(CODES, FEATURES, averaged=False)

    def value(vectors: jax.Array, z: jax.Array) -> jax.Array:
        found = layer.apply({'params': {'vectors': vectors}}, z)
        return (weights * found.values**2).sum()

    # Of Σ w e² by the code e: as if e were the input, though it is not.
    by_codes, by_inputs = jax.jit(jax.grad(value, (0, 1)))(VECTORS, Z)
    chosen = VECTORS[nearest(Z.reshape(-1, FEATURES))].reshape(Z.shape)
    np.testing.assert_allclose(by_inputs, 2 * weights * chosen, rtol=1e-5)
    np.testing.assert_array_equal(by_codes, np.zeros_like(VECTORS))


def test_commitment_moves_inputs_alone_and_the_codebook_loss_codes_alone():
    layer = VectorQuantiser(CODES, FEATURES, averaged=False)

    def losses(vectors: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = layer.apply({'params': {'vectors': vectors}}, z)
        return found.commitment.sum(), found.codebook.sum()

    (codes_c, inputs_c), (codes_b, inputs_b) = jax.jit(jax.jacrev(losses, (0, 1)))(
        VECTORS, Z
    )
    rows = Z.reshape(-1, FEATURES)
    indices = nearest(rows)
    away = 2 * (rows - VECTORS[indices])
    np.testing.assert_allclose(inputs_c.reshape(-1, FEATURES), away, rtol=1e-5)
    np.testing.assert_array_equal(codes_c, np.zeros_like(VECTORS))
    wanted = np.zeros_like(VECTORS)
    np.add.at(wanted, indices, -away)
    np.testing.assert_allclose(codes_b, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(inputs_b, np.zeros_like(Z))


def test_a_code_is_the_moving_average_of_the_vectors_that_chose_it():
    _, moved = quantised(decay=0.9)
    rows = Z.reshape(-1, FEATURES)
    indices = nearest(rows)
    for code in range(CODES):
        mine = rows[indices == code]
        counts = 0.9 * COUNTS[code] + 0.1 * len(mine)
        sums = 0.9 * SUMS[code] + 0.1 * mine.sum(0)
        np.testing.assert_allclose(moved['counts'][code], counts, rtol=1e-6)
        np.testing.assert_allclose(moved['sums'][code], sums, rtol=1e-5, atol=1e-6)


def test_many_equal_batches_lead_to_the_means_and_a_code_unseen_stays():
    rows = np.float32([[1, 1, 0], [1, -1, 0], [0, 0, -3]])
    layer = VectorQuantiser(CODES, FEATURES, decay=0.5)

    def again(variables: PyTree, _: None) -> tuple:
        return layer.apply(variables, rows, train=True, mutable='codebook')[::-1]

    moved, _ = jax.jit(lambda v: jax.lax.scan(again, v, None, length=400))(CODEBOOK)
    codebook = moved['codebook']['sums'] / moved['codebook']['counts'][:, None]
    np.testing.assert_allclose(codebook[0], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(codebook[2], [0, 0, -3], atol=1e-6)
    # After 400 halvings its count would be 0, and the code 0 / 0.
    np.testing.assert_allclose(codebook[4], VECTORS[4], rtol=1e-5)


def test_codes_that_are_rarely_chosen_begin_anew_at_vectors_of_the_batch():
    # An even share of the 12 vectors is 2.4, a fifth of it 0.48; a code has less.
    counts = np.float32([1, 2, 1, 0.5, 0.4])
    book = {'codebook': {'sums': SUMS, 'counts': counts}}
    _, moved = quantised(0.2, codebook=book)
    _, without = quantised(codebook=book)
    anew = moved['sums'][4] / moved['counts'][4]
    rows = Z.reshape(-1, FEATURES)
    assert np.abs(rows - anew).max(1).min() < 1e-5
    np.testing.assert_allclose(moved['counts'][4], 12 / CODES)
    for name, values in moved.items():
        np.testing.assert_array_equal(values[:4], without[name][:4])


def test_several_dead_codes_begin_at_different_vectors():
    book = {'codebook': {'sums': SUMS, 'counts': np.full(CODES, 1e-3, np.float32)}}
    _, moved = quantised(0.5, codebook=book)
    anew = moved['sums'] / moved['counts'][:, None]
    rows = Z.reshape(-1, FEATURES)
    gaps = np.abs(rows[None] - anew[:, None]).max(2)
    assert (gaps.min(1) < 1e-5).all() and len(set(gaps.argmin(1))) > 2


def test_evaluation_moves_nothing_and_draws_nothing():
    book = {'codebook': {'sums': SUMS, 'counts': np.full(CODES, 1e-3, np.float32)}}
    layer = VectorQuantiser(CODES, FEATURES, restart=0.5)
    _, moved = jax.jit(lambda: layer.apply(book, Z, mutable='codebook'))()
    jax.tree.map(
        np.testing.assert_array_equal, dict(moved['codebook']), book['codebook']
    )


def test_looking_codes_up_gives_their_values_and_nan_beyond_them():
    layer = VectorQuantiser(CODES, FEATURES)
    found, _ = quantised(train=False)
    values = layer.apply(CODEBOOK, found.indices, method='look_up')
    np.testing.assert_array_equal(values, found.values)
    assert np.isnan(layer.apply(CODEBOOK, jnp.array([[5]]), method='look_up')).all()


def test_distances_and_averages_of_bfloat16_vectors_are_float32():
    z = (100 + Z).astype(jnp.bfloat16)
    book = np.asarray(z.reshape(-1, FEATURES)[:CODES], np.float32) + 0.1
    codebook = {'codebook': {'sums': book, 'counts': np.ones(CODES, np.float32)}}
    found, moved = quantised(codebook=codebook, z=z)
    rows = np.asarray(z, np.float64).reshape(-1, FEATURES)
    indices = ((rows[:, None] - book) ** 2).sum(2).argmin(1)
    np.testing.assert_array_equal(found.indices.ravel(), indices)
    assert found.values.dtype == jnp.bfloat16
    assert found.commitment.dtype == moved['sums'].dtype == np.float32


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'codes': 1}, 'codes is 1 and features 64, wanted at least 2 codes'),
        ({'features': 0}, 'codes is 512 and features 0, wanted'),
        ({'decay': 1.0}, r'decay is 1.0, wanted a fraction in \[0, 1\)'),
        ({'restart': 1.0}, r'restart is 1.0, wanted a fraction in \[0, 1\)'),
        ({'restart': 0.1, 'averaged': False}, 'learned codes do not begin anew'),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        VectorQuantiser(**settings)


def test_vectors_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r'shape \(2, 4\), wanted \[batch, ..., 64\]'):
        VectorQuantiser().init(jax.random.key(0), jnp.ones((2, 4)))
