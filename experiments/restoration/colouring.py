"""Grey photographs are given colours (U5.4).

Paper: Zhang et al. (2016), Colorful Image Colorization,
https://arxiv.org/abs/1603.08511, without its classes of colours: here a U-Net
(Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597) sees the brightness Y and
learns the chroma, Cb and Cr, by the absolute error, whose best guess where several
colours may be true is dull.

The default data are scikit-learn's two photographs, of which the left part trains and
the right one tests; --data takes a folder of photographs of any size, or, with
--classes, a folder with a folder of pictures for each class, all of one size.

Measured is the PSNR of the chroma of test pictures. Beside the net stand grey, and the
best constant: the mean chroma of the training pictures, with --classes that of each
class at each pixel, which is told the class that the net is not.

Measured with one member, seed 0, on a 2-core CPU, after 600 updates of 8 patches with
a width of 16, on the right parts of the two photographs: the chroma has a PSNR of 28.73
dB, grey has 27.53 and the mean chroma of the left parts 26.49. After 250 updates it was
25.86, below both. The defaults and larger sets have not been run yet.
Cost: 600 updates in 2 minutes on a very crowded machine, and as much to compile it.
Commands:
python experiments/restoration/colouring.py --steps 600 --width 16 --batch-size 8
python experiments/restoration/colouring.py --data CIFAR10 --classes
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dljax.cli import command

import jax.numpy as jnp
import numpy as np
import optax

from dljax import create_model, losses
from dljax import data as sources
from dljax.data.chroma import join_colours, part_colours, without_colours
from dljax.experiment import Experiment, Measure, Outcome, Picture
from dljax.measures.repairing import Damaged, Repaired, repaired
from dljax.objectives import restore, score_repair
from dljax.pictures.progress import plain
from dljax.training import Player, clipped
from dljax.types import HostBatch, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'steps': 2, 'width': 2, 'depth': 1, 'patch': 16, 'batch_size': 2, 'most': 1}
DULL = 0.5  # chroma of grey


class Pictures(NamedTuple):
    """Pictures to learn from and to test with, and the best constant chroma."""

    train: list[np.ndarray]
    validation: list[np.ndarray]
    test: list[np.ndarray]
    constants: list[np.ndarray]  # of each test picture, [height or 1, width or 1, 2]
    summary: str


def experiment(
    *,
    data: Path | None = None,
    classes: bool = False,
    width: int = 24,
    depth: int = 3,
    patch: int = 32,
    steps: int = 2000,
    batch_size: int = 16,
    learning_rate: float = 1e-3,
    most: int = 200,
) -> Experiment:
    """Train a net to guess the colours of patches of photographs.

    Args:
        data: a folder of the user's photographs; by default scikit-learn's two.
        classes: whether that folder has a folder for each class.
        width: channels of the U-Net's first level.
        depth: its poolings.
        patch: side of what is learned from, in pixels; a multiple of 2 to the depth.
        steps: updates in all.
        batch_size: patches in an update.
        learning_rate: of Adam at its highest; it rises over the first twentieth of the
            updates, then falls to 0 along a cosine.
        most: test pictures that are measured, evenly chosen.
    """
    if patch % 2**depth:
        raise ValueError(
            f'patch is {patch} and depth {depth}, wanted a multiple of {2**depth}'
        )
    if classes and data is None:
        raise ValueError('classes without data, wanted a folder of classes: --data')
    found = _classed(data, most) if classes and data else _plain(data, patch, most)
    test = [_without(picture) for picture in found.test]
    made = repaired(test, multiple=2**depth)
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, max(steps // 20, 1), max(steps, 2)
    )
    train = [sources.PicturePair(picture, picture) for picture in found.train]
    # Mirrored, but not turned: the sky is above.
    draw = without_colours(sources.random_patches(train, patch, turned=False))
    spec = Spec((None, None, 2), 'float32', 0, 1)
    return Experiment(
        net=create_model('unet', classes=2, width=width, depth=depth),
        players={
            'painter': Player(
                clipped(optax.adam(schedule), 1.0),
                loss=restore(loss=losses.pixel_absolute_error),
            )
        },
        source=sources.procedural(draw, batch_size),
        steps=steps,
        data_summary=f'{found.summary}; {len(test)} test pictures',
        score=score_repair(),
        evaluation={'validation': middles(found.validation, patch)},
        evaluation_batch=16,
        inputs={'image': Spec((None, None, 1), 'float32', 0, 1), 'target': spec},
        measures={'chroma': compare(test, made, found.constants)},
        pictures={'Test pictures': draw_colours(test, made, found.constants)},
    )


def _plain(data: Path | None, patch: int, most: int) -> Pictures:
    """Read pictures without classes; the constant is one for all."""
    photographs = (
        sources.sample_photographs()
        if data is None
        else sources.photograph_folder(data, smallest=patch)
    )
    splits = photographs.splits
    chosen = np.linspace(0, len(splits['test']) - 1, min(most, len(splits['test'])))
    means = [chroma_of(picture).mean((0, 1)) for picture in splits['train']]
    sizes = [picture[..., 0].size for picture in splits['train']]
    constant = np.average(means, axis=0, weights=sizes).reshape(1, 1, 2)
    test = [splits['test'][int(n)] for n in chosen]
    return Pictures(
        splits['train'],
        splits['validation'],
        test,
        [constant] * len(test),
        photographs.summary,
    )


def _classed(data: Path, most: int) -> Pictures:
    """Read pictures by class; the constant is that of each class at each pixel."""
    folder = sources.folder(data, channels=3)
    train, test = folder['train'], folder['test']
    if train['image'].dtype != np.uint8:
        raise ValueError(
            f"the pictures of '{data}' are {train['image'].dtype}, wanted 8 bits"
        )
    label, count = np.asarray(train['label']), len(folder.class_names)
    total = np.zeros((count, *train['image'].shape[1:3], 2))
    for first in range(0, len(label), 1000):
        part = slice(first, first + 1000)
        np.add.at(total, label[part], chroma_of(train['image'][part]))
    constants = total / np.bincount(label, minlength=count)[:, None, None, None]
    chosen = np.linspace(0, len(test['label']) - 1, min(most, len(test['label'])))
    chosen = chosen.astype(int)
    return Pictures(
        list(train['image']),
        list(folder['validation']['image']),
        list(test['image'][chosen]),
        [constants[kind] for kind in np.asarray(test['label'])[chosen]],
        folder.summary,
    )


def chroma_of(picture: np.ndarray) -> np.ndarray:
    """Compute the chroma of pictures of 8 bits, [..., 2] in [0, 1]."""
    return np.asarray(part_colours(jnp.asarray(sources.as_float(picture)))[1])


def _without(picture: np.ndarray) -> Damaged:
    bright, chroma = part_colours(jnp.asarray(sources.as_float(picture)))
    truth = np.asarray(chroma).clip(0, 1)
    return Damaged(np.asarray(bright), truth, np.full_like(truth, DULL))


def middles(pictures: list[np.ndarray], side: int) -> HostBatch:
    """Cut the middle out of each picture, parted into brightness and chroma.

    Args:
        pictures: [height, width, 3] uint8.
        side: of the middles, in pixels.
    """
    pairs = [sources.PicturePair(picture, picture) for picture in pictures]
    target = sources.middle_patches(pairs, side)['target']
    bright, chroma = part_colours(jnp.asarray(target))
    return {'image': np.asarray(bright), 'target': np.asarray(chroma).clip(0, 1)}


def compare(
    pictures: list[Damaged], made: Repaired, constants: list[np.ndarray]
) -> Measure:
    """Measure the PSNR of the chroma: of the net, of grey, and of the constants.

    Args:
        pictures: whose truth is the chroma.
        made: what the net makes of them.
        constants: a guess for each, [height or 1, width or 1, 2].
    """

    def mean(guesses: list[np.ndarray]) -> float:
        pairs = zip(guesses, pictures, strict=True)
        errors = [np.square(guess - each.truth).mean() for guess, each in pairs]
        return float(np.mean(-10 * np.log10(np.maximum(errors, 1e-10))))

    def measure(outcome: Outcome) -> dict[str, np.ndarray | float]:
        return {
            'psnr': np.array([mean(member) for member in made(outcome)]),
            'constant_psnr': mean(constants),
            'grey_psnr': mean([picture.shown for picture in pictures]),
        }

    return measure


def draw_colours(
    pictures: list[Damaged],
    made: Repaired,
    constants: list[np.ndarray],
    most: int = 6,
) -> Picture:
    """Show pictures in grey, by the constant, by the net, and true.

    Args:
        pictures: whose truth is the chroma.
        made: what the net makes of them.
        constants: a guess for each.
        most: pictures, evenly chosen.
    """

    def draw(outcome: Outcome) -> 'Figure':
        guesses = made(outcome)[0]
        columns = np.linspace(0, len(pictures) - 1, min(most, len(pictures)))
        figure = plain(2.0 * len(columns) + 1, 8.5)
        for place, number in enumerate(columns.astype(int)):
            each = pictures[number]
            rows = {
                'grey': each.shown,
                'constant': np.broadcast_to(constants[number], each.truth.shape),
                'U-Net': guesses[number],
                'true': each.truth,
            }
            for row, (name, chroma) in enumerate(rows.items()):
                axes = figure.add_subplot(
                    4, len(columns), row * len(columns) + place + 1
                )
                bright = jnp.asarray(each.seen)
                axes.imshow(np.asarray(join_colours(bright, jnp.asarray(chroma))))
                axes.set_xticks([])
                axes.set_yticks([])
                if not place:
                    axes.set_ylabel(name)
        return figure

    return draw


if __name__ == '__main__':
    command(experiment)
