"""Compiled calls of a few updates, with the drawing of batches inside or before."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jax.sharding import Mesh, NamedSharding

from dljax.kernels.small import is_small, jit_small
from dljax.training.hosts import replicate
from dljax.training.learner import Learner
from dljax.types import Array, Key, Metrics, Position, PyTree, Source, State

Judge = Callable[[State, Metrics], Array]


def compile_with(
    learner: Learner, source: Source, judge: Judge | None = None
) -> Callable:
    """Compile drawing and training together, the source's arrays as arguments.

    Arrays that `source.next` closes over would become constants of the program, copied
    into each compilation; here they are lifted out of it. With a judge of what a call
    comes to, its verdict comes beside the metrics, and nothing is donated.
    """
    lifted: tuple[Callable, list[Array]] | None = None
    compiled: dict[int, Callable] = {}

    def train(
        key: Key, state: State, position: Position, length: int
    ) -> tuple[State, Position, Metrics]:
        nonlocal lifted
        lifted = lifted or _lift(source.next, key, position, state)
        arguments = lifted[1], key, state, position
        if length not in compiled:
            compiled[length] = compile_(length, *arguments)
        return compiled[length](*arguments)

    def one(
        constants: list[Array], key: Key, state: State, position: Position
    ) -> tuple[State, Position, Metrics]:
        assert lifted is not None  # by `train`, before anything is compiled
        position, batch = lifted[0](constants, key, position, state)
        state, metrics = learner.update(key, state, batch)
        return state, position, metrics

    def compile_(length: int, constants: list[Array], *carried: PyTree) -> Callable:
        def many(
            constants: list[Array], key: Key, state: State, position: Position
        ) -> tuple[State, Position, Metrics]:
            def body(carry: tuple, _: None) -> tuple:
                *moved, metrics = one(constants, key, *carry)
                return tuple(moved), metrics

            (state, position), metrics = _repeat(body, (state, position), None, length)
            return state, position, _judged(judge, state, metrics)

        body, donate = functools.partial(one, constants), () if judge else (2, 3)
        if length > 1 and is_small(body, *carried):
            return jit_small(many, donate=donate)
        return jax.jit(many, donate_argnums=donate)

    return train


def on_host(learner: Learner, source: Source, judge: Judge | None = None) -> Callable:
    """Draw batches on the host, then run them as `compile_with` does."""

    def train(
        key: Key, state: State, position: Position, length: int
    ) -> tuple[State, Position, Metrics]:
        batches = []
        for _ in range(length):
            position, batch = source.next(key, position, state)
            batches.append(batch)
        stacked = jax.tree.map(_stacked, *batches)
        state, metrics = many(key, state, stacked)
        return state, position, metrics

    def many(key: Key, state: State, batches: PyTree) -> tuple[State, Metrics]:
        length = jax.tree.leaves(batches)[0].shape[0]
        state, metrics = _repeat(
            lambda state, batch: learner.update(key, state, batch),
            state,
            batches,
            length,
        )
        return state, _judged(judge, state, metrics)

    many = jax.jit(many, donate_argnums=() if judge else 1)
    return train


def _judged(judge: Judge | None, state: State, metrics: Metrics) -> PyTree:
    return (metrics, judge(state, metrics)) if judge else metrics


def _stacked(*leaves: np.ndarray | Array) -> np.ndarray | Array:
    """Stack arrays where they are; those of several processes are on devices."""
    shapes = sorted({np.shape(leaf) for leaf in leaves})
    if len(shapes) > 1:
        raise ValueError(
            f'the batches of one call have shapes {shapes}, wanted one: take chunk=1 '
            'for a source whose batches differ in length'
        )
    stack = jnp.stack if isinstance(leaves[0], jax.Array) else np.stack
    return stack(leaves)


def _repeat(body: Callable, carry: PyTree, inputs: PyTree, length: int) -> tuple:
    """Scan, but without a loop around a single pass: XLA optimises that better."""
    if length > 1:
        return jax.lax.scan(body, carry, inputs, length=length)
    carry, output = body(carry, jax.tree.map(lambda x: x[0], inputs))
    return carry, jax.tree.map(lambda x: x[None], output)


def _lift(function: Callable, *example: PyTree) -> tuple[Callable, list[Array]]:
    """Turn the arrays that a function closes over into its first argument."""
    closed, shape = jax.make_jaxpr(function, return_shape=True)(*example)
    treedef = jax.tree.structure(shape)
    constants = beside(example[-1], closed.consts)

    def lifted(constants: list[Array], *arguments: PyTree) -> PyTree:
        flat = jaxpr_as_fun(closed.replace(consts=constants))(
            *jax.tree.leaves(arguments)
        )
        return treedef.unflatten(flat)

    return lifted, constants


def beside(state: State, tree: PyTree) -> PyTree:
    """Put what every device needs on every device that holds a part of the state."""
    sharding = state.step.sharding
    if isinstance(sharding, NamedSharding):
        assert isinstance(sharding.mesh, Mesh)  # of arrays that lie somewhere
        return replicate(tree, sharding.mesh)
    return tree


def copy_unbound(tree: PyTree) -> PyTree:
    """Copy what is about to be donated, and let it go from the device that it lies on.

    Arrays that were restored, or put somewhere, are bound to their device, and a
    program over several devices cannot take them. On the default device, where
    unbound ones are as well, that says nothing, so the copies are not bound to it.

    Args:
        tree: of arrays and numbers.

    Returns:
        Arrays of the caller's own.
    """
    default = jnp.zeros(()).devices()

    def one(leaf: PyTree) -> Array:
        bound = isinstance(leaf, jax.Array) and leaf.committed
        if not bound or leaf.devices() != default:
            return jnp.copy(leaf)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            words = jnp.array(np.asarray(jax.random.key_data(leaf)))
            return jax.random.wrap_key_data(words, impl=jax.random.key_impl(leaf))
        return jnp.array(np.asarray(leaf))  # through the host: nothing else unbinds

    return jax.tree.map(one, tree)
