"""Scenes of two real digits with a sentence about them: 'a three above a seven'."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from dljax.data.scenes import Scenes
from dljax.data.tokens import END, PADDING
from dljax.data.words import Words
from dljax.types import Array, Batch, Key, fold

DIGITS = 'zero one two three four five six seven eight nine'.split()
# Of the first digit to the second; each is two places before its contrary.
RELATIONS = ('above', 'left of', 'below', 'right of')
NOTHING = 'nothing'
CAPTION_WORDS = Words(('a', 'of', 'above', 'below', 'left', 'right', NOTHING, *DIGITS))
LONGEST = 7  # tokens of a caption, the end included


@dataclasses.dataclass(frozen=True, eq=False)
class Captions:
    """Random scenes with captions; see `captioned_scenes`.

    Attributes:
        scenes: of two digits at most.
        words: the vocabulary of the captions.
    """

    scenes: Scenes
    words: Words = CAPTION_WORDS

    @property
    def summary(self) -> str:
        """One line for the start of a run."""
        return f'{self.scenes.summary}, with captions made by rule'

    def draw(self, key: Key, examples: int) -> Batch:
        """Draw scenes, as `procedural` asks for them: deterministic by the key.

        Args:
            key: a random key.
            examples: how many scenes.

        Returns:
            'image' [examples, height, width, 1] float32 in [0, 1]; 'caption' [examples,
            7] int32 tokens with their end and padding, one of the two that are true, at
            random; 'caption_length' [examples] int32; 'references' [examples, 2, 7]
            int32, both of them.
        """
        return _drawn(self, key, examples)

    def _draw(self, key: Key, examples: int) -> Batch:
        made = self.scenes.draw(fold(key, 'scenes'), examples)
        both = describe(made['class'], made['box'])
        second = jax.random.bernoulli(fold(key, 'caption'), 0.5, (examples,))
        caption = jnp.where(second[:, None], both[:, 1], both[:, 0])
        return {
            'image': made['image'],
            'caption': caption,
            'caption_length': (caption != PADDING).sum(1).astype(jnp.int32),
            'references': both,
        }

    def fixed(self, examples: int, key: Key | None = None) -> dict[str, np.ndarray]:
        """Make a set of scenes to evaluate on, always the same for a key.

        Args:
            examples: how many scenes.
            key: of the scenes; equal keys make equal sets. None for a fixed one.

        Returns:
            What `draw` returns, on the host.
        """
        key = fold(jax.random.key(0) if key is None else key, 'fixed captions')
        made = self.draw(key, examples)
        return {name: np.asarray(values) for name, values in made.items()}


def captioned_scenes(scenes: Scenes) -> Captions:
    """Describe scenes of one or two real digits in a sentence.

    Of two digits that can be seen it says what they are and how the middles of their
    boxes lie, by whichever distance is greater, down or across: 'a three above a
    seven', or 'a seven below a three', which is as true. Of one it says 'a three'.

    Args:
        scenes: of two digits at most: `digit_scenes(..., fewest=2, most=2)`, of one
            split alone.

    Returns:
        The captions: `draw` for `procedural`, `fixed` for sets to evaluate on.

    Raises:
        ValueError: for scenes of more digits, or of labels above 9.

    Example:
        >>> from dljax.data.scenes import digit_scenes
        >>> ones, labels = np.ones((3, 8, 8, 1)), np.array([3, 3, 7])
        >>> scenes = digit_scenes(ones, labels, size=(24, 24), side=(8, 8), most=2)
        >>> made = captioned_scenes(scenes).fixed(2)
        >>> print(CAPTION_WORDS.decode(made['caption'][1]))
        a seven above a three
    """
    if scenes.digits[1] > 2 or int(scenes.labels.max()) > 9:
        raise ValueError(
            f'scenes have up to {scenes.digits[1]} digits and labels up to '
            f'{int(scenes.labels.max())}, wanted two digits at most, of 0 to 9: make '
            'them by digit_scenes(..., most=2)'
        )
    return Captions(scenes)


def describe(classes: Array, boxes: Array) -> Array:
    """Write both captions of scenes of two digits at most.

    Args:
        classes: [batch, digits] integers, the digit and one, or 0 for what is not seen.
        boxes: [batch, digits, 4]: first row, first column, row after the last and
            column after the last.

    Returns:
        [batch, 2, 7] int32 tokens; of one digit, or none, twice the same.
    """
    digits = classes.shape[1]
    if digits == 1:
        classes = jnp.pad(classes, [(0, 0), (0, 1)])
        boxes = jnp.pad(boxes, [(0, 0), (0, 1), (0, 0)])
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    # From the first to the second digit: down, and to the right.
    down, right = (middle[:, 1] - middle[:, 0]).T
    upright = jnp.abs(down) >= jnp.abs(right)
    relation = jnp.where(
        upright, jnp.where(down >= 0, 0, 2), jnp.where(right >= 0, 1, 3)
    )
    table = jnp.asarray(_table())
    first = table[classes[:, 0], classes[:, 1], relation]
    second = table[classes[:, 1], classes[:, 0], (relation + 2) % 4]
    return jnp.stack([first, second], axis=1)


@functools.cache
def _table() -> np.ndarray:
    """Write every caption: [first, second, relation, token]."""
    table = np.full((11, 11, len(RELATIONS), LONGEST), PADDING, np.int32)
    for first, second, relation in np.ndindex(table.shape[:-1]):
        seen = [DIGITS[digit - 1] for digit in (first, second) if digit]
        text = f' {RELATIONS[relation]} '.join(f'a {digit}' for digit in seen)
        tokens = [*CAPTION_WORDS.encode(text or NOTHING), END]
        table[first, second, relation, : len(tokens)] = tokens
    return table


@functools.partial(jax.jit, static_argnums=(0, 2))
def _drawn(captions: Captions, key: Key, examples: int) -> Batch:
    """Compile it once, also for who draws outside of a compiled step."""
    return captions._draw(key, examples)
