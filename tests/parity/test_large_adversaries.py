"""The large conditional adversaries equal torch's on the same weights.

The torch nets are written from appendix B of the paper: their modules carry the names
of our layers, so that a weight is found by its path.
"""

import re
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import linen as nn
from torch.nn import functional

from dljax.models.adversarial import biggan_small
from dljax.types import Array, PyTree, named_leaves

TOLERANCE = {'float32': 1e-4, 'float64': 1e-9}
BATCH, SIZE, WIDTH, CLASSES, LATENT, EMBEDDING = 4, 8, 8, 5, 6, 3
MULTIPLIERS = (4, 2, 1)
pytestmark = pytest.mark.filterwarnings('ignore:.*spectral_norm.*:FutureWarning')


def spectral(layer: torch.nn.Module) -> torch.nn.Module:
    """One step of power iteration a call from the side of the outputs, as ours."""
    across = 1 if isinstance(layer, torch.nn.Embedding) else 0
    return torch.nn.utils.spectral_norm(layer, eps=1e-12, dim=across)


def conv(before: int, after: int, side: int, bias: bool = True) -> torch.nn.Module:
    return spectral(torch.nn.Conv2d(before, after, side, 1, side // 2, bias=bias))


class Norm(torch.nn.Module):
    """Batch normalisation, then scale and shift by a condition."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(channels, affine=False)
        self.scale = spectral(torch.nn.Linear(condition, channels, bias=False))
        self.shift = spectral(torch.nn.Linear(condition, channels, bias=False))

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        scale, shift = 1 + self.scale(condition), self.shift(condition)
        return self.norm(x) * scale[:, :, None, None] + shift[:, :, None, None]


class Up(torch.nn.Module):
    """The generator's block, figure 15 (b)."""

    def __init__(self, before: int, after: int, condition: int) -> None:
        super().__init__()
        self.norm_0, self.norm_1 = Norm(before, condition), Norm(after, condition)
        self.conv_0, self.conv_1 = conv(before, after, 3), conv(after, after, 3)
        self.shortcut = conv(before, after, 1)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        inner = functional.interpolate(
            functional.relu(self.norm_0(x, condition)), scale_factor=2
        )
        inner = functional.relu(self.norm_1(self.conv_0(inner), condition))
        around = self.shortcut(functional.interpolate(x, scale_factor=2))
        return self.conv_1(inner) + around


class Down(torch.nn.Module):
    """The discriminator's block, figure 15 (c)."""

    def __init__(self, before: int, after: int, first: bool, halves: bool) -> None:
        super().__init__()
        self.first, self.halves = first, halves
        self.conv_0, self.conv_1 = conv(before, after, 3), conv(after, after, 3)
        self.shortcut = conv(before, after, 1) if halves or before != after else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.conv_0(x if self.first else functional.relu(x))
        inner = self.conv_1(functional.relu(inner))
        around = x if self.shortcut is None else self.shortcut(x)
        both = inner + around
        return functional.avg_pool2d(both, 2) if self.halves else both


class Attention(torch.nn.Module):
    """Self-attention with pooled keys and values."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = conv(channels, channels // 8, 1, bias=False)
        self.key = conv(channels, channels // 8, 1, bias=False)
        self.value = conv(channels, channels // 2, 1, bias=False)
        self.output = conv(channels // 2, channels, 1, bias=False)
        self.gain = torch.nn.Parameter(torch.tensor(0.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query = self.query(x).flatten(2)
        key = functional.max_pool2d(self.key(x), 2).flatten(2)
        value = functional.max_pool2d(self.value(x), 2).flatten(2)
        weights = torch.softmax(query.transpose(1, 2) @ key, -1)
        read = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gain * self.output(read)


class Generator(torch.nn.Module):
    """Two doublings, told the class."""

    def __init__(self) -> None:
        super().__init__()
        widths = [WIDTH * m for m in MULTIPLIERS]
        part = LATENT // len(widths)
        self.embedding = torch.nn.Embedding(CLASSES, EMBEDDING)
        self.first = spectral(torch.nn.Linear(part, 2 * 2 * widths[0]))
        self.block_0 = Up(widths[0], widths[1], part + EMBEDDING)
        self.attention = Attention(widths[1])
        self.block_1 = Up(widths[1], widths[2], part + EMBEDDING)
        self.norm = torch.nn.BatchNorm2d(widths[2])
        self.output = conv(widths[2], 1, 3)

    def forward(self, noise: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        first, *parts = noise.split(LATENT // len(MULTIPLIERS), 1)
        vectors = self.embedding(label)
        conditions = [torch.cat([part, vectors], 1) for part in parts]
        x = self.first(first).unflatten(1, (2, 2, -1)).permute(0, 3, 1, 2)
        x = self.attention(self.block_0(x, conditions[0]))
        x = self.block_1(x, conditions[1])
        return torch.tanh(self.output(functional.relu(self.norm(x))))


class Discriminator(torch.nn.Module):
    """Two halvings and a block, a projection on the class."""

    def __init__(self) -> None:
        super().__init__()
        one, two, four = (WIDTH * m for m in MULTIPLIERS[::-1])
        self.block_0 = Down(1, one, first=True, halves=True)
        self.attention = Attention(one)
        self.block_1 = Down(one, two, first=False, halves=True)
        self.block_2 = Down(two, four, first=False, halves=False)
        self.alone = spectral(torch.nn.Linear(four, 1))
        self.classes = spectral(torch.nn.Embedding(CLASSES, four))

    def forward(self, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        x = self.block_1(self.attention(self.block_0(image)))
        features = functional.relu(self.block_2(x)).sum((2, 3))
        along = (self.classes(label) * features).sum(1, keepdim=True)
        return self.alone(features) + along


def ours(value: np.ndarray, like: tuple[int, ...]) -> np.ndarray:
    """Channels last."""
    if value.ndim == 4:
        value = value.transpose(2, 3, 1, 0)
    elif value.ndim == 2 and value.shape != like:
        value = value.T
    return np.array(value).reshape(like)


def read(tree: PyTree, named: Mapping[str, np.ndarray]) -> PyTree:
    """Our arrays from torch's by name: weights, or gradients, and what is kept."""
    leaves = []
    for path, leaf in named_leaves(tree).items():
        name = path.partition('/')[2]  # without the collection
        name = re.sub(r'SpectralNorm_\d+/', '', name).replace('output/alone', 'alone')
        name = name.replace('output/classes', 'classes').replace('/', '.')
        kept = {'kernel.u': 'weight_u', 'embedding.u': 'weight_u'}
        kept |= {'mean': 'running_mean', 'var': 'running_var'}
        kept |= {'scale': 'weight', 'kernel': 'weight', 'embedding': 'weight'}
        for ending, theirs in kept.items():
            if name.endswith(f'.{ending}'):
                name = name.removesuffix(ending) + theirs
                break
        name = f'{name}_orig' if f'{name}_orig' in named else name
        wanted = tuple(leaf.shape)
        value = named[name]
        leaves.append(ours(value, wanted))
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)


def flat(net: torch.nn.Module, of: str = '') -> dict[str, np.ndarray]:
    if of:
        return {name: p.grad.numpy() for name, p in net.named_parameters()}
    return {name: leaf.numpy().copy() for name, leaf in net.state_dict().items()}


def close(ours: PyTree, theirs: PyTree, tolerance: float) -> None:
    """Relative to the largest number of each array."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for path, value in named_leaves(theirs).items():
        mine = np.asarray(named_leaves(ours)[path])
        error = np.abs(mine - value).max() / max(np.abs(value).max(), 1e-3)
        assert error < tolerance, f'{path}: {error}'


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_both_nets_and_their_gradients_are_those_of_torch(dtype: str) -> None:
    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    generator, discriminator = Generator().to(kind), Discriminator().to(kind)
    for net in (generator, discriminator):
        for name, parameter in net.named_parameters():
            fan = parameter[0].numel() if parameter.ndim > 1 else 1
            parameter.data.normal_(0.0, fan**-0.5)
            if name == 'norm.weight':
                parameter.data.uniform_(0.5, 1.5)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(BATCH, LATENT)).astype(dtype)
    image = rng.uniform(-1, 1, (BATCH, SIZE, SIZE, 1)).astype(dtype)
    weight = rng.normal(size=(2, BATCH, 1)).astype(dtype)
    label = np.array([0, 3, 3, 4], np.int32)
    net = biggan_small(
        SIZE, 1, CLASSES, LATENT, WIDTH, MULTIPLIERS, EMBEDDING, attention=4
    )
    shapes = jax.eval_shape(net.init, jax.random.key(0), image, noise, label)
    pair = {'generator': generator, 'discriminator': discriminator}

    def variables() -> PyTree:
        return {
            collection: {
                player: read({collection: shapes[collection][player]}, flat(torch_net))[
                    collection
                ]
                for player, torch_net in pair.items()
            }
            for collection in ('params', 'batch_stats')
        }

    before = variables()
    seen, classes = torch.tensor(image).permute(0, 3, 1, 2), torch.tensor(label).long()
    sample = generator(torch.tensor(noise), classes)
    on_real, on_fake = (discriminator(x, classes) for x in (seen, sample))
    weights = torch.tensor(weight)
    (weights[0] * on_real + weights[1] * on_fake).sum().backward()
    gradients = {
        player: read({'params': shapes['params'][player]}, flat(torch_net, 'grad'))[
            'params'
        ]
        for player, torch_net in pair.items()
    }
    after = variables()['batch_stats']

    with jax.enable_x64(dtype == 'float64'):

        def value(params: PyTree) -> tuple[Array, tuple]:
            def play(net: nn.Module) -> tuple[Array, Array, Array]:
                made = net.generator(noise, label, train=True)
                real = net.discriminator(image, label, train=True)
                return made, real, net.discriminator(made, label, train=True)

            run = nn.apply(play, net, mutable='batch_stats')
            whole = {'params': params, 'batch_stats': before['batch_stats']}
            (made, real, fake), moved = run(whole)
            total = (weight[0] * real + weight[1] * fake).sum()
            return total, (made, real, fake, moved['batch_stats'])

        compute = jax.jit(jax.value_and_grad(value, has_aux=True))
        (_, (made, real, fake, moved)), mine = compute(
            jax.tree.map(jnp.asarray, before['params'])
        )
    tolerance = TOLERANCE[dtype]
    theirs = sample.detach().permute(0, 2, 3, 1).numpy()
    close({'made': made}, {'made': theirs}, tolerance)
    close(
        {'real': real, 'fake': fake},
        {'real': on_real.detach().numpy(), 'fake': on_fake.detach().numpy()},
        tolerance,
    )
    close(mine, gradients, tolerance)
    # Torch's running variances are divided by n - 1; all else that is kept is one.
    for path, kept in named_leaves(after).items():
        if not path.endswith('var'):
            got = named_leaves(moved)[path]
            close({path: got}, {path: kept}, tolerance)
