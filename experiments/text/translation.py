"""Translation: dates to ISO 8601 by default, or pairs of the user's own (U3.1, U3.8).

Papers: with attention Bahdanau, Cho, Bengio (2015), Neural machine translation by
jointly learning to align and translate, https://arxiv.org/abs/1409.0473; without it
Sutskever, Vinyals, Le (2014), Sequence to sequence learning with neural networks,
https://arxiv.org/abs/1409.3215; Cho et al. (2014), Learning phrase representations
using RNN encoder-decoder, https://arxiv.org/abs/1406.1078; by attention alone Vaswani
et al. (2017), Attention is all you need, https://arxiv.org/abs/1706.03762.

The pairs are synthetic by default: eight English styles of days from 1930 to 2029, by
rule, letter by letter. No day of the validation or the test is in the training, in any
style. Of the user's own pairs a tenth is held out for the validation and another for
the test, where there are no such splits; their batches are of sentences of like length.
BLEU is that of words between blanks, as the files have them.

Measured on the dates with 1 member, seed 0, on a 2-core CPU: all of the 2,000 test
dates are translated without a mistake after 2,000 updates, greedily and by beams alike,
with attention and without it, where all that the decoder learns of a source is one
vector. With attention 98 % of the validation are right after 200 updates.
Cost: some two minutes of training for either beside other work.
Commands:
python experiments/text/translation.py
python experiments/text/translation.py --net plain
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from dljax.cli import command

import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, zoo
from dljax.data import resident
from dljax.data.dates import DATE_CHARACTERS
from dljax.data.translation import (
    LENGTHS,
    Translation,
    date_translation,
    text_translation,
    translation_source,
)
from dljax.decoding import beam, greedy
from dljax.experiment import Experiment, Measure, Outcome, Picture
from dljax.explain import attention_maps
from dljax.layers import GRU, LSTM, Elman, RecurrentStack
from dljax.measures.written import decoded
from dljax.metrics import bleu
from dljax.models.translation import END
from dljax.objectives import score_translation, translate
from dljax.objectives.steps import per_step, within_length
from dljax.pictures.attention import Alignment, alignments
from dljax.training import Player, clipped
from dljax.types import Array, Batch, Spec

TINY = {'steps': 2, 'batch_size': 8, 'units': 8, 'train': 40, 'test': 10}
CELLS = {'elman': Elman, 'lstm': LSTM, 'gru': GRU}


def experiment(
    *,
    data: Path | None = None,
    languages: tuple[str, str] | None = None,
    test_set: str | None = None,
    tokens: Literal['words', 'byte_pairs', 'letters'] = 'words',
    minimum: int = 2,
    vocabulary: int = 10_000,
    joint: bool = False,
    longest: int = 64,
    net: Literal['attention', 'plain', 'transformer'] = 'attention',
    cell: Literal['elman', 'lstm', 'gru'] = 'gru',
    units: int = 128,
    embedding: int = 32,
    layers: int = 3,
    heads: int = 4,
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    context: bool = True,
    bidirectional: bool = True,
    reverse: bool = False,
    train: int = 20_000,
    test: int = 2000,
    steps: int = 2000,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.0,
    width: int = 5,
) -> Experiment:
    """Train under teacher forcing; score by greedy decoding, and by beams at the end.

    Args:
        data: the user's pairs: a folder of files of lines, train.de beside train.en and
            so for val and test, or a table of two columns; by default written dates.
        languages: what is given and what is wanted: the endings of the files of a
            folder, or two columns of a table.
        test_set: which test of a folder counts, where there are several.
        tokens: the units of the user's texts; byte pairs are learned from them.
        minimum: how often a word has to occur to be known.
        vocabulary: tokens at most, of each side.
        joint: whether both sides have one vocabulary.
        longest: tokens of a text at most; of longer ones the pair is left out of the
            training, and cut elsewhere.
        net: a recurrent decoder that looks at each token of the source, one that learns
            of it only by the encoder's last states, or a transformer.
        cell: which recurrent layer.
        units: of a recurrent encoder in each direction, and of the decoder; the width
            of a transformer.
        embedding: width of the embedding of a token, where the net is recurrent.
        layers: of a transformer's encoder, and of its decoder.
        heads: of a transformer.
        dropout: fraction that is dropped; not in the plain net.
        label_smoothing: fraction of the target's probability that all tokens share.
        context: whether the plain decoder sees the encoder's last states at each step.
        bidirectional: whether the source is read in both directions.
        reverse: whether it is turned round before, for the plain net.
        train: dates to learn from.
        test: dates to test with, and half as many for the validation.
        steps: updates in all.
        batch_size: examples in one update.
        learning_rate: of AdamW at its highest: it rises over the first twentieth of the
            updates, then falls to 0 along a cosine.
        weight_decay: of AdamW.
        width: sequences that a beam keeps.
    """
    if data is None:
        made = date_translation(train, test)
        source = resident(made.splits['train'], batch_size)
    else:
        made = text_translation(
            data,
            languages,
            test_set=test_set,
            units=tokens,
            minimum=minimum,
            largest=vocabulary,
            joint=joint,
            longest=longest,
        )
        source = translation_source(made, batch_size)
    common = {'source_tokens': made.source.size, 'target_tokens': made.target.size}
    layer = CELLS[cell](units)
    recurrent = {
        'embedding': embedding,
        'encoder': RecurrentStack(layer, bidirectional=bidirectional),
        'decoder': RecurrentStack(layer),
    }
    if net == 'transformer':
        sizes = {'width': units, 'hidden': 2 * units, 'layers': layers, 'heads': heads}
        settings = {**sizes, 'dropout': dropout, 'norm_first': True}
        settings['shared'] = 'all' if joint else 'output'
        model = 'transformer_small'
    elif net == 'attention':
        settings = {**recurrent, 'attention': units, 'dropout': dropout}
        model = 'attention_translator'
    elif dropout:
        raise ValueError(
            f'dropout={dropout} with --net plain, which has none, wanted 0: take '
            'another net, or leave it out'
        )
    else:
        settings = {**recurrent, 'context': context, 'reverse': reverse}
        model = 'encoder_decoder'
    settings |= common
    given, ends = ('source', 'source_length'), {'steps': made.steps, 'end': END}
    greedily = decoded(functools.partial(greedy, **ends), *given)
    searched = decoded(functools.partial(beam, width=width, **ends), *given)
    shown = {} if net == 'plain' else {'Alignments': alignments(looked(made))}
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, max(steps // 20, 1), max(steps, 2)
    )
    optimizer = clipped(optax.adamw(schedule, weight_decay=weight_decay), 1.0)
    loss = translate(label_smoothing=label_smoothing)
    return Experiment(
        net=create_model(model, **settings),
        players={'translator': Player(optimizer, loss=loss)},
        source=source,
        steps=steps,
        data_summary=made.summary,
        score=score_translation(),
        evaluation={split: made.splits[split] for split in ('validation', 'test')},
        inputs={
            **zoo.inputs(model, **settings),
            **{
                name: Spec((), 'int32', 1, made.splits['train'][side].shape[1])
                for side, name in LENGTHS.items()
            },
        },
        vocabularies={'source': made.source, 'target': made.target},
        best='validation/loss',
        maximize=False,
        measures={'decoding': compare(made, greedily, searched)},
        pictures={
            **shown,
            'Examples': examples(made, greedily),
            'Mistakes': mistakes(made, greedily),
            'Beams': hesitations(made, greedily, searched),
        },
    )


def wanted(made: Translation) -> list[tuple[str, str]]:
    """Give source and target of each example of the test, as texts."""
    test = made.splits['test']
    rows = zip(test['source'], test['target'], strict=True)
    return [(made.source.decode(s), made.target.decode(t)) for s, t in rows]


def units_of(made: Translation, text: str) -> list[str]:
    """Part a text for BLEU: at blanks, but dates into letters."""
    return list(text) if made.target is DATE_CHARACTERS else text.split()


def compare(made: Translation, greedily: Callable, searched: Callable) -> Measure:
    """Measure what each way of decoding makes of the test.

    Args:
        made: what is translated.
        greedily: gives tokens [example, steps].
        searched: gives tokens [example, width, steps].
    """

    def surprise(
        net: nn.Module, source: Array, target: Array, length: Array, true: Array
    ) -> Array:
        logits = net(source, target, length, train=False)
        return per_step(logits, target, within_length(true, target.shape[1]))

    def measure(outcome: Outcome) -> dict[str, float]:
        targets = [target for _, target in wanted(made)]
        split = [[units_of(made, target)] for target in targets]
        (tokens, _), (beams, _) = greedily(outcome), searched(outcome)
        texts = [[made.target.decode(row) for row in rows] for rows in beams]
        found = {}
        for name, answers in (
            ('greedy', [made.target.decode(row) for row in tokens]),
            ('beam', [rows[0] for rows in texts]),
        ):
            pairs = list(zip(answers, targets, strict=True))
            found[name] = float(np.mean([a == t for a, t in pairs]))
            # It is 0 where no sentence has the four units of its longest n-gram.
            if max(len(target) for (target,) in split) >= 4:
                parts = [units_of(made, answer) for answer in answers]
                found[f'{name}_bleu'] = 100 * bleu(parts, split).score
        inside = zip(targets, texts, strict=True)
        found['within_beam'] = float(np.mean([t in rows for t, rows in inside]))
        test = made.splits['test']
        features = 'source', 'target', 'source_length', 'target_length'
        nats = outcome.in_parts(surprise, *(test[name] for name in features))
        mean = np.average(nats, weights=test['target_length'])
        found['perplexity'] = float(np.exp(mean))
        return found

    return measure


def looked(made: Translation, count: int = 6) -> Callable[[Outcome], list[Alignment]]:
    """Tell which tokens of the source each one of the translation was written by.

    Of a transformer these are the weights of its last layer, the mean of the heads.

    Args:
        made: what is translated.
        count: examples.
    """

    def weigh(net: nn.Module, batch: Batch) -> Array:
        inputs = (batch['source'], batch['target'], batch['source_length'])
        maps = attention_maps(net, *inputs)
        crossed = [name for name in maps if name.endswith('cross_attention')]
        last = max(crossed, key=lambda name: (len(name), name), default='attention')
        return maps[last].mean(axis=1)

    def look(outcome: Outcome) -> list[Alignment]:
        test = outcome.evaluation['test']
        batch = {name: rows[:count] for name, rows in test.items()}
        weights = np.asarray(outcome.apply(weigh, batch))
        found = []
        for n, each in enumerate(weights):
            read = [made.source.decode([t]) for t in batch['source'][n]]
            written = [made.target.decode([t]) for t in batch['target'][n]]
            last = batch['source_length'][n] - 1, batch['target_length'][n] - 1
            part = each[: last[1], : last[0]]
            found.append(Alignment(read[: last[0]], written[: last[1]], part))
        return found

    return look


def hesitations(made: Translation, greedily: Callable, searched: Callable) -> Picture:
    """Show what the net hesitated over most, beside what greedy decoding says.

    Args:
        made: what is translated.
        greedily: gives tokens [example, steps].
        searched: gives tokens [example, width, steps], and their probabilities.
    """

    def write(outcome: Outcome) -> str:
        (tokens, _), (beams, chances) = greedily(outcome), searched(outcome)
        width, decode = beams.shape[1], made.target.decode
        lines = [f'the least certain of {len(beams)}: a beam of {width} beside greedy']
        pairs = wanted(made)
        for n in np.argsort(chances[:, 0])[:8]:
            lines += ['', f'source {pairs[n][0]}', f'target {pairs[n][1]}']
            lines += [f'greedy {decode(tokens[n])}']
            rows = zip(beams[n], chances[n], strict=True)
            lines += [f'{chance:9.4f}  {decode(row)}' for row, chance in rows]
        return '\n'.join(lines)

    return write


def table(rows: list[tuple[str, str, str]], title: str) -> str:
    """Lay source, answer and target below each other."""
    lines = [title]
    for source, answer, target in rows:
        lines += ['', f'source {source}', f'answer {answer}', f'target {target}']
    return '\n'.join(lines)


def answered(
    made: Translation, greedily: Callable, outcome: Outcome
) -> list[tuple[str, str, str]]:
    """Give source, answer and target of each example of the test."""
    tokens, _ = greedily(outcome)
    return [
        (source, made.target.decode(row), target)
        for (source, target), row in zip(wanted(made), tokens, strict=True)
    ]


def examples(made: Translation, greedily: Callable, count: int = 16) -> Picture:
    """Show the first examples of the test."""
    return lambda outcome: table(
        answered(made, greedily, outcome)[:count], 'the first examples of the test'
    )


def mistakes(made: Translation, greedily: Callable, count: int = 24) -> Picture:
    """Show what was translated otherwise than the test has it."""

    def write(outcome: Outcome) -> str:
        rows = answered(made, greedily, outcome)
        wrong = [row for row in rows if row[1] != row[2]]
        title = f'{len(wrong)} of {len(rows)} are not as wanted; the first of them'
        return table(wrong[:count], title)

    return write


if __name__ == '__main__':
    command(experiment)
