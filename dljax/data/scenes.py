"""Random scenes composed of real digits, drawn on the device (U2.8)."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.images import as_float
from dljax.data.painting import Placement, paint
from dljax.types import Array, Batch, Key, fold


@dataclasses.dataclass(frozen=True, eq=False)
class Scenes:
    """Random scenes of digits; see `digit_scenes`.

    Attributes:
        glyphs: [examples, side, side, 1] float32 in [0, 1].
        labels: [examples] int32, the digit of each.
        size: (height, width) of a canvas.
        digits: fewest and most in a scene.
        side: least and greatest side of a digit's square, in pixels.
        rotation: largest angle to either side, in degrees.
        brightness: least and greatest brightness of full ink.
        background: least and greatest mean brightness of the background.
        texture: standard deviation of the smooth texture of the background.
        noise: standard deviation of the noise of each pixel of the whole.
        tries: layouts drawn, of which the least crowded is taken.
    """

    glyphs: np.ndarray
    labels: np.ndarray
    size: tuple[int, int]
    digits: tuple[int, int]
    side: tuple[float, float]
    rotation: float
    brightness: tuple[float, float]
    background: tuple[float, float]
    texture: float
    noise: float
    tries: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes: the background, then the digits."""
        return ('background', *map(str, range(int(self.labels.max()) + 1)))

    @property
    def summary(self) -> str:
        """One line for the start of a run."""
        (fewest, most), (low, high) = self.digits, self.side
        return (
            f'scenes (composed): {fewest} to {most} of {len(self.glyphs):,} real '
            f'digits, {low:g} to {high:g} pixels large, on canvases of '
            f'{self.size[0]}x{self.size[1]}'
        )

    def draw(self, key: Key, examples: int) -> Batch:
        """Draw scenes, as `procedural` asks for them: deterministic by the key.

        Args:
            key: a random key.
            examples: how many scenes.

        Returns:
            What `paint` returns; classes are the digit and one.
        """
        return _drawn(self, key, examples)

    def _draw(self, key: Key, examples: int) -> Batch:
        fewest, most = self.digits
        shape = (examples, most)
        count = jax.random.randint(fold(key, 'count'), (examples,), fewest, most + 1)
        index = jax.random.randint(fold(key, 'digit'), shape, 0, len(self.glyphs))
        glyphs, labels = jnp.asarray(self.glyphs), jnp.asarray(self.labels)
        empty = jnp.arange(most)[None, :] >= count[:, None]
        classes = jnp.where(empty, 0, labels[index] + 1)
        made = paint(
            self._ground(fold(key, 'ground'), examples),
            glyphs[index],
            classes,
            self._placement(fold(key, 'placement'), shape, empty),
        )
        noise = self.noise * jax.random.normal(fold(key, 'noise'), made['image'].shape)
        return {**made, 'image': jnp.clip(made['image'] + noise, 0.0, 1.0)}

    def fixed(self, examples: int, key: Key | None = None) -> dict[str, np.ndarray]:
        """Make a set of scenes to evaluate on, always the same for a key.

        Args:
            examples: how many scenes.
            key: of the scenes; equal keys make equal sets. None for a fixed one.

        Returns:
            What `draw` returns, on the host.
        """
        key = fold(jax.random.key(0) if key is None else key, 'fixed scenes')
        made = self.draw(key, examples)
        return {name: np.asarray(values) for name, values in made.items()}

    def _placement(self, key: Key, shape: tuple[int, int], empty: Array) -> Placement:
        def uniform(name: str, low: float, high: float) -> Array:
            return jax.random.uniform(fold(key, name), shape, minval=low, maxval=high)

        side = uniform('side', *self.side)
        room = (jnp.asarray(self.size, jnp.float32)[None, None] - side[..., None]) / 2
        offers = jax.random.uniform(
            fold(key, 'centre'), (self.tries, *shape, 2), minval=-1.0, maxval=1.0
        )
        offers = offers * room[None]
        # How far apart the closest two are, measured in the sides that they have.
        gaps = jnp.square(offers[:, :, :, None] - offers[:, :, None, :]).sum(-1)
        gaps = jnp.sqrt(gaps) / (side[:, :, None] + side[:, None, :])[None]
        alone = jnp.eye(shape[1], dtype=bool)[None] | empty[:, :, None]
        alone = alone | empty[:, None, :]
        room = jnp.where(alone[None], jnp.inf, gaps).min((2, 3))
        centre = jnp.take_along_axis(offers, room.argmax(0)[None, :, None, None], 0)[0]
        return Placement(
            centre=centre,
            side=side,
            angle=uniform('angle', -self.rotation, self.rotation),
            brightness=uniform('brightness', *self.brightness),
        )

    def _ground(self, key: Key, examples: int) -> Array:
        """Draw backgrounds: a brightness of their own, and a smooth texture."""
        low, high = self.background
        mean = jax.random.uniform(
            fold(key, 'mean'), (examples, 1, 1, 1), minval=low, maxval=high
        )
        coarse = jax.random.normal(fold(key, 'texture'), (examples, 6, 6, 1))
        shape = (examples, *self.size, 1)
        texture = jax.image.resize(coarse, shape, 'cubic')
        return jnp.clip(mean + self.texture * texture, 0.0, 1.0)


