"""What a net consists of: its layers with shapes, parameters and FLOPs.

Nothing is allocated and nothing is run: the net is traced with abstract arrays.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
from flax import linen as nn

from dljax.kernels.tracing import flops
from dljax.types import Predict, PyTree

Call = Predict


@dataclasses.dataclass(frozen=True)
class Layer:
    """One call of one module. Its numbers leave out those of the layers inside it.

    Attributes:
        path: names from the top of the net, '' for the net itself.
        kind: the module's class.
        output: type and shape of what it returns, such as `'float32[1,10]'`.
        parameters: trainable numbers; counted once where a module is called twice.
        flops: floating-point operations of the products of this call.
    """

    path: str
    kind: str
    output: str
    parameters: int
    flops: int


@dataclasses.dataclass(frozen=True)
class Summary:
    """All layers of a net in the order of their calls, and the totals.

    Attributes:
        layers: the rows.
        parameters: trainable numbers of the whole net.
        flops: those of one evaluation of the batch.
    """

    layers: tuple[Layer, ...]
    parameters: int
    flops: int


@dataclasses.dataclass
class _Call:
    """A module's call with abstract arguments, so that it can be traced by itself."""

    module: nn.Module
    path: tuple[str, ...]
    variables: PyTree
    arguments: tuple[Any, ...]
    parent: int
    output: PyTree = None


def summarise(net: nn.Module, call: Call, batch: Mapping[str, Any]) -> Summary:
    """Trace a net and list its layers.

    FLOPs are those of matrix products and convolutions, as `kernels.tracing.flops` has
    them: a multiplication and an addition are two, the body of a scan counts as often
    as it runs.

    Args:
        net: the net, unbound.
        call: `(net, batch) -> outputs`, the evaluation to describe.
        batch: arrays or `jax.ShapeDtypeStruct`s.

    Returns:
        The summary; the numbers of the layers add up to the totals.

    Example:
        >>> import jax.numpy as jnp
        >>> from flax import linen as nn
        >>> batch = {'x': jnp.ones((1, 4))}
        >>> summary = summarise(nn.Dense(3), lambda net, b: net(b['x']), batch)
        >>> print(summary.parameters, summary.flops)
        15 24
    """
    key = jax.random.key(0)
    variables = jax.eval_shape(nn.init(call, net), key, batch)
    calls: list[_Call] = []
    stack = [-1]

    def record(
        following: Callable[..., PyTree],
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> PyTree:
        if context.method_name != '__call__':
            return following(*arguments, **keywords)
        module, inside = context.module.unbind()
        inside, given = jax.tree.map(_abstract, (inside, (arguments, keywords)))
        calls.append(_Call(module, context.module.path, inside, given, stack[-1]))
        this = calls[-1]
        stack.append(len(calls) - 1)
        result = following(*arguments, **keywords)
        stack.pop()
        this.output = jax.tree.map(_abstract, result)
        return result

    run = nn.apply(call, net, mutable=True)
    # Any other stream falls back on this one; a net that samples is traced, not run.
    streams = {'params': key}
    with nn.intercept_methods(record):
        jax.eval_shape(lambda v, b: run(v, b, rngs=streams), variables, batch)

    known: dict[Any, int] = {}
    whole = [_flops(one, streams, known) for one in calls]
    own = list(whole)
    for one, inclusive in zip(calls, whole, strict=True):
        if one.parent >= 0:
            own[one.parent] -= inclusive
    # A layer of whose results only some are used does more alone than in its net.
    own = [max(0, count) for count in own]
    parameters = _parameters(variables.get('params', {}), calls)
    layers = [
        Layer(
            '/'.join(one.path),
            type(one.module).__name__,
            ', '.join(map(_short, jax.tree.leaves(one.output))),
            parameters[index],
            own[index],
        )
        for index, one in enumerate(calls)
    ]
    return Summary(tuple(layers), sum(parameters), sum(own))


def _abstract(x: Any) -> Any:
    return jax.ShapeDtypeStruct(x.shape, x.dtype) if hasattr(x, 'dtype') else x


def _short(x: Any) -> str:
    if not hasattr(x, 'dtype'):
        return type(x).__name__
    return f'{x.dtype}[{",".join(map(str, x.shape))}]'


def _flops(call: _Call, streams: dict[str, Any], known: dict[Any, int]) -> int:
    leaves, structure = jax.tree.flatten(call.arguments)
    dynamic = {i: x for i, x in enumerate(leaves) if hasattr(x, 'dtype')}
    inside = jax.tree.flatten(call.variables)
    # Deep nets repeat a block dozens of times; equal calls are traced once.
    same = (call.module, structure, *leaves, *inside[0], inside[1])
    if same in known:
        return known[same]

    def alone(variables: PyTree, arrays: Mapping[int, Any]) -> PyTree:
        values = [arrays.get(i, x) for i, x in enumerate(leaves)]
        arguments, keywords = jax.tree.unflatten(structure, values)
        return call.module.apply(
            variables, *arguments, **keywords, rngs=streams, mutable=True
        )

    known[same] = flops(alone, call.variables, dynamic)
    return known[same]


def _parameters(params: PyTree, calls: list[_Call]) -> list[int]:
    """Give each parameter to the innermost recorded module that holds it."""
    first = {call.path: i for i, call in reversed(list(enumerate(calls)))}
    counts = [0] * len(calls)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        names = tuple(entry.key for entry in path)
        holders = (names[:end] for end in range(len(names), -1, -1))
        owner = next((first[holder] for holder in holders if holder in first), 0)
        counts[owner] += math.prod(leaf.shape)
    return counts
