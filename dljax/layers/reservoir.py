"""A recurrent layer that is not trained: the reservoir of an echo state network."""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax.typing import DTypeLike

from dljax.kernels.unroll import unroll
from dljax.layers.activations import Activation, activate
from dljax.layers.recurrence import check_features, first_carry, gate_products
from dljax.types import Array, Key

SQUARINGS = 20  # a power of 2**20: what a norm differs from the radius by is gone


class Reservoir(nn.Module):
    """Leaky recurrent units with fixed random weights (U3.7).

    x_t = (1 - α) x_{t-1} + α φ(V u_t + W x_{t-1} + b). The weights stand in the
    collection 'reservoir', as `kernel` V [inputs, features], `recurrent_kernel` W
    [features, features] and `bias` b [features]; there are no parameters, so that no
    player can train them. W is sparse where `density` says so and then scaled to the
    spectral radius: below 1 the states forget where they began, in practice, and echo
    the inputs alone.

    It stands wherever `Elman` or `GRU` may, also in a `RecurrentStack`.

    Attributes:
        features: the number of units, at least 1.
        spectral_radius: the largest absolute eigenvalue of W, above 0.
        density: the fraction of W that is not 0, in (0, 1]: each unit hears so many.
        leak: α in (0, 1]; 1 for units without a memory of their own.
        input_scale: V is uniform in [-input_scale, input_scale].
        bias_scale: b likewise.
        activation: φ, a function.
        dtype: the type of the computation; None takes that of inputs and weights.
        param_dtype: the type of the weights.

    Raises:
        ValueError: for a setting out of range.

    Reference:
        Jaeger (2001), The "Echo State" Approach to Analysing and Training Recurrent
        Neural Networks, GMD report 148,
        https://www.ai.rug.nl/minds/uploads/EchoStatesTechRep.pdf
        Jaeger et al. (2007), Optimization and Applications of Echo State Networks with
        Leaky-Integrator Neurons, https://doi.org/10.1016/j.neunet.2007.04.016; the
        leaky units.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> layer, inputs = Reservoir(features=8), jnp.ones((2, 5, 3))
        >>> (states, carry), made = layer.init_with_output(jax.random.key(0), inputs)
        >>> print(states.shape, carry.shape, list(made))
        (2, 5, 8) (2, 8) ['reservoir']
    """

    features: int
    spectral_radius: float = 0.9
    density: float = 1.0
    leak: float = 1.0
    input_scale: float = 1.0
    bias_scale: float = 0.0
    activation: Activation = jnp.tanh
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_features(self.features)
        for name in ('density', 'leak'):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f'{name} is {getattr(self, name)}, wanted a number in (0, 1]'
                )
        if not 0 < self.spectral_radius < float('inf'):
            raise ValueError(
                f'spectral_radius is {self.spectral_radius}, wanted a number above 0: '
                'somewhat below 1 for a long memory'
            )
        for name in ('input_scale', 'bias_scale'):
            if not 0 <= getattr(self, name) < float('inf'):
                raise ValueError(
                    f'{name} is {getattr(self, name)}, wanted a number of at least 0'
                )

    @nn.compact
    def __call__(
        self,
        inputs: Array,
        carry: Array | None = None,
        *,
        lengths: Array | None = None,
        reverse: bool = False,
    ) -> tuple[Array, Array]:
        """Run over the sequences.

        Args:
            inputs: [batch, time, inputs] float.
            carry: [batch, features] x_0; zeros by default.
            lengths: [batch] integers, true steps of each sequence; None for all.
            reverse: whether time runs backwards. States keep the order of the inputs.

        Returns:
            The states x_t [batch, time, features], 0 in the padding, and the last state
            [batch, features].

        Raises:
            ValueError: if the inputs are no batch of sequences, or the carry is not of
                their batch.
        """
        if inputs.ndim != 3:
            raise ValueError(
                f'Reservoir got inputs of shape {inputs.shape}, wanted [batch, time, '
                'features]: add the missing axis'
            )
        width = self.features
        kernel = self._fixed('kernel', self._uniform, (inputs.shape[-1], width))
        recurrent = self._fixed('recurrent_kernel', self._scaled, (width, width))
        bias = self._fixed('bias', self._uniform, (width,))
        inputs, kernel, recurrent, bias = promote_dtype(
            inputs, kernel, recurrent, bias, dtype=self.dtype
        )
        products = gate_products(inputs, kernel, bias)

        def step(state: Array, product: Array) -> tuple[Array, Array]:
            new = activate(self.activation, product + state @ recurrent)
            state = (1 - self.leak) * state + self.leak * new
            return state, state

        first = first_carry(carry, inputs, width)
        last, states = unroll(step, first, products, lengths=lengths, reverse=reverse)
        return jnp.swapaxes(states, 0, 1), last

    def _fixed(self, name: str, draw: Callable, shape: tuple[int, ...]) -> Array:
        """Hold a weight among the collections instead of the parameters."""

        def make() -> Array:
            return draw(self.make_rng('params'), shape).astype(self.param_dtype)

        return self.variable('reservoir', name, make).value

    def _uniform(self, key: Key, shape: tuple[int, ...]) -> Array:
        scale = self.input_scale if len(shape) == 2 else self.bias_scale
        return jax.random.uniform(key, shape, jnp.float32, -scale, scale)

    def _scaled(self, key: Key, shape: tuple[int, ...]) -> Array:
        weights, chosen = jax.random.split(key)
        matrix = jax.random.normal(weights, shape, jnp.float32)
        heard = max(round(self.density * shape[0]), 1)
        if heard < shape[0]:
            # As many for each unit, so that there is a cycle and the radius is not 0.
            places = jax.random.uniform(chosen, shape).argsort(axis=0)
            matrix = jnp.where(places < heard, matrix, 0.0)
        return matrix * (self.spectral_radius / spectral_radius(matrix))


