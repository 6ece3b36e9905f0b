"""The step in plain Flax: modules, Optax, and one `jax.jit` with a donated state."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from flax.traverse_util import unflatten_dict
from jax import Array

from benchmarks.peers import flax_nets, flax_translator
from benchmarks.peers.cases import Case
from benchmarks.peers.ours import optimizer
from dljax.types import PyTree

Weights = Mapping[str, np.ndarray]


def build(
    case: Case,
    batch: Mapping[str, np.ndarray],
    weights: Weights,
    *,
    precision: str = 'float32',
) -> Callable[[int], list[float]]:
    """Make the function that trains for some steps and returns their losses.

    In bfloat16 parameters and inputs are cast to it inside of the loss.
    """
    arrays = jax.tree.map(jnp.asarray, dict(batch))

    def cast(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: leaf.astype(precision), tree)

    tx = optimizer(case.optimizer)
    params = given(case, weights)
    if case.task == 'game':
        step, state = game(case, tx, cast, params, arrays)
    else:
        step, state = alone(case, tx, cast, params, arrays)
    step = jax.jit(step, donate_argnums=0)
    key = jax.random.key(0)

    def run(steps: int) -> list[float]:
        nonlocal state, key
        found = []
        for _ in range(steps):
            key, use = jax.random.split(key)
            state, loss = step(state, arrays, use)
            found.append(loss)
        return [float(x) for x in jax.block_until_ready(found)]

    run.steps = 1
    return run


def given(case: Case, weights: Weights) -> dict:
    """Give our weights the form of Flax's layers."""
    params = unflatten_dict(
        {tuple(k.split('/')): jnp.array(v) for k, v in weights.items()}
    )
    if case.task == 'translate':
        return flax_translator.given(params)
    if case.model != 'sequence_classifier':
        return params
    ours = params['recurrent']['forward_0']
    cell = {}
    for index, gate in enumerate('ifgo'):
        part = slice(index * case.shape[-1], (index + 1) * case.shape[-1])
        cell[f'i{gate}'] = {'kernel': ours['kernel'][:, part]}
        cell[f'h{gate}'] = {
            'kernel': ours['recurrent_kernel'][:, part],
            'bias': ours['bias'][part],
        }
    return {'cell': cell, 'output': params['output']}


def alone(
    case: Case,
    tx: optax.GradientTransformation,
    cast: Callable[[PyTree], PyTree],
    params: dict,
    batch: dict,
) -> tuple[Callable, tuple]:
    """Train one net."""
    variational = case.task == 'reconstruct'
    net = flax_nets.Variational() if variational else flax_nets.make(case)
    translates = case.task == 'translate'

    def elbo(params: dict, batch: dict, key: Array) -> Array:
        flat = batch['input'].reshape(len(batch['input']), -1)
        noise = jax.random.normal(key, (len(flat), 20))
        outputs = net.apply({'params': cast(params)}, cast(flat), noise)
        logits, mean, log_variance = (x.astype(jnp.float32) for x in outputs)
        distortion = optax.sigmoid_binary_cross_entropy(logits, flat).sum(-1)
        rate = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum(-1)
        return (distortion + rate).mean()

    def classify(params: dict, stats: dict, batch: dict, key: Array) -> tuple:
        given = [batch['input'] if translates else cast(batch['input'])]
        given += [batch['label']] * translates
        logits, moved = net.apply(
            {'params': cast(params), **stats},
            *given,
            train=True,
            mutable=['batch_stats'],
            rngs={'dropout': key},
        )
        each = optax.softmax_cross_entropy_with_integer_labels(
            logits.astype(jnp.float32), batch['label']
        )
        return each.mean(), moved

    def step(state: tuple, batch: dict, key: Array) -> tuple:
        params, stats, moments = state
        if variational:
            loss, gradient = jax.value_and_grad(elbo)(params, batch, key)
        else:
            both = jax.value_and_grad(classify, has_aux=True)
            (loss, stats), gradient = both(params, stats, batch, key)
        updates, moments = tx.update(gradient, moments, params)
        return (optax.apply_updates(params, updates), stats, moments), loss

    stats = {}
    if not variational:
        shown = [batch['input']] + [batch['label']] * translates
        shapes = jax.eval_shape(net.init, jax.random.key(0), *shown)
        stats = fresh(shapes)
    return step, (params, stats, tx.init(params))


def game(
    case: Case,
    tx: optax.GradientTransformation,
    cast: Callable[[PyTree], PyTree],
    params: dict,
    batch: dict,
) -> tuple[Callable, tuple]:
    """Train two nets against each other."""
    nets = {
        'generator': flax_nets.Generator(),
        'discriminator': flax_nets.Discriminator(),
    }
    seen = {'generator': jnp.zeros((2, 100)), 'discriminator': batch['input']}
    stats = {
        name: fresh(jax.eval_shape(net.init, jax.random.key(0), seen[name]))
        for name, net in nets.items()
    }

    def call(name: str, params: dict, stats: dict, x: Array) -> tuple[Array, dict]:
        variables = {'params': cast(params[name]), **stats[name]}
        made, moved = nets[name].apply(variables, cast(x), mutable=['batch_stats'])
        return made.astype(jnp.float32), {**stats, name: moved}

    def tell_apart(
        part: dict, params: dict, stats: dict, real: Array, noise: Array
    ) -> tuple:
        params = {**params, 'discriminator': part}
        fake, _ = call('generator', params, stats, noise)
        on_real, stats = call('discriminator', params, stats, real)
        on_fake, stats = call(
            'discriminator', params, stats, jax.lax.stop_gradient(fake)
        )
        return nn.softplus(-on_real).mean() + nn.softplus(on_fake).mean(), stats

    def fool(part: dict, params: dict, stats: dict, real: Array, noise: Array) -> tuple:
        params = {**params, 'generator': part}
        fake, stats = call('generator', params, stats, noise)
        logits, _ = call('discriminator', params, stats, fake)
        return nn.softplus(-logits).mean(), stats

    def step(state: tuple, batch: dict, key: Array) -> tuple:
        params, stats, moments = state
        total = 0.0
        for name, loss in (('discriminator', tell_apart), ('generator', fool)):
            key, use = jax.random.split(key)
            noise = jax.random.normal(use, (len(batch['input']), 100))
            (value, stats), gradient = jax.value_and_grad(loss, has_aux=True)(
                params[name], params, stats, batch['input'], noise
            )
            updates, moved = tx.update(gradient, moments[name], params[name])
            params = {**params, name: optax.apply_updates(params[name], updates)}
            moments = {**moments, name: moved}
            total = total + value
        return (params, stats, moments), total

    moments = {name: tx.init(params[name]) for name in nets}
    return step, (params, stats, moments)


def fresh(shapes: dict) -> dict:
    """Make statistics as they are before anything was seen."""
    return {
        name: jax.tree_util.tree_map_with_path(
            lambda path, x: jnp.full(x.shape, float(path[-1].key == 'var'), x.dtype),
            tree,
        )
        for name, tree in shapes.items()
        if name != 'params'
    }
