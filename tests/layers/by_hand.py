"""The textbook's equations of recurrent cells, step by step in NumPy's float64."""

import jax
import numpy as np
from flax import linen as nn

from dljax.layers import LSTM, Elman, RecurrentStack
from dljax.types import PyTree


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def dense(params: PyTree, inputs: np.ndarray) -> np.ndarray:
    return inputs @ np.float64(params['kernel']) + np.float64(params['bias'])


def step(
    cell: nn.Module, params: PyTree, x: np.ndarray, carry: PyTree | None = None
) -> tuple[np.ndarray, PyTree]:
    """Take one step over [batch, inputs], from zeros without a carry.

    Returns:
        The state, and the carry in the form of the cell's own.
    """
    w, u, b = (
        np.asarray(params[k], np.float64)
        for k in ('kernel', 'recurrent_kernel', 'bias')
    )
    parts = w.shape[1] // cell.features
    u = np.split(u, parts, axis=1)
    a = np.split(x @ w + b, parts, axis=1)
    if isinstance(cell, LSTM):
        h, c = np.zeros((2, len(x), cell.features)) if carry is None else carry
        i, f, g, o = (a[k] + h @ u[k] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return h, (h, c)
    h = np.zeros((len(x), cell.features)) if carry is None else carry
    if isinstance(cell, Elman):
        h = a[0] + h @ u[0]
        h = np.maximum(h, 0) if cell.activation is jax.nn.relu else np.tanh(h)
        return h, h
    r, z = sigmoid(a[0] + h @ u[0]), sigmoid(a[1] + h @ u[1])
    if cell.reset_after:
        answer = r * (h @ u[2] + np.float64(params['recurrent_bias']))
    else:
        answer = (r * h) @ u[2]
    h = z * h + (1 - z) * np.tanh(a[2] + answer)
    return h, h


def run(
    cell: nn.Module, params: PyTree, inputs: np.ndarray, carry: PyTree | None = None
) -> tuple[np.ndarray, PyTree]:
    """Run over [batch, time, inputs]: all states, and the last carry."""
    states = []
    for t in range(inputs.shape[1]):
        state, carry = step(cell, params, inputs[:, t], carry)
        states.append(state)
    return np.stack(states, axis=1), carry


def run_stack(
    stack: RecurrentStack, params: PyTree, inputs: np.ndarray, carry: PyTree = None
) -> tuple[np.ndarray, PyTree]:
    """Run a stack over sequences without padding, as `run` does."""
    last = []
    for index in range(stack.layers):
        first = None if carry is None else carry[index]
        if not stack.bidirectional:
            inputs, end = run(stack.cell, params[f'forward_{index}'], inputs, first)
        else:
            ahead, back = (None, None) if carry is None else first
            ahead, end = run(stack.cell, params[f'forward_{index}'], inputs, ahead)
            back, start = run(
                stack.cell, params[f'backward_{index}'], inputs[:, ::-1], back
            )
            inputs, end = np.concatenate([ahead, back[:, ::-1]], axis=2), (end, start)
        last.append(end)
    return inputs, tuple(last)


def first_carry(stack: RecurrentStack, params: PyTree, inputs: np.ndarray) -> PyTree:
    """Give the parts of one product, tanh(V x + b), in the form of a stack's carry."""
    widths, form = jax.tree.flatten(stack.carry_form())
    joined = np.tanh(dense(params['states'], inputs))
    parts = np.split(joined, np.cumsum(widths)[:-1], axis=1)
    return jax.tree.unflatten(form, parts)
