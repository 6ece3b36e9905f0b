"""Learning and scoring speech recognition: tokens out of sound, by CTC."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.data.augment.audio import SoundAugmentation
from dljax.decoding import ctc_greedy
from dljax.losses import ctc_loss
from dljax.losses.meaning import nan_beyond
from dljax.metrics import edit_distances
from dljax.objectives import wanted
from dljax.objectives.outputs import shape_of
from dljax.objectives.steps import within_length
from dljax.training import declared
from dljax.training.declaration import Check
from dljax.types import Array, Batch, Loss, Metrics, Score

BLANK = 0  # the class that stands for no token, and the padding of targets


def transcribe(
    *,
    augment: SoundAugmentation | None = None,
    mask: SoundAugmentation | None = None,
    skip_impossible: bool = False,
) -> Loss:
    """Connectionist temporal classification of recordings (U3.8).

    The batch holds 'sound' [batch, samples] float, 'sound_length' [batch], samples,
    'target' [batch, tokens] without the blank 0, which pads it, and 'target_length'
    [batch]. The net is one as `models.recurrent.SpeechCTC`: `hear` computes features,
    `read` logits from them, and `frames` tells how many of these are true.

    Args:
        augment: `(key, sound, length) -> sound`, such as `data.augment.add_noise()`,
            drawn anew in each step.
        mask: `(key, features, frames) -> features`, such as `data.augment.mask_time(9)`
            of the normalised features, drawn anew in each step.
        skip_impossible: whether an example with more tokens than its frames can hold
            costs 0; otherwise it is refused, and infinite where that was not seen.

    Returns:
        `(net, batch, step) -> (loss, metrics)` with the loss in nats an example and the
        metric 'nats_per_token'.

    Reference:
        Graves et al. (2006), Connectionist Temporal Classification: Labelling
        Unsegmented Sequence Data with Recurrent Neural Networks,
        https://doi.org/10.1145/1143844.1143891
        Park et al. (2019), SpecAugment: A Simple Data Augmentation Method for Automatic
        Speech Recognition, https://arxiv.org/abs/1904.08779; the masks.

    Example:
        >>> import jax, optax
        >>> from dljax import create_model
        >>> from dljax.layers import GRU, RecurrentStack
        >>> from dljax.training import Player, learner
        >>> sizes = {'features': (4, 4), 'stack': RecurrentStack(GRU(8))}
        >>> player = Player(optax.adam(.01), loss=transcribe())
        >>> train = learner(create_model('speech_ctc', **sizes), {'listener': player})
        >>> batch = {'sound': jnp.ones((1, 800)), 'sound_length': jnp.array([800])}
        >>> batch |= {'target': jnp.array([[3, 0]]), 'target_length': jnp.array([1])}
        >>> state = train.init(jax.random.key(0), batch)
        >>> sorted(train.update(jax.random.key(0), state, batch)[1])[-1]
        'listener/nats_per_token'
    """

    def objective(net: Any, batch: Batch, step: Array) -> tuple[Array, Metrics]:
        sound, length = batch['sound'], batch['sound_length']
        if augment is not None:
            sound = augment(net.make_rng('augment'), sound, length)
        features, frames = net.hear(sound, length)
        if mask is not None:
            features = mask(net.make_rng('mask'), features, frames)
        logits = net.read(features, frames, train=True)
        loss = _loss(net, logits, batch, skip_impossible)
        tokens = jnp.maximum(batch['target_length'].sum(), 1)
        return loss.mean(), {'nats_per_token': loss.sum() / tokens}

    return declared(objective, _check(skip_impossible))


def score_transcription() -> Score:
    """Scores of speech recognition by the best path, `decoding.ctc_greedy`.

    The batch is that of `transcribe`.

    Returns:
        `(net, batch, step) -> scores` of [batch] in evaluation mode: 'exact', 1 where
        the output is the target, 'error_rate', the edits from the output to the target
        by the tokens of the target, and 'loss' in nats an example. The mean of the
        rates counts every example alike; `metrics.word_error_rate` every word.
    """

    def score(net: Any, batch: Batch, step: Array) -> Metrics:
        length, target = batch['target_length'], batch['target']
        logits = net(batch['sound'], batch['sound_length'], train=False)
        frames = net.frames(batch['sound_length'])
        loss = _loss(net, logits, batch, False)
        said = ctc_greedy(logits, frames, blank=BLANK)
        edits = edit_distances(said.tokens, target, said.lengths, length)
        unknown = jnp.isnan(loss)
        return {
            'exact': jnp.where(unknown, jnp.nan, edits == 0),
            'error_rate': jnp.where(unknown, jnp.nan, edits / jnp.maximum(length, 1)),
            'loss': loss,
        }

    return declared(score, _check(False))


def _loss(net: Any, logits: Array, batch: Batch, skip_impossible: bool) -> Array:
    """Compute the loss of each example, NaN of a sound that has no such length."""
    sound, length = batch['sound'], batch['sound_length']
    real = nan_beyond(length - 1, sound.shape[1])
    # A place that is not finite would be of no effect where it is padding.
    audible = jnp.isfinite(sound) | ~within_length(length, sound.shape[1])
    loss = ctc_loss(
        logits,
        batch['target'],
        lengths=net.frames(length),
        label_lengths=batch['target_length'],
        blank=BLANK,
        skip_impossible=skip_impossible,
    )
    return loss * real * jnp.where(audible.all(axis=1), 1.0, jnp.nan)


def _heard(net: nn.Module, batch: Batch) -> Array:
    return net(batch['sound'], batch['sound_length'], train=False)


def _check(skip_impossible: bool) -> Check:
    """Make the check of tokens, lengths, and what the frames can hold."""

    def check(net: nn.Module, arrays: Mapping[str, Any]) -> None:
        features = 'sound', 'sound_length', 'target', 'target_length'
        _, length, target, tokens = wanted.take(arrays, *features)
        wanted.finite(arrays, 'sound')
        wanted.lengths(arrays, 'sound_length', 'sound')
        true = wanted.lengths(arrays, 'target_length', 'target')
        shape = shape_of(_heard, net, {name: arrays[name] for name in features[:2]})
        count = shape[-1] if shape else None
        wanted.classes(arrays, 'target', count, shape=(None,), where=true, what='token')
        if (blank := true & (target == BLANK)).any():
            where = int(np.argwhere(blank)[0][0])
            raise ValueError(
                f"'target' of example {where} holds {BLANK}, wanted tokens from 1 on: "
                f'{BLANK} is the blank between tokens, and the padding after them: '
                'correct the target_length, or number the tokens from 1 on'
            )
        if net is None or skip_impossible or not hasattr(net, 'frames'):
            return
        frames = np.asarray(net.frames(length))
        repeats = ((target[:, 1:] == target[:, :-1]) & true[:, 1:]).sum(axis=1)
        if (beyond := tokens + repeats > frames).any():
            where = int(np.argmax(beyond))
            raise ValueError(
                f"'target' of example {where} has {tokens[where]} tokens, "
                f'{repeats[where]} of them like the one before, and the net gives its '
                f"'sound' {frames[where]} frames, wanted one for each token and one "
                'between equal ones: leave such examples out, or take smaller strides '
                'or a smaller hop (skip_impossible=True lets them cost 0)'
            )

    return check
