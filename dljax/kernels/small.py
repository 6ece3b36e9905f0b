"""Loops of tiny nets as one function of the CPU's program.

XLA's CPU backend calls a kernel for every operation, at some 100 ns each, which is more
than a kernel of a tiny net computes. A call that is marked as small it compiles as one
function instead, with matrix products as loops among the others: on one core, and slow
where they are large.
"""

import functools
from collections.abc import Callable

import jax
from jax.experimental.xla_metadata import set_xla_metadata

from dljax.kernels.tracing import count, holds, largest
from dljax.types import PyTree

# Of one update: with three times as many operations of products it took as long either
# way, with ten times as many three times as long; with arrays of so many numbers, which
# are worked on place by place, as long either way.
OPERATIONS, NUMBERS = 50_000, 4096
# What such a function cannot do: sort, scatter, call libraries or Python, or exchange.
UNFIT = frozenset(
    {
        'sort',
        'top_k',
        'approx_top_k',
        'scatter',
        'scatter-add',
        'scatter_mul',
        'scatter_min',
        'scatter_max',
        'select_and_scatter_add',
        'fft',
        'cholesky',
        'eig',
        'eigh',
        'lu',
        'geqrf',
        'householder_product',
        'svd',
        'triangular_solve',
        'pure_callback',
        'io_callback',
        'debug_callback',
        'debug_print',
        'sharding_constraint',
        'shard_map',
        'pmap',
        'xla_pmap',
    }
)
# The library's products, which cannot be part of a function, stay loops.
OPTIONS = {'xla_cpu_experimental_ynn_fusion_type': ''}


def is_small(function: Callable, *example: PyTree) -> bool:
    """Tell whether a function is better compiled as a part of a small program.

    Args:
        function: to be traced, the body of a loop.
        *example: its arguments, which the loop carries.
    """
    carried = jax.tree.leaves(example)
    devices = {d for x in carried for d in x.devices()}
    if [d.platform for d in devices] != ['cpu']:
        return False
    if max(x.size for x in carried) > NUMBERS:
        return False  # without a trace, which of a large net takes seconds
    jaxpr = jax.make_jaxpr(function)(*example).jaxpr
    small = largest(jaxpr) <= NUMBERS and count(jaxpr) <= OPERATIONS
    return small and not holds(jaxpr, UNFIT)


def jit_small(function: Callable, donate: tuple[int, ...] = ()) -> Callable:
    """Compile a function as `jax.jit` does, but to one function of the CPU's program.

    Where the compiler refuses, which it tells at the first call, it is `jax.jit`.

    Args:
        function: of pytrees of arrays.
        donate: the places of arguments whose memory may be used again.
    """
    jit = functools.partial(jax.jit, donate_argnums=donate)
    used, plain = jit(marked(function), compiler_options=OPTIONS), jit(function)

    def call(*arguments: PyTree) -> PyTree:
        nonlocal used
        try:
            return used(*arguments)
        except jax.errors.JaxRuntimeError:
            # Nothing is donated to a program that there is not.
            if used is plain or any(x.is_deleted() for x in jax.tree.leaves(arguments)):
                raise
            used = plain
            return used(*arguments)

    return call


def marked(function: Callable) -> Callable:
    """Make a call of the function in a program, with the mark that it is small."""
    run = jax.jit(function)

    def call(*arguments: PyTree) -> PyTree:
        with set_xla_metadata(inlineable='false', xla_cpu_small_call='true'):
            return run(*arguments)

    return call
