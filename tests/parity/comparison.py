"""One training, by torch and by the engine, from the same arrays on the same batch.

`run_reference` and `run_ours` give the same arrays under the same names, in our trees:
logits in evaluation and in training mode, the gradient of every parameter, the batch
statistics after one step, all variables after some steps of SGD with momentum, and how
far the parameters have moved by then, which is small beside the parameters themselves.

A ReLU or a maximum that stands within rounding of its kink may fall on either side
of it; then the gradients of float32 differ by the fraction of that one place, far more
than by rounding. There are a million such places in a deep net and every one has a
chance of about 1e-6, and which one it is depends on the machine: so a comparison moves
the kinks between the places by `away_from_kinks`. A maximum over a window has no bias
that could be shifted; GoogLeNet, with fourteen such layers, is compared with an eighth
of its channels. In float64 none was met.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from flax import linen as nn

from dljax.objectives import classify
from dljax.training import Player, learner
from dljax.types import (
    Array,
    Batch,
    Metrics,
    Objective,
    PyTree,
    State,
    named_leaves,
)

TOLERANCE = {'float32': 1e-4, 'float64': 1e-9}
MOMENTUM = 0.9

Flat = Mapping[str, np.ndarray]
Read = Callable[[Flat], PyTree]  # our variables from torch's state, by its names


def images(
    *shape: int, classes: int = 10, dtype: str = 'float32', seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Normally distributed images [batch, height, width, channel], and their labels."""
    rng = np.random.default_rng(seed)
    label = rng.integers(classes, size=shape[0])
    return rng.normal(size=shape).astype(dtype), label.astype(np.int32)


def randomised(net: torch.nn.Module, dtype: str, seed: int = 0) -> torch.nn.Module:
    """Draw all that a net holds, statistics as well, as in the midst of a training.

    Activations keep their size from layer to layer. Dropout is switched off, since two
    frameworks do not draw alike.
    """
    torch.manual_seed(seed)
    net = net.to(getattr(torch, dtype))
    for layer in net.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
        if hasattr(layer, 'running_var'):
            layer.weight.data.uniform_(0.5, 1.5)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2.0)
        elif getattr(layer, 'weight', None) is not None:
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')
        if getattr(layer, 'bias', None) is not None:
            layer.bias.data.normal_(0.0, 0.1)
    return net


