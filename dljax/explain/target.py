"""What is explained: the logit of one class, as a pure function of the inputs."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.layers.images import check_layout
from dljax.types import Array, PyTree

Explain = Callable[..., Array]  # (net, inputs, label=None) -> [batch, ...]
Explained = nn.Module | Callable[[Array], Array]  # a bound module, or a pure function


def pure(net: nn.Module, inputs: Array) -> Callable[[Array], Array]:
    """Take a bound net's outputs in evaluation mode as a function without effects.

    Args:
        net: a bound module whose output is [batch, classes] logits.
        inputs: [batch, ...], such as it is to be called on.

    Returns:
        `inputs -> logits`, fit for `jax.grad` and `jax.vmap`.

    Raises:
        ValueError: for what has no axis behind that of the batch, or for images whose
            channels come first; at its call, for a net that gives something else than
            logits.
    """
    _check_batch(inputs)
    if net.is_initializing():
        net(inputs, train=False)
    apart, variables = net.unbind()

    def predict(inputs: Array) -> Array:
        return logits_of(apart.apply(variables, inputs, train=False))

    return predict


def outputs_of(net: Explained, inputs: Array) -> Callable[[Array], Array]:
    """Take what a net, or any function, gives as a function without effects.

    Args:
        net: a bound module as of `pure`, or a pure function of inputs: to [batch,
            classes], or to [batch], a number that is explained as it is.
        inputs: [batch, ...], such as it is to be called on.

    Returns:
        `inputs -> outputs`, float32.

    Raises:
        ValueError: as of `pure`.
    """
    if isinstance(net, nn.Module):
        return pure(net, inputs)
    _check_batch(inputs)

    def predict(inputs: Array) -> Array:
        outputs = net(inputs)
        if getattr(outputs, 'ndim', None) == 1:
            return outputs.astype(jnp.float32)
        return logits_of(outputs)

    return predict


def _check_batch(inputs: Array) -> None:
    if inputs.ndim < 2:
        raise ValueError(
            f'the inputs have shape {inputs.shape}, wanted [batch, ...]: add the first '
            'axis to a single example'
        )
    check_layout(inputs)


def logits_of(outputs: PyTree) -> Array:
    """Refuse outputs that are not [batch, classes]; the others become float32."""
    if getattr(outputs, 'ndim', None) != 2:
        form = getattr(outputs, 'shape', type(outputs).__name__)
        raise ValueError(
            f'the net gives {form}, wanted logits of [batch, classes]: explain '
            'a classifier, or a module that makes logits of these outputs'
        )
    return outputs.astype(jnp.float32)


def choose_label(logits: Array, label: Array | None) -> Array:
    """Tell which class is explained, by default what is predicted.

    A single logit tells two classes apart: the second one is from 0 on.

    Args:
        logits: [batch, classes], [batch, 1] for two classes, or [batch], which has
            none.
        label: [batch] integers, the class explained; None for the one predicted.

    Returns:
        [batch] integers.

    Raises:
        ValueError: for labels that are not one integer for each example.
    """
    if label is not None:
        label = jnp.asarray(label)
        whole = jnp.issubdtype(label.dtype, jnp.integer)
        if not whole or label.shape != logits.shape[:1]:
            raise ValueError(
                f'label is {label.dtype} of shape {label.shape}, wanted an integer for '
                f'each example, of shape {logits.shape[:1]}'
            )
        return label
    if logits.ndim == 1:
        return jnp.zeros(logits.shape, jnp.int32)
    if logits.shape[1] == 1:
        return (logits[:, 0] >= 0).astype(jnp.int32)
    return logits.argmax(1)


def evidence(logits: Array, label: Array) -> Array:
    """Take the logit of each example's class.

    That of class 0 of a single logit is its negative. A class that is not there gives
    NaN. A number that stands for no class is taken as it is.

    Args:
        logits: [batch, classes], [batch, 1] for two classes, or [batch] numbers.
        label: [batch] integers.

    Returns:
        [batch].
    """
    if logits.ndim == 1:
        return logits
    if logits.shape[1] == 1:
        logits = jnp.concatenate([-logits, logits], axis=1)
    classes = logits.shape[1]
    there = (label >= 0) & (label < classes)
    pick = jnp.where(there[:, None], jax.nn.one_hot(label, classes), jnp.nan)
    return (logits * pick).sum(1)
