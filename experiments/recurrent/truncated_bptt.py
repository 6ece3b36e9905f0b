"""Full against truncated backpropagation through time, on English text (U3.4).

Paper: Williams, Peng (1990), An efficient gradient-based algorithm for on-line training
of recurrent network trajectories, https://doi.org/10.1162/neco.1990.2.4.490; Werbos
(1990), Backpropagation through time, https://doi.org/10.1109/5.58337.

Five equal LSTMs read the same windows of 256 characters and move once a window. The
gradient of the first goes through all of it; those of others are cut every 64, 16 and 4
characters, where the carry goes on. The last is cut every 16 and begins at zero there.

Measured with 3 members, seed 0, on a 2-core CPU, after 600 updates: bits per character
of the last tenth of the text (Python 3.11.7), which all nets read nearly as one stream,
the gradient's norm in the last 6 updates, and its cosine with that through all 256
characters, at equal weights, in one member:

| net | gradient through | held out | norm | cosine |
|---|---|---|---|---|
| full | 256 characters | 2.030 ± 0.015 | 0.157 ± 0.005 | 1 |
| quarter | 64 | 2.021 ± 0.020 | 0.158 ± 0.003 | 0.99 |
| sixteenth | 16 | 2.031 ± 0.007 | 0.150 ± 0.003 | 0.98 |
| sixty_fourth | 4 | 2.029 ± 0.019 | 0.141 ± 0.001 | 0.90 |
| no_carry | 16, from zero | 2.045 ± 0.008 | 0.150 ± 0.001 | 0.55 |

Where the carry goes on, it does not matter here how far the gradient goes: a short one
is a little smaller and points nearly the same way, and the first four are not told
apart. In training the last, which forgets every 16 characters, is 0.2 bits behind.
Cost: 172 s of training for 1 member, 699 s for 3 on a busy machine. Commands:
python experiments/recurrent/truncated_bptt.py
python experiments/recurrent/truncated_bptt.py --members 3
"""

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, pictures, zoo
from dljax.data import Vocabulary, held_out_text, scored_windows, text_windows
from dljax.experiment import Experiment, Measure, Outcome
from dljax.layers import LSTM
from dljax.models.container import container
from dljax.objectives import predict_next, score_next, side_by_side, within
from dljax.training import Player, clipped
from dljax.types import Array, Batch, PyTree

TINY = {'steps': 2, 'units': 4, 'batch_size': 2, 'window': 64, 'span': 1000}
PARTS = {'full': 1, 'quarter': 4, 'sixteenth': 16, 'sixty_fourth': 64, 'no_carry': 16}
TITLES = {
    'bits_per_character': 'bits per character of the windows as they are read',
    'gradient_norm': 'global norm of the gradient, before clipping',
}


def experiment(
    *,
    units: int = 128,
    steps: int = 600,
    batch_size: int = 16,
    window: int = 256,
    learning_rate: float = 5e-3,
    clip: float = 1.0,
    span: int | None = None,
) -> Experiment:
    """Train the same net with its gradient cut at several lengths, side by side.

    Args:
        units: of each LSTM.
        steps: updates in all, one a window.
        batch_size: readers of the text.
        window: characters that each reads in an update, a multiple of 64.
        learning_rate: of Adam at the start; it falls to 0 along a cosine.
        clip: the largest global norm of a gradient.
        span: characters held out; by default the last tenth of the text.
    """
    training, held_out, kind = held_out_text()
    vocabulary = Vocabulary.of(training)
    tokens, rest = vocabulary.encode(training), vocabulary.encode(held_out[:span])
    source = text_windows(tokens, batch_size, window)
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    sizes = {'vocabulary': vocabulary.size, 'cell': LSTM(units)}
    return Experiment(
        net=container(
            **{
                name: create_model(
                    'character_lstm', **sizes, stateful=name != 'no_carry'
                )
                for name in PARTS
            }
        ),
        players={
            name: Player(
                clipped(optax.adam(schedule), clip),
                loss=within(name, predict_next(parts)),
                trains=(name,),
            )
            for name, parts in PARTS.items()
        },
        source=source,
        steps=steps,
        data_summary=f'{kind}; {len(tokens):,} characters train, '
        f'{len(rest):,} held out',
        score=side_by_side({name: score_next() for name in PARTS}),
        evaluation={
            'held_out': scored_windows(
                np.concatenate([tokens, rest]), len(tokens), window=384, context=128
            )
        },
        inputs=zoo.inputs('character_lstm', vocabulary=vocabulary.size),
        evaluation_batch=64,
        measures={'cosine': agreement(source.init(jax.random.key(0))[1])},
        pictures={'Truncation': pictures.against_updates(tuple(PARTS), TITLES)},
    )


def agreement(batch: Batch) -> Measure:
    """Compare each truncated gradient with the full one, at the same weights.

    Args:
        batch: what the gradients are taken on.

    Returns:
        The measure: the cosine of the angle between both, at the last weights of the
        net that was trained by the full gradient.
    """

    def measure(outcome: Outcome) -> dict[str, float]:
        net = outcome.net.full
        params = outcome.state.params['full']
        carry = jax.tree.map(jnp.zeros_like, outcome.state.collections['carry']['full'])

        @jax.jit
        def gradients(params: PyTree, carry: PyTree) -> dict[str, Array]:
            def loss(params: PyTree, name: str) -> Array:
                reader = net.clone(stateful=name != 'no_carry')
                kept = {'carry': carry} if reader.stateful else {}
                (value, _), _ = nn.apply(
                    predict_next(PARTS[name]), reader, mutable=('carry',)
                )({'params': params, **kept}, batch, jnp.int32(0))
                return value

            flat = {
                name: jnp.concatenate(
                    [g.ravel() for g in jax.tree.leaves(jax.grad(loss)(params, name))]
                )
                for name in PARTS
            }
            return {name: _cosine(flat['full'], other) for name, other in flat.items()}

        return {name: float(v) for name, v in gradients(params, carry).items()}

    return measure


def _cosine(a: Array, b: Array) -> Array:
    return (a @ b) / (jnp.linalg.norm(a) * jnp.linalg.norm(b))


if __name__ == '__main__':
    command(experiment)
