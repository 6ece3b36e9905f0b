"""A radial basis function network on real handwritten digits (U1.11).

Paper: Moody, Darken (1989), Fast learning in networks of locally-tuned processing
units, https://doi.org/10.1162/neco.1989.1.2.281; k-means++: Arthur, Vassilvitskii
(2007), http://ilpubs.stanford.edu:8090/778/.

Measured with 5 members, seed 0, on a 2-core CPU, as the accuracy on 360 test images
with 200 units:

| centres | output | updates | test accuracy | seconds for all |
|---|---|---|---|---|
| k-means | least squares | 100, of all examples | 97.4 ± 0.4 % | 97 |
| k-means | gradient | 2,000, of 64 | 97.2 ± 0.4 % | 64 |
| learned | least squares | 100, of all examples | 98.3 ± 0.1 % | 55 |
| learned | gradient | 2,000, of 64 | 97.4 ± 0.2 % | 7 |

Where batches are small, k-means takes --placing-rate 0.02. Commands:
python experiments/feedforward/rbf_digits.py --members 5
python experiments/feedforward/rbf_digits.py --members 5 --centres learned --output
gradient --batch-size 64 --placing-rate 0.02 --steps 2000
"""

from typing import TYPE_CHECKING, Literal

from dljax.cli import command

import jax.numpy as jnp
import numpy as np
import optax

from dljax import create_model, data, pictures, rules, zoo
from dljax.experiment import Experiment, Outcome
from dljax.objectives import (
    classify,
    place_centres,
    predict,
    regress,
    score_classes,
    solve_readout,
)
from dljax.training import Player
from dljax.types import Array, Key, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = {'steps': 2, 'units': 8, 'batch_size': 32}


def experiment(
    *,
    centres: Literal['kmeans', 'learned'] = 'kmeans',
    output: Literal['least_squares', 'gradient'] = 'least_squares',
    units: int = 200,
    steps: int = 100,
    batch_size: int | None = None,
    learning_rate: float = 1e-2,
    placing_rate: float = 1.0,
    width: float = 1.5,
    ridge: float = 1e-2,
) -> Experiment:
    """Train centres and output, each by its rule or by its gradient.

    The cost that is differentiated goes with the output: quadratic for least squares,
    cross-entropy for the gradient. Centres start at images chosen by k-means++.

    Args:
        centres: by k-means, or learned by gradient together with their widths.
        output: solved for by least squares in each update, or learned by gradient.
        units: number of centres.
        steps: updates in all.
        batch_size: examples in one update; all of them by default.
        learning_rate: of Adam, where there is a gradient.
        placing_rate: of k-means; 1 is Lloyd's, batches take less (MacQueen).
        width: of the Gaussian units at the start; k-means sets its own.
        ridge: of the least squares.
    """
    digits = data.load('digits')

    def images(split: str) -> dict[str, np.ndarray]:
        arrays = digits[split]
        return {
            'image': data.as_float(arrays['image']),
            'label': arrays['label'],
            'target': 2 * np.eye(10, dtype=np.float32)[arrays['label']] - 1,
        }

    train = images('train')
    points = train['image'].reshape(len(train['image']), -1)

    def chosen(key: Key, shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
        return rules.initial_centres(key, jnp.asarray(points), shape[0]).astype(dtype)

    def constant(key: Key, shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
        return jnp.full(shape, np.log(width), dtype)

    adam = optax.adam(learning_rate)
    solved = output == 'least_squares'
    cost = regress('image') if solved else classify()
    placing = {
        'kmeans': Player(
            optax.sgd(placing_rate),
            direction=place_centres('image'),
            trains=('radial',),
        ),
        'learned': Player(adam, loss=cost, trains=('radial',)),
    }
    reading = {
        'least_squares': Player(
            optax.sgd(1.0),
            direction=solve_readout('image', ridge=ridge),
            trains=('output',),
        ),
        'gradient': Player(adam, loss=cost, trains=('output',)),
    }
    return Experiment(
        net=create_model(
            'rbf_network',
            units=units,
            outputs=10,
            centres_init=chosen,
            log_width_init=constant,
        ),
        players={'centres': placing[centres], 'output': reading[output]},
        source=data.resident(train, batch_size),
        steps=steps,
        class_names=digits.class_names,
        data_summary=digits.summary,
        score=score_classes(),
        evaluation={split: images(split) for split in ('validation', 'test')},
        inputs={
            'image': Spec((8, 8, 1), 'float32', 0, 1),
            'label': zoo.inputs('rbf_network', outputs=10)['label'],
        },
        best='validation/accuracy',
        pictures={
            'Centres': draw_centres,
            'Confusion matrix': pictures.confusion(predict(), digits.class_names),
            'Worst mistakes': pictures.mistakes(predict(), digits.class_names),
        },
    )


def draw_centres(outcome: Outcome) -> 'Figure':
    """Show the first centres as images, with their widths."""
    units = outcome.state.params['radial']
    images = np.asarray(units['centres'])[:32].reshape(-1, 8, 8, 1)
    widths = np.exp(np.asarray(units['log_width']))
    captions = [f'{width:.2f}' for width in widths[: len(images)]]
    return pictures.grid(images, captions, 'centres and widths')


if __name__ == '__main__':
    command(experiment)
