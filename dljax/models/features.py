"""What the layers of a net make of an input: features by the path of their module."""

import collections
import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from flax import linen as nn
from flax.core import DenyList

from dljax.types import Array, Key, PyTree

_KEPT, _OUTPUT = 'features', '__call__'


def features(
    net: nn.Module,
    image: Array,
    names: Sequence[str],
    *,
    train: bool = False,
    add: Mapping[str, Array] | None = None,
) -> tuple[PyTree, dict[str, PyTree]]:
    """Call a bound net and give the outputs of some of its modules as well.

    A path names a module, such as 'conv_0' or 'layer1_0/conv1', and its feature is what
    it returns: of a plain convolution that is before the activation, of a
    `NormalisedConv` or a block behind it. Of a module that is called several times,
    such as one shared by two places, it is the first call. Works for any Linen net,
    also one with `nn.remat`, and under `jax.jit`, `jax.vmap` and `jax.grad`.

    With `add` a tensor is added to a feature where it arises, before all that follows.
    At zero it changes nothing, and the derivative with respect to it is that with
    respect to the feature.

    Args:
        net: a bound module, called as `net(image, train=train)`. Its collections, such
            as batch statistics, stay as they are.
        image: the input, an array of any shape that the net takes.
        names: paths of modules, from the net on.
        train: whether to call the net in train mode.
        add: tensors of the shape of the feature, by path.

    Returns:
        The outputs of the net, and the features by path.

    Raises:
        ValueError: for a path that the net does not call, with the nearest of those
            that it does, or one inside of a loop (`nn.scan`), which has an output for
            each turn.

    Example:
        >>> import jax.numpy as jnp
        >>> from dljax import create_model
        >>> net, rows = create_model('mlp', hidden=(5,)), jnp.ones((2, 3))
        >>> look = nn.apply(lambda net, x: features(net, x, ['hidden_0']), net)
        >>> logits, found = look(net.init(jax.random.key(0), rows), rows)
        >>> found['hidden_0'].shape
        (2, 5)
    """
    add = dict(add or {})
    if net.is_initializing():
        net(image, train=train)
    assert net.scope is not None  # it is bound
    rngs = {name: net.make_rng(name) for name in net.scope.rngs}
    apart, variables = net.unbind()
    outputs, kept, called = _called(
        apart, variables, rngs, image, {*names, *add}, train, add
    )
    for name in (*names, *add):
        if name not in called:
            near = difflib.get_close_matches(name, called, n=3, cutoff=0.4)
            others = [path for path in called if path not in near]
            raise ValueError(
                f'the net calls no module {name!r}, wanted one of {[*near, *others]}'
            )
        if name not in kept:
            raise ValueError(
                f'{name!r} is called inside of a loop, wanted a module with one output '
                'for an input: name the loop itself'
            )
    return outputs, {name: kept[name] for name in names}


def feature_shapes(net: nn.Module, image: Array) -> dict[str, PyTree]:
    """Tell which features a bound net has, in evaluation mode, without computing them.

    Args:
        net: a bound module, called as `net(image, train=False)`.
        image: the input, an array of any shape that the net takes.

    Returns:
        A `jax.ShapeDtypeStruct` (or a tree of them) by path, in the order in which the
        modules come to their end: a block follows its layers.

    Example:
        >>> import jax.numpy as jnp
        >>> from dljax import create_model
        >>> net, rows = create_model('mlp', hidden=(5,)), jnp.ones((2, 3))
        >>> variables = net.init(jax.random.key(0), rows)
        >>> list(nn.apply(feature_shapes, net)(variables, rows))
        ['Dropout_0', 'hidden_0', 'Dropout_1', 'output']
    """
    order: list[str] = []
    if net.is_initializing():
        net(image, train=False)
    apart, variables = net.unbind()

    def trace(image: Array) -> dict[str, PyTree]:
        _, kept, called = _called(apart, variables, {}, image, None, False, {})
        order.extend(called)
        return kept

    kept = jax.eval_shape(trace, image)
    return {name: kept[name] for name in order if name in kept}


def _called(
    net: nn.Module,
    variables: PyTree,
    rngs: dict[str, Key],
    image: Array,
    names: set[str] | None,
    train: bool,
    add: Mapping[str, Array],
) -> tuple[PyTree, dict[str, PyTree], list[str]]:
    """Call a net: its outputs, the features wanted (None: all), and all paths."""
    calls: dict[str, int] = collections.Counter()

    def intercept(
        following: Callable[..., PyTree],
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> PyTree:
        outputs = following(*arguments, **keywords)
        name = '/'.join(context.module.path)
        if context.method_name != '__call__' or not name:
            return outputs
        calls[name] += 1
        if calls[name] > 1:
            return outputs
        if name in add:
            outputs = outputs + add[name]
        if names is None or name in names:
            # Sown, for an array that is put aside in Python would not outlive nn.remat.
            context.module.sow(
                _KEPT, _OUTPUT, outputs, init_fn=tuple, reduce_fn=lambda _, new: new
            )
        return outputs

    with nn.intercept_methods(intercept):
        outputs, changed = net.apply(
            variables,
            image,
            train=train,
            rngs=rngs,
            mutable=DenyList(('params', 'intermediates')),
        )
    kept = {}
    for name in calls:
        place = changed.get(_KEPT, {})
        path = (*name.split('/'), _OUTPUT)
        while path and isinstance(place, Mapping) and path[0] in place:
            place, path = place[path[0]], path[1:]
        if not path:
            kept[name] = place
    return outputs, kept, list(calls)
