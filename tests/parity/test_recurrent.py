"""Recurrent layers equal torch's on the same weights, gradients included."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import linen as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dljax.layers import GRU, LSTM, Elman, RecurrentStack
from dljax.types import Array, PyTree

FEATURES, INPUTS, LAYERS = 7, 5, 2
LENGTHS = [9, 6, 3, 1]  # torch wants them sorted
PAIRS = {
    'elman': (Elman(FEATURES), torch.nn.RNN),
    'lstm': (LSTM(FEATURES), torch.nn.LSTM),
    'gru': (GRU(FEATURES), torch.nn.GRU),
}


def places() -> Iterator[tuple[str, str]]:
    """Our name and torch's suffix of each layer and direction."""
    for layer in range(LAYERS):
        yield f'forward_{layer}', f'l{layer}'
        yield f'backward_{layer}', f'l{layer}_reverse'


def taken_over(weights: dict[str, np.ndarray], cell: nn.Module) -> PyTree:
    """Our parameters from torch's; of its two biases only the GRU needs both."""
    params = {}
    for ours, theirs in places():
        w, u, b, d = (
            weights[f'{kind}_{theirs}']
            for kind in ('weight_ih', 'weight_hh', 'bias_ih', 'bias_hh')
        )
        bias = b + d
        part = {'kernel': w.T, 'recurrent_kernel': u.T}
        if isinstance(cell, GRU):
            bias[-FEATURES:] = b[-FEATURES:]
            part['recurrent_bias'] = d[-FEATURES:]
        params[ours] = {**part, 'bias': bias}
    return params


def compare(ours: PyTree, theirs: PyTree, tolerance: float) -> None:
    """Relative to the largest number of each array."""
    for path, value in jax.tree_util.tree_leaves_with_path(theirs):
        mine = ours
        for key in path:
            mine = mine[getattr(key, 'key', getattr(key, 'idx', None))]
        error = np.abs(np.asarray(mine) - value).max() / np.abs(value).max()
        assert error < tolerance, f'{jax.tree_util.keystr(path)}: {error}'


@pytest.mark.parametrize(
    ('width', 'tolerance'), [('float32', 1e-5), ('float64', 1e-10)]
)
@pytest.mark.parametrize('name', PAIRS)
def test_outputs_and_gradients_equal_those_of_torch(
    name: str, width: str, tolerance: float
) -> None:
    cell, reference = PAIRS[name]
    torch.manual_seed(0)
    theirs = reference(
        INPUTS, FEATURES, LAYERS, bidirectional=True, batch_first=True
    ).to(getattr(torch, width))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(len(LENGTHS), max(LENGTHS), INPUTS)).astype(width)
    weight = rng.normal(size=(*x.shape[:2], 2 * FEATURES)).astype(width)

    given = torch.tensor(x, requires_grad=True)
    packed = pack_padded_sequence(given, LENGTHS, batch_first=True)
    answers, end = theirs(packed)
    answers, _ = pad_packed_sequence(answers, batch_first=True)
    (answers * torch.tensor(weight)).sum().backward()
    weights = {k: p.detach().numpy().copy() for k, p in theirs.named_parameters()}
    gradients = {k: p.grad.numpy().copy() for k, p in theirs.named_parameters()}

    with jax.enable_x64(width == 'float64'):
        net = RecurrentStack(cell, LAYERS, bidirectional=True, param_dtype=width)
        params = jax.tree.map(jnp.asarray, taken_over(weights, cell))
        made = jax.eval_shape(net.init, jax.random.key(0), x)['params']
        assert jax.tree.map(jnp.shape, made) == jax.tree.map(jnp.shape, params)

        def loss(params: PyTree, inputs: Array) -> tuple[Array, PyTree]:
            outputs, carry = net.apply(
                {'params': params}, inputs, lengths=jnp.array(LENGTHS)
            )
            return (outputs * weight).sum(), (outputs, carry)

        compute = jax.jit(jax.grad(loss, (0, 1), has_aux=True))
        (gradient, towards_x), (outputs, carry) = compute(params, jnp.asarray(x))
        assert outputs.dtype == width

    compare(outputs, answers.detach().numpy(), tolerance)
    hidden = end[0] if name == 'lstm' else end
    last = [h[0] if name == 'lstm' else h for pair in carry for h in pair]
    compare(np.stack(last), hidden.detach().numpy(), tolerance)
    compare(towards_x, given.grad.numpy(), tolerance)
    for ours, suffix in places():  # both of torch's biases get the same gradient
        wanted = {
            'kernel': gradients[f'weight_ih_{suffix}'].T,
            'recurrent_kernel': gradients[f'weight_hh_{suffix}'].T,
            'bias': gradients[f'bias_ih_{suffix}'],
        }
        if name == 'gru':
            wanted['recurrent_bias'] = gradients[f'bias_hh_{suffix}'][-FEATURES:]
        compare(gradient[ours], wanted, tolerance)