@contextlib.contextmanager
def before_rectifiers(change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Put a function in front of every ReLU of torch, module or not."""

    def changed(rectify: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        return lambda x, *args, **kwargs: rectify(change(x), *args, **kwargs)

    both = ('relu', 'leaky_relu')
    old = {name: getattr(torch.nn.functional, name) for name in both}
    new = {name: changed(rectify) for name, rectify in old.items()}
    with mock.patch.multiple(torch.nn.functional, **new):
        yield


def away_from_kinks(net: torch.nn.Module, image: np.ndarray) -> torch.nn.Module:
    """Shift biases so that no place stands at the kink of the ReLU behind.

    Channel by channel the kink comes to the middle of the widest gap between the values
    near it, in training mode on this batch; in float32 that gap is some hundred times
    the rounding error, so that both frameworks see the same piecewise linear net.

    Args:
        net: from `randomised`, whose rectified layers have biases; is changed.
        image: [batch, height, width, channel], the batch that it will be trained on.
    """
    last: list[torch.nn.Module] = []

    def remember(layer: torch.nn.Module, *_: Any) -> None:
        last[:] = [layer]

    def shift(x: torch.Tensor) -> torch.Tensor:
        values, _ = x.transpose(0, 1).flatten(1).sort(1)
        middles = (values[:, 1:] + values[:, :-1]) / 2
        gaps = values[:, 1:] - values[:, :-1]
        gaps *= torch.where(middles.abs() < 0.3, 1.0, 1e-3)  # a far one if none is near
        chosen = middles.gather(1, gaps.argmax(1, keepdim=True))[:, 0]
        last[0].bias.data -= chosen
        return x - chosen.reshape(-1, *[1] * (x.ndim - 2))

    hooks = [
        layer.register_forward_hook(remember)
        for layer in net.modules()
        if getattr(layer, 'bias', None) is not None
    ]
    state = {name: leaf.clone() for name, leaf in net.named_buffers()}
    with torch.no_grad(), before_rectifiers(shift):
        net.train()(torch.tensor(image.transpose(0, 3, 1, 2)))
    for name, leaf in net.named_buffers():
        leaf.copy_(state[name])
    for hook in hooks:
        hook.remove()
    return net


def flat(net: torch.nn.Module) -> dict[str, np.ndarray]:
    """Copy a net's state, by torch's names."""
    return {name: leaf.numpy().copy() for name, leaf in net.state_dict().items()}


def moved(before: PyTree, after: PyTree) -> PyTree:
    """Tell how far the parameters have come."""
    return jax.tree.map(lambda a, b: b - a, before['params'], after['params'])


def run_reference(
    net: torch.nn.Module,
    image: np.ndarray,
    label: np.ndarray,
    read: Read,
    *,
    steps: int = 5,
    learning_rate: float = 1e-4,
    loss: Callable[[Any, torch.Tensor], torch.Tensor] | None = None,
    logits: Callable[[Any], Any] = lambda outputs: outputs,
) -> dict[str, PyTree]:
    """Let torch evaluate and train; `net` is changed.

    Args:
        net: from `randomised`.
        image: [batch, height, width, channel].
        label: [batch].
        read: makes our variables of torch's state.
        steps: of SGD.
        learning_rate: so small that five steps stay in one piece of the piecewise
            linear net, nearly; larger ones let rounding errors grow from step to step.
        loss: of the outputs in training mode and the labels; None for cross-entropy.
        logits: those to be compared, of the outputs in training mode.
    """
    loss = loss or torch.nn.functional.cross_entropy
    places: dict[str, int] = {}  # over which each batch norm took its statistics

    def count(name: str) -> Callable[..., None]:
        def hook(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            places[name] = inputs[0].numel() // inputs[0].shape[1]

        return hook

    for name, layer in net.named_modules():
        if hasattr(layer, 'running_var'):
            layer.register_forward_pre_hook(count(name))
    x = torch.tensor(np.ascontiguousarray(image.transpose(0, 3, 1, 2)))
    y = torch.tensor(label.astype(np.int64))
    before = flat(net)

    def biased(step: int) -> dict[str, np.ndarray]:
        """Divide by n where torch divides the running variance by n - 1."""
        state, kept = flat(net), (1 - 0.1) ** step
        for name, n in places.items():
            key = f'{name}.running_var'
            start = kept * before[key]
            state[key] = start + (state[key] - start) * (n - 1) / n
        return state

    with torch.no_grad():
        figures: dict[str, PyTree] = {'evaluated': net.eval()(x).numpy()}
    optimizer = torch.optim.SGD(net.parameters(), learning_rate, MOMENTUM)
    net.train()
    for step in range(steps):
        optimizer.zero_grad()
        outputs = net(x)
        loss(outputs, y).backward()
        if step == 0:
            gradients = {name: p.grad.numpy() for name, p in net.named_parameters()}
            figures['logits'] = jax.tree.map(
                lambda leaf: leaf.detach().numpy(), logits(outputs)
            )
            figures['gradient'] = read({**before, **gradients})['params']
            figures['statistics'] = read(biased(1)).get('batch_stats', {})
        optimizer.step()
    figures['trained'] = read(biased(steps))
    figures['moved'] = moved(read(before), figures['trained'])
    return jax.tree.map(np.array, figures)


def exact(net: nn.Module, batch: Batch, step: Array) -> tuple[Array, Metrics]:
    """Cross-entropy in the type of the logits; that of `classify` is float32."""
    logits = net(batch['image'], train=True)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch['label'])
    return losses.mean(), {}


def run_ours(
    net: nn.Module,
    variables: PyTree,
    image: np.ndarray,
    label: np.ndarray,
    *,
    steps: int = 5,
    learning_rate: float = 1e-4,
    objective: Objective | None = None,
    logits: Callable[[nn.Module, Array], PyTree] | None = None,
) -> dict[str, PyTree]:
    """Let the engine evaluate and train, with the types of the images.

    Args:
        net: our net, without dropout.
        variables: what the reference started from, as `read` made it.
        image: [batch, height, width, channel].
        label: [batch].
        steps: as for the reference.
        learning_rate: as for the reference.
        objective: of the player; None for `classify()`, in float64 for `exact`.
        logits: those to be compared, `(net, image)` in training mode.
    """
    with jax.enable_x64(image.dtype == np.float64):
        net = net.clone(param_dtype=image.dtype)
        fresh = jax.eval_shape(net.init, jax.random.key(0), image)
        assert jax.tree.map(jnp.shape, fresh) == jax.tree.map(jnp.shape, variables)
        variables = jax.tree.map(jnp.asarray, variables)
        optimizer = optax.sgd(learning_rate, MOMENTUM)
        double = image.dtype == np.float64
        loss = objective or (exact if double else classify())
        player = Player(optimizer, loss=loss)
        update = jax.jit(learner(net, {'classifier': player}).update)

        def train_mode(net: nn.Module, image: Array) -> PyTree:
            return logits(net, image) if logits else net(image, train=True)

        figures: dict[str, PyTree] = {
            'evaluated': jax.jit(net.apply)(variables, image),
            'logits': jax.jit(nn.apply(train_mode, net, mutable='batch_stats'))(
                variables, image
            )[0],
        }
        params = variables['params']
        rest = {k: v for k, v in variables.items() if k != 'params'}
        state = State(
            jnp.int32(0), params, rest, {'classifier': optimizer.init(params)}
        )
        batch = {'image': jnp.asarray(image), 'label': jnp.asarray(label)}
        for step in range(steps):
            state, _ = update(jax.random.key(0), state, batch)
            if step == 0:
                # The momentum after one step is the gradient itself.
                figures['gradient'] = optax.tree.get(state.opt_state, 'trace')
                figures['statistics'] = state.collections.get('batch_stats', {})
        figures['trained'] = {'params': state.params, **state.collections}
        figures['moved'] = moved(variables, figures['trained'])
        assert all(leaf.dtype == image.dtype for leaf in jax.tree.leaves(figures))
        return jax.tree.map(np.array, figures)


def agree(
    ours: PyTree,
    theirs: PyTree,
    tolerance: float,
    *,
    zero: Callable[[str], bool] = lambda path: False,
) -> float:
    """Refuse arrays that differ; give the largest error.

    The error of an array is relative to its largest number. Of an array that is zero
    but for rounding, such as the gradient of a bias in front of a batch norm, which
    takes it away again, it is relative to the largest number of the whole tree.

    Args:
        ours: a tree.
        theirs: the same tree, by the reference.
        tolerance: what the error has to stay below.
        zero: tells by the path which arrays are zero.
    """
    mine, wanted = named_leaves(ours), named_leaves(theirs)
    assert list(mine) == list(wanted)
    whole = max((np.abs(leaf).max() for leaf in wanted.values()), default=0.0)
    errors = {}
    for path, value in wanted.items():
        assert mine[path].shape == value.shape, path
        scale = whole if zero(path) else np.abs(value).max()
        assert scale > 0, f'{path} is zero throughout'
        errors[path] = float(np.abs(mine[path] - value).max() / scale)
    worst = max(errors, key=errors.get, default='')
    largest = errors.get(worst, 0.0)
    assert largest < tolerance, f'{worst}: {largest:.2e}, wanted {tolerance:.0e}'
    return largest


def compare(
    title: str,
    ours: Mapping[str, PyTree],
    theirs: Mapping[str, PyTree],
    tolerance: float,
    **options: Any,
) -> dict[str, float]:
    """Compare all arrays of two runs and print the errors (seen with `pytest -s`).

    How far the parameters have moved is compared in float64 only.
    """
    assert set(ours) == set(theirs)
    errors = {}
    for name, wanted in theirs.items():
        if name == 'moved' and tolerance > TOLERANCE['float64']:
            continue  # float32 keeps too few digits of so small a difference
        settings = options if name in ('gradient', 'moved') else {}
        errors[name] = agree(ours[name], wanted, tolerance, **settings)
    print(f'{title}: ' + ', '.join(f'{k} {v:.1e}' for k, v in errors.items()))
    return errors
