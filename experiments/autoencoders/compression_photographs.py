"""Photographs as discrete codes, at equal bits beside JPEG and WebP (U5.2).

Paper: van den Oord et al. (2017), Neural Discrete Representation Learning,
https://arxiv.org/abs/1711.00937. Several autoencoders learn, of different numbers of
codes and sizes of their maps; then a small transformer each, what code follows in
squares of `patch` pixels (the prior, after Radford et al. 2019). A code costs log2 K
bits as it is, and less by an arithmetic coder that knows the prior, whose ideal length
is given. JPEG and WebP are Pillow's; headers and JPEG's standard tables are not
counted, nor are the weights of the nets.

The default data are scikit-learn's two photographs, of which the left part trains and
the right one tests; --data takes a folder of pictures of any size.

Measured with one member, seed 0, on a 2-core CPU, after 400 updates of the autoencoders
and 200 of the priors only, on the right parts of the two photographs, in bits a pixel
and dB; JPEG's fewest bits are 0.152 and WebP's 0.157, which they were given where the
codes take less:

| codes, pixels a side | bits | by the prior | PSNR | JPEG | WebP |
|---|---|---|---|---|---|
| 256, 8 | 0.125 | 0.098 | 18.39 | 22.33 | 29.80 |
| 64, 4 | 0.375 | 0.143 | 26.03 | 22.33 | 29.80 |
| 512, 4 | 0.562 | 0.318 | 26.19 | 29.45 | 32.49 |

So near the fewest bits of JPEG the codes are better than it, and nowhere than WebP. The
defaults and larger sets have not been run yet.
Cost: some 35 minutes on a very crowded machine. Command:
python experiments/autoencoders/compression_photographs.py --autoencoding 400
--modelling 200
"""

from pathlib import Path

from dljax.cli import command

import numpy as np
import optax
from flax import linen as nn

from dljax import create_model
from dljax import data as sources
from dljax.experiment import Experiment, Measure, Outcome, once
from dljax.measures.codecs import Coders, Found, codec_curve, psnr_at, psnr_of
from dljax.models.container import container
from dljax.objectives import (
    predict_codes,
    quantise_codes,
    score_codes,
    score_quantised,
    side_by_side,
    surprise_of_codes,
    within,
)
from dljax.objectives.code_prior import NAT
from dljax.pictures.coders import draw_equal, draw_rates
from dljax.training import Player, clipped
from dljax.types import Array, Batch, Metrics, Score, Spec

TINY = {
    'codes': (4,),
    'halvings': (2,),
    'features': 2,
    'width': 4,
    'blocks': 0,
    'prior_width': 4,
    'layers': 1,
    'heads': 1,
    'patch': 8,
    'autoencoding': 2,
    'modelling': 2,
    'batch_size': 2,
    'most': 1,
}


