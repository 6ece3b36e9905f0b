"""Recurrent networks."""

from collections.abc import Callable

import optax

from dljax.losses import binary_cross_entropy, cross_entropy, huber, quadratic
from dljax.models.recurrent import (
    SequenceGenerator,
    SpeechCTC,
    bernoulli,
    categorical,
)
from dljax.objectives import (
    caption,
    classify,
    generate,
    predict_next,
    regress,
    solve_readout,
    tag,
    transcribe,
    translate,
)
from dljax.recipes.plan import Plan, Specs
from dljax.training import Player, clipped
from dljax.types import Array, Loss, Spec


def _by_adam(name: str, loss: Loss, rate: float) -> dict[str, Player]:
    return {name: Player(clipped(optax.adam(rate)), loss=loss)}


def _by_decay(name: str, loss: Loss, rate: float, decay: float) -> dict:
    optimizer = clipped(optax.adamw(rate, weight_decay=decay))
    return {name: Player(optimizer, loss=loss)}


def _solved(ridge: float) -> dict[str, Player]:
    """The output layer at once; the batch stands for the whole set."""
    rule = solve_readout('history', ridge=ridge)
    return {'output': Player(optax.sgd(1.0), direction=rule, trains=('output',))}


def _generator(net: SequenceGenerator) -> dict[str, Player]:
    losses: dict[object, Callable[[Array, Array], Array]] = {
        categorical: cross_entropy,
        bernoulli: binary_cross_entropy,
    }
    loss = generate(
        'condition' if net.classes is None else 'label',
        loss=losses.get(net.draw, quadratic),
    )
    return _by_decay('generator', loss, 3e-3, 1e-2)


def _listener(net: SpeechCTC) -> dict[str, Player]:
    schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, 1_000, 100_000)
    optimizer = clipped(optax.adamw(schedule, weight_decay=1e-2))
    # What is drawn may have more tokens than frames; of one's own data it is refused.
    return {'listener': Player(optimizer, loss=transcribe(skip_impossible=True))}


def _without_blanks(net: SpeechCTC, specs: Specs) -> Specs:
    return {**specs, 'target': Spec((None,), 'int32', 1, net.tokens - 1)}


_OF_SEQUENCE = {'length': 'sequence'}

PLANS = {
    'sequence_classifier': Plan(
        lambda net: _by_decay(
            'classifier', classify(('sequence', 'length')), 3e-3, 1e-4
        ),
        64,
        lengths=_OF_SEQUENCE,
    ),
    'sequence_tagger': Plan(
        lambda net: _by_adam('tagger', tag(), 1e-2),
        64,
        shaped_by={'label': 'sequence'},
        lengths=_OF_SEQUENCE,
    ),
    'sequence_generator': Plan(_generator, 32),
    'encoder_decoder': Plan(
        lambda net: _by_adam('translator', translate(), 3e-3),
        64,
        lengths={'source_length': 'source', 'target_length': 'target'},
    ),
    'attention_translator': Plan(
        lambda net: _by_adam('translator', translate(), 3e-3),
        64,
        lengths={'source_length': 'source', 'target_length': 'target'},
    ),
    'captioner': Plan(
        lambda net: _by_adam('captioner', caption(), 1e-3),
        64,
        lengths={'caption_length': 'caption'},
    ),
    'echo_state_network': Plan(
        lambda net: _solved(1e-8), 32, shaped_by={'target': 'history'}
    ),
    'forecaster': Plan(
        lambda net: _by_adam('forecaster', regress('history', loss=huber), 2e-3), 64
    ),
    'autoregression': Plan(lambda net: _solved(1.0), 512),
    'character_lstm': Plan(
        lambda net: _by_decay('model', predict_next(), 4e-3, 0.1),
        32,
        shaped_by={'target': 'tokens'},
    ),
    'speech_ctc': Plan(
        _listener,
        32,
        features=_without_blanks,
        lengths={'sound_length': 'sound', 'target_length': 'target'},
    ),
}
