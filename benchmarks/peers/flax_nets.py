"""The nets in plain Flax, as its users write them; layers are named as ours."""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from benchmarks.peers.cases import Case
from benchmarks.peers.flax_translator import Translator


class Dense(nn.Module):
    """Dense layers."""

    hidden: tuple[int, ...]
    outputs: int
    activation: callable = nn.relu

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        """Compute outputs of [batch, inputs]."""
        for index, width in enumerate(self.hidden):
            x = self.activation(nn.Dense(width, name=f'hidden_{index}')(x))
        return nn.Dense(self.outputs, name='output')(x)


class Variational(nn.Module):
    """A variational autoencoder of dense layers."""

    def setup(self) -> None:
        """Make both parts."""
        self.encoder = Dense((400,), 40, nn.tanh)
        self.decoder = Dense((400,), 784, nn.tanh)

    def __call__(self, flat: Array, noise: Array) -> tuple[Array, Array, Array]:
        """Give logits, mean and log variance."""
        mean, log_variance = jnp.split(self.encoder(flat), 2, axis=-1)
        code = mean + jnp.exp(0.5 * log_variance) * noise
        return self.decoder(code), mean, log_variance


class Convolutional(nn.Module):
    """The CNN of the tutorial."""

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        """Compute the logits."""
        for index, features in enumerate((14, 36)):
            x = nn.relu(nn.Conv(features, (5, 5), name=f'conv_{index}')(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = x.reshape(len(x), -1)
        x = nn.relu(nn.Dense(1764, name='hidden')(x))
        x = nn.Dropout(0.4, deterministic=not train)(x)
        return nn.Dense(10, name='output')(x)


class Normalised(nn.Module):
    """A convolution and batch norm."""

    features: int
    kernel: int
    stride: int
    padding: int = 0
    transposed: bool = False
    norm: bool = True

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        """Compute the feature maps."""
        shape, strides = (self.kernel,) * 2, (self.stride,) * 2
        options = {'use_bias': False, 'name': 'conv'}
        if self.transposed:
            padding = 'SAME' if self.padding else 'VALID'
            x = nn.ConvTranspose(self.features, shape, strides, padding, **options)(x)
        else:
            x = nn.Conv(self.features, shape, strides, self.padding, **options)(x)
        if self.norm:
            x = nn.BatchNorm(not train, momentum=0.9, name='norm')(x)
        return x


class Generator(nn.Module):
    """DCGAN's generator of 64x64 images."""

    @nn.compact
    def __call__(self, noise: Array, train: bool = True) -> Array:
        """Make images."""
        x = noise[:, None, None]
        for index, features in enumerate((512, 256, 128, 64)):
            x = Normalised(
                features, 4, 2 if index else 1, index, True, name=f'layer_{index}'
            )(x, train)
            x = nn.relu(x)
        return jnp.tanh(Normalised(3, 4, 2, 1, True, False, name='output')(x, train))


class Discriminator(nn.Module):
    """DCGAN's discriminator of 64x64 images."""

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        """Compute logits [batch, 1]."""
        for index, features in enumerate((64, 128, 256, 512)):
            layer = Normalised(features, 4, 2, 1, norm=index > 0, name=f'layer_{index}')
            x = nn.leaky_relu(layer(x, train), 0.2)
        return Normalised(1, 4, 1, norm=False, name='output')(x, train).reshape(-1, 1)


class Block(nn.Module):
    """Two 3x3 convolutions, or a bottleneck, beside a shortcut."""

    features: int
    stride: int
    bottleneck: bool

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Compute the feature maps."""
        f, s = self.features, self.stride
        plan = [(f, 3, s, 1), (f, 3, 1, 1)]
        if self.bottleneck:
            plan = [(f, 1, 1, 0), (f, 3, s, 1), (4 * f, 1, 1, 0)]
        y = x
        for index, layer in enumerate(plan, 1):
            y = Normalised(*layer, name=f'conv{index}')(y, train)
            y = nn.relu(y) if index < len(plan) else y
        if x.shape != y.shape:
            x = Normalised(y.shape[-1], 1, s, name='downsample')(x, train)
        return nn.relu(x + y)


class Residual(nn.Module):
    """ResNet-18 or -50."""

    blocks: tuple[int, ...]
    bottleneck: bool
    classes: int
    small: bool

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        """Compute the logits."""
        stem = (64, 3, 1, 1) if self.small else (64, 7, 2, 3)
        x = nn.relu(Normalised(*stem, name='stem')(x, train))
        if not self.small:
            x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, blocks in enumerate(self.blocks):
            for index in range(blocks):
                stride = 2 if stage and not index else 1
                name = f'layer{stage + 1}_{index}'
                block = Block(64 * 2**stage, stride, self.bottleneck, name=name)
                x = block(x, train)
        return nn.Dense(self.classes, name='output')(x.mean((1, 2)))


class Recurrent(nn.Module):
    """An LSTM by `nn.RNN`, whose last state is classified."""

    width: int
    classes: int

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        """Compute the logits."""
        x = nn.RNN(nn.OptimizedLSTMCell(self.width, name='cell'))(x)
        return nn.Dense(self.classes, name='output')(x[:, -1])


def make(case: Case) -> nn.Module:
    """Make the net of a case that classifies."""
    settings = case.settings
    if case.model == 'mlp':
        return Dense(settings['hidden'], case.classes)
    if case.model == 'tutorial_cnn':
        return Convolutional()
    if case.model == 'resnet18':
        small = settings['small_images']
        return Residual((2, 2, 2, 2), False, case.classes, small)
    if case.model == 'resnet50':
        return Residual((3, 4, 6, 3), True, case.classes, False)
    if case.task == 'translate':
        return Translator(case.classes, 256, 512)
    return Recurrent(case.shape[-1], case.classes)
