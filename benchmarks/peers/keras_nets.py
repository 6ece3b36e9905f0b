"""The nets in Keras, with the weights of ours."""

from collections.abc import Mapping

import keras
import numpy as np
from keras import layers

from benchmarks.peers.cases import Case
from benchmarks.peers.keras_translator import fill_translator, translator
from benchmarks.peers.order import groups

Weights = Mapping[str, np.ndarray]


class Variational(keras.Model):
    """A variational autoencoder of dense layers."""

    def __init__(self) -> None:
        """Make the layers."""
        super().__init__()
        self.flat = layers.Flatten()
        self.first = layers.Dense(400, 'tanh')
        self.code = layers.Dense(40)
        self.back = layers.Dense(400, 'tanh')
        self.last = layers.Dense(784)
        self.seed = keras.random.SeedGenerator(0)

    def call(self, image: keras.KerasTensor) -> tuple:
        """Give logits, mean and log variance."""
        mean, log_variance = keras.ops.split(
            self.code(self.first(self.flat(image))), 2, axis=-1
        )
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed)
        code = mean + keras.ops.exp(0.5 * log_variance) * noise
        return self.last(self.back(code)), mean, log_variance

    def compute_loss(
        self,
        x: keras.KerasTensor = None,
        y: keras.KerasTensor = None,
        y_pred: tuple = None,
        sample_weight: keras.KerasTensor = None,
        training: bool = True,
    ) -> keras.KerasTensor:
        """Compute the evidence lower bound, with a minus."""
        logits, mean, log_variance = y_pred
        flat = keras.ops.reshape(x, (-1, 784))
        each = keras.ops.relu(logits) - logits * flat
        each = each + keras.ops.log1p(keras.ops.exp(-keras.ops.abs(logits)))
        rate = 0.5 * keras.ops.sum(
            mean**2 + keras.ops.exp(log_variance) - 1 - log_variance, -1
        )
        return keras.ops.mean(keras.ops.sum(each, -1) + rate)


def make(case: Case) -> list[keras.Model]:
    """Make the nets of a case: one, or generator and discriminator."""
    if case.model == 'vae':
        net = Variational()
        net(np.zeros((1, *case.shape), np.float32))
        return [net]
    if case.task == 'game':
        return [generator(), discriminator()]
    if case.task == 'translate':
        return [translator(case)]
    given = keras.Input(case.shape)
    if case.model == 'mlp':
        x = given
        for width in case.settings['hidden']:
            x = layers.Dense(width, 'relu')(x)
    elif case.model == 'tutorial_cnn':
        x = given
        for features in (14, 36):
            x = layers.Conv2D(features, 5, padding='same', activation='relu')(x)
            x = layers.MaxPooling2D()(x)
        x = layers.Dense(1764, 'relu')(layers.Flatten()(x))
        x = layers.Dropout(0.4)(x)
    elif case.model == 'sequence_classifier':
        x = layers.LSTM(case.shape[-1])(given)
    else:
        x = residual(case, given)
    return [keras.Model(given, layers.Dense(case.classes)(x))]


def normalised(
    x: keras.KerasTensor, features: int, kernel: int, stride: int, name: str
) -> keras.KerasTensor:
    """Convolve, padded as torch does, and normalise."""
    if kernel > 1:
        x = layers.ZeroPadding2D((kernel - 1) // 2)(x)
    x = layers.Conv2D(features, kernel, stride, use_bias=False, name=f'{name}.conv')(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f'{name}.norm')(x)


def residual(case: Case, x: keras.KerasTensor) -> keras.KerasTensor:
    """Lay ResNet-18 or -50 without its head; layers are named as ours."""
    deep = case.model == 'resnet50'
    small = case.settings.get('small_images')
    x = normalised(x, 64, 3 if small else 7, 1 if small else 2, 'stem')
    x = layers.ReLU()(x)
    if not small:
        x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for stage, blocks in enumerate((3, 4, 6, 3) if deep else (2, 2, 2, 2)):
        for index in range(blocks):
            name, f = f'layer{stage + 1}_{index}', 64 * 2**stage
            s = 2 if stage and not index else 1
            plan = [(f, 3, s), (f, 3, 1)]
            if deep:
                plan = [(f, 1, 1), (f, 3, s), (4 * f, 1, 1)]
            y = x
            for number, layer in enumerate(plan, 1):
                y = normalised(y, *layer, f'{name}.conv{number}')
                y = layers.ReLU()(y) if number < len(plan) else y
            if x.shape != y.shape:
                x = normalised(x, y.shape[-1], 1, s, f'{name}.downsample')
            x = layers.ReLU()(layers.Add()([x, y]))
    return layers.GlobalAveragePooling2D()(x)


def generator() -> keras.Model:
    """Make DCGAN's generator of 64x64 images."""
    x = given = keras.Input((100,))
    x = layers.Reshape((1, 1, 100))(x)
    for index, features in enumerate((512, 256, 128, 64)):
        edge = {'strides': 2, 'padding': 'same'} if index else {}
        x = layers.Conv2DTranspose(features, 4, use_bias=False, **edge)(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        x = layers.ReLU()(x)
    x = layers.Conv2DTranspose(3, 4, 2, 'same', use_bias=False, activation='tanh')(x)
    return keras.Model(given, x)


def discriminator() -> keras.Model:
    """Make DCGAN's discriminator of 64x64 images."""
    x = given = keras.Input((64, 64, 3))
    for index, features in enumerate((64, 128, 256, 512)):
        x = layers.Conv2D(features, 4, 2, 'same', use_bias=False)(x)
        if index:
            x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(1, 4, use_bias=False)(x)
    return keras.Model(given, layers.Flatten()(x))


def fill(case: Case, nets: list[keras.Model], weights: Weights) -> None:
    """Put our weights into layers that stand in the same order, or have our names."""
    if case.model in ('resnet18', 'resnet50'):
        named = {layer.name: layer for layer in nets[0].layers if layer.weights}
        head = next(iter(reversed(named)))
        for path, array in weights.items():
            layer, _, kind = path.replace('/', '.').rpartition('.')
            place = {'kernel': 'kernel', 'scale': 'gamma'}.get(kind)
            place = place or ('bias' if layer == 'output' else 'beta')
            getattr(named[head if layer == 'output' else layer], place).assign(array)
        return
    if case.task == 'translate':
        fill_translator(nets[0], weights)
        return
    if case.model == 'sequence_classifier':
        lstm, output = (layer for layer in nets[0].layers if layer.weights)
        cell = 'recurrent/forward_0'
        names = 'kernel', 'recurrent_kernel', 'bias'
        lstm.set_weights([weights[f'{cell}/{name}'] for name in names])
        output.set_weights([weights['output/kernel'], weights['output/bias']])
        return
    theirs = [layer for net in nets for layer in net.layers if layer.trainable_weights]
    for layer, group in zip(theirs, groups(weights), strict=True):
        if 'scale' in group:
            layer.gamma.assign(group['scale'])
            layer.beta.assign(group['bias'])
            continue
        kernel = group['kernel']
        if isinstance(layer, layers.Conv2DTranspose):
            kernel = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
        layer.kernel.assign(kernel)
        if layer.use_bias:
            layer.bias.assign(group['bias'])
