"""A classifier of the zoo, fine-tuned on a folder of one's own (U1.17, U2.7).

Paper: Yosinski, Clune, Bengio, Lipson (2014), How transferable are features in deep
neural networks?, https://arxiv.org/abs/1411.1792; slower rates for the body: Howard,
Ruder (2018), https://arxiv.org/abs/1801.06146.

--data names a folder with a folder of pictures for each class, or with train/,
validation/ and test/ of such (see `data.folder`). --weights names what the net begins
with: a file of torchvision (.safetensors, .pt) or of Keras (.h5, .keras), what `dljax
convert` wrote, or the folder of a run. The head, `output`, is drawn anew for your
classes. It is trained alone first, then everything, the body by a tenth of its rate.

Without --data the pictures are scikit-learn's 8x8 digits, written as PNG files into
class folders beside the prepared sets: real, but small, to try the whole way.

Measured without --data and weights on a 2-core CPU after 1,000 updates, as the accuracy
on 360 test images:

| model | runs | test accuracy | seconds of training |
|---|---|---|---|
| lenet5 | 5 members, seed 0 | 98.1 ± 0.5 % | 13 to 20 for one |
| resnet20_cifar | seeds 0, 1, 2 | 99.1 ± 0.3 % | 79 alone, 169 on a busy machine |

With published weights and pictures it was not measured, for there are none here.
Commands:
python experiments/convolutional/finetune_folder.py --model resnet20_cifar
python experiments/convolutional/finetune_folder.py --data FOLDER --weights
resnet18-f37072fd.pth
python experiments/convolutional/finetune_folder.py --data FOLDER --weights runs/NAME
--model resnet20_cifar --size 32 --frozen-steps 0
"""

import ast
import inspect
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dljax.cli import command

import jax
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, pictures, zoo
from dljax import data as sources
from dljax.data import IMAGENET
from dljax.experiment import Experiment, Measure, Outcome, Picture
from dljax.measures.alarms import classes_absent, classes_never_found, confusions
from dljax.models.standardised import Standardised
from dljax.objectives import classify, predict, score_classes
from dljax.training import Player, by_path, clipped
from dljax.types import Batch, Key, PyTree, Source
from dljax.weights import check, from_keras, from_torchvision, read, restore, without
from dljax.weights.runs import from_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'steps': 3, 'batch_size': 8, 'frozen_steps': 1}
NAMES = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
UNEQUAL = 1.5  # times as many pictures of one class as of another
RESIDENT = 2**30  # bytes of training pictures that are put on the device
HEADS = ('output', 'aux1', 'aux2')  # what is not taken over
KERAS = ('.h5', '.hdf5', '.keras')


class Input(NamedTuple):
    """What a net wants its images to be like: offset and scale of [0, 1]."""

    offset: tuple[float, ...]
    scale: tuple[float, ...]
    reverse: bool = False


INPUTS = {
    'imagenet': Input(IMAGENET.offset, IMAGENET.scale),
    'caffe': Input(
        tuple(mean / 255 for mean in (123.68, 116.779, 103.939)), (1 / 255,) * 3, True
    ),
}


