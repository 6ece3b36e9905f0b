"""An LSTM by cuDNN, on NVIDIA GPUs: the whole loop over time in one call."""

from typing import cast

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from dljax.types import Array

Carry = tuple[Array, Array]


def cudnn_lstm(
    inputs: Array,
    kernel: Array,
    recurrent: Array,
    bias: Array,
    carry: Carry,
    lengths: Array | None,
    reverse: bool,
) -> tuple[Array, Carry]:
    """Run an LSTM along time with cuDNN's kernels.

    They compute in float32, by TF32 unless `jax_default_matmul_precision` is 'highest';
    half precision is widened and rounded at the end. Under jit and `jax.grad`; there is
    no forward mode, no second derivative and no vmap.

    Args:
        inputs: [batch, time, inputs] of at most 32 bits.
        kernel: [inputs, 4 · features], in the order input, forget, cell, output.
        recurrent: [features, 4 · features].
        bias: [4 · features].
        carry: h_0 and c_0, [batch, features] each.
        lengths: [batch] integers, true steps of each sequence, at least 1; None for
            all.
        reverse: whether time runs backwards; a Python bool.

    Returns:
        The outputs [batch, time, features], 0 in the padding, and the last carry.

    Raises:
        ValueError: where JAX runs on something else than an NVIDIA GPU, or in float64.

    Reference:
        Chetlur et al. (2014), cuDNN: Efficient Primitives for Deep Learning,
        https://arxiv.org/abs/1410.0759
    """
    _check(inputs)
    batch, time, width = inputs.shape
    features = recurrent.shape[0]
    single = [x.astype(jnp.float32) for x in (inputs, *carry, kernel, recurrent, bias)]
    given, hidden, cell, kernel, recurrent, bias = single
    steps = jnp.full(batch, time) if lengths is None else lengths
    steps = steps.astype(jnp.int32)
    if reverse:
        given = _turned(given, steps)
    # Rows are gates there. It has a second bias, which it adds to the first.
    parts = (kernel.T, recurrent.T, bias, jnp.zeros_like(bias))
    answered = rnn.lstm(
        given,
        hidden[None],
        cell[None],
        jnp.concatenate([part.ravel() for part in parts]),
        steps,
        width,
        features,
        1,
        0.0,
        False,
    )
    # What has derivatives of its own gives anything, by its stub.
    outputs, hidden, cell = cast(tuple[Array, Array, Array], answered)
    if reverse:
        outputs = _turned(outputs, steps)
    kind = inputs.dtype
    return outputs.astype(kind), (hidden[0].astype(kind), cell[0].astype(kind))


def _check(inputs: Array) -> None:
    if jax.default_backend() != 'gpu':
        raise ValueError(
            f'cudnn is set and JAX runs on {jax.default_backend()}, wanted an NVIDIA '
            'GPU: leave cudnn away, the parameters are the same'
        )
    if jnp.finfo(inputs.dtype).bits > 32:
        raise ValueError(
            f'cudnn is set and the computation is of {inputs.dtype}, wanted float32 or '
            'less: leave cudnn away'
        )


def _turned(values: Array, steps: Array) -> Array:
    """Turn the true steps of each sequence round; the padding stays behind them."""
    here = jnp.arange(values.shape[1])[None, :]
    ends = steps[:, None]
    places = jnp.where(here < ends, ends - 1 - here, here)
    return jnp.take_along_axis(values, places[..., None], axis=1)
