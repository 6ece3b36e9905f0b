"""CycleGAN: images of one domain as images of another, without pairs (U4.2, U4.3).

Paper: Zhu et al. (2017), Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks, https://arxiv.org/abs/1703.10593

By default A is scikit-learn's digits and B other ones, each blended into a part of two
photographs as |photograph - digit|; of IDX files and a folder of photographs B is made
likewise, which of MNIST and BSDS500 is MNIST-M. `reading` tells how many translated
digits a classifier of the other domain reads as what they were, beside the same
classifier's reading of the digits as they are.

Measured on mnist10k and the photographs of BSDS500 with seed 0, one member, on a 2-core
CPU, after 4,000 updates, by 2,000 test digits:

| | A to B | B to A |
|---|---|---|
| translated | 92.6 % | 82.1 % |
| as they are | 95.7 % | 31.7 % |
| own domain | 92.1 % of B | 98.3 % of A |

So digits of B become readable, while plain ones were so before. In the pictures those
go wrong whose strokes are darker than their photograph. Not measured: scikit-learn's
digits. Cost: 383 s of training beside other work.
Command: python experiments/image_translation/cycle_gan.py
    --digits mnist10k --photographs bsds500
"""

from pathlib import Path

from dljax.cli import command

import optax

from dljax import create_model, zoo
from dljax.data.domains import Domains, digit_domains, folder_domains
from dljax.data.translated import unpaired
from dljax.experiment import Experiment, of_averages
from dljax.measures.judge.domains import translations_read
from dljax.objectives import score_cycles
from dljax.pictures.translations import cycles
from dljax.recipes.players import cycle_players

TINY = {
    'steps': 2,
    'size': 12,
    'width': 2,
    'blocks': 1,
    'patch_width': 2,
    'batch_size': 2,
    'judge_steps': 0,
}


def experiment(
    *,
    a: Path | None = None,
    b: Path | None = None,
    digits: Path | None = None,
    photographs: Path | None = None,
    size: int = 28,
    width: int = 16,
    blocks: int = 3,
    halvings: int = 1,
    patch_width: int = 32,
    patch_halvings: int = 2,
    pool: int = 50,
    steps: int = 4000,
    batch_size: int = 4,
    learning_rate: float = 4e-4,
    cycle: float = 10.0,
    identity: float = 0.0,
    joint: bool = True,
    average: float = 0.998,
    judge_steps: int = 1500,
) -> Experiment:
    """Translate digits onto photographs and back, or between folders of the user's.

    Args:
        a: a folder of the user's pictures of A, with b; by default digits.
        b: a folder of pictures of B.
        digits: a folder of IDX files, such as MNIST's; by default scikit-learn's.
        photographs: a folder of them, on which digits are put for B; by default
            scikit-learn's two.
        size: height and width of all images in pixels.
        width: channels of the generators' first layer.
        blocks: residual ones of the generators.
        halvings: of the side in the generators.
        patch_width: channels of the discriminators' first layer.
        patch_halvings: of the side in the discriminators, whose patches have 16, 34 or
            70 pixels for 1, 2 or 3.
        pool: made images that are kept for either discriminator.
        steps: updates in all.
        batch_size: images of either domain in an update.
        learning_rate: of Adam; from half of the updates on it falls to 0, linearly.
        cycle: weight of the cycles.
        identity: weight of the identity losses.
        joint: whether both generators move at once, as in the paper; else one after
            the other, for half as much time again.
        average: decay of the averages of the generators' weights, which are what is
            shown and measured.
        judge_steps: updates of the classifiers that read translated digits; 0 for no
            such measure.
    """
    made = read(a, b, digits, photographs, size)
    net = create_model(
        'cyclegan_small',
        width=width,
        blocks=blocks,
        halvings=halvings,
        patch_width=patch_width,
        patch_halvings=patch_halvings,
        pool=pool,
    )
    half = steps // 2
    rate = optax.linear_schedule(learning_rate, 0.0, max(steps - half, 1), half)
    train, test = made.splits['train'], made.splits['test']
    reading = {}
    if made.judged and judge_steps:
        reading['reading'] = of_averages(
            translations_read(made.judged, test, judge_steps)
        )
    return Experiment(
        net=net,
        players=cycle_players(
            optax.adam(rate, b1=0.5),
            cycle=cycle,
            identity=identity,
            joint=joint,
            average=average,
        ),
        source=unpaired(train['a'], train['b'], batch_size),
        steps=steps,
        data_summary=made.summary,
        score=score_cycles(),
        evaluation={name: made.splits[name] for name in ('validation', 'test')},
        inputs=zoo.inputs('cyclegan_small'),
        along={
            'A to B': of_averages(cycles('validation', 'ab')),
            'B to A': of_averages(cycles('validation', 'ba')),
        },
        measures=reading,
        pictures={
            'Test, A to B': of_averages(cycles('test', 'ab')),
            'Test, B to A': of_averages(cycles('test', 'ba')),
        },
    )


def read(
    a: Path | None,
    b: Path | None,
    digits: Path | None,
    photographs: Path | None,
    size: int,
) -> Domains:
    """Read what the user has, or make the digits that are always there."""
    if (a is None) != (b is None) or (a and (digits or photographs)):
        raise ValueError(
            f'a is {a}, b {b}, digits {digits} and photographs {photographs}, wanted '
            'two folders of pictures (--a and --b), or neither, and then perhaps IDX '
            'files (--digits) and photographs (--photographs)'
        )
    if a is None or b is None:
        return digit_domains(size, digits=digits, photographs=photographs)
    return folder_domains(a, b, size=(size, size))


if __name__ == '__main__':
    command(experiment)