def experiment(
    *,
    data: Path | None = None,
    model: str | None = None,
    weights: Path | None = None,
    size: int | None = None,
    crop: float = 0.875,
    normalise: Literal['imagenet', 'caffe', 'own', 'none'] | None = None,
    frozen_steps: int | None = None,
    body_rate: float | None = None,
    frozen_statistics: bool = False,
    steps: int = 1000,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 1e-4,
    label_smoothing: float = 0.0,
    mirror: bool | None = None,
    rotation: float = 10.0,
    smallest_area: float = 0.6,
    balance: Literal['none', 'weights', 'sampling'] | None = None,
    workers: int = 0,
) -> Experiment:
    """Train the head, then all, and show what is taken for what.

    Args:
        data: a folder of your pictures; scikit-learn's digits by default.
        model: any classifier of images in the zoo; by default resnet18 for your
            pictures, and lenet5, which is small, for the digits.
        weights: to begin with; without, all is drawn and trained from the start.
        size: height and width in pixels that the pictures are brought to; by default
            what the model needs, else 224, or 32 for the digits.
        crop: fraction of the central square of your pictures that is kept.
        normalise: the pictures by ImageNet's mean and standard deviation, as the
            weights of torchvision want it; as those of Keras want it, which came from
            Caffe; by their own; or not at all. By default as the weights want it, where
            that is known, and by their own without weights.
        frozen_steps: updates in which only the head learns and the body stands still,
            in evaluation mode: nothing is dropped out, and its batch statistics do not
            move. By default a fifth of all with weights, else 0.
        body_rate: the body's rate as a fraction of the head's, once it learns; by
            default 0.1 with weights, else 1.
        frozen_statistics: keep evaluation mode while the body learns too, for batches
            of few pictures; otherwise its batch statistics then follow your pictures.
        steps: updates in all.
        batch_size: pictures in one update; all where there are fewer.
        learning_rate: of AdamW, for the head; constant while the body is frozen, then
            falling to 0 along a cosine.
        weight_decay: of AdamW.
        label_smoothing: in [0, 1].
        mirror: whether left and right may be swapped; by default in your pictures, but
            not in digits, which that would make others.
        rotation: largest random rotation, in degrees.
        smallest_area: fraction of the picture that a random crop keeps at least.
        balance: classes of unequal numbers by weights in the loss, by drawing all
            equally often, or not at all; by default by weights where the most frequent
            has half as many again as the rarest. The best checkpoint then goes by the
            balanced accuracy, the mean of the recalls.
        workers: processes that decode pictures, where they do not fit on the device.
    """
    model = model or ('resnet18' if data else 'lenet5')
    height, width, channels = _image(model)
    usual = 224 if data else 32
    side = (size or height or usual, size or width or usual)
    _check(size=size, steps=steps, batch_size=batch_size)
    if (frozen_steps or 0) < 0 or not 0 <= (body_rate or 0) < math.inf or workers < 0:
        raise ValueError(
            f'frozen_steps is {frozen_steps}, body_rate {body_rate} and workers '
            f'{workers}, wanted 0 or more'
        )
    augment = sources.augment.compose(
        sources.augment.flip(mirror if mirror is not None else data is not None),
        sources.augment.rotation(rotation),
        sources.augment.random_resized_crop(side, (smallest_area, 1.0)),
    )
    _require_logits(model, (*side, channels))
    # What is wrong with the weights is told before a large folder is read.
    start, known = (
        (None, None) if weights is None else _start(model, weights, normalise)
    )
    folder = sources.folder(
        data or _digits(),
        size=side,
        crop=crop if data else 1.0,
        channels=channels,
    )
    wanted = _wanted(folder, normalise, known)
    chosen = {'classes': len(folder.class_names)}
    if known == INPUTS['imagenet'] and 'transform_input' in zoo.settings(model):
        chosen['transform_input'] = True  # torchvision's GoogLeNet was trained so
    net = create_model(model, **chosen)
    if frozen_steps is None:
        frozen_steps = steps // 5 if start else 0
    if body_rate is None:
        body_rate = 0.1 if start else 1.0
    labels = _labels(folder)
    counts, unequal = None, _ratio(labels) >= UNEQUAL
    balance = balance or ('weights' if unequal else 'none')
    if balance == 'weights':
        counts = tuple(sources.class_weights(labels, chosen['classes']).tolist())

    def augmented(key: Key, images: jax.Array) -> jax.Array:
        return augment(key, sources.as_float(images))

    def adamw(rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
        return optax.adamw(rate, weight_decay=weight_decay)

    def player(rule: optax.GradientTransformation, train: bool, **turns: Any) -> Player:
        loss = classify(
            augment=augmented,
            label_smoothing=label_smoothing,
            class_weights=counts,
            train=train,
        )
        return Player(clipped(rule, 1.0), loss=loss, **turns)

    players, left = {}, steps - frozen_steps
    if frozen_steps:
        players['head'] = player(
            adamw(learning_rate), False, trains=('output',), during=(0, frozen_steps)
        )
    if left > 0:
        head, body = (
            adamw(optax.cosine_decay_schedule(learning_rate * fraction, left))
            for fraction in (1.0, body_rate)
        )
        players['all'] = player(
            by_path({'output/*': head, '*': body}),
            not frozen_statistics,
            during=(frozen_steps, None),
        )
    evaluation = {
        split: sources.with_balance(folder[split])
        for split in folder.splits
        if split != 'train'
    }
    last = 'test' if 'test' in evaluation else 'validation'
    source = _source(folder, batch_size, workers, balance == 'sampling')
    names, logits = folder.class_names, predict()
    alarms = {
        'classes': classes_never_found(logits, names),
        'absent': classes_absent(names),
    }
    if twice := folder.description.partition(' There twice: ')[2]:
        alarms['copies'] = lambda outcome: f'there twice: {twice}'
    made = '' if data else "scikit-learn's 8x8 digits (real), written as PNG files: "
    return Experiment(
        net=Standardised(net, *wanted),
        players=players,
        source=source,
        steps=steps,
        class_names=folder.class_names,
        data_summary=f'{made}{folder.summary}. {folder.description}'
        + f' Classes of {_ratio(labels):.1f} to 1; balance: {balance}.' * unequal,
        score=score_classes(balance='balance'),
        evaluation=evaluation,
        inputs=folder.specs,
        start=start,
        best='validation/balanced_accuracy' if unequal else 'validation/accuracy',
        alarms=alarms,
        measures={'recall': measure_recalls(logits, names, last)},
        evaluation_batch=64,
        pictures={
            'Classes': pictures.class_counts(
                {'train': labels}
                | {s: arrays['label'] for s, arrays in evaluation.items()},
                names,
            ),
            'Pictures as they are trained on': _sheet(folder, augmented),
            'Confusion matrix': pictures.confusion(logits, names, last),
            'Most frequent mistakes': pictures.confused_pairs(logits, names, last),
            'Worst mistakes': pictures.mistakes(logits, names, last),
        },
    )


def _image(model: str) -> tuple[int | None, int | None, int]:
    """Tell height, width and channels of the images that a classifier takes."""

    def shape(name: str) -> tuple[int | None, ...] | None:
        if 'classes' not in zoo.settings(name):
            return None
        specs = zoo.inputs(name)
        # A game takes noise, a conditional net the label as well.
        given = {*inspect.signature(create_model(name).__call__).parameters} - {'train'}
        if specs.keys() != {'image', 'label'} or specs['label'].shape or len(given) > 1:
            return None
        return specs['image'].shape

    found = shape(model)
    if found is None:
        others = [name for name in zoo.list_models() if shape(name)]
        raise ValueError(
            f'model={model} is no classifier of images with a number of classes, '
            f'wanted one of {", ".join(others)}'
        )
    return found


def _check(**sizes: int | None) -> None:
    for name, value in sizes.items():
        if value is not None and value < 1:
            raise ValueError(f'{name} is {value}, wanted 1 or more')


def _require_logits(model: str, shape: tuple[int, ...]) -> None:
    """Refuse a size of images that the net cannot take, before a folder is read."""
    net, classes = create_model(model, classes=3), 3
    image = jax.ShapeDtypeStruct((1, *shape), 'float32')
    try:
        call = nn.init_with_output(lambda net, x: net(x, train=False), net)
        found = jax.eval_shape(call, jax.random.key(0), image)[0]
    except Exception as error:
        why = ' '.join(str(error).split())[:200]
        raise ValueError(
            f'{model} cannot take images of {shape[0]}x{shape[1]} ({why}): choose a '
            'larger size'
        ) from error
    if getattr(found, 'shape', None) != (1, classes):
        raise ValueError(
            f'model={model} gives no logits of classes: choose another one'
        )


def _labels(folder: sources.DataSet) -> np.ndarray:
    """Read the classes of the training pictures, without the pictures."""
    from tensorflow_datasets import decode

    few = folder.builder.as_data_source(
        'train', decoders={'image': decode.SkipDecoding()}
    )
    return np.array([example['label'] for example in few], np.int32)


def _ratio(labels: np.ndarray) -> float:
    counts = np.bincount(labels)
    return float(counts.max() / counts[counts > 0].min())


def measure_recalls(
    logits: Callable[[nn.Module, Batch], jax.Array], names: Sequence[str], split: str
) -> Measure:
    """Measure the recall of each class, and the least of them.

    Args:
        logits: `(net, batch) -> logits`.
        names: of the classes; of more than 50 only the least recall is entered.
        split: the set.
    """

    def measure(outcome: Outcome) -> dict[str, np.ndarray]:
        tables = confusions(outcome, logits, split, len(names))
        counts = tables.sum(2)
        fractions = np.diagonal(tables, axis1=1, axis2=2) / np.maximum(counts, 1)
        there = counts[0] > 0
        found = {'(least)': fractions[:, there].min(1)}
        if len(names) <= 50:
            found |= {n: fractions[:, c] for c, n in enumerate(names) if there[c]}
        return found

    return measure


def _digits() -> Path:
    """Write the digits as a folder of pictures, unless they are there already."""
    digits = sources.load('digits')
    path = Path(digits.builder.data_dir).parents[1] / 'dljax_pictures' / 'digits'
    if not path.exists():
        sources.write_folder(path, {s: digits[s] for s in digits.splits}, NAMES)
    return path


def _start(model: str, path: Path, normalise: str | None) -> tuple[PyTree, Input]:
    """Read a body that fits the model, and how its images were normalised."""
    if (path / 'checkpoints').is_dir():
        made = json.loads((path / 'config.json').read_text())['model']
        variables, known = from_run(path), Input((0.0,), (1.0,))
        if made[''] == 'Standardised':
            known = Input(*(ast.literal_eval(made[name]) for name in Input._fields))
    else:
        variables, origin = _read(model, path)
        known = INPUTS.get(origin)
    body = _body(variables)
    call = nn.init(zoo.row(model).call, create_model(model))
    shapes = jax.eval_shape(call, jax.random.key(0), zoo.shapes(model))
    check(body, _body(shapes), f'the body of our {model}')
    if known is None and normalise is None:
        raise ValueError(
            f'{path} does not tell how its pictures were normalised: say so by '
            '--normalise imagenet, caffe, own or none'
        )
    return body, known


def _read(model: str, path: Path) -> tuple[PyTree, str | None]:
    """Read variables from a file, and whose normalisation they need."""
    arrays = {} if path.is_dir() else read(path)
    if path.is_dir() or any(name.startswith('params/') for name in arrays):
        certificate = path.with_name(f'{path.name}.json')
        framework = None
        if certificate.exists():
            framework = json.loads(certificate.read_text())['source']['framework']
        return restore(path), {'torchvision': 'imagenet', 'keras': 'caffe'}.get(
            framework
        )
    if path.suffix in KERAS:
        return from_keras(model, arrays), 'caffe'
    return from_torchvision(model, arrays), 'imagenet'


def _body(variables: PyTree) -> PyTree:
    """Leave out what depends on the classes."""
    return without(variables, *(h for h in HEADS if h in variables['params']))


def _wanted(
    folder: sources.DataSet, normalise: str | None, known: Input | None
) -> Input:
    """Decide how the pictures are normalised."""
    channels = folder.specs['image'].shape[-1]
    if normalise is None and known is not None:
        wanted = known
    elif normalise in INPUTS:
        wanted = INPUTS[normalise]
    elif normalise == 'none':
        wanted = Input((0.0,), (1.0,))
    else:
        fitted = sources.z_score(sources.as_float(_first(folder, 512)['image']))
        wanted = Input(fitted.offset, fitted.scale)
    if len(wanted.offset) == 1:
        offset, scale, reverse = wanted
        wanted = Input(offset * channels, scale * channels, reverse)
    if len(wanted.offset) != channels:
        raise ValueError(
            f'{len(wanted.offset)} channels are to be normalised, but the model takes '
            f'images of {channels}: choose another one, or --normalise own'
        )
    return wanted


def _first(folder: sources.DataSet, count: int) -> dict[str, np.ndarray]:
    """Read a few training pictures; they are in no order on the disk."""
    return folder[f'train[:{min(count, folder.splits["train"])}]']


def _source(
    folder: sources.DataSet, batch_size: int, workers: int, balanced: bool = False
) -> Source:
    """Put the training pictures on the device, or read them as they are needed."""
    count, spec = folder.splits['train'], folder.specs['image']
    batch_size = min(batch_size, count)
    if count * math.prod(spec.shape) * np.dtype(spec.dtype).itemsize <= RESIDENT:
        return sources.resident(
            folder['train'], batch_size, balanced='label' if balanced else None
        )
    if balanced:
        raise ValueError(
            'the pictures do not fit on the device and are read in turn, so that no '
            'class can be drawn more often: choose balance=weights'
        )
    records = folder.records('train')
    return sources.stream(records, batch_size, workers=workers, specs=folder.specs)


def _sheet(folder: sources.DataSet, augmented: sources.augment.Augmentation) -> Picture:
    """Show a few training pictures after the random changes."""

    def draw(outcome: Outcome) -> 'Figure':
        del outcome
        few = _first(folder, 24)
        images = np.asarray(jax.jit(augmented)(jax.random.key(0), few['image']))
        names = pictures.plain_names(folder.class_names)
        captions = [names[label] for label in few['label']]
        return pictures.grid(images, captions, 'drawn anew in every update')

    return draw


if __name__ == '__main__':
    command(experiment)
