"""pix2pix: images from simple pictures of them, learned from pairs (U4.2, U4.3, D9).

Paper: Isola et al. (2017), Image-to-Image Translation with Conditional Adversarial
Networks, https://arxiv.org/abs/1611.07004

By default B is a part of one of scikit-learn's two photographs and A the same part in
flat segments of like colour (or its edges, --kind edges); test parts lie in columns
that no training part has. `detail` is the mean difference of neighbouring pixels as a
fraction of that of the true images.

Measured with seed 0, one member, on a 2-core CPU, on 96 test parts after 3,000 updates;
L1 in [0, 1]:

| | L1 | detail |
|---|---|---|
| translations | 0.0489 | 0.72 |
| segments as they are | 0.0422 | 0.36 |
| mean colour of the training | 0.2557 | 0 |

The pictures have petals, tiles and shading that the segments lack, but not those that
were there, so that their distance is larger than that of the segments. With --weight 20
--average 0.99 after 900 updates: 0.0527 and 0.70. Edges, and pairs of the user's own,
were not measured. Cost: 2,010 s on a machine that a dozen others used as well.
Command: python experiments/image_translation/pix2pix.py
"""

from pathlib import Path
from typing import Literal

from dljax.cli import command

import numpy as np
import optax

from dljax import create_model, data, zoo
from dljax.data.image_pairs import ImagePairs, combined_folder, paired_folders
from dljax.data.photograph_pairs import photograph_pairs
from dljax.data.translated import augmented
from dljax.experiment import Experiment, of_averages
from dljax.measures.pairs import detail_and_distance
from dljax.objectives import score_pairs
from dljax.pictures.translations import pairs
from dljax.recipes.players import pair_players

TINY = {
    'steps': 2,
    'size': 16,
    'width': 2,
    'halvings': 2,
    'patch_width': 2,
    'patch_halvings': 1,
    'batch_size': 2,
}


def experiment(
    *,
    a: Path | None = None,
    b: Path | None = None,
    suffixes: tuple[str, str] = ('', ''),
    labels: bool = False,
    combined: Path | None = None,
    reverse: bool = False,
    kind: Literal['segments', 'edges'] = 'segments',
    size: int = 64,
    jitter: int = 8,
    flip: bool = True,
    width: int = 24,
    halvings: int = 5,
    dropout: float = 0.5,
    patch_width: int = 16,
    patch_halvings: int = 2,
    steps: int = 3000,
    batch_size: int = 4,
    learning_rate: float = 4e-4,
    weight: float = 100.0,
    average: float = 0.995,
) -> Experiment:
    """Translate flat segments or edges into photographs, or pairs of the user's.

    Args:
        a: a folder of the user's pictures to translate, with b; by default parts of
            scikit-learn's photographs.
        b: a folder of what they should become, the names being those in a.
        suffixes: of the names in a and in b, before their endings.
        labels: whether pictures of a tell by their grey value to which segment a pixel
            belongs; then segments are painted with their mean colours in b.
        combined: a folder of pictures that hold A on the left and B on the right.
        reverse: whether these hold B on the left.
        kind: of the default data: 'segments' or 'edges'.
        size: height and width of all images in pixels.
        jitter: by how much larger both of a pair are read, of which a random part is
            then cut out; 0 for none.
        flip: whether both of a pair are mirrored now and then.
        width: channels of the generator's first layer.
        halvings: of the side in the generator.
        dropout: in its first three layers up.
        patch_width: channels of the discriminator's first layer.
        patch_halvings: of the side in the discriminator, whose patches have 16, 34 or
            70 pixels for 1, 2 or 3.
        steps: updates in all.
        batch_size: pairs in an update.
        learning_rate: of Adam; from half of the updates on it falls to 0, linearly.
        weight: of the distance between what is made and what should be.
        average: decay of the average of the generator's weights, which is what is shown
            and measured.
    """
    if jitter < 0:
        raise ValueError(f'jitter is {jitter}, wanted 0 or more pixels')
    made = read(a, b, suffixes, labels, combined, reverse, kind, size + jitter)
    net = create_model(
        'pix2pix_small',
        width=width,
        halvings=halvings,
        dropout=dropout,
        patch_width=patch_width,
        patch_halvings=patch_halvings,
    )
    half = steps // 2
    rate = optax.linear_schedule(learning_rate, 0.0, max(steps - half, 1), half)
    changes = [data.augment.random_crop(0, (size, size))]
    changes += [data.augment.flip()] * flip
    train = {name: signed(images) for name, images in made.splits['train'].items()}
    evaluation = {
        split: {
            name: np.asarray(data.crop(signed(images), (size, size)))
            for name, images in made.splits[split].items()
        }
        for split in ('validation', 'test')
    }
    source = augmented(
        data.resident(train, batch_size), {('a', 'b'): data.augment.compose(*changes)}
    )
    colour = train['b'].mean((0, 1, 2))
    measure = detail_and_distance(evaluation['test'], colour)
    return Experiment(
        net=net,
        players=pair_players(optax.adam(rate, b1=0.5), weight=weight, average=average),
        source=source,
        steps=steps,
        data_summary=made.summary,
        score=score_pairs(),
        evaluation=evaluation,
        inputs=zoo.inputs('pix2pix_small'),
        along={'Validation': of_averages(pairs('validation'))},
        measures={'pairs': of_averages(measure)},
        pictures={
            'Test': of_averages(pairs('test')),
            'More of the test': of_averages(pairs('test', first=10)),
        },
    )


def read(
    a: Path | None,
    b: Path | None,
    suffixes: tuple[str, str],
    labels: bool,
    combined: Path | None,
    reverse: bool,
    kind: Literal['segments', 'edges'],
    side: int,
) -> ImagePairs:
    """Read what the user has, or cut photographs that are always there."""
    if (a is None) != (b is None) or (a is not None and combined is not None):
        raise ValueError(
            f'a is {a}, b {b} and combined {combined}, wanted two folders (--a and '
            '--b), or one whose pictures hold both (--combined), or none'
        )
    if combined is not None:
        return combined_folder(combined, size=(side, side), reverse=reverse)
    if a is not None and b is not None:
        return paired_folders(a, b, size=(side, side), suffixes=suffixes, labels=labels)
    return photograph_pairs(kind, size=side)


def signed(images: np.ndarray) -> np.ndarray:
    """Map bytes to [-1, 1]."""
    return 2 * data.as_float(images) - 1


if __name__ == '__main__':
    command(experiment)
