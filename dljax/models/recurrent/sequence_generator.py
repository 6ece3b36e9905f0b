"""One-to-many: a sequence out of a class or a vector (U3.1)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from dljax.layers import LSTM, Dense, InitialCarry, RecurrentStack, in_types
from dljax.layers.checks import check_fractions
from dljax.types import Array, Key, PyTree, fold

Draw = Callable[[Array, Key | None], Array]


def categorical(logits: Array, key: Key | None = None) -> Array:
    """Draw one of several classes, or take the likeliest without a key.

    Args:
        logits: [batch, classes].
        key: of the draw.

    Returns:
        [batch] int32.

    Example:
        >>> import jax.numpy as jnp
        >>> print(categorical(jnp.array([[0., 2., 1.]])))
        [1]
    """
    if key is None:
        return logits.argmax(axis=-1).astype(jnp.int32)
    drawn = jax.random.categorical(key, logits.astype(jnp.float32))
    return drawn.astype(jnp.int32)


def bernoulli(logits: Array, key: Key | None = None) -> Array:
    """Draw independent zeros and ones, or take the likelier of each without a key.

    Args:
        logits: [batch, outputs].
        key: of the draw.

    Returns:
        [batch, outputs] float32, 0 or 1.
    """
    if key is None:
        return (logits >= 0).astype(jnp.float32)
    odds = jax.nn.sigmoid(logits.astype(jnp.float32))
    return jax.random.bernoulli(key, odds).astype(jnp.float32)


def expected(outputs: Array, key: Key | None = None) -> Array:
    """Take real outputs as they are: nothing is drawn.

    Args:
        outputs: [batch, outputs].
        key: of no effect.

    Returns:
        [batch, outputs], the same.
    """
    return outputs


class SequenceGenerator(nn.Module):
    """A sequence from a class or a vector, each step fed with the one before (U3.1).

    The condition sets the first carry; then y_t = W_ya a_t + b_y, where a_t has read
    x_{t-1}, drawn from y_{t-1}, and x_0 = 0. In training x_{t-1} is the true one
    (teacher forcing), so y are the logits of an exact likelihood, Π p(x_t | x_{<t}).

    Attributes:
        outputs: the number of logits or real outputs of a step, at least 1.
        steps: how long a sequence is, at least 1.
        classes: how many there are, where the condition is a class; None for a vector.
        stack: the recurrent layers, in one direction.
        draw: `(outputs of a step, key or None) -> value of that step`: `categorical`,
            `bernoulli` or `expected`. Integers are fed back as one-hot vectors.
        dropout: the probability in [0, 1) with which an element of a_t is dropped on
            its way to y_t.
        dtype: the type of the computation; None takes that of inputs and parameters.
        param_dtype: the type of the parameters.
        kernel_init: initialiser of the output's weights.

    Raises:
        ValueError: for fewer than one output, step or class, a dropout out of range, or
            layers that read backwards.

    Reference:
        Graves (2013), Generating Sequences With Recurrent Neural Networks,
        https://arxiv.org/abs/1308.0850
        Williams, Zipser (1989), A Learning Algorithm for Continually Running Fully
        Recurrent Neural Networks, https://doi.org/10.1162/neco.1989.1.2.270; teacher
        forcing.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> net, label = SequenceGenerator(outputs=5, steps=7), jnp.array([3, 4])
        >>> variables = net.init(jax.random.key(0), label)
        >>> drawn, logits = net.apply(
        ...     variables, label, jax.random.key(1), method='generate'
        ... )
        >>> print(drawn.shape, logits.shape)
        (2, 7) (2, 7, 5)
    """

    outputs: int = 17
    steps: int = 64
    classes: int | None = 10
    stack: RecurrentStack = RecurrentStack(LSTM(128))
    draw: Draw = categorical
    dropout: float = 0.0
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32
    kernel_init: Initializer = nn.initializers.lecun_normal()

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        for name in ('outputs', 'steps', 'classes'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name} is {value}, wanted at least 1')
        check_fractions(dropout=self.dropout)
        if self.stack.bidirectional:
            raise ValueError(
                'stack is bidirectional, wanted layers in one direction: what is '
                'generated is not there yet to be read backwards'
            )

    def setup(self) -> None:
        """Make the layers."""
        types = {'dtype': self.dtype, 'param_dtype': self.param_dtype}
        self.recurrent = in_types(self.stack, **types)
        self.start = InitialCarry(self.stack, **types)
        self.drop = nn.Dropout(self.dropout)
        self.output = Dense(self.outputs, kernel_init=self.kernel_init, **types)

    def __call__(
        self, condition: Array, target: Array | None = None, *, train: bool = False
    ) -> Array:
        """Compute the logits of all steps.

        Args:
            condition: [batch] int32 in [0, classes), or [batch, features] float.
            target: [batch, steps] int32 in [0, outputs), or [batch, steps, outputs]
                float: the sequence that is fed in, each step after it was to be said;
                without it what is likeliest at each step is fed back.
            train: whether dropout acts; it draws from the stream 'dropout'.

        Returns:
            [batch, steps, outputs] logits, or real outputs.
        """
        if target is None:
            return self.generate(condition)[1]
        before = self._encoded(target)
        before = jnp.pad(before, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        states, _ = self.recurrent(before, self._carry(condition), train=train)
        return self.output(self.drop(states, deterministic=not train))

    def generate(self, condition: Array, key: Key | None = None) -> tuple[Array, Array]:
        """Run freely: what is drawn at one step is fed into the next.

        Args:
            condition: as of `__call__`.
            key: of the draws; without one the likeliest value is taken.

        Returns:
            The sequence, [batch, steps] int32 or [batch, steps, outputs], and its
            logits [batch, steps, outputs].
        """

        def step(state: PyTree, number: Array) -> tuple[PyTree, PyTree]:
            carry, before = state
            states, carry = self.recurrent(before[:, None], carry)
            logits = self.output(states[:, 0])
            value = self.draw(logits, None if key is None else fold(key, number))
            return (carry, self._encoded(value)), (value, logits)

        first = self._carry(condition), jnp.zeros((condition.shape[0], self.outputs))
        if self.is_initializing():
            step(first, jnp.int32(0))  # a loop can read parameters but not make them
        _, made = jax.lax.scan(step, first, jnp.arange(self.steps))
        return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), made)

    def _carry(self, condition: Array) -> PyTree:
        if self.classes is not None:
            condition = jax.nn.one_hot(condition, self.classes)
        return self.start(condition)

    def _encoded(self, value: Array) -> Array:
        if jnp.issubdtype(value.dtype, jnp.integer):
            return jax.nn.one_hot(value, self.outputs)
        return value.astype(jnp.float32)
