"""DnCNN equals torch's, written from the paper's list of layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from dljax import create_model
from dljax.types import PyTree

BATCH, SIDE, FEATURES, DEPTH = 3, 7, 5, 4


class Residual(torch.nn.Module):
    """What is left of a picture when the noise is taken off."""

    def __init__(self, noise: torch.nn.Module) -> None:
        super().__init__()
        self.noise = noise

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.noise(x)


def torch_dncnn(depth: int, features: int) -> Residual:
    """Zhang et al., section III: Conv+ReLU, Conv+BN+ReLU ..., Conv."""
    layers = [torch.nn.Conv2d(1, features, 3, padding=1), torch.nn.ReLU()]
    for _ in range(depth - 2):
        layers += [
            torch.nn.Conv2d(features, features, 3, padding=1, bias=False),
            torch.nn.BatchNorm2d(features, eps=1e-5),
            torch.nn.ReLU(),
        ]
    return Residual(
        torch.nn.Sequential(*layers, torch.nn.Conv2d(features, 1, 3, padding=1))
    )


def moved(net: Residual, gradients: bool = False) -> PyTree:
    """Read the weights of torch's net, or their gradients, as ours has them."""
    found, index = {}, 0

    def take(tensor: torch.Tensor) -> np.ndarray:
        values = tensor.grad if gradients else tensor
        return values.detach().numpy()

    for layer in net.noise:
        name = f'conv_{index}'
        if isinstance(layer, torch.nn.Conv2d):
            leaf = {'kernel': take(layer.weight).transpose(2, 3, 1, 0)}
            if layer.bias is not None:
                leaf['bias'] = take(layer.bias)
            found[name] = {'conv': leaf}
        elif isinstance(layer, torch.nn.BatchNorm2d):
            found[name]['norm'] = {
                'scale': take(layer.weight),
                'bias': take(layer.bias),
            }
        elif isinstance(layer, torch.nn.ReLU):
            index += 1
    found['noise'] = found.pop(f'conv_{index}')['conv']
    return found


@pytest.mark.parametrize('train', [False, True])
def test_outputs_and_gradients_equal_torchs(train: bool) -> None:
    torch.manual_seed(0)
    twin = torch_dncnn(DEPTH, FEATURES)
    with torch.no_grad():
        for name, values in twin.named_parameters():
            if values.ndim == 1:
                values.uniform_(0.5, 1.5 if name.endswith('weight') else 1.0)
        for layer in twin.noise:
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.running_mean.uniform_(-0.2, 0.2)
                layer.running_var.uniform_(0.5, 1.5)
    stats = {
        f'conv_{index}': {
            'norm': {
                'mean': layer.running_mean.numpy().copy(),
                'var': layer.running_var.numpy().copy(),
            }
        }
        for index, layer in enumerate(
            (n for n in twin.noise if isinstance(n, torch.nn.BatchNorm2d)), 1
        )
    }
    twin.train(train)
    image = np.random.default_rng(0).random((BATCH, SIDE, SIDE, 1), np.float32)
    outputs = twin(torch.from_numpy(image.transpose(0, 3, 1, 2)))
    (outputs**2).mean().backward()

    net = create_model('dncnn', depth=DEPTH, features=FEATURES)

    @jax.jit
    def run(params: PyTree) -> tuple:
        def loss(params: PyTree) -> tuple:
            made, _ = net.apply(
                {'params': params, 'batch_stats': stats},
                image,
                train=train,
                mutable='batch_stats',
            )
            return jnp.square(made).mean(), made

        return jax.grad(loss, has_aux=True)(params)

    gradients, made = run(moved(twin))
    wanted = outputs.detach().numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(made, wanted, atol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
        gradients,
        moved(twin, gradients=True),
    )


class Scale(torch.nn.Module):
    """Ulyanov et al., supplementary figure 21: one scale of the hourglass."""

    def __init__(self, before: int, f: int, deeper: int, skips: int, inner) -> None:
        super().__init__()

        def layer(a: int, b: int, k: int, stride: int = 1) -> torch.nn.Sequential:
            return torch.nn.Sequential(
                torch.nn.ReflectionPad2d(k // 2),
                torch.nn.Conv2d(a, b, k, stride, bias=False),
                torch.nn.BatchNorm2d(b),
                torch.nn.LeakyReLU(0.2),
            )

        self.skip = layer(before, skips, 1)
        self.conv1, self.conv2 = layer(before, f, 3, 2), layer(f, f, 3)
        self.inner = inner
        self.doubled = torch.nn.Upsample(scale_factor=2, mode='bilinear')
        self.norm = torch.nn.BatchNorm2d(deeper + skips)
        self.up1, self.up2 = layer(deeper + skips, f, 3), layer(f, f, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.inner(self.conv2(self.conv1(x)))
        joined = torch.cat([self.skip(x), self.doubled(y)], 1)
        return self.up2(self.up1(self.norm(joined)))


def hourglass_params(net: torch.nn.Module) -> PyTree:
    found: dict = {}

    def conv(name: str, layers: torch.nn.Sequential) -> None:
        found[name] = {
            'kernel': layers[1].weight.detach().numpy().transpose(2, 3, 1, 0)
        }
        norm(f'{name}_norm', layers[2])

    def norm(name: str, layer: torch.nn.BatchNorm2d) -> None:
        found[name] = {
            'scale': layer.weight.detach().numpy(),
            'bias': layer.bias.detach().numpy(),
        }

    scale, index = net[0], 0
    while isinstance(scale, Scale):
        conv(f'skip_{index}', scale.skip)
        conv(f'down_{index}_conv1', scale.conv1)
        conv(f'down_{index}_conv2', scale.conv2)
        norm(f'up_{index}_norm', scale.norm)
        conv(f'up_{index}_conv1', scale.up1)
        conv(f'up_{index}_conv2', scale.up2)
        scale, index = scale.inner, index + 1
    found['output'] = {
        'kernel': net[1].weight.detach().numpy().transpose(2, 3, 1, 0),
        'bias': net[1].bias.detach().numpy(),
    }
    return found


def test_the_hourglass_of_the_deep_image_prior_equals_torchs() -> None:
    torch.manual_seed(0)
    inner = Scale(6, 5, 5, 3, torch.nn.Identity())
    twin = torch.nn.Sequential(
        Scale(4, 6, 5, 3, inner), torch.nn.Conv2d(6, 3, 1), torch.nn.Sigmoid()
    )
    with torch.no_grad():
        for values in twin.parameters():
            if values.ndim == 1:
                values.uniform_(0.5, 1.5)
    noise = np.random.default_rng(0).random((2, 8, 12, 4), np.float32)
    outputs = twin(torch.from_numpy(noise.transpose(0, 3, 1, 2)))
    net = create_model('deep_image_prior', features=(6, 5), skips=3, inputs=4)
    variables = jax.eval_shape(net.init, jax.random.key(0), noise)
    stats = jax.tree.map(lambda s: jnp.zeros(s.shape), variables['batch_stats'])
    params = hourglass_params(twin)
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, variables['params'])
    made, _ = net.apply(
        {'params': params, 'batch_stats': stats},
        noise,
        train=True,
        mutable='batch_stats',
    )
    wanted = outputs.detach().numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(made, wanted, atol=2e-5)
