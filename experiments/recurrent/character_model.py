r"""A net that writes English text, character by character (U3.8).

Paper: Graves (2013), Generating sequences with recurrent neural networks,
https://arxiv.org/abs/1308.0850; the n-gram models beside it: Witten, Bell (1991), The
zero-frequency problem, https://doi.org/10.1109/18.87000.

Measured with 1 member, seed 0, on a 2-core CPU, in bits per character of the last
tenth of the text of Python 3.11.7 (46,505 characters; those of other versions differ):

| model | bits per character |
|---|---|
| n-grams of order 1, 2, 3, 4, 5 | 4.671, 3.344, 2.469, 2.026, 1.905 |
| LSTM of 384 units, 2,000 updates | 1.606 |

On what it trains on, with dropout, the net comes to 1.28: the text is short, and what
it learns by heart limits it. Settings were chosen with --tuning, on a tenth of the
training text, among three: dropout 0.1 without decay (1.74 at its best, then rising),
0.4 on the embedded characters as well (1.76), and these at 1,500 updates (1.68).

A transformer on tinyshakespeare (1,115,394 characters, the last tenth held out; sha256
of the archive it came in a381598f4f1776f6), 4 layers of width 128 on windows of 64, 12
a batch, 2,000 updates, comes to 2.513 bits, that is 1.742 nats, at the rate 6e-3, where
each character is scored with the 32 to 63 before it; to 1.747 at 3e-3, and 1.890 at
1e-3. The README of nanoGPT (github.com/karpathy/nanoGPT) has 1.88 nats for these sizes,
over all places of random windows.
Cost: 140 s of training for the LSTM, some 4 minutes on a busy machine for the other.
Commands:
python experiments/recurrent/character_model.py
python experiments/recurrent/character_model.py --data tinyshakespeare.txt \
    --cell transformer --layers 4 --units 128 --window 64 --batch-size 12 \
    --steps 2000 --dropout 0 --learning-rate 6e-3 --prompt ROMEO:
"""

from pathlib import Path
from typing import Literal

from dljax.cli import command

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, zoo
from dljax.data import (
    Vocabulary,
    held_out_text,
    random_windows,
    scored_windows,
    text_windows,
)
from dljax.decoding import sample
from dljax.experiment import Experiment, Measure, Outcome, Picture
from dljax.layers import GRU, LSTM, Elman
from dljax.metrics import witten_bell
from dljax.objectives import predict_next, score_next
from dljax.training import Player, clipped
from dljax.types import Array

TINY = {'steps': 2, 'units': 8, 'batch_size': 4, 'window': 8}
CELLS = {'lstm': LSTM, 'gru': GRU, 'elman': Elman}
CONTEXT = 128  # characters that a net reads before those that are scored
ORDERS = 5


