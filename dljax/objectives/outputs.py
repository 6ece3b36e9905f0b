"""What a net's outputs are, told from its trace before anything is compiled."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
from flax import linen as nn
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from dljax.kernels.barrier import barrier_p
from dljax.types import PyTree

Function = Callable[[nn.Module, Mapping[str, Any]], PyTree]
# What a last function gives at most, and what may come behind it and changes no value.
_RANGES = {'tanh': (-1.0, 1.0), 'logistic': (0.0, 1.0)}
_PASSED = frozenset(
    (
        'convert_element_type',
        'copy',
        'reshape',
        'slice',
        'squeeze',
        barrier_p.name,
        'transpose',
    )
)


def shape_of(
    function: Function, net: nn.Module | None, arrays: Mapping[str, Any]
) -> tuple[int, ...] | None:
    """Tell the shape of a net's outputs for two examples.

    Args:
        function: `(net, batch) -> outputs` of the bound net.
        net: unbound; None where it is unknown.
        arrays: [example, ...] by feature; their values do not matter.

    Returns:
        [2, ...], or None where that cannot be told: what is wrong will be said when the
        net is initialised.
    """
    program = _traced(function, net, arrays)
    return None if program is None else program.out_avals[0].shape


def range_of(
    function: Function, net: nn.Module | None, arrays: Mapping[str, Any]
) -> tuple[float, float] | None:
    """Tell the range of a net's outputs, where its last function has one.

    Args:
        function: `(net, batch) -> outputs` of the bound net.
        net: unbound; None where it is unknown.
        arrays: [example, ...] by feature; their values do not matter.

    Returns:
        (-1, 1) of tanh, (0, 1) of a sigmoid; None for any other, or where it cannot be
        told.
    """
    program = _traced(function, net, arrays)
    return None if program is None else _last_range(program.jaxpr, 0)


def _traced(
    function: Function, net: nn.Module | None, arrays: Mapping[str, Any]
) -> ClosedJaxpr | None:
    if net is None:
        return None
    try:
        leaves, treedef = jax.tree.flatten(dict(arrays))
        forms = tuple(
            ((2, *leaf.shape[1:]), jax.dtypes.canonicalize_dtype(leaf.dtype))
            for leaf in leaves
        )
        try:
            return _remembered(function, net, treedef, forms)
        except TypeError:  # a net with a field that cannot be hashed, such as an array
            return _remembered.__wrapped__(function, net, treedef, forms)
    except Exception:  # whatever it is, the initialisation meets it and says so
        return None


@functools.lru_cache(maxsize=256)
def _remembered(
    function: Function, net: nn.Module, treedef: PyTree, forms: tuple
) -> ClosedJaxpr:
    batch = treedef.unflatten([jax.ShapeDtypeStruct(*form) for form in forms])
    outputs = nn.init_with_output(function, net)
    key = jax.eval_shape(jax.random.key, 0)
    return jax.make_jaxpr(lambda key, batch: outputs(key, batch)[0])(key, batch)


def _last_range(program: Jaxpr, index: int) -> tuple[float, float] | None:
    """Go back from an output to the function that made it."""
    variable = program.outvars[index]
    made = {
        id(output): (equation, place)
        for equation in program.eqns
        for place, output in enumerate(equation.outvars)
    }
    while not isinstance(variable, Literal) and id(variable) in made:
        equation, place = made[id(variable)]
        name = equation.primitive.name
        if name in _RANGES:
            return _RANGES[name]
        if name in _PASSED:
            variable = equation.invars[0]
            continue
        inner = equation.params.get('jaxpr', equation.params.get('call_jaxpr'))
        inner = getattr(inner, 'jaxpr', inner)
        if not isinstance(inner, Jaxpr) or len(inner.outvars) <= place:
            return None
        return _last_range(inner, place)
    return None
