"""Exact evaluation: per-example scores, averaged over every example once."""

import functools
from collections.abc import Iterable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.training.declaration import check_by, check_inputs, of_one_net, placed
from dljax.training.player import COLLECTIONS
from dljax.types import AnyBatch, Array, Batch, Score, Spec, State, fold

BATCH_SHAPED = ('carry', 'chain')


def evaluate(
    net: nn.Module,
    score: Score,
    state: State,
    batches: Iterable[AnyBatch],
    *,
    leave_out: tuple[str, ...] = BATCH_SHAPED,
    inputs: Mapping[str, Spec] | None = None,
) -> dict[str, float | np.ndarray]:
    """Average per-example scores over a data set, exactly.

    Compiled once for each net, score and batch shape. A short last batch is padded and
    its padding carries a mask of zero, as `dljax.data.batches` does it. The state of an
    `ensemble`, whose `step` is a vector, is evaluated member by member.

    Args:
        net: the net that was trained; hashable, as Linen modules with tuples are.
        score: `(net, batch, step) -> {name: [batch] values}`. It calls the net with
            `train=False`. Random streams are fixed by the batch's number.
        state: of the training.
        batches: dictionaries of arrays, with an optional 'mask' of [batch] weights.
        leave_out: collections whose shape is that of the training batch, which the net
            makes anew here.
        inputs: the form of each feature, checked beside what the score declares of its
            data; `dljax.zoo.inputs(name)` tells it of a model of the zoo.

    Returns:
        The mean of each score: a float, or [members] for an ensemble.

    Raises:
        ValueError: without a batch, for the state of another net, where a score is not
            one value an example, or for data, but for those that are masked, that are
            not as declared.

    Example:
        >>> import jax.numpy as jnp
        >>> from flax import linen as nn
        >>> def score(net, batch, step):
        ...     return {'output': net(batch['x'])[:, 0]}
        >>> params = {'kernel': jnp.ones((1, 1))}
        >>> state = State(jnp.int32(0), params, {}, {})
        >>> batch = {'x': jnp.array([[1.], [2.], [9.]]), 'mask': np.array([1, 1, 0])}
        >>> evaluate(nn.Dense(1, use_bias=False), score, state, [batch])
        {'output': 1.5}
    """
    if isinstance(batches, Mapping):
        raise ValueError(
            f'batches is one dictionary of {sorted(map(str, batches))}, wanted '
            'several: put it in a list, or cut a set by dljax.data.batches'
        )
    ensemble = np.ndim(state.step) == 1
    state = state.replace(
        opt_state={},
        position=None,
        collections={k: v for k, v in state.collections.items() if k not in leave_out},
    )
    totals, weight = {}, 0.0
    for index, batch in enumerate(batches):
        batch = dict(batch)
        size = len(next(iter(batch.values())))
        mask = np.asarray(batch.pop('mask', np.ones(size)), np.float32)
        if mask.shape != (size,) or not ((mask >= 0) & (mask < np.inf)).all():
            raise ValueError(
                f"the 'mask' of batch {index} has shape {mask.shape} and numbers from "
                f'{mask.min(initial=0):g} to {mask.max(initial=0):g}, wanted a finite '
                f'weight of 0 or more for each of {size} examples'
            )
        _check(net, score, inputs or {}, batch, mask, index)
        with of_one_net():
            sums = _sums(net, score, ensemble, state, batch, mask, jnp.int32(index))
        for name, value in sums.items():
            totals[name] = totals.get(name, 0.0) + np.asarray(value, np.float64)
        weight += float(mask.sum())
    if not weight:
        raise ValueError('nothing to evaluate: there is no batch, or all is masked')
    means = {name: value / weight for name, value in totals.items()}
    return means if ensemble else {name: float(value) for name, value in means.items()}


def _check(
    net: nn.Module,
    score: Score,
    inputs: Mapping[str, Spec],
    batch: AnyBatch,
    mask: np.ndarray,
    index: int,
) -> None:
    """Refuse data that the score has no meaning for, but those that do not count."""
    if not (mask > 0).all():
        if not (mask > 0).any():
            return
        batch = jax.tree.map(lambda values: np.asarray(values)[mask > 0], batch)
    with placed(f'batch {index} of what is scored'):
        check_inputs(inputs, batch)
        check_by(score, net, batch)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _sums(
    net: nn.Module,
    score: Score,
    ensemble: bool,
    state: State,
    batch: Batch,
    mask: Array,
    index: Array,
) -> dict[str, Array]:
    """Sum the scores of one batch over its true examples."""

    def one(state: State) -> dict[str, Array]:
        values, _ = nn.apply(score, net, mutable=COLLECTIONS)(
            {'params': state.params, **state.collections},
            batch,
            state.step,
            rngs={'params': fold(jax.random.key(0), 'evaluate', index)},
        )
        for name, value in values.items():
            if value.shape != mask.shape:
                raise ValueError(
                    f"score '{name}' has shape {value.shape}, wanted one value per "
                    f'example: {mask.shape}'
                )
        # where, not a product: a padded example may well score NaN
        return {
            k: jnp.where(mask > 0, v.astype(jnp.float32) * mask, 0.0).sum()
            for k, v in values.items()
        }

    return jax.vmap(one)(state) if ensemble else one(state)
