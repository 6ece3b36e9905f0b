"""What a function will do, read off its trace before anything is compiled."""

import math
from collections.abc import Callable, Iterator, Set

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

from dljax.kernels.convolution_form import convolve_p, images_p, kernels_p
from dljax.types import PyTree

LAX_CONVOLUTION = 'conv_general_dilated'  # whose gradients are slow in loops on a CPU
CONVOLUTIONS = frozenset({LAX_CONVOLUTION, convolve_p.name})


def traced_once(function: Callable) -> Callable:
    """Give a function whose trace is kept, and is part of whatever calls it.

    To trace the training step of a deep net takes seconds. What is asked of the trace
    here and what is compiled later then share it, wherever the arguments are alike. As
    of all that is compiled, it is no use to change what the function closes over.

    Args:
        function: pure, of arrays; one that is made for a single training.

    Returns:
        The same function; under jit, vmap and grad what the other would be.
    """
    return jax.jit(function, inline=True)


def convolves_on_cpu(
    function: Callable, *example: PyTree, kinds: Set[str] = CONVOLUTIONS
) -> bool:
    """Tell whether a function would run a convolution on the CPU.

    XLA's CPU backend is an order of magnitude slower at gradients of JAX's own
    convolutions inside a loop, and at all convolutions with mapped kernels, so both are
    avoided there.

    Args:
        function: to be traced.
        *example: its arguments, or their shapes.
        kinds: names of the primitives to look for.

    Returns:
        Whether the default backend is the CPU and the trace holds a convolution.
    """
    if jax.default_backend() != 'cpu':
        return False
    return holds(jax.make_jaxpr(function)(*example).jaxpr, kinds)


def flops(function: Callable, *example: PyTree) -> int:
    """Count the floating-point operations of matrix products and convolutions.

    A multiplication and an addition are two. A loop's body counts as often as the loop
    runs where that is known (`lax.scan`), else once; of the branches of a condition the
    longest counts.

    Args:
        function: to be traced; nothing is compiled or run.
        *example: its arguments, or their shapes.

    Returns:
        The count.

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.ones((4, 4))
        >>> flops(lambda x: jax.lax.fori_loop(0, 3, lambda _, y: x @ y, x), x)
        384
    """
    return count(jax.make_jaxpr(function)(*example).jaxpr)


def holds(jaxpr: Jaxpr, primitives: Set[str]) -> bool:
    """Tell whether a program has a primitive of one of these names anywhere."""
    return any(
        equation.primitive.name in primitives
        or any(holds(inner, primitives) for inner in _inside(equation))
        for equation in jaxpr.eqns
    )


def largest(jaxpr: Jaxpr) -> int:
    """Count the numbers of the largest array that a program makes anywhere."""
    sizes = [
        math.prod(getattr(made.aval, 'shape', ()))
        for equation in jaxpr.eqns
        for made in equation.outvars
    ]
    inside = [largest(inner) for equation in jaxpr.eqns for inner in _inside(equation)]
    return max(sizes + inside, default=0)


def count(jaxpr: Jaxpr) -> int:
    """Count as `flops` does."""
    return sum(_count_one(equation) for equation in jaxpr.eqns)


def _count_one(equation: JaxprEqn) -> int:
    name, params = equation.primitive.name, equation.params
    shapes = [
        shape
        for x in equation.invars[:2]
        if (shape := getattr(x.aval, 'shape', None)) is not None
    ]
    out = getattr(equation.outvars[0].aval, 'shape', ()) if equation.outvars else ()
    if name == 'dot_general':
        contracted = params['dimension_numbers'][0][0]
        return 2 * math.prod(out) * math.prod(shapes[0][i] for i in contracted)
    if name == LAX_CONVOLUTION:
        spec = params['dimension_numbers'].rhs_spec
        return 2 * math.prod(out) * math.prod(shapes[1]) // shapes[1][spec[0]]
    if name == convolve_p.name:
        return 2 * math.prod(out) * math.prod(shapes[1][:3])
    if name == images_p.name:
        return 2 * math.prod(shapes[0]) * math.prod(shapes[1][:3])
    if name == kernels_p.name:
        return 2 * math.prod(shapes[0]) * math.prod(out[:3])
    inside = [count(inner) for inner in _inside(equation)]
    if name == 'cond':
        return max(inside, default=0)
    times = params['length'] if name == 'scan' else 1
    if name == 'shard_map':
        times = params['mesh'].size
    return times * sum(inside)


def _inside(equation: JaxprEqn) -> Iterator[Jaxpr]:
    """Give the programs that an operation consists of."""
    for inner in jax.tree.leaves(
        list(equation.params.values()),
        is_leaf=lambda x: isinstance(x, ClosedJaxpr | Jaxpr),
    ):
        inner = inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner
        if isinstance(inner, Jaxpr):
            yield inner
