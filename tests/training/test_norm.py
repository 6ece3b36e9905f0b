"""The length of a gradient, and clipping by it: Optax's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from dljax.training import data_mesh
from dljax.training.norm import LARGE, all_finite, clip_to_norm, global_norm
from dljax.types import PyTree


def gradient(dtype: str = 'float32') -> PyTree:
    rng = np.random.default_rng(0)
    shapes = {'small': (3,), 'scalar': (), 'large': (2, LARGE // 64, 33)}
    shapes |= {'row': (LARGE + 16,), 'prime': (131, 127)}
    return {k: jnp.asarray(rng.normal(size=s), dtype) for k, s in shapes.items()}


@pytest.mark.others('heavy')
@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_the_norm_is_that_of_all_numbers_together(dtype: str) -> None:
    tree = gradient(dtype)
    flat = np.concatenate([np.ravel(x).astype(np.float64) for x in tree.values()])
    for compute in (global_norm, jax.jit(global_norm)):
        got = compute(tree)
        assert got.dtype == jnp.float32
        np.testing.assert_allclose(got, np.sqrt((flat**2).sum()), rtol=1e-6)


@pytest.mark.parametrize('axis', [0, 1])
def test_what_is_split_over_devices_is_not_gathered(axis: int) -> None:
    mesh = data_mesh(fsdp=2)
    places = NamedSharding(mesh, PartitionSpec(*[None] * axis, 'fsdp'))
    leaf = jax.ShapeDtypeStruct((256, 128), jnp.float32, sharding=places)
    text = jax.jit(global_norm).lower(leaf).compile().as_text()
    assert 'all-reduce' in text and 'all-gather' not in text


def test_squares_are_not_stored_on_a_cpu() -> None:
    # They would be as large as the leaf; the sums over 32 rows are 32 times smaller.
    leaf = jax.ShapeDtypeStruct((2048, 512), jnp.float32)
    program = jax.jit(global_norm).lower(leaf).compile()
    assert program.memory_analysis().temp_size_in_bytes < leaf.size * 4 / 16


def test_nothing_has_no_length_and_what_is_not_finite_shows() -> None:
    assert global_norm({}) == 0
    tree = gradient()
    large = np.array(tree['large'])
    large[0, 0, 0] = np.nan
    assert np.isnan(jax.jit(global_norm)(tree | {'large': jnp.asarray(large)}))


@pytest.mark.others('heavy')
@pytest.mark.parametrize('size', [LARGE, 1])
@pytest.mark.parametrize(
    'dtype', ['bfloat16', 'float8_e5m2', 'float16', 'float32', 'complex64']
)
def test_one_number_that_is_not_finite_is_found(dtype: str, size: int) -> None:
    found = jax.jit(all_finite)
    leaf, other = np.ones(size, jnp.dtype(dtype)), np.ones(3, np.float32)
    assert found([leaf, other])
    for bad in (np.inf, -np.inf, np.nan):
        for place, values in enumerate((leaf, other)):
            wrong = values.copy()
            wrong[len(wrong) // 2] = bad
            assert not found([wrong, other] if place == 0 else [leaf, wrong])


@pytest.mark.heavy
def test_it_can_be_mapped_and_differentiated() -> None:
    tree = gradient()
    both = jax.tree.map(lambda x: np.stack([x, 2 * x]), tree)
    one, derivative = jax.jit(jax.value_and_grad(global_norm))(tree)
    one, mapped = float(one), jax.jit(jax.vmap(global_norm))(both)
    np.testing.assert_allclose(mapped, [one, 2 * one], rtol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b / one, rtol=1e-5), derivative, tree
    )


@pytest.mark.others('heavy')
@pytest.mark.parametrize('norm', [1.0, 1e6])
def test_clipping_is_that_of_optax(norm: float) -> None:
    tree = gradient()
    got, wanted = jax.jit(
        lambda tree: [
            rule.update(tree, optax.EmptyState())[0]
            for rule in (clip_to_norm(norm), optax.clip_by_global_norm(norm))
        ]
    )(tree)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), got, wanted)


def test_a_norm_has_to_be_positive() -> None:
    with pytest.raises(ValueError, match='norm=0, wanted a positive number'):
        clip_to_norm(0)
