"""The style-based pair equals torch's on the same weights.

The torch nets are written from the papers' figures with explicit weights for each
example: the kernels are multiplied by the styles, and divided, before a convolution of
as many groups as there are examples.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import linen as nn
from torch.nn import functional

from dljax.models.adversarial import stylegan_small
from dljax.types import Array, PyTree, named_leaves

TOLERANCE = {'float32': 1e-4, 'float64': 1e-9}
BATCH, LATENT, STYLE, WIDTH, MULTIPLIERS = 4, 3, 5, 3, (4, 2, 1)
MAPPING, SIZE = 2, 8
Weights = dict[str, torch.Tensor]


def rectified(x: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(x, 0.2) * 2**0.5


def dense(x: torch.Tensor, w: Weights, name: str, rate: float = 1.0) -> torch.Tensor:
    kernel, bias = w[f'{name}/kernel'], w[f'{name}/bias']
    return functional.linear(x, kernel.T * rate / x.shape[-1] ** 0.5, rate * bias)


def filtered(x: torch.Tensor, before: int, after: int, gain: float) -> torch.Tensor:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype)
    kernel = torch.outer(taps, taps) * gain / 64
    kernel = kernel.expand(x.shape[1], 1, 4, 4)
    x = functional.pad(x, (before, after, before, after))
    return functional.conv2d(x, kernel, groups=x.shape[1])


def modulated(
    x: torch.Tensor,
    style: torch.Tensor,
    w: Weights,
    name: str,
    *,
    demodulate: bool = True,
    doubles: bool = False,
) -> torch.Tensor:
    batch, channels, height, width = x.shape
    scale = dense(style, w, f'{name}/style')
    kernel = w[f'{name}/kernel'].permute(3, 2, 0, 1)
    kernel = kernel / kernel[0].numel() ** 0.5
    each = kernel[None] * scale[:, None, :, None, None]
    if demodulate:
        each = each / (each.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    x = x.reshape(1, batch * channels, height, width)
    if doubles:
        stamps = each.transpose(1, 2).flip(3, 4).flatten(0, 1)
        x = functional.conv_transpose2d(x, stamps, stride=2, groups=batch)
        x = x.reshape(batch, -1, *x.shape[2:])
        return filtered(x, 1, 1, 4.0)
    padding = kernel.shape[-1] // 2
    x = functional.conv2d(x, each.flatten(0, 1), padding=padding, groups=batch)
    return x.reshape(batch, -1, height, width)


def upsampled(x: torch.Tensor) -> torch.Tensor:
    batch, channels, height, width = x.shape
    spread = torch.zeros(batch, channels, 2 * height, 2 * width, dtype=x.dtype)
    spread[:, :, ::2, ::2] = x
    return filtered(spread, 2, 1, 4.0)


def torch_styles(noise: torch.Tensor, w: Weights) -> torch.Tensor:
    x = noise / (noise.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for index in range(MAPPING):
        x = rectified(dense(x, w, f'mapping/layer_{index}', 0.01))
    return x


def torch_image(styles: torch.Tensor, w: Weights, noise: list) -> torch.Tensor:
    constant = w['synthesis/constant'].permute(2, 0, 1)
    x = constant.expand(len(styles), *constant.shape)
    image, place = None, 0
    for index in range(len(MULTIPLIERS)):
        for layer in range(2 if index else 1):
            name = f'synthesis/conv_{place}'
            doubles = index > 0 and layer == 0
            x = modulated(x, styles[:, place], w, name, doubles=doubles)
            x = x + w[f'synthesis/noise_{place}'] * noise[place]
            x = rectified(x + w[f'synthesis/bias_{place}'][:, None, None])
            place += 1
        name = f'synthesis/image_{index}'
        more = modulated(x, styles[:, place], w, name, demodulate=False)
        more = more + w[f'synthesis/image_bias_{index}'][:, None, None]
        image = more if image is None else upsampled(image) + more
    return image


def equalised(
    x: torch.Tensor, w: Weights, name: str, stride: int = 1, padding: int = 0
) -> torch.Tensor:
    kernel = w[f'{name}/kernel'].permute(3, 2, 0, 1)
    kernel = kernel / kernel[0].numel() ** 0.5
    return functional.conv2d(x, kernel, w.get(f'{name}/bias'), stride, padding)


def torch_logits(image: torch.Tensor, w: Weights) -> torch.Tensor:
    x = rectified(equalised(image, w, 'pixels'))
    for index in range(len(MULTIPLIERS) - 1):
        inner = rectified(equalised(x, w, f'conv_{index}', padding=1))
        inner = filtered(inner, 2, 2, 1.0)
        inner = rectified(equalised(inner, w, f'halve_{index}', stride=2))
        around = filtered(x, 1, 1, 1.0)
        around = equalised(around, w, f'shortcut_{index}', stride=2)
        x = (inner + around) / 2**0.5
    deviation = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
    x = torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], 1)
    x = rectified(equalised(x, w, 'conv', padding=1))
    x = x.permute(0, 2, 3, 1).flatten(1)  # our order of the axes
    return dense(rectified(dense(x, w, 'hidden')), w, 'output')


def close(ours: PyTree, theirs: PyTree, tolerance: float) -> None:
    """Relative to the largest number of each array."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for path, value in named_leaves(theirs).items():
        mine = np.asarray(named_leaves(ours)[path])
        assert mine.shape == value.shape, path
        error = np.abs(mine - value).max() / max(np.abs(value).max(), 1e-3)
        assert error < tolerance, f'{path}: {error}'


