"""Normalisation of features: learned on the training split, kept with the model."""

import dataclasses
import json
from typing import overload

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.arrays import require_unmasked


@dataclasses.dataclass(frozen=True)
class Normalizer:
    r"""The affine map of each column $x \mapsto (x - \text{offset}) / \text{scale}$.

    Fit it by `min_max` or `z_score` on the training split only, and apply that same map
    to the other splits and to whatever the model meets later: a map fitted on the test
    split would let it leak into training. Store it with the run by `to_json`.

    What a column varies by may be small beside its offset: 98,765,432 ± 3. NumPy arrays
    are therefore mapped in float64, and only the result is rounded. JAX arrays hold
    what float32 or int32 left of the values; the map loses nothing more than a rounding
    of the result, since it subtracts the offset in two parts, of which the first leaves
    no rounding near the offset. Normalise on the host what float32 cannot hold.

    Attributes:
        offset: what is subtracted, a float for each column.
        scale: what is divided by, a float above 0 for each column.
        kind: 'min_max', 'mean_range' or 'z_score', for the record.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]
    kind: str

    def __post_init__(self) -> None:
        good = len(self.offset) == len(self.scale) > 0
        if not good or not np.isfinite(self.offset + self.scale).all():
            raise ValueError(
                f'offset is {self.offset} and scale {self.scale}, wanted finite '
                'numbers, one of each for every column: fit them by min_max or z_score'
            )
        if min(self.scale) <= 0:
            raise ValueError(
                f'scale is {self.scale}, wanted numbers above 0: give a constant '
                'column the scale 1'
            )

    @overload
    def __call__(self, values: np.ndarray) -> np.ndarray: ...
    @overload
    def __call__(self, values: jax.Array) -> jax.Array: ...
    def __call__(self, values: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
        """Normalise.

        Args:
            values: [..., column] floats or integers, NumPy or JAX.

        Returns:
            [..., column] float32, NumPy for NumPy and JAX for JAX.

        Raises:
            ValueError: if the number of columns differs from that of the fit, or for
                values that are no real numbers, or masked.

        Example:
            >>> meter = Normalizer((98_765_432.0,), (3.0,), 'z_score')
            >>> print(meter(np.array([[98_765_429.0], [98_765_435.0]]))[:, 0])
            [-1.  1.]
        """
        offset, scale = self._like(values)
        if not isinstance(values, jax.Array):
            return ((_wide(values) - offset) / scale).astype(np.float32)
        if values.dtype.itemsize == 8:  # where JAX was asked for 64 bits
            return ((values.astype(offset.dtype) - offset) / scale).astype(np.float32)
        coarse, fine, scale = _split(offset, scale)
        values, rest = _float32(values)
        # Two quotients and no difference of three, whose constants XLA would add up.
        return (values - coarse) / scale + (rest - fine) / scale

    @overload
    def inverse(self, values: np.ndarray) -> np.ndarray: ...
    @overload
    def inverse(self, values: jax.Array) -> jax.Array: ...
    def inverse(self, values: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
        """Return to the original units.

        Args:
            values: [..., column] normalised.

        Returns:
            [..., column]: float64 NumPy for NumPy, float32 JAX for JAX, which is
            rounded to 1 in 2**24 of the offset.

        Raises:
            ValueError: if the number of columns differs from that of the fit.
        """
        offset, scale = self._like(values)
        if not isinstance(values, jax.Array):
            return _wide(values) * scale + offset
        coarse, fine, scale = _split(offset, scale)
        return (values.astype(np.float32) * scale + fine) + coarse

    def to_json(self) -> str:
        """Write the map as text, exactly."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> 'Normalizer':
        """Read the map that `to_json` wrote.

        Args:
            text: what `to_json` gave.

        Returns:
            An equal normalizer.

        Raises:
            ValueError: if the text is no such map.
        """
        try:
            fields = json.loads(text)
            offset, scale = tuple(fields['offset']), tuple(fields['scale'])
            return cls(offset, scale, fields['kind'])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'normalizer cannot be read from {text[:80]!r} ({error}), wanted what '
                'Normalizer.to_json wrote: fit it again on the training split'
            ) from error

    def _like(self, values: np.ndarray | jax.Array) -> tuple[np.ndarray, np.ndarray]:
        """Shape offset and scale for the values, without rank promotion."""
        shape = np.shape(values)
        if not shape or shape[-1] != len(self.offset):
            raise ValueError(
                f'values have shape {shape}, wanted [..., {len(self.offset)}], '
                'the columns of the fit: normalise the features that it was fitted on'
            )
        wanted = (1,) * (len(shape) - 1) + (-1,)
        offset, scale = (np.array(a, np.float64) for a in (self.offset, self.scale))
        return offset.reshape(wanted), scale.reshape(wanted)


def min_max(train: np.ndarray) -> Normalizer:
    """Fit the map that brings each column of the training split to [0, 1].

    Args:
        train: [..., column] of the training split only. Other splits may leave [0, 1].

    Returns:
        The map; a constant column goes to 0.

    Raises:
        ValueError: for an empty array or values that are not finite.
    """
    columns, constant = _columns(train)
    low, high = columns.min(axis=0), columns.max(axis=0)
    with np.errstate(over='ignore'):  # refused where it is kept
        return _fitted(low, high - low, constant, 'min_max')


