"""A self-organising map of the iris table (U1.13).

Paper: Kohonen (1982), Self-organized formation of topologically correct feature maps,
https://doi.org/10.1007/BF00337288; the U-matrix: Ultsch and Siemon (1990).

Measured with 5 members, seed 0, on a 2-core CPU. The quantisation error is the mean
distance from the best unit in standard deviations; the topographic error is the
fraction of flowers whose two best units are not adjacent, which is easier to avoid with
six neighbours than with four:

| grid, rule | updates | quantisation, train | test | topographic, train | test |
|---|---|---|---|---|---|
| at the start | 0 | 0.90 ± 0.10 | | 96 ± 3 % | |
| hexagonal, batch | 100 | 0.309 ± 0.009 | 0.366 ± 0.008 | 1.5 ± 1.1 % | 4.0 ± 1.5 % |
| rectangular, batch | 100 | 0.299 ± 0.011 | 0.362 ± 0.003 | 10 ± 2 % | 10 ± 0 % |
| hexagonal, online | 4,000 | 0.333 ± 0.005 | 0.374 ± 0.009 | 0.6 ± 0.5 % | 1 ± 2 % |

The first update, with its wide neighbourhood, draws all prototypes together: the
quantisation error rises above that of the random start, then falls with the radius. The
topographic error falls at once and rises a little where the radius ends below a unit.
Cost: about 2 s of training for all. Commands:
python experiments/self_organising/som_iris.py --members 5
python experiments/self_organising/som_iris.py --members 5 --grid rectangular
python experiments/self_organising/som_iris.py --members 5 --rule online --steps 4000
"""

from typing import Literal

from dljax.cli import command

import optax

from dljax import create_model, data, rules
from dljax.experiment import Experiment
from dljax.objectives import organise, score_map
from dljax.pictures.maps import class_map, u_matrix
from dljax.training import Player
from dljax.types import Spec

TINY = {'steps': 3, 'rows': 3, 'columns': 3}


def experiment(
    *,
    rows: int = 10,
    columns: int = 7,
    grid: Literal['rectangular', 'hexagonal'] = 'hexagonal',
    rule: Literal['batch', 'online'] = 'batch',
    neighbourhood: Literal['gaussian', 'bubble'] = 'gaussian',
    steps: int = 100,
    first_radius: float = 4.0,
    last_radius: float = 0.7,
    learning_rate: float = 0.5,
) -> Experiment:
    """Unfold a map over the four measurements, which it meets without their classes.

    Args:
        rows: of the grid.
        columns: of the grid.
        grid: whether a unit has up to four or up to six neighbours.
        rule: the batch map on all flowers, or Kohonen's rule on one flower an update,
            which takes some thousands of steps.
        neighbourhood: its form.
        steps: updates in all.
        first_radius: of the neighbourhood; it shrinks exponentially.
        last_radius: of the neighbourhood at the end.
        learning_rate: of Kohonen's rule at the start; it falls linearly to 0.
    """
    iris = data.load('iris')
    normalizer = data.z_score(iris['train']['features'])
    splits = {split: iris.table(split, normalizer) for split in iris.splits}
    batch = rule == 'batch'
    player = Player(
        optax.sgd(1.0 if batch else optax.linear_schedule(learning_rate, 0.0, steps)),
        direction=organise(
            radius=optax.exponential_decay(
                first_radius, steps, last_radius / first_radius
            ),
            rule=rules.batch_map if batch else rules.kohonen,
            neighbourhood=getattr(rules, neighbourhood),
        ),
    )
    return Experiment(
        net=create_model('self_organising_map', rows=rows, columns=columns, grid=grid),
        players={'map': player},
        source=data.resident(splits['train'], None if batch else 1),
        steps=steps,
        class_names=iris.class_names,
        data_summary=iris.summary,
        score=score_map(),
        evaluation=splits,
        inputs={'features': Spec((4,))},
        pictures={
            'U-matrix': u_matrix,
            'Classes': class_map(iris.class_names),
        },
        normalizers={'features': normalizer},
    )


if __name__ == '__main__':
    command(experiment)
