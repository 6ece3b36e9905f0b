"""What Optax leaves to its user: clipping shorthands, groups by path, averages."""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from dljax.training.norm import clip_to_norm, global_norm
from dljax.training.player import join
from dljax.types import Array, PyTree, State, named_leaves


def clipped(
    optimizer: optax.GradientTransformation, norm: float = 1.0
) -> optax.GradientTransformation:
    """Clip the gradient to a global norm before the optimizer sees it.

    For the other forms, chain Optax's own: `optax.clip` (by value),
    `optax.adaptive_grad_clip` (by the parameters' norms), or `scale_to_norm`.

    Args:
        optimizer: any Optax optimizer.
        norm: the largest norm allowed, over all leaves together; positive.

    Returns:
        The chain of both.

    Raises:
        ValueError: for a norm that is not positive.

    Reference:
        Pascanu et al. (2013), On the Difficulty of Training Recurrent Neural Networks,
        https://arxiv.org/abs/1211.5063

    Example:
        >>> import jax.numpy as jnp, optax
        >>> rule, gradient = clipped(optax.sgd(1.), norm=1.), {'w': jnp.array([3., 4.])}
        >>> updates, _ = rule.update(gradient, rule.init(gradient))
        >>> [f'{x:.2f}' for x in updates['w']]
        ['-0.60', '-0.80']
    """
    _positive('norm', norm)
    return optax.chain(clip_to_norm(norm), optimizer)


def scale_to_norm(norm: float = 1.0) -> optax.GradientTransformation:
    """Scale the gradient to a fixed global norm, whether it is larger or smaller.

    Only the direction is left: `norm * g / ||g||`. A gradient of zero stays zero.

    Args:
        norm: the norm of every update; positive.

    Returns:
        The transformation; chain it before an optimizer.

    Raises:
        ValueError: for a norm that is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> rule = scale_to_norm(1.)
        >>> grads = {'w': jnp.array([30., 40.])}
        >>> updates, _ = rule.update(grads, rule.init(grads))
        >>> [f'{x:.2f}' for x in updates['w']]
        ['0.60', '0.80']
    """
    _positive('norm', norm)

    def scale(updates: PyTree, params: PyTree | None = None) -> PyTree:
        length = global_norm(updates)
        factor = jnp.where(length > 0, norm / jnp.where(length > 0, length, 1.0), 0.0)
        return jax.tree.map(lambda u: u * factor.astype(u.dtype), updates)

    return optax.stateless(scale)


def by_path(
    rules: Mapping[str, optax.GradientTransformation],
) -> optax.GradientTransformation:
    """Give each parameter the rule of the first pattern that its path matches.

    Clipping ranges, learning rates, decay or freezing (`optax.set_to_zero()`) by group.

    Args:
        rules: by shell pattern over paths such as 'encoder/Dense_0/kernel', in order.

    Returns:
        The transformation.

    Raises:
        ValueError: at `init`, for a parameter that no pattern matches, or a pattern
            that matches no parameter.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> rule = by_path({'*/bias': optax.set_to_zero(), '*': optax.sgd(1.)})
        >>> params = {'head': {'kernel': jnp.ones(()), 'bias': jnp.ones(())}}
        >>> updates, _ = rule.update(params, rule.init(params))
        >>> float(updates['head']['kernel']), float(updates['head']['bias'])
        (-1.0, 0.0)
    """
    names = list(rules)

    def label(path: tuple, _: Array) -> str:
        name = jax.tree_util.keystr(path, simple=True, separator='/')
        for pattern in names:
            if fnmatch.fnmatchcase(name, pattern):
                return pattern
        raise ValueError(f"no pattern of {names} matches '{name}': add a last '*'")

    def labels(params: PyTree) -> PyTree:
        tree = jax.tree_util.tree_map_with_path(label, params)
        unused = [name for name in names if name not in jax.tree.leaves(tree)]
        if unused:
            paths = list(named_leaves(params))
            raise ValueError(f'{unused} match (or are left) none of {paths}')
        return tree

    # So that a search along a line gets its own part of the gradient.
    return optax.partition({**rules}, labels, mask_compatible_extra_args=True)


