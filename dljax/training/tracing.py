"""What a function will do, read off its trace before anything is compiled."""

from collections.abc import Callable, Set

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

from dljax.types import PyTree

CONVOLUTIONS = {'conv_general_dilated', 'convolve'}  # of JAX, and of `dljax.layers`


def convolves_on_cpu(function: Callable, *example: PyTree) -> bool:
    """Tell whether a function would run a convolution on the CPU.

    XLA's CPU backend is an order of magnitude slower at gradients of convolutions
    inside a loop and at convolutions with mapped kernels, so both are avoided there.

    Args:
        function: to be traced.
        *example: its arguments, or their shapes.

    Returns:
        Whether the default backend is the CPU and the trace holds a convolution.
    """
    if jax.default_backend() != 'cpu':
        return False
    return _holds(jax.make_jaxpr(function)(*example).jaxpr, CONVOLUTIONS)


def _holds(jaxpr: Jaxpr, primitives: Set[str]) -> bool:
    for equation in jaxpr.eqns:
        if equation.primitive.name in primitives:
            return True
        for inner in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda x: isinstance(x, ClosedJaxpr | Jaxpr),
        ):
            inner = inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner
            if isinstance(inner, Jaxpr) and _holds(inner, primitives):
                return True
    return False
