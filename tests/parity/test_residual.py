"""Residual networks equal torchvision's, or those of the papers written in torch."""

import functools

import jax
import numpy as np
import pytest
import torch
from flax import linen as nn
from flax.traverse_util import unflatten_dict
from torch.nn import functional

from dljax import zoo
from dljax.types import PyTree
from dljax.weights import reference
from dljax.weights.torchvision import from_torchvision
from tests.parity.comparison import (
    TOLERANCE,
    Flat,
    Read,
    away_from_kinks,
    compare,
    flat,
    images,
    randomised,
    run_ours,
    run_reference,
)

CLASSES = 10
# Float64 convolutions are slow; on 32x32 the last maps are of a single place.
SIZE = {'float32': 64, 'float64': 32}
RATE = 1e-4  # larger steps carry a rounding error over the kink of a ReLU
# Of what a block adds to its shortcut. At 1, as drawn, the examples of a batch become
# alike in a deep net, and its batch norms then magnify rounding errors.
SHARE = 0.3
NAMES = [
    'resnet18',
    *(
        pytest.param(name, marks=pytest.mark.heavy)
        for name in ('resnet34', 'resnet50', 'resnet101', 'resnet152')
    ),
]


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('name', NAMES)
def test_a_net_evaluates_and_trains_as_that_of_torchvision(
    name: str, dtype: str
) -> None:
    torch_net = getattr(reference.torchvision_models(), name)(num_classes=CLASSES)
    torch_net = randomised(torch_net, dtype)
    last = 'bn2' if name in ('resnet18', 'resnet34') else 'bn3'
    for path, layer in torch_net.named_modules():
        if path.endswith(last):
            layer.weight.data *= SHARE
    read = functools.partial(from_torchvision, name)
    side = SIZE[dtype]
    image, label = images(8, side, side, 3, classes=CLASSES, dtype=dtype)
    torch_net = away_from_kinks(torch_net, image)
    check(name, zoo.create_model(name, classes=CLASSES), torch_net, read, image, label)


def check(
    name: str,
    net: nn.Module,
    torch_net: torch.nn.Module,
    read: Read,
    image: np.ndarray,
    label: np.ndarray,
) -> None:
    """Compare all arrays; of five steps in float32 the parameters alone.

    By then a place has crossed its kink in one framework and not in the other, which
    the variances of the last, small maps show. The statistics of the first step, and in
    float64 all, are compared.
    """
    dtype = str(image.dtype)
    variables = read(flat(torch_net))
    theirs = run_reference(torch_net, image, label, read, learning_rate=RATE)
    ours = run_ours(net, variables, image, label, learning_rate=RATE)
    if dtype == 'float32':
        for figures in (ours, theirs):
            del figures['moved'], figures['trained']['batch_stats']
    compare(f'{name} {dtype}', ours, theirs, TOLERANCE[dtype])


class ConvNorm(torch.nn.Module):
    """A convolution and its batch norm, without the activation."""

    def __init__(
        self, before: int, after: int, kernel: int, stride: int = 1, norm: bool = True
    ) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(
            before, after, kernel, stride, kernel // 2, bias=False
        )
        if norm:
            self.norm = torch.nn.BatchNorm2d(after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve and normalise."""
        x = self.conv(x)
        return self.norm(x) if hasattr(self, 'norm') else x


class PaddedBlock(torch.nn.Module):
    """He et al. 2016, section 4.2: option A."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(before, after, 3, stride)
        self.conv2 = ConvNorm(after, after, 3)
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add to the shortcut."""
        y = self.conv2(functional.relu(self.conv1(x)))
        if y.shape != x.shape:
            x = functional.avg_pool2d(x, 1, self.stride)
            x = torch.cat([x, torch.zeros_like(y[:, x.shape[1] :])], dim=1)
        return functional.relu(x + y)


class PreactivatedBlock(torch.nn.Module):
    """He et al. 2016, Identity Mappings, figure 4e."""

    def __init__(self, before: int, after: int, stride: int, first: bool) -> None:
        super().__init__()
        if not first:
            self.norm = torch.nn.BatchNorm2d(before)
        self.conv1 = ConvNorm(before, after, 3, stride)
        self.conv2 = ConvNorm(after, after, 3, norm=False)
        if before != after:
            self.downsample = ConvNorm(before, after, 1, stride, norm=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add to the shortcut."""
        a = functional.relu(self.norm(x)) if hasattr(self, 'norm') else x
        y = self.conv2(functional.relu(self.conv1(a)))
        return y + (self.downsample(a) if hasattr(self, 'downsample') else x)


class Stages(torch.nn.Module):
    """The whole net of either paper, for small images; named as ours."""

    def __init__(self, blocks: list[int], width: int, preactivation: bool) -> None:
        super().__init__()
        self.stem = ConvNorm(3, width, 3)
        self.names, before = [], width
        for stage, count in enumerate(blocks):
            after = width * 2**stage
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                if preactivation:
                    first = not self.names
                    block = PreactivatedBlock(before, after, stride, first)
                else:
                    block = PaddedBlock(before, after, stride)
                self.names.append(f'layer{stage + 1}_{index}')
                self.add_module(self.names[-1], block)
                before = after
        if preactivation:
            self.norm = torch.nn.BatchNorm2d(before)
        self.output = torch.nn.Linear(before, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the logits."""
        x = functional.relu(self.stem(x))
        for name in self.names:
            x = getattr(self, name)(x)
        if hasattr(self, 'norm'):
            x = functional.relu(self.norm(x))
        return self.output(x.mean(dim=(2, 3)))


def by_name(state: Flat) -> PyTree:
    """Our variables from those of a torch net that has our names."""
    tree = {}
    for name, value in state.items():
        *path, leaf = name.split('.')
        value, collection = np.asarray(value), 'params'
        if leaf == 'num_batches_tracked':
            continue
        if leaf.startswith('running_'):
            collection, leaf = 'batch_stats', leaf.removeprefix('running_')
        elif leaf == 'weight':
            leaf = 'scale' if value.ndim == 1 else 'kernel'
            value = value.T if value.ndim == 2 else value
            value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        tree[(collection, *path, leaf)] = value
    return jax.tree.map(np.array, unflatten_dict(tree))


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('name', ['resnet20_cifar', 'preact_resnet18'])
def test_a_net_evaluates_and_trains_as_that_of_its_paper(name: str, dtype: str) -> None:
    preactivation = name == 'preact_resnet18'
    blocks = [2, 2, 2, 2] if preactivation else [3, 3, 3]
    torch_net = randomised(Stages(blocks, 16, preactivation), dtype)
    side = SIZE[dtype] // 2
    image, label = images(8, side, side, 3, classes=CLASSES, dtype=dtype)
    away_from_kinks(torch_net, image)
    check(name, zoo.create_model(name, width=16), torch_net, by_name, image, label)
