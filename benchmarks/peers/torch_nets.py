"""The nets in torch, with the weights of ours."""

from collections.abc import Mapping

import numpy as np
import torch
from flax.traverse_util import unflatten_dict
from torch import nn

from benchmarks.peers.cases import Case
from benchmarks.peers.order import groups
from benchmarks.peers.torch_translator import translator

Weights = Mapping[str, np.ndarray]


class Variational(nn.Module):
    """A variational autoencoder of dense layers."""

    def __init__(self, pixels: int, hidden: int, code: int) -> None:
        """Make the layers."""
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(pixels, hidden), nn.Tanh(), nn.Linear(hidden, 2 * code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, hidden), nn.Tanh(), nn.Linear(hidden, pixels)
        )

    def forward(self, flat: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Give logits, mean and log variance."""
        mean, log_variance = self.encoder(flat).chunk(2, 1)
        noise = torch.randn_like(mean)
        code = mean + torch.exp(0.5 * log_variance) * noise
        return self.decoder(code), mean, log_variance


class Recurrent(nn.Module):
    """An LSTM, whose last state is classified."""

    def __init__(self, width: int, classes: int) -> None:
        """Make the layers."""
        super().__init__()
        self.recurrent = nn.LSTM(width, width, batch_first=True)
        self.output = nn.Linear(width, classes)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """Give the logits."""
        return self.output(self.recurrent(sequence)[0][:, -1])


def make(case: Case, weights: Weights) -> nn.Module:
    """Make the net of a case, with our weights."""
    if case.model in ('resnet18', 'resnet50'):
        return residual(case, weights)
    if case.model == 'mlp':
        sizes = (*case.shape, *case.settings['hidden'], case.classes)
        layers = []
        for inputs, outputs in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        return filled(nn.Sequential(nn.Flatten(), *layers[:-1]), weights)
    if case.model == 'vae':
        return filled(Variational(784, 400, 20), weights)
    if case.model == 'tutorial_cnn':
        return filled(convolutional(), weights)
    if case.task == 'translate':
        return translator(case, weights)
    if case.model == 'dcgan':
        return filled(nn.ModuleList([generator(), discriminator()]), weights)
    net = Recurrent(case.shape[-1], case.classes)
    lstm, parts = net.recurrent, unflatten_dict(weights, '/')
    cell = parts['recurrent']['forward_0']
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(torch.tensor(cell['kernel'].T))
        lstm.weight_hh_l0.copy_(torch.tensor(cell['recurrent_kernel'].T))
        lstm.bias_ih_l0.copy_(torch.tensor(cell['bias']))
        lstm.bias_hh_l0.zero_()
    lstm.bias_hh_l0.requires_grad_(False)  # one bias is enough, and we have one
    filled(net.output, {k: v for k, v in weights.items() if k.startswith('output')})
    return net


def convolutional() -> nn.Module:
    """Make the CNN of the tutorial."""
    return nn.Sequential(
        nn.Conv2d(1, 14, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(14, 36, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1764, 1764),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(1764, 10),
    )


def generator(width: int = 64, latent: int = 100) -> nn.Module:
    """Make DCGAN's generator of 64x64 images."""
    layers: list[nn.Module] = [nn.Unflatten(1, (latent, 1, 1))]
    before = latent
    for index, units in enumerate([8 * width, 4 * width, 2 * width, width]):
        edge = {'stride': 2, 'padding': 1} if index else {}
        layers += [
            nn.ConvTranspose2d(before, units, 4, bias=False, **edge),
            nn.BatchNorm2d(units),
            nn.ReLU(),
        ]
        before = units
    last = nn.ConvTranspose2d(before, 3, 4, 2, 1, bias=False)
    return nn.Sequential(*layers, last, nn.Tanh())


def discriminator(width: int = 64) -> nn.Module:
    """Make DCGAN's discriminator of 64x64 images."""
    layers, before = [], 3
    for units in [width, 2 * width, 4 * width, 8 * width]:
        layers.append(nn.Conv2d(before, units, 4, 2, 1, bias=False))
        if before != 3:
            layers.append(nn.BatchNorm2d(units))
        layers.append(nn.LeakyReLU(0.2))
        before = units
    return nn.Sequential(*layers, nn.Conv2d(before, 1, 4, bias=False), nn.Flatten())


def residual(case: Case, weights: Weights) -> nn.Module:
    """Make torchvision's residual net, with another stem for small images."""
    from dljax.weights.reference import torchvision_models
    from dljax.weights.torchvision import theirs_by_ours

    net = getattr(torchvision_models(), case.model)(num_classes=case.classes)
    if case.settings.get('small_images'):
        net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        net.maxpool = nn.Identity()
    names = theirs_by_ours(case.model, {'params': unflatten_dict(weights, '/')})
    parameters = dict(net.named_parameters())
    with torch.no_grad():
        for path, array in weights.items():
            parameters[names[f'params/{path}']].copy_(torch.tensor(turned(array)))
    return net


def filled(net: nn.Module, weights: Weights) -> nn.Module:
    """Fill layers that stand in the order of ours."""
    theirs = [m for m in net.modules() if list(m.parameters(recurse=False))]
    ours = list(groups(weights))
    if len(theirs) != len(ours):
        raise ValueError(f'{len(theirs)} layers in torch, {len(ours)} in ours')
    with torch.no_grad():
        for index, (layer, group) in enumerate(zip(theirs, ours, strict=True)):
            weight = group.get('kernel', group.get('scale'))
            if isinstance(layer, nn.ConvTranspose2d):
                weight = weight[::-1, ::-1].transpose(2, 3, 0, 1).copy()
            elif (
                index and isinstance(theirs[index - 1], nn.Conv2d) and weight.ndim == 2
            ):
                weight = after_maps(weight, theirs[index - 1].out_channels)
            else:
                weight = turned(weight)
            layer.weight.copy_(torch.tensor(weight))
            if layer.bias is not None:
                layer.bias.copy_(torch.tensor(group['bias']))
    return net


def turned(weight: np.ndarray) -> np.ndarray:
    """Turn a kernel into torch's order of axes."""
    if weight.ndim == 4:
        return weight.transpose(3, 2, 0, 1).copy()
    return weight.T.copy()


def after_maps(weight: np.ndarray, channels: int) -> np.ndarray:
    """Turn a dense kernel behind feature maps, which torch flattens by channel."""
    side = round((len(weight) / channels) ** 0.5)
    grid = weight.reshape(side, side, channels, -1)
    return grid.transpose(3, 2, 0, 1).reshape(weight.shape[1], -1).copy()
