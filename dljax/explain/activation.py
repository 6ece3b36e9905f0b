"""Maps from the last layer that still knows places: Grad-CAM (U1.16)."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.explain.target import choose_label, evidence, logits_of
from dljax.layers.images import check_images
from dljax.models.features import feature_shapes, features
from dljax.types import Array


def grad_cam(
    net: nn.Module,
    image: Array,
    label: Array | None = None,
    *,
    layer: str | None = None,
    averaged: bool = True,
    signed: bool = False,
    resized: bool = True,
) -> Array:
    r"""Weigh the feature maps of a layer by how much the logit rises with their mean.

    max(0, Σ_k α_k A_k), where A_k are the maps and α_k the mean of ∂z_c / ∂A_k over the
    places. Of a net that ends with a global average pool and a dense layer this is the
    class activation map of Zhou et al. (2016), over the number of places. A net that
    flattens its maps treats each place in its own way, which the mean forgets; without
    it, max(0, Σ_k ∂z_c / ∂A_k · A_k), the map is of what each place adds (HiResCAM).

    Args:
        net: a bound module, `(image, train) -> [batch, classes]` logits.
        image: [batch, height, width, channel].
        label: [batch] int32, the class explained; None for the one predicted.
        layer: path of the module whose output the maps are, as in
            `dljax.models.features`; None for the last one that has places.
        averaged: whether the derivatives are averaged over the places.
        signed: whether to keep what speaks against the class, too.
        resized: whether the map is brought to the size of the image, by linear
            interpolation.

    Returns:
        [batch, height, width, 1] float32, or of the size of the layer's maps.

    Raises:
        ValueError: for what are no images, a net without logits, or a layer without
            places; the message tells which layers have some.

    Reference:
        Selvaraju et al. (2017), Grad-CAM: Visual Explanations from Deep Networks via
        Gradient-Based Localization, https://arxiv.org/abs/1610.02391
        Zhou et al. (2016), Learning Deep Features for Discriminative Localization,
        https://arxiv.org/abs/1512.04150
        Draelos, Carin (2020), Use HiResCAM Instead of Grad-CAM for Faithful
        Explanations of Convolutional Neural Networks, https://arxiv.org/abs/2011.08891

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dljax import create_model
        >>> net, image = create_model('lenet5'), jnp.ones((2, 32, 32, 1))
        >>> variables = net.init(jax.random.key(0), image)
        >>> jax.jit(nn.apply(grad_cam, net))(variables, image).shape
        (2, 32, 32, 1)
    """
    check_images(image)
    if net.is_initializing():
        net(image, train=False)
    places = _places(net, image)
    if layer is None:
        layer = last_spatial(net, image)
    elif layer not in places:
        raise ValueError(
            f"layer is '{layer}', wanted one whose output is [batch, height, width, "
            f'channel] with more than one place: {list(places) or "there is none"}'
        )
    apart, variables = net.unbind()

    def explained(more: Array, label: Array | None) -> tuple[Array, tuple]:
        outputs, found = nn.apply(features, apart)(
            variables, image, [layer], add={layer: more}
        )
        logits = logits_of(outputs)
        label = choose_label(logits, label)
        return evidence(logits, label).sum(), found[layer]

    nothing = jnp.zeros(places[layer].shape, places[layer].dtype)
    gradients, maps = jax.grad(explained, has_aux=True)(nothing, label)
    gradients, maps = gradients.astype(jnp.float32), maps.astype(jnp.float32)
    if averaged:
        gradients = gradients.mean((1, 2), keepdims=True)
    found = (gradients * maps).sum(-1, keepdims=True)
    if not signed:
        found = jax.nn.relu(found)
    if resized:
        found = jax.image.resize(found, (*image.shape[:3], 1), 'linear')
    return found


def last_spatial(net: nn.Module, image: Array) -> str:
    """Find the last module whose output has places: the layer that Grad-CAM explains.

    Args:
        net: a bound module, called as `net(image, train=False)`.
        image: [batch, height, width, channel].

    Returns:
        The path of the module that comes to its end last of those whose output is
        [batch, height, width, channel] with more than one place.

    Raises:
        ValueError: for a net without such a module.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dljax import create_model
        >>> net, image = create_model('lenet5'), jnp.ones((2, 32, 32, 1))
        >>> variables = net.init(jax.random.key(0), image)
        >>> nn.apply(last_spatial, net)(variables, image)
        'conv_1'
    """
    places = _places(net, image)
    if not places:
        raise ValueError(
            f'no module of {type(net).__name__} has an output of [batch, height, '
            'width, channel] with more than one place, wanted a convolutional net: '
            'explain this one by its gradients'
        )
    return list(places)[-1]


def _places(net: nn.Module, image: Array) -> dict[str, jax.ShapeDtypeStruct]:
    """List the features of an image that have places."""
    return {
        path: shape
        for path, shape in feature_shapes(net, image).items()
        if isinstance(shape, jax.ShapeDtypeStruct)
        and len(shape.shape) == 4
        and math.prod(shape.shape[1:3]) > 1
    }
