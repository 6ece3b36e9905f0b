"""Primitives: operations with a form of their own on the CPU, known to JAX by name."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from dljax.types import Array


def primitive(
    name: str,
    plain: Callable[..., Array],
    on_cpu: Callable[..., Array],
    *,
    merges: Literal['first', 'all', 'never'],
) -> Primitive:
    """Make a primitive of one or more arrays, without derivatives as yet.

    Args:
        name: of it.
        plain: `(*arrays, **settings) -> array` computes it.
        on_cpu: computes it on the CPU.
        merges: whose first axis is a batch, into which an axis that is mapped can be
            merged: that of the first array and of the result ('first'), that of 'all'
            arrays and of the result, or of none ('never').

    Returns:
        The primitive; settings are keywords that can be hashed.
    """
    made = Primitive(name)

    @functools.cache
    def compiled(**settings: Any) -> Callable[..., Array]:
        return jax.jit(functools.partial(made.bind, **settings))

    def shape(*arrays: Any, **settings: Any) -> Any:
        shapes = (jax.ShapeDtypeStruct(x.shape, x.dtype) for x in arrays)
        found = jax.eval_shape(functools.partial(plain, **settings), *shapes)
        return ShapedArray(found.shape, found.dtype)

    def batched(
        arrays: Sequence[Array], axes: Sequence[int | None], **settings: Any
    ) -> tuple[Array, int]:
        mapped = [axis is not None for axis in axes]
        if merges == 'all':
            size = next(
                x.shape[axis]
                for x, axis in zip(arrays, axes, strict=True)
                if axis is not None
            )
            arrays = [
                jnp.broadcast_to(x, (size, *x.shape))
                if axis is None
                else jnp.moveaxis(x, axis, 0)
                for x, axis in zip(arrays, axes, strict=True)
            ]
            many = len(arrays)
        elif (
            merges == 'first' and (axis := axes[0]) is not None and not any(mapped[1:])
        ):
            arrays = [jnp.moveaxis(arrays[0], axis, 0), *arrays[1:]]
            many = 1
        else:
            function = functools.partial(plain, **settings)
            return jax.vmap(function, axes)(*arrays), 0
        outer = arrays[0].shape[:2]
        whole = [x.reshape(-1, *x.shape[2:]) for x in arrays[:many]]
        found = made.bind(*whole, *arrays[many:], **settings)
        return found.reshape(*outer, *found.shape[1:]), 0

    made.def_impl(lambda *arrays, **settings: compiled(**settings)(*arrays))
    made.def_abstract_eval(shape)
    batching.primitive_batchers[made] = batched
    for function, platform in ((plain, None), (on_cpu, 'cpu')):
        rule = mlir.lower_fun(function, multiple_results=False)
        mlir.register_lowering(made, rule, platform=platform)
    return made
