"""The U-Net equals torch's on the same weights (U2.8)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from dljax.layers import batch_norm
from dljax.losses import pixel_cross_entropy
from dljax.models.segmentation import UNet
from dljax.types import PyTree
from tests.parity.comparison import away_from_kinks

TOLERANCE = {'float32': 1e-4, 'float64': 1e-9}
# Settings, and height and width of the images.
FORMS = {
    'normalised': ({'padded': True, 'depth': 2, 'normalise': batch_norm}, (48, 40)),
    'paper': ({'padded': False, 'depth': 3}, (92, 108)),
}


class TorchUNet(torch.nn.Module):
    """Figure 1 of the paper, in torch."""

    def __init__(
        self, channels: int, classes: int, width: int, depth: int, padding: int
    ) -> None:
        super().__init__()
        self.down, self.upconv, self.up = (torch.nn.ModuleList() for _ in range(3))
        for level in range(depth + 1):
            self.down.append(self.double(channels, width * 2**level, padding))
            channels = width * 2**level
        for level in reversed(range(depth)):
            half = width * 2**level
            self.upconv.append(torch.nn.ConvTranspose2d(2 * half, half, 2, 2))
            self.up.append(self.double(2 * half, half, padding))
        self.output = torch.nn.Conv2d(width, classes, 1)

    def double(self, before: int, after: int, padding: int) -> torch.nn.Sequential:
        """Make the two convolutions of a level."""
        return torch.nn.Sequential(
            torch.nn.Conv2d(before, after, 3, padding=padding),
            torch.nn.ReLU(),
            torch.nn.Conv2d(after, after, 3, padding=padding),
            torch.nn.ReLU(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits."""
        skips = []
        for level, down in enumerate(self.down):
            x = down(torch.nn.functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for upconv, up, skip in zip(self.upconv, self.up, skips[-2::-1], strict=True):
            x = upconv(x)
            down, right = (
                (a - b) // 2 for a, b in zip(skip.shape[2:], x.shape[2:], strict=True)
            )
            skip = skip[:, :, down : down + x.shape[2], right : right + x.shape[3]]
            x = up(torch.cat([skip, x], 1))
        return self.output(x)


class NormalisedTorchUNet(TorchUNet):
    """The same with batch norm before each ReLU, in the place of the biases."""

    def double(self, before: int, after: int, padding: int) -> torch.nn.Sequential:
        """Make the two convolutions of a level."""
        return torch.nn.Sequential(
            torch.nn.Conv2d(before, after, 3, padding=padding, bias=False),
            torch.nn.BatchNorm2d(after),
            torch.nn.ReLU(),
            torch.nn.Conv2d(after, after, 3, padding=padding, bias=False),
            torch.nn.BatchNorm2d(after),
            torch.nn.ReLU(),
        )


def layer(module: torch.nn.Module, of: str) -> PyTree:
    """Our parameters of a layer, or their gradients, from torch's."""
    values = {name: getattr(p, of).numpy() for name, p in module.named_parameters()}
    if isinstance(module, torch.nn.BatchNorm2d):
        return {'scale': values['weight'], 'bias': values['bias']}
    if isinstance(module, torch.nn.ConvTranspose2d):
        values['kernel'] = values.pop('weight').transpose(2, 3, 0, 1)[::-1, ::-1]
    else:
        values['kernel'] = values.pop('weight').transpose(2, 3, 1, 0)
    return values


def levels(net: TorchUNet) -> dict[str, torch.nn.Sequential]:
    """The pairs of convolutions by our names."""
    depth = len(net.up)
    names = [f'down_{level}' for level in range(depth)] + ['bottom']
    names += [f'up_{level}' for level in reversed(range(depth))]
    return dict(zip(names, [*net.down, *net.up], strict=True))


def arrays(net: TorchUNet, of: str) -> PyTree:
    """Our tree of parameters from torch's 'data', or of their gradients from 'grad'."""
    tree = {'output': layer(net.output, of)}
    for level, upconv in enumerate(reversed(net.upconv)):
        tree[f'upconv_{level}'] = layer(upconv, of)
    for name, pair in levels(net).items():
        parts = [layer(one, of) for one in pair if not isinstance(one, torch.nn.ReLU)]
        half = len(parts) // 2
        tree[name] = {
            f'conv{index + 1}': dict(zip(('conv', 'norm'), both, strict=False))
            for index, both in enumerate((parts[:half], parts[half:]))
        }
    return jax.tree.map(np.array, tree)


def statistics(net: NormalisedTorchUNet) -> PyTree:
    """Our running averages from torch's."""

    def averages(norm: torch.nn.BatchNorm2d) -> PyTree:
        mean, variance = norm.running_mean, norm.running_var
        return {'norm': {'mean': mean.numpy().copy(), 'var': variance.numpy().copy()}}

    return {
        name: {'conv1': averages(pair[1]), 'conv2': averages(pair[4])}
        for name, pair in levels(net).items()
    }


def compare(ours: PyTree, theirs: PyTree, tolerance: float) -> None:
    """Relative to the largest number of each array."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    pairs = zip(
        jax.tree_util.tree_leaves_with_path(theirs), jax.tree.leaves(ours), strict=True
    )
    for (path, value), mine in pairs:
        assert mine.shape == value.shape
        error = np.abs(np.asarray(mine) - value).max() / np.abs(value).max()
        assert error < tolerance, f'{jax.tree_util.keystr(path)}: {error}'


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('form', FORMS)
def test_logits_and_gradients_equal_those_of_torch(form: str, dtype: str) -> None:
    settings, size = FORMS[form]
    torch.manual_seed(0)
    twin = NormalisedTorchUNet if form == 'normalised' else TorchUNet
    theirs = twin(3, 5, 2, settings['depth'], int(settings['padded']))
    theirs = theirs.to(getattr(torch, dtype))
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as in the midst of a training
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0.0, 0.1)
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 2.0)
        elif hasattr(module, 'weight'):  # wide enough that no level falls silent
            torch.nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                module.bias.data.normal_(0.1, 0.1)
    rng = np.random.default_rng(0)
    image = rng.uniform(size=(2, *size, 3)).astype(dtype)
    away_from_kinks(theirs, image)
    params = arrays(theirs, 'data')
    normalised = isinstance(theirs, NormalisedTorchUNet)
    rest = {'batch_stats': statistics(theirs)} if normalised else {}
    seen = torch.tensor(image.transpose(0, 3, 1, 2))
    theirs.eval()
    with torch.no_grad():
        evaluated = theirs(seen).numpy().transpose(0, 2, 3, 1)
    theirs.train()
    logits = theirs(seen)
    weight = rng.normal(size=evaluated.shape).astype(dtype)
    (torch.tensor(weight.transpose(0, 3, 1, 2)) * logits).sum().backward()
    wanted = logits.detach().numpy().transpose(0, 2, 3, 1), arrays(theirs, 'grad')

    with jax.enable_x64(dtype == 'float64'):
        net = UNet(5, 2, **settings, param_dtype=dtype)
        shapes = jax.eval_shape(net.init, jax.random.key(0), image)
        assert jax.tree.map(jnp.shape, dict(shapes)) == jax.tree.map(
            jnp.shape, {'params': params, **rest}
        )

        @jax.jit
        def evaluate(params: PyTree) -> jax.Array:
            return net.apply({'params': params, **rest}, image)

        @jax.jit
        def gradient(params: PyTree) -> tuple[PyTree, jax.Array]:
            def loss(params: PyTree) -> tuple[jax.Array, jax.Array]:
                logits, _ = net.apply(
                    {'params': params, **rest}, image, train=True, mutable='batch_stats'
                )
                return (weight * logits).sum(), logits

            return jax.grad(loss, has_aux=True)(params)

        ours, (towards, trained) = evaluate(params), gradient(params)
        assert ours.dtype == dtype
    compare(ours, evaluated, TOLERANCE[dtype])
    compare(trained, wanted[0], TOLERANCE[dtype])
    compare(towards, wanted[1], TOLERANCE[dtype])


def test_the_loss_of_pixels_equals_that_of_torch() -> None:
    rng = np.random.default_rng(0)
    weights = [0.5, 2.0, 1.0, 0.0, 3.0]
    logits = rng.normal(size=(3, 4, 6, 5)).astype(np.float32)
    labels = rng.integers(0, 5, (3, 4, 6))
    labels[rng.uniform(size=labels.shape) < 0.3] = 255
    twin = torch.nn.CrossEntropyLoss(torch.tensor(weights), ignore_index=255)
    wanted = [
        float(twin(torch.tensor(x).reshape(24, 5), torch.tensor(y).ravel()))
        for x, y in zip(logits, labels, strict=True)
    ]
    got = pixel_cross_entropy(logits, labels, class_weights=weights, ignore=255)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
