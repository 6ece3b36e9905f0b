"""Normalisation of features: learned on the training split, kept with the model."""

import dataclasses
import json

import jax
import numpy as np


@dataclasses.dataclass(frozen=True)
class Normalizer:
    r"""The affine map of each column $x \mapsto (x - \text{offset}) / \text{scale}$.

    Fit it by `min_max` or `z_score` on the training split only, and apply that same map
    to the other splits and to whatever the model meets later: a map fitted on the test
    split would let it leak into training. Store it with the run by `to_json`.

    Attributes:
        offset: what is subtracted, a float for each column.
        scale: what is divided by, a float above 0 for each column.
        kind: 'min_max' or 'z_score', for the record.
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

    def __call__(self, values: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
        """Normalise.

        Args:
            values: [..., column] floats, NumPy or JAX.

        Returns:
            [..., column] float32, NumPy for NumPy and JAX for JAX.

        Raises:
            ValueError: if the number of columns differs from that of the fit.
        """
        offset, scale = self._like(values)
        return (values.astype(np.float32) - offset) / scale

    def inverse(self, values: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
        """Return to the original units.

        Args:
            values: [..., column] normalised.

        Returns:
            [..., column] float32.

        Raises:
            ValueError: if the number of columns differs from that of the fit.
        """
        offset, scale = self._like(values)
        return values.astype(np.float32) * scale + offset

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
        if not values.ndim or values.shape[-1] != len(self.offset):
            raise ValueError(
                f'values have shape {values.shape}, wanted [..., {len(self.offset)}], '
                'the columns of the fit: normalise the features that it was fitted on'
            )
        shape = (1,) * (values.ndim - 1) + (-1,)
        offset, scale = (np.array(a, np.float32) for a in (self.offset, self.scale))
        return offset.reshape(shape), scale.reshape(shape)


def min_max(train: np.ndarray) -> Normalizer:
    """Fit the map that brings each column of the training split to [0, 1].

    Args:
        train: [..., column] of the training split only. Other splits may leave [0, 1].

    Returns:
        The map; a constant column goes to 0.

    Raises:
        ValueError: for an empty array or values that are not finite.
    """
    columns = _columns(train)
    low, high = columns.min(axis=0), columns.max(axis=0)
    return _fitted(low, high - low, 'min_max')


def z_score(train: np.ndarray) -> Normalizer:
    """Fit the map that gives each column of the training split mean 0 and deviation 1.

    Args:
        train: [..., column] of the training split only.

    Returns:
        The map, with the population's standard deviation (divided by n); a constant
        column goes to 0.

    Raises:
        ValueError: for an empty array or values that are not finite.
    """
    columns = _columns(train)
    return _fitted(columns.mean(axis=0), columns.std(axis=0), 'z_score')


def _columns(train: np.ndarray) -> np.ndarray:
    """Line up all examples in float64, in which sums of many keep their digits."""
    train = np.asarray(train, np.float64)
    if train.ndim < 2 or not train.size or not np.isfinite(train).all():
        raise ValueError(
            f'training values of shape {train.shape} cannot be fitted, wanted finite '
            'numbers [example, column], one or more: add an axis to a single column, '
            'fill or drop missing values'
        )
    return train.reshape(-1, train.shape[-1])


def _fitted(offset: np.ndarray, scale: np.ndarray, kind: str) -> Normalizer:
    # A constant column's spread is 0, or the rounding of its mean: dividing by either
    # would make numbers out of nothing.
    constant = scale <= 1e-7 * np.maximum(np.abs(offset), 1e-30)
    scale = np.where(constant, 1.0, scale)
    return Normalizer(tuple(offset.tolist()), tuple(scale.tolist()), kind)
