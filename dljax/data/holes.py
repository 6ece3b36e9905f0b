"""Holes in pictures: boxes, strokes of a brush and writing across them (U5.4)."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from dljax.types import Array, Key, fold

Kind = Literal['boxes', 'strokes', 'text']
KINDS: tuple[Kind, ...] = ('boxes', 'strokes', 'text')
_WORDS = 'sample proof draft copy test water mark paper ink light'.split()


def paint_holes(
    size: tuple[int, int], kind: Kind, *, fraction: float = 0.2, seed: int = 0
) -> np.ndarray:
    """Paint holes until a fraction of a picture is gone.

    Boxes are rectangles with sides of an eighth to a third of the shorter side of the
    picture, strokes are lines of several bends, and text is lines of words, a tenth of
    that side high.

    Args:
        size: (height, width) in pixels, at least 8 each.
        kind: 'boxes', 'strokes' or 'text'.
        fraction: of the pixels, in (0, 0.9]; of boxes and strokes the last one may go
            beyond it, and of text the page is full at about a third.
        seed: of the places.

    Returns:
        [height, width] bool, true where something is painted.

    Raises:
        ValueError: for a setting out of range.

    Example:
        >>> holes = paint_holes((64, 64), 'boxes', fraction=0.25)
        >>> print(holes.shape, 0.25 <= holes.mean() < 0.4)
        (64, 64) True
    """
    if kind not in KINDS:
        raise ValueError(f"kind is '{kind}', wanted one of {', '.join(KINDS)}")
    if not 0 < fraction <= 0.9 or min(size) < 8:
        raise ValueError(
            f'fraction is {fraction} and size {size}, wanted a fraction in (0, 0.9] '
            'of at least 8x8 pixels'
        )
    # Not before: whoever imports the room need not have Pillow.
    from PIL import Image, ImageDraw, ImageFont

    height, width = size
    image, random = Image.new('L', (width, height)), np.random.default_rng(seed)
    brush, side = ImageDraw.Draw(image), min(size)
    brush.fontmode = '1'  # no shades of grey
    for number in range(1000):
        y, x = (int(random.integers(0, n)) for n in size)
        if kind == 'boxes':
            down, across = random.integers(max(side // 8, 1), side // 3 + 1, 2) // 2
            brush.rectangle((x - across, y - down, x + across, y + down), fill=1)
        elif kind == 'strokes':
            steps = random.normal(0, side / 5, (4, 2)).cumsum(0)
            points = [(x, y), *((x + float(a), y + float(b)) for a, b in steps)]
            thick = int(random.integers(max(side // 40, 1), side // 12 + 2))
            brush.line(points, fill=1, width=thick, joint='curve')
        else:
            tall = max(side // 10, 8)
            if number * 1.6 * tall > height:
                break
            words = ' '.join(random.choice(_WORDS, 2 + 4 * width // (5 * tall)))
            font = ImageFont.load_default(tall)
            place = -int(random.integers(0, 3 * tall)), int(number * 1.6 * tall)
            brush.text(place, words, fill=1, font=font)
        if (np.asarray(image) > 0).mean() >= fraction:
            break
    return np.asarray(image) > 0


class Holes:
    """Many holes in patches, of which one is drawn for each example on the device.

    Attributes:
        masks: [count, side, side] bool.
    """

    def __init__(
        self, side: int, kinds: tuple[Kind, ...] = KINDS, count: int = 300
    ) -> None:
        """Paint them.

        Args:
            side: of the patches.
            kinds: in turn.
            count: how many.
        """
        fractions = np.random.default_rng(0).uniform(0.05, 0.4, count)
        masks = [
            paint_holes((side, side), kinds[n % len(kinds)], fraction=f, seed=n)
            for n, f in enumerate(fractions)
        ]
        self.masks = np.stack(masks)

    def __call__(self, key: Key, images: Array) -> Array:
        """Make holes and tell where they are.

        Args:
            key: of the draws.
            images: [batch, side, side, channel].

        Returns:
            [batch, side, side, channel + 1], 0 in the holes; the last channel is 1
            where the picture is whole.
        """
        which = jax.random.randint(
            fold(key, 'which'), (len(images),), 0, len(self.masks)
        )
        masks = jnp.asarray(self.masks)[which]
        turned = jax.random.bernoulli(fold(key, 'turned'), shape=(3, len(images)))
        for flag, flipped in (
            (turned[0], lambda m: m[:, ::-1]),
            (turned[1], lambda m: m[:, :, ::-1]),
            (turned[2], lambda m: m.swapaxes(1, 2)),
        ):
            masks = jnp.where(flag[:, None, None], flipped(masks), masks)
        return punched(images, masks)


def punched(images: Array, masks: Array) -> Array:
    """Put 0 in the holes of pictures, and beside them where they are whole.

    Args:
        images: [..., height, width, channel] float.
        masks: [..., height, width] bool, true in holes.

    Returns:
        [..., height, width, channel + 1].
    """
    whole = 1.0 - masks[..., None].astype(jnp.float32)
    return jnp.concatenate([images * whole, whole], axis=-1)
