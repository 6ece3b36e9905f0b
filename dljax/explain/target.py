"""What is explained: the logit of one class, as a pure function of the images."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.layers.images import check_images
from dljax.types import Array, PyTree

Explain = Callable[..., Array]  # (net, image, label=None) -> [batch, height, width, c]


def pure(net: nn.Module, image: Array) -> Callable[[Array], Array]:
    """Take a bound net's outputs in evaluation mode as a function without effects.

    Args:
        net: a bound module whose output is [batch, classes] logits.
        image: [batch, height, width, channel], such as it is to be called on.

    Returns:
        `image -> logits`, fit for `jax.grad` and `jax.vmap`.

    Raises:
        ValueError: for what is no batch of images; at its call, for a net that gives
            with something else than logits.
    """
    check_images(image)
    if net.is_initializing():
        net(image, train=False)
    apart, variables = net.unbind()

    def predict(image: Array) -> Array:
        return logits_of(apart.apply(variables, image, train=False))

    return predict


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
        logits: [batch, classes], or [batch, 1] for two classes.
        label: [batch] integers, the class explained; None for the one predicted.

    Returns:
        [batch] integers.
    """
    if label is not None:
        return jnp.asarray(label)
    if logits.shape[1] == 1:
        return (logits[:, 0] >= 0).astype(jnp.int32)
    return logits.argmax(1)


def evidence(logits: Array, label: Array) -> Array:
    """Take the logit of each example's class.

    That of class 0 of a single logit is its negative. A class that is not there gives
    NaN.

    Args:
        logits: [batch, classes], or [batch, 1] for two classes.
        label: [batch] integers.

    Returns:
        [batch].
    """
    if logits.shape[1] == 1:
        logits = jnp.concatenate([-logits, logits], axis=1)
    classes = logits.shape[1]
    there = (label >= 0) & (label < classes)
    pick = jnp.where(there[:, None], jax.nn.one_hot(label, classes), jnp.nan)
    return (logits * pick).sum(1)