def tensors(params: PyTree) -> Weights:
    return {
        path: torch.tensor(np.asarray(leaf), requires_grad=True)
        for path, leaf in named_leaves(params).items()
    }


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_both_nets_and_their_gradients_are_those_of_torch(dtype: str) -> None:
    net = stylegan_small(
        size=SIZE,
        latent=LATENT,
        style=STYLE,
        mapping_layers=MAPPING,
        width=WIDTH,
        multipliers=MULTIPLIERS,
    )
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(BATCH, LATENT)).astype(dtype)
    image = rng.uniform(-1, 1, (BATCH, SIZE, SIZE, 1)).astype(dtype)
    weight = rng.normal(size=(2, BATCH, 1)).astype(dtype)
    shapes = jax.eval_shape(net.init, jax.random.key(0), image, noise)

    def draw(path: str, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        # The dense layers of the mapping learn slowly, and hold large numbers.
        scale = 100.0 if 'mapping' in path else 1.0
        return (scale * rng.normal(size=leaf.shape)).astype(dtype)

    leaves = [draw(path, leaf) for path, leaf in named_leaves(shapes['params']).items()]
    params = jax.tree.unflatten(jax.tree.structure(shapes['params']), leaves)
    kept = {name: shapes[name] for name in shapes if name != 'params'}
    kept = jax.tree.map(lambda leaf: np.zeros(leaf.shape, dtype), kept)
    ours = {name: tensors(part) for name, part in params.items()}

    with jax.enable_x64(dtype == 'float64'):
        fixed = [
            np.asarray(
                jax.random.normal(jax.random.key(place), (1, side, side, 1), dtype)
            )
            for place, side in enumerate((2, 4, 4, 8, 8))
        ]

        def value(params: PyTree) -> tuple[Array, tuple]:
            def play(net: nn.Module) -> tuple[Array, ...]:
                styles = net.generator.styles(noise)
                made = net.generator.synthesise(styles)
                return styles, made, net.discriminator(image), net.discriminator(made)

            found = nn.apply(play, net)({'params': params, **kept})
            total = (weight[0] * found[2] + weight[1] * found[3]).sum()
            return total, found

        compute: Callable = jax.jit(jax.value_and_grad(value, has_aux=True))
        (_, found), gradients = compute(jax.tree.map(jnp.asarray, params))
        found = jax.tree.map(np.asarray, found)

    maps = [torch.tensor(one).permute(0, 3, 1, 2) for one in fixed]
    styles = torch_styles(torch.tensor(noise), ours['generator'])
    layers = styles[:, None].expand(-1, 2 * len(MULTIPLIERS), -1)
    sample = torch_image(layers, ours['generator'], maps)
    seen = torch.tensor(image).permute(0, 3, 1, 2)
    logits = [torch_logits(x, ours['discriminator']) for x in (seen, sample)]
    weights = torch.tensor(weight)
    (weights[0] * logits[0] + weights[1] * logits[1]).sum().backward()
    theirs = (layers, sample.permute(0, 2, 3, 1), *logits)
    close(found, tuple(x.detach().numpy() for x in theirs), TOLERANCE[dtype])
    for player, part in ours.items():
        wanted = {path: leaf.grad.numpy() for path, leaf in part.items()}
        close(named_leaves(gradients[player]), wanted, TOLERANCE[dtype])