def experiment(
    *,
    data: Path | None = None,
    cell: Literal['lstm', 'gru', 'elman', 'transformer'] = 'lstm',
    units: int = 384,
    layers: int = 1,
    heads: int = 4,
    dropout: float = 0.4,
    steps: int = 2000,
    batch_size: int = 32,
    window: int = 64,
    learning_rate: float = 4e-3,
    weight_decay: float = 0.1,
    clip: float = 1.0,
    prompt: str = 'The ',
    tuning: bool = False,
) -> Experiment:
    """Train on the first nine tenths of a text, and score the last tenth.

    Args:
        data: a text file in UTF-8; by default the help of Python itself, which differs
            from version to version.
        cell: the kind of recurrent layer, or blocks of a transformer, which reads
            windows from anywhere in the text and remembers nothing beyond.
        units: in each layer; the width of a transformer.
        layers: on top of each other.
        heads: of a transformer.
        dropout: fraction of the outputs dropped between layers and before the logits.
        steps: updates in all.
        batch_size: readers of the text.
        window: characters that each reads in an update; the gradient goes as far back.
        learning_rate: of Adam at its highest: it rises over the first twentieth of the
            updates, then falls to 0 along a cosine.
        weight_decay: of AdamW.
        clip: the largest global norm of a gradient.
        prompt: what the written samples go on from.
        tuning: whether to hold out the last tenth of the training text instead, as for
            choosing settings, so that the text that counts is not seen.
    """
    training, held_out, kind = held_out_text(data, shortest=20 * (window + 1))
    if tuning:
        cut = len(training) * 9 // 10
        training, held_out = training[:cut], training[cut:]
    vocabulary = Vocabulary.of(training)
    if not prompt or not vocabulary.encode(prompt).all():
        raise ValueError(
            f'prompt={prompt!r}, wanted one or more characters that the training text '
            f'has, which are {vocabulary.characters!r}'
        )
    tokens, rest = vocabulary.encode(training), vocabulary.encode(held_out)
    unknown = int((rest == 0).sum())
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, max(steps // 20, 1), max(steps, 2)
    )
    bits = witten_bell(tokens, rest, symbols=vocabulary.size, orders=ORDERS).mean(1)
    common = {'vocabulary': vocabulary.size, 'layers': layers, 'dropout': dropout}
    if cell == 'transformer':
        sizes = {'context': window, 'width': units, 'heads': heads}
        net = create_model('gpt_character', **common, **sizes)
        source = random_windows(tokens, batch_size, window)
        known, scored = window // 2, window - window // 2
        length = window - len(prompt)
        if length < 1:
            raise ValueError(
                f'prompt={prompt!r} has {len(prompt)} characters, wanted fewer than '
                f'the window of {window}, all that the net ever sees'
            )
    else:
        layer = CELLS[cell](units)
        net = create_model('character_lstm', **common, cell=layer, stateful=True)
        source = text_windows(tokens, batch_size, window)
        known, scored, length = CONTEXT, 3 * CONTEXT, 500
    return Experiment(
        net=net,
        players={
            'model': Player(
                clipped(optax.adamw(schedule, weight_decay=weight_decay), clip),
                loss=predict_next(),
            )
        },
        source=source,
        steps=steps,
        data_summary=f'{kind}; {len(tokens):,} characters train, {len(rest):,} held '
        f'out, {unknown} of them unknown; {vocabulary.size} symbols',
        score=score_next(),
        evaluation={
            'held_out': scored_windows(
                np.concatenate([tokens, rest]),
                len(tokens),
                window=scored,
                context=known,
            )
        },
        inputs=zoo.inputs('character_lstm', vocabulary=vocabulary.size),
        vocabularies={'tokens': vocabulary},
        evaluation_batch=64,
        measures={'ngram': counted(bits)},
        pictures={
            'Beside n-grams': compared(bits),
            'Samples': samples(vocabulary, prompt, length),
        },
    )


def counted(bits: np.ndarray) -> Measure:
    """Enter what n-gram models of order 1 and up come to, in bits per character."""
    figures = {f'order_{order}': float(b) for order, b in enumerate(bits, 1)}
    return lambda outcome: figures


def compared(bits: np.ndarray) -> Picture:
    """Write the net's bits per character under those of the n-gram models."""

    def draw(outcome: Outcome) -> str:
        last = outcome.rows[-1]['held_out/bits_per_character']
        rows = [(f'{n}-gram, Witten-Bell', b) for n, b in enumerate(bits, 1)]
        lines = [f'{name:<24}{b:8.3f}' for name, b in [*rows, ('this net', last)]]
        return '\n'.join(['bits per character of the held-out text', *lines])

    return draw


def samples(vocabulary: Vocabulary, prompt: str, length: int, seed: int = 0) -> Picture:
    """Let the net write on from a prompt, from cautious to daring.

    Args:
        vocabulary: of the net.
        prompt: what it goes on from.
        length: characters to write.
        seed: of the draws.
    """
    heats = (0.0, 0.5, 0.8, 1.0, 1.2)

    def draw(outcome: Outcome) -> str:
        def write(net: nn.Module, prompts: Array) -> Array:
            key = jax.random.key(seed)
            return sample(
                net, key, prompts, steps=length, temperature=jnp.array(heats)
            ).tokens

        prompts = np.tile(vocabulary.encode(prompt), (len(heats), 1))
        written = outcome.apply(write, prompts)
        return '\n\n'.join(
            f'--- temperature {heat} ---\n{prompt}{vocabulary.decode(tokens)}'
            for heat, tokens in zip(heats, np.asarray(written), strict=True)
        )

    return draw


if __name__ == '__main__':
    command(experiment)
