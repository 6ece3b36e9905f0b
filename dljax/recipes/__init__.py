"""How each model of the zoo is ordinarily trained: its players, and what they read.

Plans stand by family, a file each, as the rows of the zoo do. Experiments choose for
their data; these are for whatever needs some train step of any model: benchmarks,
compilation ahead of time, scripts.
"""

import importlib
from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp

from dljax import zoo
from dljax.models.fields import reconfigured
from dljax.recipes.plan import Plan as Plan
from dljax.recipes.plan import Recipe as Recipe
from dljax.recipes.sizes import Shape, fill_sizes

_PLANS: dict[str, Plan] = {
    name: plan
    for family in zoo.FAMILIES
    for name, plan in importlib.import_module(f'dljax.recipes.{family}').PLANS.items()
}


def recipe(
    name: str,
    *,
    batch: int | None = None,
    precision: Literal['float32', 'bfloat16'] = 'float32',
    remat: bool = False,
    axis_name: str | None = None,
    sizes: Mapping[str, Shape] | None = None,
    **settings: Any,
) -> Recipe:
    """Make the train step of a model of the zoo.

    Args:
        name: one of `list_models()`.
        batch: examples in an update, at least 1; by default what the plan says.
        precision: of the computation; parameters and statistics stay float32.
        remat: whether blocks are rematerialised in the backward pass; of the models
            that have this setting.
        axis_name: the mapped axis over which batch statistics are taken, under `pmap`
            or `shard_map`; of no effect on nets without any.
        sizes: the shape of one example of a feature whose size the model leaves open.
        **settings: of the model, see `zoo.settings`.

    Returns:
        The recipe. No parameter is allocated.

    Raises:
        ValueError: for an unknown model, or a batch, precision, remat or size that
            cannot be.
        TypeError: for an unknown setting.

    Example:
        >>> made = recipe('lenet5', batch=4)
        >>> {name: shape.shape for name, shape in made.batch.items()}
        {'image': (4, 32, 32, 1), 'label': (4,)}
        >>> train, key = made.learner(), jax.random.key(0)
        >>> state = train.init(key, made.draw(key))
        >>> _, metrics = train.update(key, state, made.draw(key))
        >>> sorted(metrics)[2:]
        ['classifier/gradient_norm', 'classifier/loss']
    """
    plan = _plan(name)
    if remat:
        if 'remat' not in zoo.settings(name):
            able = (n for n in zoo.list_models() if 'remat' in zoo.settings(n))
            raise ValueError(
                f'{name} cannot recompute its blocks: leave remat out, or choose one '
                f'of {", ".join(able)}'
            )
        settings['remat'] = True
    batch = plan.batch if batch is None else batch
    if batch < 1:
        raise ValueError(f'batch is {batch}, wanted at least 1 example')
    if precision not in ('float32', 'bfloat16'):
        raise ValueError(f"precision is {precision!r}, wanted 'float32' or 'bfloat16'")
    net = zoo.create_model(name, **settings)
    specs = plan.features(net, zoo.row(name).inputs(net))
    specs = {k: spec for k, spec in specs.items() if k not in plan.drawn}
    specs = fill_sizes(
        name,
        specs,
        sizes or {},
        shaped_by=plan.shaped_by,
        lengths=plan.lengths,
        scale=plan.scale(net),
    )
    changes = {'dtype': jnp.bfloat16} if precision == 'bfloat16' else {}
    if axis_name is not None:
        changes['axis_name'] = axis_name
    net = reconfigured(plan.arrange(net), **changes)
    shapes = {
        feature: jax.ShapeDtypeStruct((batch, *spec.shape), spec.dtype)
        for feature, spec in specs.items()
    }
    return Recipe(net, plan.players(net), shapes, specs)


def _plan(name: str) -> Plan:
    zoo.row(name)  # an unknown model is answered with the nearest ones
    return _PLANS[name]
