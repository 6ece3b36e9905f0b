"""The step in Keras 3 on JAX, by `fit`, or by its layers in a loop of one's own."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import keras
import numpy as np

from benchmarks.peers.cases import Case
from benchmarks.peers.keras_nets import fill, make

Weights = Mapping[str, np.ndarray]


def build(
    case: Case,
    batch: Mapping[str, np.ndarray],
    weights: Weights,
    *,
    precision: str = 'float32',
    together: int = 1,
) -> Callable[[int], list[float]]:
    """Make the function that trains for some steps and returns their losses.

    Args:
        case: what is trained.
        batch: of it.
        weights: of our net at the start, by path.
        precision: 'bfloat16' is Keras's policy of mixed precision.
        together: steps in one execution, as `compile` takes them.

    Returns:
        The function.
    """
    mixed = precision == 'bfloat16'
    keras.mixed_precision.set_global_policy('mixed_bfloat16' if mixed else 'float32')
    nets = make(case)
    fill(case, nets, weights)
    if case.task == 'game':
        return game(case, nets, batch)
    net = nets[0]
    loss = None
    if case.task in ('classify', 'translate'):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(optimizer(case), loss, jit_compile=True, steps_per_execution=together)

    def run(steps: int) -> list[float]:
        # The arrays of as many batches: Keras cuts them itself, which is its fast way.
        parts = min(steps, max(together, 50_000_000 // batch['input'].nbytes, 1))
        arrays = [np.concatenate([value] * parts) for value in batch.values()]
        if case.task == 'translate':
            source, target = arrays
            before = np.pad(target, ((0, 0), (1, 0)), constant_values=1)[:, :-1]
            arrays = [[source, before], target]
        seen = Losses()
        for _ in range(-(-steps // parts)):
            net.fit(
                *arrays,
                batch_size=case.batch,
                shuffle=False,
                verbose=0,
                callbacks=[seen],
            )
        return seen.values

    run.steps = together
    return run


class Losses(keras.callbacks.Callback):
    """Keeps the running mean of the losses, which Keras gives, and undoes it."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.values, self.total, self.seen = [], 0.0, 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin a mean anew."""
        self.total, self.seen = 0.0, 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Part the last losses from the mean."""
        total = float(logs['loss']) * (batch + 1)
        self.values.append((total - self.total) / (batch + 1 - self.seen))
        self.total, self.seen = total, batch + 1


def optimizer(case: Case) -> keras.optimizers.Optimizer:
    """Make an optimizer."""
    said = case.optimizer
    if said.kind == 'adam':
        return keras.optimizers.Adam(
            said.learning_rate, beta_1=said.momentum, epsilon=1e-8
        )
    return keras.optimizers.SGD(said.learning_rate, momentum=said.momentum)


def game(
    case: Case, nets: list[keras.Model], batch: Mapping[str, np.ndarray]
) -> Callable[[int], list[float]]:
    """Train generator and discriminator by Keras's functions without state."""
    rules = [optimizer(case) for _ in nets]
    for rule, net in zip(rules, nets, strict=True):
        rule.build(net.trainable_variables)
    state = [
        (
            [v.value for v in net.trainable_variables],
            [v.value for v in net.non_trainable_variables],
            [v.value for v in rule.variables],
        )
        for rule, net in zip(rules, nets, strict=True)
    ]
    real = jnp.asarray(batch['input'])

    def tell_apart(part: list, state: list, noise: jax.Array) -> tuple:
        (made, made_stats, _), (_, stats, _) = state
        fake, _ = nets[0].stateless_call(made, made_stats, noise, training=True)
        on_real, stats = nets[1].stateless_call(part, stats, real, training=True)
        on_fake, stats = nets[1].stateless_call(part, stats, fake, training=True)
        return (
            jax.nn.softplus(-on_real).mean() + jax.nn.softplus(on_fake).mean(),
            stats,
        )

    def fool(part: list, state: list, noise: jax.Array) -> tuple:
        (_, stats, _), (judge, judge_stats, _) = state
        fake, stats = nets[0].stateless_call(part, stats, noise, training=True)
        logits, _ = nets[1].stateless_call(judge, judge_stats, fake, training=True)
        return jax.nn.softplus(-logits).mean(), stats

    def step(state: list, key: jax.Array) -> tuple[list, jax.Array]:
        total = 0.0
        for index, loss in ((1, tell_apart), (0, fool)):
            key, use = jax.random.split(key)
            noise = jax.random.normal(use, (case.batch, 100))
            params, _, moments = state[index]
            both = jax.value_and_grad(loss, has_aux=True)
            (value, stats), gradient = both(params, state, noise)
            params, moments = rules[index].stateless_apply(moments, gradient, params)
            state = [*state]
            state[index] = (params, stats, moments)
            total = total + value
        return state, total

    step, key = jax.jit(step, donate_argnums=0), jax.random.key(0)

    def run(steps: int) -> list[float]:
        nonlocal state, key
        found = []
        for _ in range(steps):
            key, use = jax.random.split(key)
            state, loss = step(state, use)
            found.append(loss)
        return [float(x) for x in jax.block_until_ready(found)]

    run.steps = 1
    return run
