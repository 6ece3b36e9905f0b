"""What is compared: nets, batches and optimizers, said once for all libraries."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

Task = Literal['classify', 'reconstruct', 'game', 'translate']


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """An optimizer as all libraries have it.

    Attributes:
        kind: 'adam' or 'sgd'.
        learning_rate: of it.
        momentum: of SGD, or Adam's β₁.
    """

    kind: Literal['adam', 'sgd']
    learning_rate: float
    momentum: float


@dataclasses.dataclass(frozen=True)
class Case:
    """One train step.

    Attributes:
        title: for the table.
        model: of the zoo.
        task: what is learned.
        batch: examples in it.
        shape: of one input.
        optimizer: of all players.
        settings: of the model.
        classes: of the labels, or tokens of either vocabulary.
        bars: ratio to the fastest of torch ('torch'), to Keras ('keras') and to plain
            Flax ('flax') that is wanted on a quiet CPU of two cores.
    """

    title: str
    model: str
    task: Task
    batch: int
    shape: tuple[int, ...]
    optimizer: Optimizer
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    classes: int = 10
    bars: Mapping[str, float] = dataclasses.field(default_factory=dict)


ADAM = Optimizer('adam', 1e-3, 0.9)
CASES = {
    'tiny_mlp': Case(
        'XOR net 2-8-2',
        'mlp',
        'classify',
        4,
        (2,),
        Optimizer('sgd', 0.1, 0.0),
        {'hidden': (8,), 'outputs': 2},
        2,
        {'torch': 50, 'keras': 20, 'flax': 1},
    ),
    'mlp': Case(
        'MLP 784-512-512-10',
        'mlp',
        'classify',
        128,
        (784,),
        ADAM,
        {'hidden': (512, 512)},
        bars={'torch': 1.1, 'flax': 1},
    ),
    'vae': Case(
        'VAE 784-400-20',
        'vae',
        'reconstruct',
        128,
        (28, 28, 1),
        ADAM,
        bars={'torch': 1.1, 'flax': 1},
    ),
    'tutorial_cnn': Case(
        'CNN of two 5x5 convolutions, 28x28',
        'tutorial_cnn',
        'classify',
        128,
        (28, 28, 1),
        ADAM,
        bars={'torch': 1, 'flax': 2},
    ),
    'dcgan': Case(
        'DCGAN, 64x64',
        'dcgan',
        'game',
        32,
        (64, 64, 3),
        Optimizer('adam', 2e-4, 0.5),
        bars={'torch': 0.95, 'flax': 3},
    ),
    'resnet18': Case(
        'ResNet-18 with a 3x3 stem, 32x32',
        'resnet18',
        'classify',
        64,
        (32, 32, 3),
        Optimizer('sgd', 0.01, 0.9),
        {'classes': 10, 'small_images': True},
        bars={'torch': 0.8, 'flax': 1},
    ),
    'resnet50': Case(
        'ResNet-50, 224x224',
        'resnet50',
        'classify',
        8,
        (224, 224, 3),
        Optimizer('sgd', 1e-5, 0.9),  # larger steps of 8 images amplify roundings
        {},
        1000,
        bars={'torch': 0.85, 'flax': 1},
    ),
    'lstm': Case(
        'LSTM of 256 units, 100 steps',
        'sequence_classifier',
        'classify',
        64,
        (100, 256),
        ADAM,
        {'outputs': 10},
        bars={'torch': 0.9, 'flax': 1},
    ),
    'transformer': Case(
        'Transformer of 9.0 M, 32 tokens to 32',
        'transformer_small',
        'translate',
        64,
        (32,),
        ADAM,
        {'dropout': 0.0},
        10_000,
        {'torch': 1, 'keras': 1, 'flax': 1},
    ),
}


def draw(case: Case) -> dict[str, np.ndarray]:
    """Draw the batch: 'input' and, where something is wanted of it, 'label'."""
    generator = np.random.default_rng(0)
    if case.task == 'translate':
        drawn = generator.integers(2, case.classes, (2, case.batch, *case.shape))
        return dict(zip(('input', 'label'), drawn.astype(np.int32), strict=True))
    if case.task == 'classify':
        drawn = generator.normal(size=(case.batch, *case.shape))
        label = generator.integers(0, case.classes, case.batch)
        return {'input': drawn.astype(np.float32), 'label': label.astype(np.int32)}
    drawn = generator.uniform(size=(case.batch, *case.shape))
    return {'input': drawn.astype(np.float32)}


def normal(shape: tuple[int, ...]) -> np.ndarray:
    """Stand in for random numbers while losses are compared: the same everywhere."""
    return np.float32(np.sqrt(2) * np.sin(0.7 * np.arange(np.prod(shape)))).reshape(
        shape
    )


def kept(shape: tuple[int, ...], keep: float) -> np.ndarray:
    """Stand in for the places that dropout keeps, likewise."""
    return (7 * np.arange(np.prod(shape)) % 10 < round(10 * keep)).reshape(shape)