def spectral_radius(matrix: Array) -> Array:
    """Largest absolute eigenvalue, in float64.

    On a CPU the eigenvalues themselves are computed. Elsewhere, where there is no such
    decomposition, it is Gelfand's formula ρ = lim ‖Aᵏ‖^(1/k), with k = 2²⁰ by squaring
    20 times. The largest eigenvalues of a random matrix are mostly a complex pair: a
    power iteration on vectors turns without end there, while the norm of the power does
    not mind. A defective matrix, whose power grows by a polynomial beside ρᵏ, is met
    within 1e-3.

    Args:
        matrix: [n, n] real.

    Returns:
        Scalar float32, at least 0; 0 for a triangular matrix that is nilpotent.

    Reference:
        Gelfand (1941), Normierte Ringe, Matematicheskii Sbornik 9, pages 3-24

    Example:
        >>> import jax.numpy as jnp
        >>> turn = jnp.array([[0., -2.], [2., 0.]])  # eigenvalues 2i and -2i
        >>> print(spectral_radius(turn))
        2.0
    """
    chex.assert_rank(matrix, 2)
    chex.assert_shape(matrix, (len(matrix),) * 2)
    return _radius(matrix)


@jax.custom_batching.sequential_vmap
def _radius(matrix: Array) -> Array:
    """Mapped matrices come one after the other, each in a context of wide types.

    Two decompositions at once can wait for each other for ever in the thread pool of a
    CPU.
    """
    with jax.enable_x64(True):
        radius = jax.lax.platform_dependent(
            matrix.astype(jnp.float64), cpu=_by_eigenvalues, default=_by_powers
        )
        return radius.astype(jnp.float32)


def _by_eigenvalues(matrix: Array) -> Array:
    return jnp.abs(jnp.linalg.eigvals(matrix)).max()


def _by_powers(matrix: Array) -> Array:
    """Square again and again, each power scaled to norm 1 so that nothing overflows.

    The scales' logarithms are added up. Beside what a defective matrix grows by, ρᵏ is
    as small as k^-m for a block of m + 1: in float64 that is there for m up to 24.
    """

    def square(total: tuple[Array, Array], index: Array) -> tuple[tuple, None]:
        power, logarithm = total
        norm = jnp.linalg.norm(power)
        power = power / jnp.where(norm > 0, norm, 1.0)
        logarithm = logarithm + jnp.log(norm) * jnp.exp2(-index)
        product = jnp.matmul(power, power, precision=jax.lax.Precision.HIGHEST)
        return (product, logarithm), None

    start = (matrix, jnp.zeros((), matrix.dtype))
    steps = jnp.arange(SQUARINGS + 1, dtype=matrix.dtype)
    return jnp.exp(jax.lax.scan(square, start, steps)[0][1])
