"""How a judge is trained: by one recipe, on any labelled set of images."""

import dataclasses
import functools

import jax
import numpy as np
import optax

from dljax import data
from dljax.data import DataSet, as_float
from dljax.layers.images import check_images
from dljax.measures.judge.classifier import Judge, look
from dljax.metrics import confusion_matrix, recall
from dljax.objectives import classify
from dljax.training import Player, fit, learner
from dljax.types import HostBatch
from dljax.zoo import create_model

LEAST = 5  # test images: the nearest three of each are looked for


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a judge is trained; whatever differs changes every metric taken by it.

    Attributes:
        steps: updates; 3,000 take some 7 s on two CPU cores for images of 8x8.
        seed: of the training.
        channels: of the two convolutions.
        kernel_size: height and width of their kernels.
        features: units of the hidden layer, which is what is compared.
        dropout: of these units in training.
        batch_size: images in an update.
        learning_rate: of Adam, falling to 0 along a cosine.
        rotation: largest random angle, in degrees.
        scale: largest random change of size, as a fraction.
        shift: largest random shift, as a fraction of the side.

    Raises:
        ValueError: for fewer updates than one.
    """

    steps: int = 3000
    seed: int = 0
    channels: tuple[int, int] = (32, 64)
    kernel_size: tuple[int, int] = (3, 3)
    features: int = 64
    dropout: float = 0.2
    batch_size: int = 64
    learning_rate: float = 2e-3
    rotation: float = 12.0
    scale: float = 0.15
    shift: float = 0.08

    def __post_init__(self) -> None:
        """Check what no other part does."""
        if self.steps < 1:
            raise ValueError(f'steps={self.steps}, wanted 1 or more updates of a judge')

    def describe(self, examples: int, noun: str) -> str:
        """Say it in a line.

        Args:
            examples: that it was trained on.
            noun: what they are.

        Returns:
            The net, the examples and the settings.
        """
        return (
            f'a TutorialCNN {self.channels}-{self.features} of {self.kernel_size} '
            f'kernels and dropout {self.dropout:g}, trained on {examples:,} {noun}: '
            f'{self.steps:,} updates of {self.batch_size} by Adam, '
            f'{self.learning_rate:g} falling to 0 along a cosine, random rotation to '
            f'{self.rotation:g} degrees, scale to {self.scale:.0%}, shift to '
            f'{self.shift:.0%}, seed {self.seed}'
        )


def train_judge(
    train: HostBatch,
    test: HostBatch,
    class_names: tuple[str, ...],
    recipe: Recipe | None = None,
    *,
    noun: str = 'images',
    resized: str = 'without a resize filter',
) -> Judge:
    """Train a judge of a labelled set.

    Args:
        train: 'image' [examples, height, width, channel], of at least 4x4, uint8 or
            float in [0, 1], and 'label' [examples], integers from 0 on: what it learns
            from, and what samples are compared with.
        test: the same of images that nothing is trained on: the anchor, at least 5.
        class_names: by label, at least 2.
        recipe: of its training; by default that of `digits_judge`.
        noun: what the images are called in the plural.
        resized: how they came to their size, for a distance depends on it.

    Returns:
        The judge.

    Raises:
        ValueError: for arrays that are no images in [0, 1] with labels of these
            classes, for splits of two shapes, for too few examples, a class without
            any, or a recipe that cannot be.

    Example:
        >>> random = np.random.default_rng(0)
        >>> image = random.uniform(size=(40, 6, 5, 3)).astype(np.float32)
        >>> arrays = {'image': image, 'label': np.arange(40) % 2}
        >>> recipe = Recipe(steps=1, channels=(2, 2), features=4, batch_size=8)
        >>> judge = train_judge(arrays, arrays, ('even', 'odd'), recipe)
        >>> judge.features(image[:7]).shape, judge.logits(image[:7]).shape
        ((7, 4), (7, 2))
    """
    recipe = Recipe() if recipe is None else recipe
    train, test = (
        _checked(name, arrays, class_names)
        for name, arrays in (('training', train), ('test', test))
    )
    if train['image'].shape[1:] != test['image'].shape[1:]:
        raise ValueError(
            f'training images have shape {train["image"].shape[1:]} and test images '
            f'{test["image"].shape[1:]}, wanted one: resize them'
        )
    least = max(recipe.batch_size, LEAST)
    if len(train['label']) < least or len(test['label']) < LEAST:
        raise ValueError(
            f'{len(train["label"])} training and {len(test["label"])} test images, '
            f'wanted at least {least}, a batch, and {LEAST}: a judge of fewer knows '
            'nothing'
        )
    missing = set(range(len(class_names))) - set(np.unique(train['label']).tolist())
    if missing:
        names = ', '.join(repr(class_names[label]) for label in sorted(missing))
        raise ValueError(
            f'no training image is of {names}, wanted some of each class: leave these '
            'out of class_names, or give images of them'
        )
    net = create_model(
        'tutorial_cnn',
        classes=len(class_names),
        features=recipe.channels,
        kernel_size=recipe.kernel_size,
        hidden=recipe.features,
        dropout=recipe.dropout,
    )
    rate = optax.cosine_decay_schedule(recipe.learning_rate, recipe.steps)
    low, high = 1 - recipe.scale, 1 + recipe.scale
    moved = data.augment.affine(recipe.rotation, (low, high), recipe.shift)
    state, _ = fit(
        learner(net, {'judge': Player(optax.adam(rate), loss=classify(augment=moved))}),
        data.resident(train, recipe.batch_size),
        steps=recipe.steps,
        key=jax.random.key(recipe.seed),
    )
    *_, logits = look(net, state.params, test['image'])
    taken, labels = logits.argmax(1), test['label']
    table = confusion_matrix(taken, labels, classes=len(class_names))
    return Judge(
        net=net,
        params=state.params,
        recipe=recipe.describe(len(train['label']), noun),
        fingerprint=Judge.fingerprint_of(state.params),
        accuracy=float((taken == labels).mean()),
        recalls=np.asarray(recall(table)),
        real=train['image'],
        test=test['image'],
        test_labels=labels,
        class_names=tuple(class_names),
        noun=noun,
        resized=resized,
    )


def judge_of(
    own: DataSet,
    recipe: Recipe | None = None,
    *,
    size: tuple[int, int] | None = None,
    noun: str = 'images',
) -> Judge:
    """Train a judge of a data set: of the splits 'train' and 'test'.

    Args:
        own: as `data.load`, `data.idx`, `data.cifar` or `data.folder` open it.
        recipe: of its training; by default that of `digits_judge`.
        size: height and width to resize to, bilinearly; by default their own.
        noun: what the images are called in the plural.

    Returns:
        The judge.

    Raises:
        ValueError: for a set without these splits, or without images and classes.
    """
    needed, found = {'train', 'test'}, {'image', 'label'} & own.specs.keys()
    if not needed <= own.splits.keys() or len(found) < 2 or not own.class_names:
        raise ValueError(
            f"'{own.name}' has the splits {list(own.splits)}, the features "
            f'{list(own.specs)} and {len(own.class_names)} classes, wanted train and '
            'test, images and labels: a judge of samples is a classifier'
        )
    same = size is None or own.specs['image'].shape[:2] == tuple(size)
    return train_judge(
        own.images('train', None if same else size),
        own.images('test', None if same else size),
        own.class_names,
        recipe,
        noun=noun,
        resized='without a resize filter' if same else 'resized bilinearly',
    )


def digits_judge(steps: int = Recipe.steps, seed: int = Recipe.seed) -> Judge:
    """Train the judge of scikit-learn's digits, once in a process for equal arguments.

    Args:
        steps: updates; the default takes some 7 s on two CPU cores.
        seed: of its training.

    Returns:
        The judge.

    Raises:
        ValueError: for fewer updates than one.
    """
    return _digits(steps, seed)


@functools.cache
def _digits(steps: int, seed: int) -> Judge:
    return judge_of(data.load('digits'), Recipe(steps, seed), noun='digits')


def _checked(
    name: str, arrays: HostBatch, class_names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Give images and labels in the types that are computed with, or refuse them."""
    absent = {'image', 'label'} - arrays.keys()
    if absent or len(class_names) < 2:
        raise ValueError(
            f'the {name} images lack {sorted(absent)} and have {len(class_names)} '
            "classes, wanted 'image', 'label' and at least 2: a judge is a classifier"
        )
    image = as_float(np.asarray(arrays['image']))
    check_images(image, smallest=4)
    label = np.asarray(arrays['label'])
    if label.shape != image.shape[:1] or label.dtype.kind not in 'iu':
        raise ValueError(
            f'{name} labels are {label.dtype} of shape {label.shape}, wanted integers '
            f'of shape {image.shape[:1]}, one for each image'
        )
    if label.size and not (label.min() >= 0 and label.max() < len(class_names)):
        raise ValueError(
            f'{name} labels range from {label.min()} to {label.max()}, wanted 0 to '
            f'{len(class_names) - 1}: number the classes from 0 on and name each'
        )
    return {'image': image, 'label': label.astype(np.int32)}
