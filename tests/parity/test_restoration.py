"""Nets of super-resolution equal torch's, written from the papers' lists of layers."""

from collections import OrderedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import linen as nn

from dljax import zoo
from dljax.layers import depth_to_space, space_to_depth
from dljax.types import Array, PyTree

TOLERANCE = {'float32': 1e-4, 'float64': 1e-9}
BATCH, SIDE, FEATURES, BLOCKS = 2, 6, 8, 2


class Residual(torch.nn.Module):
    """What a body adds to its input."""

    def __init__(self, body: torch.nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def conv(before: int, after: int, size: int = 3, stride: int = 1) -> torch.nn.Conv2d:
    return torch.nn.Conv2d(before, after, size, stride, size // 2)


def sequential(**layers: torch.nn.Module) -> torch.nn.Sequential:
    return torch.nn.Sequential(OrderedDict(layers))


def torch_srresnet(blocks: int, features: int, scale: int) -> torch.nn.Sequential:
    """Ledig et al., figure 4: k9n64s1, B blocks, a skip, two shuffles, k9n3s1."""
    f = features

    def block() -> Residual:
        return Residual(
            sequential(
                conv1=conv(f, f),
                norm1=torch.nn.BatchNorm2d(f),
                prelu=torch.nn.PReLU(),
                conv2=conv(f, f),
                norm2=torch.nn.BatchNorm2d(f),
            )
        )

    body = {f'block_{i}': block() for i in range(blocks)}
    body |= {'conv': conv(f, f), 'norm': torch.nn.BatchNorm2d(f)}
    steps = {}
    for index, step in enumerate({2: [2], 3: [3], 4: [2, 2]}[scale]):
        steps[f'enlarge_{index}'] = conv(f, f * step**2)
        steps[f'shuffle_{index}'] = torch.nn.PixelShuffle(step)
        steps[f'enlarge_{index}_prelu'] = torch.nn.PReLU()
    return sequential(
        input=conv(3, f, 9),
        input_prelu=torch.nn.PReLU(),
        body=Residual(sequential(**body)),
        **steps,
        output=conv(f, 3, 9),
    )


def torch_edsr(blocks: int, features: int, scale: int) -> torch.nn.Sequential:
    """Lim et al., figures 2 and 3, without the mean colour."""
    f = features

    def block() -> Residual:
        inside = sequential(conv1=conv(f, f), relu=torch.nn.ReLU(), conv2=conv(f, f))
        return Residual(inside)

    body = {f'block_{i}': block() for i in range(blocks)} | {'conv': conv(f, f)}
    steps = {}
    for index, step in enumerate({2: [2], 3: [3], 4: [2, 2]}[scale]):
        steps[f'enlarge_{index}'] = conv(f, f * step**2)
        steps[f'shuffle_{index}'] = torch.nn.PixelShuffle(step)
    return sequential(
        input=conv(3, f), body=Residual(sequential(**body)), **steps, output=conv(f, 3)
    )


def torch_discriminator(width: int, hidden: int, side: int) -> torch.nn.Sequential:
    """Ledig et al., figure 4: eight convolutions, every second of stride 2."""
    layers, before = {}, 3
    for index in range(8):
        after = width * 2 ** (index // 2)
        layers[f'layer_{index}'] = conv(before, after, 3, 1 + index % 2)
        if index:
            layers[f'norm_{index}'] = torch.nn.BatchNorm2d(after)
        layers[f'leaky_{index}'] = torch.nn.LeakyReLU(0.2)
        before = after
    return sequential(
        **layers,
        flat=torch.nn.Flatten(),
        hidden=torch.nn.Linear(before * (side // 16) ** 2, hidden),
        leaky=torch.nn.LeakyReLU(0.2),
        output=torch.nn.Linear(hidden, 1),
    )


PLACES = {  # of what torch calls it, in our trees
    'conv1': 'conv1/conv',
    'norm1': 'conv1/norm',
    'conv2': 'conv2/conv',
    'norm2': 'conv2/norm',
}


def path_of(name: str, normalised: bool) -> tuple[str, ...]:
    """Say where our tree has a layer, by its path in torch's."""
    parts = [part for part in name.split('.') if part != 'body']
    last = parts[-1]
    if name == 'body.body.conv':
        return ('body', 'conv') if normalised else ('body',)
    if name == 'body.body.norm':
        return ('body', 'norm')
    if last.startswith('enlarge') and not last.endswith('prelu'):
        return (last, 'conv')
    if last.startswith('layer_'):
        return (last, 'conv')
    if last.startswith('norm_'):
        return (f'layer_{last[5:]}', 'norm')
    place = PLACES.get(last, last) if normalised else last
    return (*parts[:-1], *place.split('/'))


def ours(net: torch.nn.Module, of: str, normalised: bool, side: int = 0) -> PyTree:
    """Our tree of parameters from torch's 'data', or of their gradients from 'grad'."""
    tree: dict = {}
    for name, layer in net.named_modules():
        found = {
            k: getattr(p, of).numpy()
            for k, p in layer._parameters.items()
            if p is not None
        }
        if not found:
            continue
        if isinstance(layer, torch.nn.PReLU):
            part = {'negative_slope': found['weight'][0]}
        elif isinstance(layer, torch.nn.BatchNorm2d):
            part = {'scale': found['weight'], 'bias': found['bias']}
        elif isinstance(layer, torch.nn.Linear):
            weight = found['weight']
            if name == 'hidden':  # torch flattens channels first
                weight = weight.reshape(len(weight), -1, side, side)
                weight = weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)
            part = {'kernel': weight.T, 'bias': found['bias']}
        else:
            weight = found['weight'].transpose(2, 3, 1, 0)
            part = {'kernel': weight, 'bias': found['bias']}
        place = tree
        path = path_of(name, normalised)
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = part
    return jax.tree.map(np.array, tree)


def statistics(net: torch.nn.Module) -> PyTree:
    """Our collection of running averages from torch's."""
    tree: dict = {}
    for name, layer in net.named_modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            place = tree
            for step in path_of(name, True):
                place = place.setdefault(step, {})
            place['mean'] = layer.running_mean.numpy()
            place['var'] = layer.running_var.numpy()
    return jax.tree.map(np.array, tree)


def prepared(net: torch.nn.Module, dtype: str) -> torch.nn.Module:
    """Draw all that a net holds, as in the midst of a training."""
    torch.manual_seed(0)
    for layer in net.to(getattr(torch, dtype)).modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.normal_(0.0, 0.1)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2.0)
    return net


def images(side: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(size=(BATCH, side, side, 3)).astype(dtype)


def compare(found: PyTree, wanted: PyTree, tolerance: float) -> None:
    """Relative to the largest number of each array, or of all the gradients.

    A bias before batch normalisation has no gradient but rounding.
    """
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    scale = max(np.abs(leaf).max() for leaf in jax.tree.leaves(wanted))
    pairs = zip(
        jax.tree_util.tree_leaves_with_path(wanted), jax.tree.leaves(found), strict=True
    )
    for (path, value), mine in pairs:
        assert mine.shape == value.shape, jax.tree_util.keystr(path)
        size = max(np.abs(value).max(), 1e-2 * scale)
        error = np.abs(np.asarray(mine) - value).max() / size
        assert error < tolerance, f'{jax.tree_util.keystr(path)}: {error}'


def check(
    theirs: torch.nn.Module, net: nn.Module, image: np.ndarray, dtype: str
) -> None:
    """Compare outputs and gradients in training, and outputs in evaluation."""
    normalised = any(isinstance(m, torch.nn.BatchNorm2d) for m in theirs.modules())
    side = image.shape[1] // 16
    x = torch.tensor(image).permute(0, 3, 1, 2)
    params, stats = ours(theirs, 'data', normalised, side), statistics(theirs)
    rng = np.random.default_rng(1)
    theirs.eval()
    evaluated = theirs(x).detach()
    theirs.train()
    trained = theirs(x)
    weight = rng.normal(size=tuple(trained.shape)).astype(dtype)
    (torch.tensor(weight) * trained).sum().backward()
    gradient = ours(theirs, 'grad', normalised, side)

    def last(values: torch.Tensor) -> np.ndarray:
        array = values.detach().numpy()
        return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array

    with jax.enable_x64(dtype == 'float64'):
        variables = {'params': params} | ({'batch_stats': stats} if stats else {})
        shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.asarray(image))
        assert jax.tree.map(jnp.shape, dict(shapes)) == jax.tree.map(
            jnp.shape, variables
        )
        weights = last(torch.tensor(weight))

        def loss(params: PyTree, image: Array) -> tuple[Array, Array]:
            made, _ = net.apply(
                {**variables, 'params': params},
                image,
                train=True,
                mutable='batch_stats',
            )
            return (weights * made).sum(), made

        found, made = jax.jit(jax.grad(loss, has_aux=True))(params, image)
        calm = jax.jit(lambda v, x: net.apply(v, x, train=False))(variables, image)
        assert made.dtype == dtype
    compare({'made': made}, {'made': last(trained)}, TOLERANCE[dtype])
    compare({'made': calm}, {'made': last(evaluated)}, TOLERANCE[dtype])
    compare(found, gradient, TOLERANCE[dtype])


@pytest.mark.parametrize('scale', [2, 3, 4])
@pytest.mark.parametrize('dtype', TOLERANCE)
def test_srresnet_equals_that_of_torch(dtype: str, scale: int) -> None:
    theirs = prepared(torch_srresnet(BLOCKS, FEATURES, scale), dtype)
    net = zoo.create_model(
        'srresnet', scale=scale, blocks=BLOCKS, features=FEATURES, param_dtype=dtype
    )
    check(theirs, net, images(SIDE, dtype), dtype)


@pytest.mark.parametrize('dtype', TOLERANCE)
def test_edsr_equals_that_of_torch(dtype: str) -> None:
    theirs = prepared(torch_edsr(BLOCKS, FEATURES, 4), dtype)
    net = zoo.create_model(
        'edsr_baseline', blocks=BLOCKS, features=FEATURES, param_dtype=dtype
    )
    mean = np.array([0.4488, 0.4371, 0.4040], dtype).reshape(1, 1, 1, 3)

    class Centred(nn.Module):
        net: nn.Module

        def setup(self) -> None:
            nn.share_scope(self, self.net)

        def __call__(self, image: Array, *, train: bool = False) -> Array:
            return self.net(image + mean, train=train) - mean

    check(theirs, Centred(net), images(SIDE, dtype), dtype)


@pytest.mark.parametrize('dtype', TOLERANCE)
def test_the_discriminator_of_srgan_equals_that_of_torch(dtype: str) -> None:
    theirs = prepared(torch_discriminator(4, 8, 32), dtype)
    net = zoo.create_model('srgan', width=4, hidden=8, param_dtype=dtype).discriminator
    check(theirs, net, images(32, dtype), dtype)


def test_the_nets_of_the_papers_have_as_many_parameters_in_torch() -> None:
    def count(net: torch.nn.Module) -> int:
        return sum(p.numel() for p in net.parameters())

    with torch.device('meta'):
        found = {
            'srresnet': count(torch_srresnet(16, 64, 4)),
            'edsr_baseline': count(torch_edsr(16, 64, 4)),
        }
        discriminator = count(torch_discriminator(64, 1024, 96))
    assert {name: zoo.row(name).parameters for name in found} == found
    assert zoo.row('srgan').parameters == found['srresnet'] + discriminator
    assert discriminator == 23_565_505


@pytest.mark.parametrize('scale', [2, 3])
def test_depth_to_space_equals_the_pixel_shuffle_of_torch(scale: int) -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 3, 4, 5 * scale**2)).astype(np.float32)
    theirs = torch.nn.PixelShuffle(scale)(torch.tensor(maps).permute(0, 3, 1, 2))
    wanted = theirs.permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(depth_to_space(jnp.asarray(maps), scale), wanted)
    np.testing.assert_array_equal(space_to_depth(jnp.asarray(wanted), scale), maps)
