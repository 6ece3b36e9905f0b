"""pix2pix's and CycleGAN's nets, and instance and group norm, against torch.

The torch nets are written here from the papers' lists of layers, from the same weights:
what is made, the logits, and the gradients of all parameters and of the image.
"""

import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import linen as nn

from dljax.layers import group_norm, instance_norm
from dljax.models.image_translation.pix2pix import UNetGenerator
from dljax.models.patch_discriminator import PatchDiscriminator
from dljax.models.resnet_generator import ResNetGenerator
from dljax.types import Array, PyTree
from tests.parity.comparison import TOLERANCE, agree

WIDTH, BATCH = 6, 2


class TorchUNet(torch.nn.Module):
    """C64-C128-C256-C512..., and on the way up CD512... beside the maps of its size."""

    def __init__(self, halvings: int) -> None:
        super().__init__()
        width = [WIDTH * min(2**n, 8) for n in range(halvings)]
        convolve = functools.partial(torch.nn.Conv2d, bias=False)
        turn = functools.partial(torch.nn.ConvTranspose2d, bias=False)
        self.down = torch.nn.ModuleList(
            convolve(i, o, 4, 2, 1)
            for i, o in zip([3, *width[:-1]], width, strict=True)
        )
        self.up = torch.nn.ModuleList(
            turn(width[n] * (1 if n == halvings - 1 else 2), width[n - 1], 4, 2, 1)
            for n in range(halvings - 1, 0, -1)
        )
        self.last = torch.nn.ConvTranspose2d(2 * width[0], 3, 4, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norm, seen = torch.nn.functional.instance_norm, []
        for index, layer in enumerate(self.down):
            x = layer(x)
            x = norm(x) if 0 < index < len(self.down) - 1 else x
            x = torch.nn.functional.leaky_relu(x, 0.2)
            seen.append(x)
        for index, layer in enumerate(self.up):
            x = torch.relu(norm(layer(x)))
            x = torch.cat([x, seen[-2 - index]], 1)
        return torch.tanh(self.last(x))

    def names(self) -> Iterator[tuple[str, torch.nn.Module]]:
        for index, layer in enumerate(self.down):
            yield f'down_{index}', layer
        for index, layer in enumerate(self.up):
            yield f'up_{len(self.up) - index}', layer
        yield 'output', self.last


class TorchResNet(torch.nn.Module):
    """c7s1-64, d128, d256, R256 ..., u128, u64, c7s1-3."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        w = WIDTH
        self.layers = torch.nn.ModuleDict(
            {
                'first': torch.nn.Conv2d(3, w, 7),
                'down_0': torch.nn.Conv2d(w, 2 * w, 3, 2, 1),
                'down_1': torch.nn.Conv2d(2 * w, 4 * w, 3, 2, 1),
                **{
                    f'block_{n}_conv{m}': torch.nn.Conv2d(4 * w, 4 * w, 3)
                    for n in range(blocks)
                    for m in (1, 2)
                },
                'up_1': torch.nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, 1),
                'up_0': torch.nn.ConvTranspose2d(2 * w, w, 3, 2, 1, 1),
                'output': torch.nn.Conv2d(w, 3, 7),
            }
        )
        self.blocks = blocks

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def mirrored(name: str, x: torch.Tensor, border: int) -> torch.Tensor:
            around = torch.nn.ReflectionPad2d(border)
            return self.layers[name](around(x))

        norm = torch.nn.functional.instance_norm
        x = torch.relu(norm(mirrored('first', x, 3)))
        for index in range(2):
            x = torch.relu(norm(self.layers[f'down_{index}'](x)))
        for index in range(self.blocks):
            inner = torch.relu(norm(mirrored(f'block_{index}_conv1', x, 1)))
            x = x + norm(mirrored(f'block_{index}_conv2', inner, 1))
        for index in (1, 0):
            x = torch.relu(norm(self.layers[f'up_{index}'](x)))
        return torch.tanh(mirrored('output', x, 3))

    def names(self) -> Iterator[tuple[str, torch.nn.Module]]:
        yield from self.layers.items()


class TorchPatches(torch.nn.Module):
    """C64-C128-C256-C512 and a logit for each patch of 70 pixels."""

    def __init__(self) -> None:
        super().__init__()
        w = WIDTH
        sizes = [(6, w, 2), (w, 2 * w, 2), (2 * w, 4 * w, 2), (4 * w, 8 * w, 1)]
        self.layers = torch.nn.ModuleList(
            torch.nn.Conv2d(i, o, 4, stride, 1) for i, o, stride in sizes
        )
        self.last = torch.nn.Conv2d(8 * w, 1, 4, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index, layer in enumerate(self.layers):
            x = layer(x)
            x = torch.nn.functional.instance_norm(x) if index else x
            x = torch.nn.functional.leaky_relu(x, 0.2)
        return self.last(x)

    def names(self) -> Iterator[tuple[str, torch.nn.Module]]:
        for index, layer in enumerate(self.layers):
            yield f'layer_{index}', layer
        yield 'output', self.last


def critic(net: PatchDiscriminator, image: Array) -> Array:
    """Our critic sees the condition by itself; torch is given both as one."""
    return net(image[..., 3:], image[..., :3], train=True)


def translate(net: nn.Module, image: Array) -> Array:
    return net(image, train=True)


CASES: dict[str, tuple[Callable, nn.Module, Callable, int]] = {
    'U-Net': (
        lambda: TorchUNet(5),
        UNetGenerator(width=WIDTH, halvings=5, dropout=0.0),
        translate,
        3,
    ),
    'ResNet': (
        lambda: TorchResNet(3),
        ResNetGenerator(width=WIDTH, blocks=3),
        translate,
        3,
    ),
    'patches': (TorchPatches, PatchDiscriminator(WIDTH), critic, 6),
}


def read(net: torch.nn.Module, of: str) -> PyTree:
    """Our tree from the weights, or the gradients, of a torch net."""
    tree = {}
    for name, layer in net.names():
        weight = getattr(layer.weight, of).numpy()
        if isinstance(layer, torch.nn.ConvTranspose2d):
            kernel = weight[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
        else:
            kernel = weight.transpose(2, 3, 1, 0)
        tree[name] = {'conv': {'kernel': np.array(kernel)}}
        if layer.bias is not None:
            tree[name]['conv']['bias'] = np.array(getattr(layer.bias, of).numpy())
    return tree


def nhwc(images: torch.Tensor) -> np.ndarray:
    return np.array(images.detach().numpy().transpose(0, 2, 3, 1))


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('case', CASES)
def test_a_net_and_its_gradients_equal_those_of_torch(case: str, dtype: str) -> None:
    make, net, call, channels = CASES[case]
    torch.manual_seed(0)
    theirs = make().to(getattr(torch, dtype))
    for layer in theirs.modules():
        if getattr(layer, 'weight', None) is not None:
            torch.nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                layer.bias.data.normal_(0.0, 0.1)
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (BATCH, 32, 32, channels)).astype(dtype)
    x = torch.tensor(image.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    made = theirs(x)
    weight = rng.normal(size=nhwc(made).shape).astype(dtype)
    (torch.tensor(weight.transpose(0, 3, 1, 2).copy()) * made).sum().backward()
    wanted = {
        'made': nhwc(made),
        'image': nhwc(x.grad),
        'params': read(theirs, 'grad'),
    }
    with jax.enable_x64(dtype == 'float64'):
        params = jax.tree.map(jnp.asarray, read(theirs, 'data'))
        run = nn.apply(call, net.clone(param_dtype=dtype))
        fresh = jax.eval_shape(nn.init(call, net), jax.random.key(0), image)
        assert jax.tree.map(jnp.shape, fresh['params']) == jax.tree.map(
            jnp.shape, params
        )

        def value(params: PyTree, image: Array) -> tuple[Array, Array]:
            outputs = run({'params': params}, image)
            return (weight * outputs).sum(), outputs

        compute = jax.jit(jax.value_and_grad(value, (0, 1), has_aux=True))
        (_, outputs), (gradient, of_image) = compute(params, jnp.asarray(image))
        found = {'made': outputs, 'image': of_image, 'params': gradient}
        found = jax.tree.map(np.array, found)
        assert found['made'].dtype == dtype

    def zero(path: str) -> bool:
        """Biases in front of an instance norm, whose gradients are rounding."""
        ends = ('params/output', 'params/layer_0')
        return path.endswith('bias') and not path.startswith(ends)

    print(case, dtype, agree(found, wanted, TOLERANCE[dtype], zero=zero))


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('kind', ['instance', 'instance scaled', 'group'])
def test_a_norm_and_its_gradients_equal_those_of_torch(kind: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    maps = rng.normal(2.0, 3.0, (3, 5, 7, 6)).astype(dtype)
    scale, shift = rng.normal(size=(2, 6)).astype(dtype)
    weight = rng.normal(size=maps.shape).astype(dtype)
    x, g, b = (torch.tensor(v, requires_grad=True) for v in (maps, scale, shift))
    inputs = x.permute(0, 3, 1, 2)
    if kind == 'group':
        made = torch.nn.functional.group_norm(inputs, 3, g, b)
        normalise = functools.partial(group_norm, groups=3)
    elif kind == 'instance scaled':
        made = torch.nn.functional.instance_norm(inputs, weight=g, bias=b)
        normalise = functools.partial(instance_norm, scaled=True)
    else:
        made = torch.nn.functional.instance_norm(inputs)
        normalise = instance_norm
    made = made.permute(0, 2, 3, 1)
    (torch.tensor(weight) * made).sum().backward()
    learned = kind != 'instance'
    wanted = {'made': made.detach().numpy(), 'maps': x.grad.numpy()}
    if learned:
        wanted |= {'scale': g.grad.numpy(), 'shift': b.grad.numpy()}

    class Norm(nn.Module):
        @nn.compact
        def __call__(self, maps: Array) -> Array:
            return normalise(maps, train=True, param_dtype=dtype, name='norm')

    with jax.enable_x64(dtype == 'float64'):
        both = {'norm': {'scale': jnp.asarray(scale), 'bias': jnp.asarray(shift)}}

        def value(params: PyTree, maps: Array) -> tuple[Array, Array]:
            outputs = Norm().apply({'params': params} if learned else {}, maps)
            return (weight * outputs).sum(), outputs

        compute = jax.jit(jax.value_and_grad(value, (0, 1), has_aux=True))
        (_, outputs), (params, of_maps) = compute(both, jnp.asarray(maps))
        found = {'made': outputs, 'maps': of_maps}
        if learned:
            found |= {'scale': params['norm']['scale'], 'shift': params['norm']['bias']}
        found = jax.tree.map(np.array, found)
    agree(found, wanted, TOLERANCE[dtype])