def layer_rates(
    optimizer: optax.GradientTransformation,
    layers: Sequence[str],
    decay: float = 2.6,
) -> optax.GradientTransformation:
    """Let earlier layers learn more slowly: discriminative rates for transfer (U1.17).

    The last layer learns as the optimizer says, each one before it `decay` times more
    slowly than the next. Everything the optimizer does is scaled, its weight decay too.

    Args:
        optimizer: any Optax optimizer.
        layers: shell patterns over the paths of parameters, as in `by_path`, from the
            layer next to the input to the last one; every parameter matches one.
        decay: from a layer to the one before it; at least 1, where 1 makes all alike.

    Returns:
        The transformation.

    Raises:
        ValueError: for no layer, one that stands twice, or a decay below 1; at `init`
            as `by_path`.

    Reference:
        Howard, Ruder (2018), Universal Language Model Fine-Tuning for Text
        Classification, https://arxiv.org/abs/1801.06146

    Example:
        >>> import jax.numpy as jnp, optax
        >>> rule = layer_rates(optax.sgd(1.), ('conv_*', 'output/*'), decay=4.)
        >>> params = {name: {'bias': jnp.ones(())} for name in ('conv_0', 'output')}
        >>> updates, _ = rule.update(params, rule.init(params))
        >>> float(updates['conv_0']['bias']), float(updates['output']['bias'])
        (-0.25, -1.0)
    """
    if isinstance(layers, str) or not layers or len(set(layers)) < len(layers):
        raise ValueError(
            f'layers={layers!r}, wanted a tuple of one or more different patterns'
        )
    if not decay >= 1:
        raise ValueError(f'decay={decay}, wanted at least 1')
    behind = range(len(layers) - 1, -1, -1)  # how many layers come behind each
    return by_path(
        {
            layer: optax.chain(optimizer, optax.scale(decay**-depth))
            for layer, depth in zip(layers, behind, strict=True)
        }
    )


class AveragedState(NamedTuple):
    """State of `averaged`: the moves made, the running average, the optimizer's own."""

    count: Array
    average: PyTree
    inner: PyTree


def averaged(
    optimizer: optax.GradientTransformation, decay: float = 0.999
) -> optax.GradientTransformation:
    """Keep an exponential moving average of the parameters beside the training.

    After each move, `average = d * average + (1 - d) * params`, where `d` rises as
    `(1 + count) / (10 + count)` up to `decay`, so that the first steps are soon
    forgotten. `with_averages` puts it in the place of the parameters for evaluation.

    Args:
        optimizer: any Optax optimizer.
        decay: in [0, 1).

    Returns:
        The optimizer with the average in its state.

    Raises:
        ValueError: for a decay out of range.

    Reference:
        Polyak, Juditsky (1992), Acceleration of Stochastic Approximation by Averaging,
        https://doi.org/10.1137/0330046

    Example:
        >>> import jax.numpy as jnp, optax
        >>> rule, params = averaged(optax.sgd(1.), decay=.5), {'w': jnp.zeros(())}
        >>> gradient = {'w': jnp.array(-1.)}
        >>> updates, state = rule.update(gradient, rule.init(params), params)
        >>> f"{updates['w']:.1f} {state.average['w']:.1f}"
        '1.0 0.9'
    """
    if not 0 <= decay < 1:
        raise ValueError(f'decay={decay}, wanted a number in [0, 1)')
    optimizer = optax.with_extra_args_support(optimizer)

    def init(params: PyTree) -> AveragedState:
        copy = jax.tree.map(jnp.copy, params)
        return AveragedState(jnp.int32(0), copy, optimizer.init(params))

    def update(
        updates: PyTree,
        state: AveragedState,
        params: PyTree | None = None,
        **extra: PyTree,
    ) -> tuple[PyTree, AveragedState]:
        if params is None:
            raise ValueError(
                'averaged() needs the parameters: update(g, state, params)'
            )
        scale = extra.pop('scale', None)  # by which `Plateau` will shorten the updates
        updates, inner = optimizer.update(updates, state.inner, params, **extra)
        moved = updates
        if scale is not None:
            moved = jax.tree.map(lambda u: u * scale.astype(u.dtype), updates)
        rate = jnp.minimum(decay, (1 + state.count) / (10 + state.count))
        average = optax.incremental_update(
            optax.apply_updates(params, moved), state.average, 1 - rate
        )
        return updates, AveragedState(state.count + 1, average, inner)

    # Optax has an update take any state, ours takes what our init made.
    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]


def with_averages(state: State) -> State:
    """Put the averages that `averaged` keeps in the place of the parameters.

    Args:
        state: of a training in which at least one player's optimizer is `averaged`.

    Returns:
        The same state with averaged parameters; groups without an average stay.

    Raises:
        ValueError: where no player keeps an average.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> params = {'w': jnp.ones(())}
        >>> opt_state = {'player': averaged(optax.sgd(1.)).init(params)}
        >>> moved = State(jnp.int32(1), {'w': jnp.zeros(())}, {}, opt_state)
        >>> float(with_averages(moved).params['w'])
        1.0
    """
    averages = {}
    for optimizer_state in state.opt_state.values():
        found = optax.tree.get_all_with_path(optimizer_state, 'average')
        for _, average in found:
            averages |= average
    if not averages:
        raise ValueError('no optimizer keeps an average: wrap one in averaged()')
    return state.replace(params=join(state.params, averages))


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f'{name}={value}, wanted a positive number')
