"""AlexNet, VGG and GoogLeNet equal those of torchvision on the same weights."""

import functools
from typing import Any

import jax
import numpy as np
import optax
import pytest
import torch
from flax import linen as nn

from dljax import layers, zoo
from dljax.objectives import classify_with_auxiliaries
from dljax.types import Array, Batch, Metrics
from dljax.weights import reference
from dljax.weights.torchvision import from_torchvision
from tests.parity.comparison import (
    TOLERANCE,
    agree,
    compare,
    flat,
    images,
    randomised,
    run_ours,
    run_reference,
)

CLASSES, HIDDEN = 10, 64  # a narrow head leaves the deep part, where errors grow
WIDTH = {'float32': 64, 'float64': 16}  # XLA's double convolutions are slow on a CPU
CONFIGURATION = {'vgg11': 'A', 'vgg13': 'B', 'vgg16': 'D', 'vgg19': 'E'}
SEEDS = {'vgg11_bn': 1}  # where 0 has a place at its kink: see comparison.py
QUICK = ('alexnet', 'vgg11', 'vgg11_bn')
NAMES = ['alexnet', *zoo.list_models('vgg*')]


def with_a_narrow_head(net: torch.nn.Module, inputs: int) -> torch.nn.Module:
    """Replace the hidden layers of 4096 units."""
    first, second, last = (
        i for i, layer in enumerate(net.classifier) if hasattr(layer, 'weight')
    )
    net.classifier[first] = torch.nn.Linear(inputs, HIDDEN)
    net.classifier[second] = torch.nn.Linear(HIDDEN, HIDDEN)
    net.classifier[last] = torch.nn.Linear(HIDDEN, CLASSES)
    return net


def of_torchvision(name: str, width: int = 64) -> torch.nn.Module:
    models = reference.torchvision_models()
    if name == 'alexnet':
        return with_a_narrow_head(models.alexnet(), 256 * 6 * 6)
    letter = CONFIGURATION[name.removesuffix('_bn')]
    plan = [n if n == 'M' else n * width // 64 for n in models.vgg.cfgs[letter]]
    features = models.vgg.make_layers(plan, batch_norm=name.endswith('_bn'))
    net = models.vgg.VGG(features, init_weights=False)
    return with_a_narrow_head(net, 8 * width * 7 * 7)


def before_a_norm(path: str) -> bool:
    """Tell a bias that the batch norm behind it takes away again."""
    return path.endswith('conv/bias')


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize(
    'name',
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.heavy) for n in NAMES],
)
def test_a_net_evaluates_and_trains_as_that_of_torchvision(
    name: str, dtype: str
) -> None:
    seed, width = SEEDS.get(name, 0), WIDTH[dtype]
    size, widths = (64, {}) if name == 'alexnet' else (32, {'width': width})
    torch_net = randomised(of_torchvision(name, width), dtype, seed)
    read = functools.partial(from_torchvision, name)
    image, label = images(4, size, size, 3, classes=CLASSES, dtype=dtype, seed=seed)
    variables = read(flat(torch_net))
    theirs = run_reference(torch_net, image, label, read)
    settings = {'classes': CLASSES, 'hidden': HIDDEN, 'dropout': 0.0, **widths}
    ours = run_ours(zoo.create_model(name, **settings), variables, image, label)
    options = {'zero': before_a_norm} if name.endswith('_bn') else {}
    compare(f'{name} {dtype}', ours, theirs, TOLERANCE[dtype], **options)


def exact_with_auxiliaries(
    net: nn.Module, batch: Batch, step: Array
) -> tuple[Array, Metrics]:
    """The loss of all heads in the type of the logits."""
    logits, others = net.with_auxiliaries(batch['image'], train=True)
    main, lower, upper = (
        optax.softmax_cross_entropy_with_integer_labels(one, batch['label']).mean()
        for one in (logits, *others)
    )
    return main + 0.3 * (lower + upper), {}