def digit_scenes(
    digits: np.ndarray,
    labels: np.ndarray,
    *,
    size: tuple[int, int] = (32, 32),
    most: int = 4,
    fewest: int = 2,
    side: tuple[float, float] = (11.0, 16.0),
    rotation: float = 15.0,
    brightness: tuple[float, float] = (0.6, 1.0),
    background: tuple[float, float] = (0.0, 0.3),
    texture: float = 0.08,
    noise: float = 0.05,
    tries: int = 8,
) -> Scenes:
    """Compose scenes of several real digits on a canvas, which may hide one another.

    Give it the digits of one split alone: scenes of training digits to train on, of
    test digits to test on.

    Args:
        digits: [examples, side, side, 1] images of single digits, ink bright: floats in
            [0, 1], or whole numbers as `as_float` takes them.
        labels: [examples] integers from 0 on.
        size: (height, width) of a canvas, in pixels.
        most: digits in a scene at most.
        fewest: digits in a scene at least.
        side: least and greatest side of a digit's square, in pixels.
        rotation: largest angle to either side, in degrees.
        brightness: least and greatest brightness of full ink, in [0, 1].
        background: least and greatest mean brightness of the background, in [0, 1].
        texture: standard deviation of the smooth texture of the background.
        noise: standard deviation of the Gaussian noise on each pixel, before the image
            is cut to [0, 1].
        tries: layouts drawn for a scene, of which the one is taken whose closest two
            digits are farthest apart; 1 takes the first.

    Returns:
        The scenes: `draw` for `procedural`, `fixed` for sets to evaluate on.

    Raises:
        ValueError: for images that are no squares of one channel, or a setting out of
            range.

    Example:
        >>> ones, labels = np.ones((3, 8, 8, 1)), np.array([0, 1, 1])
        >>> scenes = digit_scenes(ones, labels, size=(24, 32), side=(8, 8))
        >>> scene = scenes.draw(jax.random.key(0), 5)
        >>> scene['image'].shape, scene['label'].shape, scene['box'].shape
        ((5, 24, 32, 1), (5, 24, 32), (5, 4, 4))
    """
    glyphs, labels = as_float(np.asarray(digits)), np.asarray(labels)
    if glyphs.ndim != 4 or glyphs.shape[1] != glyphs.shape[2] or glyphs.shape[3] != 1:
        raise ValueError(
            f'digits have shape {glyphs.shape}, wanted [examples, side, side, 1]: give '
            'square grey images'
        )
    if labels.shape != glyphs.shape[:1] or labels.dtype.kind not in 'iu':
        raise ValueError(
            f'labels are {labels.dtype} of shape {labels.shape}, wanted integers, one '
            f'for each of {len(glyphs)} digits'
        )
    _check('labels', labels.min(), labels.min() >= 0, 'at least 0')
    _check('fewest', fewest, 1 <= fewest <= most, f'1 to most={most}')
    fits = glyphs.shape[1] <= min(size) and 0 < side[0] <= side[1] <= min(size)
    _check('side', side, fits, f'two sides in (0, {min(size)}], the canvas {size}')
    _check('rotation', rotation, 0 <= rotation <= 180, '0 to 180 degrees')
    for name, (low, high) in (('brightness', brightness), ('background', background)):
        _check(name, (low, high), 0 <= low <= high <= 1, 'least and greatest in [0, 1]')
    _check('texture', texture, texture >= 0, 'at least 0')
    _check('noise', noise, noise >= 0, 'at least 0')
    _check('tries', tries, tries >= 1, 'at least 1')
    return Scenes(
        glyphs,
        labels.astype(np.int32),
        size,
        (fewest, most),
        side,
        rotation,
        brightness,
        background,
        texture,
        noise,
        tries,
    )


@functools.partial(jax.jit, static_argnums=(0, 2))
def _drawn(scenes: Scenes, key: Key, examples: int) -> Batch:
    """Compile it once, also for who draws outside of a compiled step."""
    return scenes._draw(key, examples)


def _check(name: str, value: object, good: bool, wanted: str) -> None:
    if not good:
        raise ValueError(f'{name} is {value}, wanted {wanted}')
