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
