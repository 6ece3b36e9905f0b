"""The compiler of the CPU adds up correctly, with the flags that this package sets."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dljax  # noqa: F401  (sets the flags)
from dljax.host.compiler import keep_programs, safe_flags

ADDED = '--xla_cpu_experimental_ynn_fusion_type=-reduce'


@pytest.mark.parametrize('version', ['0.10.2', '0.11.0', '0.12.0.1', '0.12.1'])
def test_versions_that_add_up_wrongly_are_told_not_to(version):
    assert safe_flags('', version) == ADDED
    assert safe_flags('--xla_a=1', version) == f'--xla_a=1 {ADDED}'


@pytest.mark.parametrize('version', ['0.10.0', '0.10.1', '0.13.0', '1.0', '0.13.dev1'])
def test_other_versions_are_given_no_flag_that_they_may_not_know(version):
    assert safe_flags('--xla_a=1', version) == '--xla_a=1'


def test_what_the_user_says_of_the_kernels_stands():
    flags = '--xla_cpu_experimental_ynn_fusion_type=greedy'
    assert safe_flags(flags, '0.10.2') == flags


# Should one of these fail with a new jaxlib, it adds up wrongly too: widen `_WRONG`.


def test_a_sum_over_products_is_right_under_jit():
    rows = jnp.stack([jnp.arange(32_769.0), *jnp.zeros((2, 32_769))], axis=1)

    def lengths(rows: jax.Array) -> jax.Array:
        return jax.vmap(lambda row: jnp.sum((jnp.eye(3) @ row) ** 2))(rows)

    np.testing.assert_allclose(jax.jit(lengths)(rows)[-1], 32_768.0**2, rtol=1e-6)


def test_a_sum_over_rectified_layers_in_bfloat16_is_right_under_jit():
    rng = np.random.default_rng(0)
    inputs = jnp.asarray(rng.standard_normal((4, 8, 8, 32)), jnp.bfloat16)
    kernel = jnp.asarray(rng.standard_normal((32, 32)) / 5, jnp.bfloat16)

    def summed(inputs: jax.Array) -> jax.Array:
        outputs = jax.nn.relu(jax.nn.relu(inputs @ kernel) @ kernel)
        return outputs.astype(jnp.float32).sum((1, 2))

    np.testing.assert_allclose(jax.jit(summed)(inputs), summed(inputs), rtol=0.02)


def test_programs_are_kept_where_the_user_has_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    names = (
        'jax_compilation_cache_dir',
        'jax_compilation_cache_max_size',
        'jax_persistent_cache_min_compile_time_secs',
    )
    before = {name: getattr(jax.config, name) for name in names}
    try:
        assert keep_programs() is None  # the tests have chosen a folder
        jax.config.update('jax_compilation_cache_dir', None)
        assert keep_programs() == tmp_path / 'dljax/programs'
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / 'dljax/programs')
        assert jax.config.jax_compilation_cache_max_size == 2**31
        jax.config.update('jax_compilation_cache_dir', None)
        (tmp_path / 'file').touch()
        monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
        with pytest.warns(UserWarning, match='compiled programs are not kept'):
            assert keep_programs() is None
        assert jax.config.jax_compilation_cache_dir is None
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
