"""Independent networks on their own inputs, combined at the end (U1.12)."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers.combination import Gate
from dljax.layers.typed import typed
from dljax.models.feedforward.mlp import MLP
from dljax.types import Array

_HALF = MLP(hidden=(8,), outputs=3)


class ModularNetwork(nn.Module):
    """Experts that do not interact, and a module that combines their outputs.

    The experts may be any nets, those of the zoo included: `experts_0`, `experts_1`,
    ... in the parameters, so that each may be trained alone. By default there are two
    on the two halves of four features.

    Attributes:
        experts: the nets, each called with its inputs and `train`.
        partition: for each expert the features that it sees, when all come in one
            array; None divides them evenly in their order.
        combine: `Gate()`, `Vote()` or `Concatenation(outputs)` of `dljax.layers`, or
            another module of the form `(inputs, outputs) -> logits`.
        dtype: the type of the computation of all parts; None leaves each its own.
        param_dtype: the type of all parameters; None leaves each its own.

    Raises:
        ValueError: if there is no expert, or the partition does not fit.

    Reference:
        Jacobs et al. (1991), Adaptive Mixtures of Local Experts,
        https://doi.org/10.1162/neco.1991.3.1.79

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from dljax.layers import Vote
        >>> net = ModularNetwork((MLP((8,), 2), MLP((), 2)), combine=Vote())
        >>> inputs = [jnp.ones((5, 3)), jnp.ones((5, 28, 28, 1))]
        >>> variables = net.init(jax.random.key(0), inputs)
        >>> print(net.apply(variables, inputs).shape)
        (5, 2)
    """

    experts: tuple[nn.Module, ...] = (_HALF, _HALF)
    partition: tuple[tuple[int, ...], ...] | None = None
    combine: nn.Module = Gate()
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Check the settings and hand the types on to the parts."""
        if not self.experts:
            raise ValueError('experts is empty, wanted at least one net')
        parts = self.partition
        if parts is not None and (len(parts) != len(self.experts) or not all(parts)):
            raise ValueError(
                f'partition is {parts} for {len(self.experts)} experts, wanted the '
                'features of each expert, at least one: ((0, 1), (2, 3))'
            )
        # Linen takes one instance in two places for shared weights; experts share none.
        apart = [
            expert.clone() if any(expert is e for e in self.experts[:i]) else expert
            for i, expert in enumerate(self.experts)
        ]
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.experts = tuple(typed(expert, **types) for expert in apart)
        self.combine = typed(self.combine, **types)
        super().__post_init__()

    @nn.compact
    def __call__(
        self, inputs: Array | Sequence[Array], *, train: bool = False
    ) -> Array:
        """Call every expert and combine the outputs.

        Args:
            inputs: [batch, features], which the partition divides, or one array for
                each expert (the same one for all, if they are to see everything).
            train: passed on to the experts.

        Returns:
            What `combine` returns, [batch, outputs] logits.

        Raises:
            ValueError: if there are more or fewer inputs than experts.
        """
        given = self._divided(inputs)
        if len(given) != len(self.experts):
            raise ValueError(
                f'there are {len(given)} inputs for {len(self.experts)} experts, '
                'wanted one for each'
            )
        outputs = [
            expert(x, train=train)
            for expert, x in zip(self.experts, given, strict=True)
        ]
        return self.combine(given, outputs)

    def _divided(self, inputs: Array | Sequence[Array]) -> list[Array]:
        if isinstance(inputs, Sequence):
            return list(inputs)
        if self.partition is not None:
            return [inputs[..., jnp.array(part)] for part in self.partition]
        if inputs.shape[-1] < len(self.experts):
            raise ValueError(
                f'inputs have {inputs.shape[-1]} features for {len(self.experts)} '
                'experts, wanted at least one for each: or pass a list of inputs'
            )
        return jnp.array_split(inputs, len(self.experts), axis=-1)
