"""The step in dljax, as a user gets it: players, `learner`, and `rounds`."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict

from benchmarks.peers import cases
from benchmarks.peers.cases import Case, Optimizer
from dljax import create_model, losses
from dljax.layers import LSTM, RecurrentStack
from dljax.models.fields import reconfigured
from dljax.objectives import classify, elbo, fool, tell_apart, translate
from dljax.training import Player, data_mesh, learner, rounds, sharded
from dljax.types import Batch, Key, Position, Source, State


def build(
    case: Case,
    batch: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray] | None,
    *,
    check: bool = False,
    precision: str = 'float32',
    chunk: int = 1,
    devices: int = 1,
) -> Callable[[int], list[float]]:
    """Make the function that trains for some steps and returns their losses.

    Args:
        case: what is trained.
        batch: of it.
        weights: of the net at the start, by path; drawn where None.
        check: whether random numbers are replaced by known ones.
        precision: of the computation; parameters stay float32.
        chunk: updates in one compiled call.
        devices: over how many the batch is split.

    Returns:
        The function; `function.weights()` gives those at the start.
    """
    net = make(case)
    if precision == 'bfloat16':
        net = reconfigured(net, dtype=jnp.bfloat16)
    if check and case.task == 'game':
        net = net.clone(prior=lambda key, shape: jnp.asarray(cases.normal(shape)))
    train = learner(net, players(case))
    if devices > 1:
        train = sharded(train, data_mesh(jax.devices()[:devices]))
    arrays = jax.tree.map(jnp.asarray, named(case, batch))
    source = constant(arrays)
    key = jax.random.key(0)
    state = jax.jit(train.init)(key, arrays)
    drawn = {'/'.join(k): np.asarray(v) for k, v in flatten_dict(state.params).items()}
    if weights is not None:
        given = unflatten_dict({tuple(k.split('/')): v for k, v in weights.items()})
        state = state.replace(params=jax.tree.map(jnp.asarray, given))
    turns = rounds(train, source, key=key, state=state, chunk=chunk)

    def run(steps: int) -> list[float]:
        found = []
        for _ in range(-(-steps // chunk)):
            metrics = next(turns).metrics
            found.append(sum(v for k, v in metrics.items() if k.endswith('/loss')))
        return np.concatenate([np.asarray(x) for x in found]).tolist()

    run.weights = lambda: drawn
    run.steps = chunk
    return run


def make(case: Case) -> nn.Module:
    """Make the net of a case."""
    settings = dict(case.settings)
    if case.model == 'sequence_classifier':
        cudnn = jax.default_backend() == 'gpu'  # as torch has it there
        settings['stack'] = RecurrentStack(LSTM(case.shape[-1], cudnn=cudnn))
    return create_model(case.model, **settings)


def named(case: Case, batch: Mapping[str, np.ndarray]) -> Batch:
    """Name the input as the objectives want it."""
    if case.task == 'translate':
        full = np.full(case.batch, case.shape[0], np.int32)
        named = {'source': batch['input'], 'target': batch['label']}
        return {**named, 'source_length': full, 'target_length': full}
    feature = 'sequence' if case.model == 'sequence_classifier' else 'image'
    return {feature if k == 'input' else k: v for k, v in batch.items()}


def players(case: Case) -> dict[str, Player]:
    """Make the players of a case."""
    made = optimizer(case.optimizer)
    if case.task == 'reconstruct':
        return {'vae': Player(made, loss=elbo())}
    if case.task == 'game':
        game = losses.non_saturating_game()
        return {
            'discriminator': Player(
                made, loss=tell_apart(game), trains=('discriminator',)
            ),
            'generator': Player(made, loss=fool(game), trains=('generator',)),
        }
    if case.task == 'translate':
        return {'translator': Player(made, loss=translate())}
    feature = 'sequence' if case.model == 'sequence_classifier' else 'image'
    return {'classifier': Player(made, loss=classify(feature))}


def optimizer(said: Optimizer) -> optax.GradientTransformation:
    """Make an optimizer of Optax."""
    if said.kind == 'adam':
        return optax.adam(said.learning_rate, b1=said.momentum)
    return optax.sgd(said.learning_rate, said.momentum or None)


def constant(batch: Batch) -> Source:
    """Give the same batch at every step."""

    def first(key: Key) -> tuple[Position, Batch]:
        return jnp.int32(0), batch

    def following(key: Key, position: Position, state: State) -> tuple[Position, Batch]:
        return position, batch

    return Source(first, following)
