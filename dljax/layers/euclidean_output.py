"""Output units that measure the distance from a fixed picture of each class."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike

from dljax.layers.radial import squared_distances
from dljax.types import Array

# Our own drawings, 7 wide and 12 high like those of the paper. Digits that look alike
# have codes that lie close, so that the distance also says what an image resembles.
_DRAWN = """
.#####. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
##...## ..##... ##...## ##...## ...###. #...... .##.... ......# ##...## ##...##
#.....# .###... ......# ......# ...#.#. #...... ##..... .....## #.....# #.....#
#.....# ...#... ......# ......# ..##.#. #...... #...... .....#. #.....# #.....#
#.....# ...#... .....## .....## ..#..#. ######. #...... ....##. ##...## #.....#
#.....# ...#... ....##. ..####. .##..#. .....## ######. ....#.. .#####. ##...##
#.....# ...#... ...##.. .....## .#...#. ......# ##...## ...##.. ##...## .######
#.....# ...#... ..##... ......# ##...#. ......# #.....# ...#... #.....# ......#
#.....# ...#... .##.... ......# ####### ......# #.....# ..##... #.....# ......#
#.....# ...#... ##..... ......# .....#. #.....# #.....# ..#.... #.....# .....##
##...## ...#... #...... ##...## .....#. ##...## ##...## ..#.... ##...## ....##.
.#####. .#####. ####### .#####. .....#. .#####. .#####. ..#.... .#####. .####..
"""
DIGITS = tuple(
    ''.join(rows)
    for rows in zip(*map(str.split, _DRAWN.split('\n')[1:-1]), strict=True)
)


class EuclideanOutput(nn.Module):
    """Minus the squared distance of the features from the picture of each class.

    logit_i = -Σ_j (x_j - w_ij)², w_ij = +1 for ink and -1 for paper. Nothing is
    trained: the layer before learns to draw the class. The cross-entropy of these
    logits, ‖x - w_y‖² + log Σ_i exp(-‖x - w_i‖²), is the paper's criterion (its
    equation 9) without the constant that stands for what is no digit.

    Attributes:
        glyphs: for each class a string of as many `#` (ink) and `.` (paper) as there
            are features; the ten digits of 7x12 by default.
        dtype: the type of the logits; None for float32, in which the distances are
            computed in any case.

    Raises:
        ValueError: if the glyphs are not equally long or hold other characters.

    Reference:
        LeCun et al. (1998), Gradient-Based Learning Applied to Document Recognition,
        section II.B and figure 3, https://doi.org/10.1109/5.726791

    Example:
        >>> import jax.numpy as jnp
        >>> layer = EuclideanOutput(glyphs=('#.', '##'))
        >>> print(layer.apply({}, jnp.array([[1., -1.]])))
        [[-0. -4.]]
    """

    glyphs: tuple[str, ...] = DIGITS
    dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        sizes = sorted({len(glyph) for glyph in self.glyphs})
        if len(sizes) != 1 or set(''.join(self.glyphs)) - set('#.'):
            raise ValueError(
                f'glyphs have lengths {sizes}, wanted strings of one length of # for '
                'ink and . for paper, one for each class'
            )

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Compute the logits.

        Args:
            inputs: [batch, features], about -1 for paper and 1 for ink.

        Returns:
            [batch, classes], at most 0.

        Raises:
            ValueError: if there are more or fewer features than a glyph has dots.
        """
        codes = np.array(
            [[1.0 if dot == '#' else -1.0 for dot in g] for g in self.glyphs]
        )
        if inputs.shape[-1] != codes.shape[1]:
            raise ValueError(
                f'inputs have {inputs.shape[-1]} features, wanted {codes.shape[1]}, '
                'one for each dot of a glyph'
            )
        logits = -squared_distances(inputs, jnp.asarray(codes))
        return logits.astype(self.dtype or jnp.float32)