def z_score(train: np.ndarray) -> Normalizer:
    """Fit the map that gives each column of the training split mean 0 and variance 1.

    Args:
        train: [..., column] of the training split only.

    Returns:
        The map, with the population's standard deviation (divided by n); a constant
        column goes to 0.

    Raises:
        ValueError: for an empty array or values that are not finite.
    """
    columns, constant = _columns(train)
    with np.errstate(over='ignore', invalid='ignore'):  # refused where it is kept
        mean, apart = _centred(columns)
        # Squares of numbers up to 1 neither vanish nor overflow.
        largest = _largest(apart)
        apart /= np.where(largest > 0, largest, 1.0)
        deviation = largest * np.sqrt(np.square(apart, out=apart).mean(axis=0))
        return _fitted(mean, deviation, constant, 'z_score')


def mean_range(train: np.ndarray) -> Normalizer:
    """Fit the map that gives each column of the training split mean 0 and range 1.

    Args:
        train: [..., column] of the training split only, which comes to [-1, 1].

    Returns:
        The map; a constant column goes to 0.

    Raises:
        ValueError: for an empty array or values that are not finite.

    Example:
        >>> print(mean_range(np.array([[0.0], [3.0], [3.0]]))(np.array([[0.0], [3.0]])))
        [[-0.6666667 ]
         [ 0.33333334]]
    """
    columns, constant = _columns(train)
    with np.errstate(over='ignore', invalid='ignore'):  # refused where it is kept
        mean, apart = _centred(columns)
        return _fitted(mean, np.ptp(apart, axis=0), constant, 'mean_range')


def _centred(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the mean of each column, and what is left without it.

    From the first example on, numbers are as small as the spread: a sum of many large
    ones would be rounded by more than that.
    """
    apart = columns - columns[:1]
    mean = apart.mean(axis=0)
    apart -= mean
    return columns[0] + mean, apart


def _columns(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Line up all examples in float64, and find the columns that are constant.

    A column is constant if its values differ by nothing but the last digit of their
    type: what one number becomes where it is computed in two ways. To divide by such a
    difference would make numbers out of nothing.
    """
    given = np.asarray(train)
    eps = np.finfo(given.dtype if given.dtype.kind == 'f' else np.float64).eps
    train = _wide(train)
    if train.ndim < 2 or not train.size or not np.isfinite(train).all():
        raise ValueError(
            f'training values of shape {train.shape} cannot be fitted, wanted finite '
            'numbers [example, column], one or more: add an axis to a single column, '
            'fill or drop missing values'
        )
    columns = train.reshape(-1, train.shape[-1])
    with np.errstate(over='ignore'):  # an infinite spread is not constant
        spread = np.ptp(columns, axis=0)
    if given.dtype.kind in 'iu':
        _require_kept(given.reshape(-1, given.shape[-1]), spread)
    return columns, spread <= 2 * eps * _largest(columns)


def _require_kept(columns: np.ndarray, spread: np.ndarray) -> None:
    """Refuse integers that float64 rounds by more than a little of their spread."""
    lows, highs = columns.min(axis=0).tolist(), columns.max(axis=0).tolist()
    for place, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if abs(spread[place] - (high - low)) > 1e-2 * (high - low):
            raise ValueError(
                f'column {place} holds integers from {low} to {high}, which float64 '
                'rounds by more than a hundredth of what they differ by: subtract a '
                'constant from them first'
            )


def _wide(values: np.ndarray) -> np.ndarray:
    """Bring real numbers to float64; NumPy would read a text, or half a complex one."""
    values = require_unmasked('values', values)
    real = values.dtype == object or any(
        jnp.issubdtype(values.dtype, kind) for kind in (bool, np.integer, np.floating)
    )
    if not real:
        raise ValueError(
            f'values have type {values.dtype}, wanted real numbers: convert them first'
        )
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'values are no numbers ({error}), wanted real ones: convert them first'
        ) from None


def _largest(columns: np.ndarray) -> np.ndarray:
    return np.maximum(columns.max(axis=0), -columns.min(axis=0))


def _fitted(
    offset: np.ndarray, scale: np.ndarray, constant: np.ndarray, kind: str
) -> Normalizer:
    scale = np.where(constant, 1.0, scale)
    return Normalizer(tuple(offset.tolist()), tuple(scale.tolist()), kind)


def _split(offset: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, ...]:
    """Write the offset as a sum of two numbers in float32, and the scale as one."""
    coarse = offset.astype(np.float32)
    return coarse, (offset - coarse).astype(np.float32), scale.astype(np.float32)


def _float32(values: jax.Array) -> tuple[jax.Array, jax.Array | float]:
    """Write values as a sum of two numbers in float32: an integer has 32 digits."""
    if not jnp.issubdtype(values.dtype, jnp.integer) or values.dtype.itemsize < 4:
        return values.astype(jnp.float32), 0.0
    low = values & 0xFF
    return (values - low).astype(jnp.float32), low.astype(jnp.float32)
