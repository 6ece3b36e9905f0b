"""Recurrent layers on top of each other, in one direction or in both."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.core.scope import Variable
from jax.typing import DTypeLike

from dljax.layers.checks import check_fractions
from dljax.layers.lstm import LSTM
from dljax.types import Array, PyTree


class RecurrentStack(nn.Module):
    """Stacked, optionally bidirectional recurrent layers (U3.1, U3.3, U3.4).

    The parameters are named `forward_0`, `backward_0`, `forward_1`, ... Where
    `stateful`, the last carry of each layer stays in the collection 'carry' and is the
    first one of the next call, from where no gradient flows back: truncated
    backpropagation through time. A call without that collection starts at zero.

    Attributes:
        cell: the layer to stack, `Elman`, `LSTM` or `GRU` with its settings.
        layers: how many, at least 1.
        bidirectional: whether a second layer runs backwards beside each; the outputs
            of both are concatenated in each step.
        residual: whether a layer adds its input, where that has the width of its
            output.
        dropout: the probability in [0, 1) with which an output is dropped between two
            layers.
        stateful: whether the carry is kept from call to call.
        dtype: the type of the computation; None leaves the cell's own.
        param_dtype: the type of the parameters; None leaves the cell's own.

    Raises:
        ValueError: for fewer than one layer, a dropout out of range, or a state to keep
            in both directions.

    Reference:
        Schuster, Paliwal (1997), Bidirectional Recurrent Neural Networks,
        https://doi.org/10.1109/78.650093; the two directions.
        Zaremba et al. (2014), Recurrent Neural Network Regularization,
        https://arxiv.org/abs/1409.2329; dropout between the layers only.
        Williams, Peng (1990), An Efficient Gradient-Based Algorithm for On-Line
        Training of Recurrent Network Trajectories,
        https://doi.org/10.1162/neco.1990.2.4.490; the truncation.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> stack, inputs = RecurrentStack(LSTM(8), layers=2), jnp.ones((2, 5, 3))
        >>> (outputs, carry), _ = stack.init_with_output(jax.random.key(0), inputs)
        >>> print(outputs.shape, len(carry))
        (2, 5, 8) 2
    """

    cell: nn.Module = LSTM(128)
    layers: int = 1
    bidirectional: bool = False
    residual: bool = False
    dropout: float = 0.0
    stateful: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        if self.layers < 1:
            raise ValueError(f'layers is {self.layers}, wanted at least 1')
        check_fractions(dropout=self.dropout)
        if self.stateful and self.bidirectional:
            raise ValueError(
                'stateful and bidirectional are both set: the backward layer begins at '
                'the end of a sequence, of which there is none before it'
            )

    @nn.nowrap
    def carry_form(self) -> PyTree:
        """Give the width of each array of the carry, in the form of the carry."""
        form = self.cell.carry_form()
        return ((form, form) if self.bidirectional else form,) * self.layers

    @nn.compact
    def __call__(
        self,
        inputs: Array,
        carry: PyTree | None = None,
        *,
        lengths: Array | None = None,
        train: bool = False,
    ) -> tuple[Array, PyTree]:
        """Run over the sequences.

        Args:
            inputs: [batch, time, inputs] float.
            carry: the first carry, a tuple of the form that is returned; by default the
                one that was kept, or zeros.
            lengths: [batch] integers, true steps of each sequence; None for all.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            The outputs of the last layer [batch, time, features], twice as wide if
            bidirectional, 0 in the padding; and the last carry: for each layer what its
            cell returns, or a pair of these (forward, backward).
        """
        kept = self._kept() if carry is None else None
        if kept is not None and kept.value is not None:
            carry = jax.lax.stop_gradient(kept.value)
        last = []
        for index in range(self.layers):
            first = None if carry is None else carry[index]
            outputs, end = self._layer(index, inputs, first, lengths)
            if self.residual and outputs.shape == inputs.shape:
                outputs = outputs + inputs
                if lengths is not None:
                    outputs = _masked(outputs, lengths)
            last.append(end)
            inputs = outputs
            if index + 1 < self.layers:
                inputs = nn.Dropout(self.dropout, deterministic=not train)(inputs)
        last = tuple(last)
        if kept is not None and self.is_mutable_collection('carry'):
            # The batch that initialises is not trained on: begin at zero after it.
            fresh = self.is_initializing()
            kept.value = jax.tree.map(jnp.zeros_like, last) if fresh else last
        return outputs, last

    def _kept(self) -> Variable | None:
        """Open the collection, where there is or may be one."""
        known = self.has_variable('carry', 'state')
        if not self.stateful or not (known or self.is_mutable_collection('carry')):
            return None
        return self.variable('carry', 'state', lambda: None)

    def _layer(
        self, index: int, inputs: Array, carry: PyTree, lengths: Array | None
    ) -> tuple[Array, PyTree]:
        """Run one layer, in one direction or in both."""
        forward = self._cell(f'forward_{index}')
        if not self.bidirectional:
            return forward(inputs, carry, lengths=lengths)
        ahead, back = (None, None) if carry is None else carry
        ahead, end = forward(inputs, ahead, lengths=lengths)
        back, start = self._cell(f'backward_{index}')(
            inputs, back, lengths=lengths, reverse=True
        )
        return jnp.concatenate([ahead, back], axis=-1), (end, start)

    def _cell(self, name: str) -> nn.Module:
        types: dict[str, Any] = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        wanted = {k: v for k, v in types.items() if v is not None}
        return self.cell.clone(parent=self, name=name, **wanted)


def _masked(outputs: Array, lengths: Array) -> Array:
    valid = jnp.arange(outputs.shape[1])[None, :] < lengths[:, None]
    return jnp.where(valid[..., None], outputs, jnp.zeros_like(outputs))