def experiment(
    *,
    data: Path | None = None,
    codes: tuple[int, ...] = (256, 64, 512),
    halvings: tuple[int, ...] = (3, 2, 2),
    features: int = 16,
    width: int = 64,
    blocks: int = 1,
    restart: float = 0.1,
    prior_width: int = 64,
    layers: int = 2,
    heads: int = 4,
    dropout: float = 0.1,
    patch: int = 32,
    autoencoding: int = 2000,
    modelling: int = 1000,
    batch_size: int = 16,
    learning_rate: float = 1e-3,
    prior_rate: float = 1e-3,
    most: int = 100,
) -> Experiment:
    """Train autoencoders of several rates, then a prior for each.

    Args:
        data: a folder of the user's pictures; by default scikit-learn's two.
        codes: of each codebook.
        halvings: of a picture's sides on the way to its codes, one for each codebook.
        features: of a code's vector.
        width: channels of encoders and decoders.
        blocks: residual blocks of either.
        restart: a code begins anew where it is chosen less often than this fraction of
            an even share; 0 for never.
        prior_width: of a token's vector in a prior, a multiple of the heads.
        layers: blocks of a prior.
        heads: of each attention.
        dropout: of a prior.
        patch: side of what is learned from in pixels, and of the squares whose codes a
            prior sees at once; test pictures are cut to multiples of it.
        autoencoding: updates of the autoencoders.
        modelling: updates of the priors, after those.
        batch_size: patches in one update.
        learning_rate: of the autoencoders' Adam; both rates fall to 0 along a cosine.
        prior_rate: of the priors' Adam.
        most: test pictures that are coded, evenly chosen.
    """
    if len(codes) != len(halvings) or not codes:
        raise ValueError(
            f'codes is {codes} and halvings {halvings}, wanted as many of each, such '
            'as --codes 256 64 --halvings 3 2'
        )
    if patch % 2 ** max(halvings):
        raise ValueError(
            f'patch is {patch}, wanted a multiple of {2 ** max(halvings)}, the pixels '
            'of a side that a code stands for'
        )
    photographs = (
        sources.sample_photographs()
        if data is None
        else sources.photograph_folder(data, smallest=patch)
    )
    splits = {
        split: [sources.PicturePair(picture, picture) for picture in pictures]
        for split, pictures in photographs.splits.items()
    }
    chosen = np.linspace(0, len(splits['test']) - 1, min(most, len(splits['test'])))
    test = [sources.cut_to_multiple(splits['test'][int(n)].high, patch) for n in chosen]
    nets, players, names = {}, {}, []
    for number, (count, halved) in enumerate(zip(codes, halvings, strict=True)):
        name = f'coder_{number}'
        names.append(name)
        auto = create_model(
            'vqvae',
            codes=count,
            features=features,
            width=width,
            blocks=blocks,
            halvings=halved,
            restart=restart,
        )
        prior = create_model(
            'gpt_character',
            vocabulary=count + 1,
            context=(patch // 2**halved) ** 2,
            width=prior_width,
            layers=layers,
            heads=heads,
            dropout=dropout,
        )
        nets[name] = container(autoencoder=auto, prior=prior)
        players[name] = Player(
            optax.adam(optax.cosine_decay_schedule(learning_rate, autoencoding)),
            loss=within(name, within('autoencoder', quantise_codes())),
            trains=(f'{name}/autoencoder',),
            during=(0, autoencoding),
        )
        players[f'{name}_prior'] = Player(
            clipped(
                optax.adam(optax.cosine_decay_schedule(prior_rate, modelling)), 1.0
            ),
            loss=within(name, predict_codes()),
            trains=(f'{name}/prior',),
            during=(autoencoding, None),
        )
    coders = once(coded(names, test, patch))
    spec = Spec((None, None, 3), 'float32', 0, 1)
    return Experiment(
        net=container(**nets),
        players=players,
        source=sources.procedural(
            sources.random_patches(splits['train'], patch), batch_size
        ),
        steps=autoencoding + modelling,
        data_summary=f'{photographs.summary}; {len(test)} test pictures are coded',
        score=side_by_side(dict.fromkeys(names, score_both())),
        evaluation={'validation': sources.middle_patches(splits['validation'], patch)},
        inputs={'image': spec},
        evaluation_batch=16,
        measures={'coded': compare(coders, test)},
        pictures={
            'Bits and PSNR': draw_rates(coders, test, codes, halvings),
            'At equal bits': draw_equal(coders, test, codes, halvings),
        },
    )


def score_both() -> Score:
    """Score what is rebuilt, and the prior."""
    rebuilt, surprise = score_quantised(), score_codes()

    def score(net: nn.Module, batch: Batch, step: Array) -> Metrics:
        return {**rebuilt(net.autoencoder, batch, step), **surprise(net, batch, step)}

    return score


def coded(names: list[str], pictures: list[np.ndarray], patch: int) -> Coders:
    """Code whole pictures by each coder.

    Args:
        names: of the coders.
        pictures: [height, width, 3] uint8, of sides that are multiples of `patch`.
        patch: side of the squares whose codes a prior sees at once.
    """

    def code(net: nn.Module, image: Array) -> dict[str, tuple[Array, Array]]:
        found = {}
        for name in names:
            part = getattr(net, name)
            maps = part.autoencoder.encode(image)
            side = patch // part.autoencoder.factor
            _, rows, columns = maps.shape
            squares = maps.reshape(rows // side, side, columns // side, side)
            squares = squares.swapaxes(1, 2).reshape(-1, side, side)
            bits = surprise_of_codes(part, squares).sum() * NAT
            found[name] = part.autoencoder.images(maps)[0], bits
        return found

    def compute(outcome: Outcome) -> dict[str, Found]:
        rows: dict[str, dict[str, list]] = {
            name: {'prior': [], 'psnr': [], 'rebuilt': []} for name in names
        }
        for picture in pictures:
            size = picture[..., 0].size
            image = sources.as_float(picture)[None]
            for name, (made, bits) in outcome.each(code, image).items():
                made = np.rint(255 * np.asarray(made).clip(0, 1)).astype(np.uint8)
                rows[name]['prior'].append(np.asarray(bits) / size)
                rows[name]['psnr'].append([psnr_of(one, picture) for one in made])
                rows[name]['rebuilt'].append(made[0])
        found: dict[str, Found] = {}
        for name, row in rows.items():
            part = getattr(outcome.net, name).autoencoder
            found[name] = {
                'bits': np.log2(part.quantiser.codes) / part.factor**2,
                'prior': np.transpose(row['prior']),
                'psnr': np.transpose(row['psnr']),
                'rebuilt': row['rebuilt'],
            }
        return found

    return compute


def compare(coders: Coders, pictures: list[np.ndarray]) -> Measure:
    """Measure each coder, and JPEG and WebP at the bits that it takes by its prior.

    Args:
        coders: of `coded`.
        pictures: that they code.
    """
    curves: dict[str, dict[str, np.ndarray]] = {}

    def measure(outcome: Outcome) -> dict[str, np.ndarray | float]:
        figures: dict[str, np.ndarray | float] = {}
        for codec in ('jpeg', 'webp'):
            if codec not in curves:
                curves[codec] = codec_curve(pictures, codec)
            curve = curves[codec]
            figures[f'{codec}/fewest_bits'] = float(curve['bits'].min())
            for name, found in coders(outcome).items():
                bits = np.asarray(found['prior']).mean(1)
                figures |= {
                    f'{name}/bits': float(np.asarray(found['bits'])),
                    f'{name}/bits_by_prior': bits,
                    f'{name}/psnr': np.asarray(found['psnr']).mean(1),
                    f'{name}/{codec}_psnr': np.array([psnr_at(b, curve) for b in bits]),
                }
        return figures

    return measure


if __name__ == '__main__':
    command(experiment)
