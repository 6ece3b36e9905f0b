"""Mixtures of Gaussians in the plane, whose modes are known (U4.4)."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dljax.types import Batch, Key, fold


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Equally likely round Gaussians in the plane.

    Attributes:
        name: what it is, in a word or two.
        centres: [modes, 2] float32.
        deviation: standard deviation of each mode along each axis.
    """

    name: str
    centres: np.ndarray
    deviation: float

    @property
    def summary(self) -> str:
        """One line for the start of a run."""
        return (
            f'{self.name} (synthetic): {len(self.centres)} Gaussians in the plane of '
            f'deviation {self.deviation:g}, drawn anew for each batch'
        )

    def draw(self, key: Key, examples: int) -> Batch:
        """Draw points, as `procedural` asks for them.

        Args:
            key: a random key.
            examples: how many points.

        Returns:
            'point': [examples, 2] float32; 'label': [examples] int32, the mode of each.
        """
        modes = len(self.centres)
        label = jax.random.randint(fold(key, 'label'), (examples,), 0, modes)
        noise = jax.random.normal(fold(key, 'noise'), (examples, 2))
        point = jnp.asarray(self.centres)[label] + self.deviation * noise
        return {'point': point, 'label': label}


def ring(modes: int = 8, radius: float = 2.0, deviation: float = 0.02) -> Mixture:
    """Place Gaussians evenly on a circle.

    Args:
        modes: how many, 1 or more.
        radius: of the circle, above 0.
        deviation: standard deviation of each mode along each axis, above 0.

    Returns:
        The mixture; its first centre is (radius, 0).

    Raises:
        ValueError: for a setting out of range.

    Example:
        >>> ring(modes=4, radius=1.0).centres.round(3).tolist()
        [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0]]
    """
    _check('modes', modes, modes >= 1, '1 or more')
    _check('radius', radius, radius > 0, 'more than 0')
    angle = 2 * np.pi * np.arange(modes) / modes
    centres = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _mixture('ring', centres, deviation)


def lattice(side: int = 5, spacing: float = 2.0, deviation: float = 0.05) -> Mixture:
    """Place Gaussians on a square grid about the origin.

    Args:
        side: modes in a row and in a column, 1 or more.
        spacing: of two neighbours, above 0.
        deviation: standard deviation of each mode along each axis, above 0.

    Returns:
        The mixture of side² modes.

    Raises:
        ValueError: for a setting out of range.

    Example:
        >>> lattice(side=2, spacing=1.0).centres.tolist()
        [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]
    """
    _check('side', side, side >= 1, '1 or more')
    _check('spacing', spacing, spacing > 0, 'more than 0')
    axis = spacing * (np.arange(side) - (side - 1) / 2)
    centres = np.stack(np.meshgrid(axis, axis, indexing='ij'), -1).reshape(-1, 2)
    return _mixture('lattice', centres, deviation)


def _mixture(name: str, centres: np.ndarray, deviation: float) -> Mixture:
    _check('deviation', deviation, deviation > 0, 'more than 0')
    return Mixture(name, centres.astype(np.float32), deviation)


def _check(name: str, value: float, good: bool, wanted: str) -> None:
    if not good:
        raise ValueError(f'{name}={value}, wanted {wanted}')