@pytest.mark.heavy
@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('auxiliary', [False, True])
def test_googlenet_evaluates_and_trains_as_that_of_torchvision(
    auxiliary: bool, dtype: str
) -> None:
    torch_net = reference.torchvision_models().googlenet(
        num_classes=CLASSES,
        aux_logits=auxiliary,
        transform_input=True,
        init_weights=False,
    )
    seed = SEEDS.get('googlenet', 0)
    torch_net = randomised(torch_net, dtype, seed)
    read = functools.partial(from_torchvision, 'googlenet')
    image, label = images(4, 64, 64, 3, classes=CLASSES, dtype=dtype, seed=seed)
    variables = read(flat(torch_net))

    def loss(outputs: Any, label: torch.Tensor) -> torch.Tensor:
        entropy = torch.nn.functional.cross_entropy
        others = entropy(outputs.aux_logits1, label) + entropy(
            outputs.aux_logits2, label
        )
        return entropy(outputs.logits, label) + 0.3 * others

    def heads(net: nn.Module, image: Array) -> tuple[Array, tuple[Array, Array]]:
        return net.with_auxiliaries(image, train=True)

    theirs_settings: dict[str, Any] = {}
    ours_settings: dict[str, Any] = {}
    if auxiliary:
        double = dtype == 'float64'
        objective = exact_with_auxiliaries if double else classify_with_auxiliaries()
        ours_settings = {'objective': objective, 'logits': heads}
        theirs_settings = {
            'loss': loss,
            'logits': lambda o: (o.logits, (o.aux_logits1, o.aux_logits2)),
        }
    theirs = run_reference(torch_net, image, label, read, **theirs_settings)
    net = zoo.create_model(
        'googlenet',
        classes=CLASSES,
        auxiliary=auxiliary,
        transform_input=True,
        dropout=0.0,
        auxiliary_dropout=0.0,
    )
    ours = run_ours(net, variables, image, label, **ours_settings)
    title = f'googlenet with {2 * auxiliary} auxiliary heads {dtype}'
    compare(title, ours, theirs, TOLERANCE[dtype])


@pytest.mark.parametrize('window', [4, 5])
def test_the_response_norm_is_that_of_torch_with_alpha_times_window(
    window: int,
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 9)) * 10
    norm = torch.nn.LocalResponseNorm(window, alpha=0.02, beta=0.75, k=2.0)
    theirs = norm(torch.tensor(x.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    with jax.enable_x64(True):
        ours = layers.local_response_norm(x, window=window, alpha=0.02 / window)
        agree(ours, theirs, 1e-12)


@pytest.mark.parametrize('size', [1, 2, 3, 6, 7, 14, 15])
def test_pools_are_those_of_torch(size: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, size, size + 2, 3))
    maps = torch.tensor(x.transpose(0, 3, 1, 2))
    pairs = []
    for side in (1, 4, 6, 7):
        average = torch.nn.functional.adaptive_avg_pool2d(maps, side)
        pairs.append((lambda x, n=side: layers.adaptive_average_pool(x, n), average))
    if size >= 3:
        for window in (2, 3):
            largest = torch.nn.functional.max_pool2d(maps, window, 2, ceil_mode=True)
            pairs.append((lambda x, n=window: layers.ceil_max_pool(x, n), largest))
    with jax.enable_x64(True):
        for ours, theirs in pairs:
            agree(np.asarray(ours(x)), theirs.numpy().transpose(0, 2, 3, 1), 1e-12)


def test_a_convolution_in_groups_is_that_of_torch() -> None:
    torch_net = torch.nn.Conv2d(6, 4, 5, padding=2, groups=2).double()
    x = np.random.default_rng(0).normal(size=(2, 7, 7, 6))
    theirs = torch_net(torch.tensor(x.transpose(0, 3, 1, 2))).detach().numpy()
    net = layers.NormalisedConv(
        4, 5, 1, groups=2, normalise=None, use_bias=True, activation=jax.nn.identity
    )
    weight, bias = (p.detach().numpy() for p in torch_net.parameters())
    conv = {'kernel': weight.transpose(2, 3, 1, 0), 'bias': bias}
    with jax.enable_x64(True):
        ours = net.apply({'params': {'conv': conv}}, x)
        agree(np.asarray(ours), theirs.transpose(0, 2, 3, 1), 1e-12)
