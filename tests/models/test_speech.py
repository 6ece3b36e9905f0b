"""Speech to logits: padding changes nothing, loudness neither, and frames are told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dljax.layers import GRU, RecurrentStack, log_mel
from dljax.models.recurrent import SpeechCTC
from dljax.types import PyTree

RNG = np.random.default_rng(0)
NET = SpeechCTC(
    tokens=5,
    bands=20,
    features=(3, 4),
    kernel_sizes=((5, 3), (3, 5)),
    strides=((2, 2), (3, 1)),
    stack=RecurrentStack(GRU(6), bidirectional=True),
)
LENGTH = np.array([4000, 1601, 200], np.int32)
SOUND = RNG.normal(size=(3, 4000)).astype(np.float32)


def drawn(net: SpeechCTC) -> PyTree:
    shapes = jax.eval_shape(net.init, jax.random.key(0), SOUND, LENGTH)
    draw = np.random.default_rng(1)
    return jax.tree.map(
        lambda x: 0.3 * draw.normal(size=x.shape).astype(np.float32), shapes
    )


VARIABLES = drawn(NET)
CALL = jax.jit(NET.apply)


def test_neither_what_stands_in_the_padding_nor_its_width_counts() -> None:
    found = CALL(VARIABLES, SOUND, LENGTH)
    wide = np.pad(SOUND, ((0, 0), (0, 777)), constant_values=9)
    beyond = np.arange(4777)[None] >= LENGTH[:, None]
    wide = np.where(beyond, 1e6, wide).astype(np.float32)
    again = CALL(VARIABLES, wide, LENGTH)
    assert again.shape[1] > found.shape[1]
    for row, frames in enumerate(np.asarray(NET.frames(LENGTH))):
        alone = CALL(VARIABLES, SOUND[row : row + 1, : LENGTH[row]])
        assert alone.shape == (1, frames, 5)
        for other in (found[row], again[row]):
            np.testing.assert_allclose(other[:frames], alone[0], rtol=1e-4, atol=1e-4)


def test_the_frames_are_those_of_the_logits() -> None:
    for samples in (*range(75, 90), *range(155, 165), 1000, 3999):
        sound = jax.ShapeDtypeStruct((1, samples), jnp.float32)
        logits = jax.eval_shape(NET.apply, VARIABLES, sound)
        assert logits.shape[1] == int(NET.frames(samples))
    assert NET.frames(LENGTH).tolist() == [9, 4, 1]
    other = SpeechCTC(rate=16_000, hop=200)
    assert other.frames(16_000) == 41  # 81 at 80 a second, every other one


def test_features_have_no_mean_and_a_variance_of_one_at_any_loudness() -> None:
    found, frames = NET.hear(SOUND, LENGTH)
    raw, _ = log_mel(8000, bands=20, floor=1e-6)(SOUND, LENGTH)
    for features, values, count in zip(found, raw, frames, strict=True):
        true = np.asarray(values[:count])
        wanted = (true - true.mean()) / true.std()
        np.testing.assert_allclose(features[:count], wanted, atol=1e-3)
        assert not np.asarray(features[count:]).any()
    loud, _ = NET.hear(30 * SOUND, LENGTH)
    np.testing.assert_allclose(loud, found, atol=1e-2)
    silent, _ = NET.hear(np.zeros((1, 400), np.float32))
    assert np.abs(silent).max() < 0.01  # but for rounding


def test_convolutions_are_sums_over_frames_and_bands() -> None:
    net = SpeechCTC(
        tokens=2,
        bands=7,
        features=(2,),
        kernel_sizes=((3, 5),),
        strides=((2, 3),),
        stack=RecurrentStack(GRU(3)),
    )
    variables = drawn(net)
    features = RNG.normal(size=(1, 6, 7)).astype(np.float32)
    frames = np.array([6], np.int32)

    def seen(module: SpeechCTC, features: np.ndarray) -> jax.Array:
        return module.convolutions[0](features[..., None])

    found = net.apply(variables, features, method=seen)
    layer = variables['params']['convolution_0']
    padded = np.pad(features[0], ((1, 1), (2, 2)))
    for t, b in np.ndindex(3, 3):
        part = padded[2 * t : 2 * t + 3, 3 * b : 3 * b + 5]
        wanted = np.einsum('tb,tbo->o', part, layer['kernel'][:, :, 0])
        np.testing.assert_allclose(
            np.asarray(found)[0, t, b], wanted + layer['bias'], rtol=1e-4, atol=1e-5
        )
    read = net.apply(variables, features, frames, method='read')
    maps = np.clip(np.asarray(found), 0, 20).reshape(1, 3, 6)
    states, _ = net.stack.apply({'params': variables['params']['recurrent']}, maps)
    output = variables['params']['output']
    wanted = np.asarray(states) @ output['kernel'] + output['bias']
    np.testing.assert_allclose(read, wanted, rtol=1e-4, atol=1e-5)


def test_dropout_acts_in_training_alone() -> None:
    net = NET.clone(dropout=0.5)
    plain = CALL(VARIABLES, SOUND, LENGTH)
    np.testing.assert_array_equal(jax.jit(net.apply)(VARIABLES, SOUND, LENGTH), plain)
    rngs = {'dropout': jax.random.key(0)}
    dropped = net.apply(VARIABLES, SOUND, LENGTH, train=True, rngs=rngs)
    assert np.abs(np.asarray(dropped - plain)).max() > 1e-3


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'tokens': 1}, 'tokens is 1, wanted at least 2'),
        ({'features': (3,)}, r'features are \(3,\), kernel'),
        ({'features': (3, 0)}, r'features is \(3, 0\), wanted at least 1'),
        ({'strides': ((2, 2), (0, 1))}, 'strides is'),
        ({'kernel_sizes': ((4, 3), (3, 3))}, 'wanted odd numbers'),
        ({'dropout': 1.0}, 'dropout is 1'),
        ({'bands': 200}, 'of 200 bands lie between two frequencies'),
        ({'hop': 0}, 'hop 0'),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SpeechCTC(**settings)


def test_features_of_other_bands_are_refused() -> None:
    with pytest.raises(AssertionError, match='20'):
        NET.apply(VARIABLES, SOUND[:, :30, None], LENGTH, method='read')
