"""Pictures of coders of photographs beside JPEG and WebP (U5.2)."""

from typing import TYPE_CHECKING

import numpy as np

from dljax.experiment import Outcome, Picture
from dljax.measures.codecs import Codec, Coders, codec_curve, psnr_of, within_bits
from dljax.pictures.progress import plain
from dljax.pictures.restoration import busiest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_rates(
    coders: Coders,
    pictures: list[np.ndarray],
    codes: tuple[int, ...],
    halvings: tuple[int, ...],
) -> Picture:
    """Draw PSNR against bits: curves of the codecs, a point for each coder.

    Args:
        coders: `(outcome) -> what each coder comes to`, by name.
        pictures: [height, width, 3] uint8, that they code.
        codes: of each codebook.
        halvings: of a picture's sides on the way to its codes, likewise.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        figure = plain(6.5, 4.5)
        axes = figure.add_subplot()
        styles: dict[Codec, str] = {'jpeg': '--', 'webp': ':'}
        for codec, style in styles.items():
            curve = codec_curve(pictures, codec)
            axes.plot(curve['bits'], curve['psnr'], style, color='black', label=codec)
        found = coders(outcome)
        for number, coder in enumerate(found.values()):
            label = f'{codes[number]} codes of {2 ** halvings[number]} pixels a side'
            psnr = np.asarray(coder['psnr']).mean(1)
            axes.errorbar(
                [np.asarray(coder['prior']).mean()],
                [psnr.mean()],
                [psnr.std(ddof=1)] if len(psnr) > 1 else None,
                marker='o',
                capsize=3,
                color=f'C{number}',
                label=f'{label}, by the prior',
            )
            axes.plot(
                [float(np.asarray(coder['bits']))],
                [psnr.mean()],
                marker='o',
                markerfacecolor='none',
                linestyle='none',
                color=f'C{number}',
                label=f'{label}, as they are',
            )
        ticks = [0.05, 0.1, 0.2, 0.5, 1, 2]
        axes.set(xscale='log', xlabel='bits a pixel', ylabel='PSNR in dB')
        axes.set_xticks(ticks, map(str, ticks))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        figure.legend(loc='outside lower center', ncols=2, fontsize=8)
        return figure

    return draw


def draw_equal(
    coders: Coders,
    pictures: list[np.ndarray],
    codes: tuple[int, ...],
    halvings: tuple[int, ...],
    side: int = 128,
) -> Picture:
    """Show a picture by each coder, and by JPEG and WebP within as many bits.

    Args:
        coders: `(outcome) -> what each coder comes to`, by name.
        pictures: [height, width, 3] uint8, that they code.
        codes: of each codebook.
        halvings: of a picture's sides on the way to its codes, likewise.
        side: of the part that is shown, that with most detail.

    Returns:
        The picture.
    """

    def draw(outcome: Outcome) -> 'Figure':
        found, picture = coders(outcome), pictures[0]
        square = min(side, *picture.shape[:2])
        top, left = busiest(picture, square, 4)
        figure = plain(9.5, 2.7 * len(found))
        for number, coder in enumerate(found.values()):
            bits = float(np.asarray(coder['prior'])[0, 0])
            tiles = {'original': (picture, 24.0)}
            name = f'{codes[number]} codes, {2 ** halvings[number]} pixels'
            tiles[name] = coder['rebuilt'][0], bits
            for codec in ('jpeg', 'webp'):
                best = within_bits(picture, codec, bits)
                tiles[codec] = best.picture, best.bits / picture[..., 0].size
            for column, (title, (shown, rate)) in enumerate(tiles.items()):
                axes = figure.add_subplot(len(found), 4, 4 * number + column + 1)
                part = shown[top : top + square, left : left + square]
                axes.imshow(part, interpolation='nearest')
                quality = f', {psnr_of(shown, picture):.1f} dB' if column else ''
                axes.set_title(f'{title}\n{rate:.2f} bits a pixel{quality}', fontsize=8)
                axes.set_axis_off()
        return figure

    return draw
