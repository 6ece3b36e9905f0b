"""AlexNet, VGG and GoogLeNet equal those of torchvision on the same weights."""

import functools
import sys
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
    away_from_kinks,
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
# The gradients of a deep net without shortcuts are large; at the rate of the others
# five steps leave the piece of the net in which they began.
RATE = 1e-5
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
    width = WIDTH[dtype]
    size, widths = (64, {}) if name == 'alexnet' else (32, {'width': width})
    image, label = images(4, size, size, 3, classes=CLASSES, dtype=dtype)
    torch_net = randomised(of_torchvision(name, width), dtype)
    torch_net = away_from_kinks(torch_net, image)
    read = functools.partial(from_torchvision, name)
    variables = read(flat(torch_net))
    theirs = run_reference(torch_net, image, label, read, learning_rate=RATE)
    settings = {'classes': CLASSES, 'hidden': HIDDEN, 'dropout': 0.0, **widths}
    net = zoo.create_model(name, **settings)
    ours = run_ours(net, variables, image, label, learning_rate=RATE)
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


def narrow_googlenet(auxiliary: bool) -> torch.nn.Module:
    """Torchvision's, with an eighth of the channels of every layer."""
    made_by = reference.torchvision_models().googlenet
    models = sys.modules[made_by.__module__]

    def convolution(inputs: int, outputs: int, **settings: Any) -> torch.nn.Module:
        inputs = inputs if inputs == 3 else inputs // 8
        return models.BasicConv2d(inputs, outputs // 8, **settings)

    def inception(*sizes: int) -> torch.nn.Module:
        return models.Inception(*(size // 8 for size in sizes))

    def head(inputs: int, classes: int, **settings: Any) -> torch.nn.Module:
        made = models.InceptionAux(inputs, classes, convolution, **settings)
        made.fc1 = torch.nn.Linear(2048 // 8, 1024 // 8)
        made.fc2 = torch.nn.Linear(1024 // 8, classes)
        return made

    net = models.GoogLeNet(
        num_classes=CLASSES,
        aux_logits=auxiliary,
        transform_input=True,
        init_weights=False,
        blocks=[convolution, inception, head],
    )
    net.fc = torch.nn.Linear(1024 // 8, CLASSES)
    return net


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize(
    'auxiliary', [pytest.param(False, marks=pytest.mark.heavy), True]
)
def test_googlenet_evaluates_and_trains_as_that_of_torchvision(
    auxiliary: bool, dtype: str
) -> None:
    def loss(outputs: Any, label: torch.Tensor) -> torch.Tensor:
        entropy = torch.nn.functional.cross_entropy
        if not auxiliary:
            return entropy(outputs, label)
        others = entropy(outputs.aux_logits1, label) + entropy(
            outputs.aux_logits2, label
        )
        return entropy(outputs.logits, label) + 0.3 * others

    torch_net = narrow_googlenet(auxiliary)
    image, label = images(8, 64, 64, 3, classes=CLASSES, dtype=dtype)
    randomised(torch_net, dtype)
    for layer in torch_net.modules():
        if hasattr(layer, 'running_var'):  # or the examples become alike in the depth,
            layer.bias.data += 0.5  # and batch norms magnify what rounding leaves
    away_from_kinks(torch_net, image)
    read = functools.partial(from_torchvision, 'googlenet')
    variables = read(flat(torch_net))

    def heads(net: nn.Module, image: Array) -> tuple[Array, tuple[Array, Array]]:
        return net.with_auxiliaries(image, train=True)

    theirs_settings: dict[str, Any] = {'learning_rate': RATE, 'loss': loss}
    ours_settings: dict[str, Any] = {'learning_rate': RATE}
    if auxiliary:
        exact = dtype == 'float64'
        objective = exact_with_auxiliaries if exact else classify_with_auxiliaries()
        ours_settings |= {'objective': objective, 'logits': heads}
        theirs_settings['logits'] = lambda o: (
            o.logits,
            (o.aux_logits1, o.aux_logits2),
        )
    theirs = run_reference(torch_net, image, label, read, **theirs_settings)
    net = zoo.create_model(
        'googlenet',
        classes=CLASSES,
        width=8,
        auxiliary=auxiliary,
        transform_input=True,
        dropout=0.0,
        auxiliary_dropout=0.0,
    )
    ours = run_ours(net, variables, image, label, **ours_settings)
    title = f'googlenet with {2 * auxiliary} auxiliary heads {dtype}'
    # Behind its pool conv1 is positive nearly everywhere: the next norm takes the bias.
    options = {'zero': lambda path: path == 'conv1/norm/bias'}
    compare(title, ours, theirs, TOLERANCE[dtype], **options)


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
