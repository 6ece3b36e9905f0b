"""Super-resolution: what a picture would be at four times its resolution (U5.4, U4.2).

Paper: Ledig et al. (2017), Photo-Realistic Single Image Super-Resolution Using a
Generative Adversarial Network, https://arxiv.org/abs/1609.04802: SRResNet learns from
the pixels, and as the generator of SRGAN (--game) from a discriminator as well.

The default data are scikit-learn's two photographs, of which the left part trains and
the right one tests. --data takes a folder of photographs of any size, with or without
folders train/, val/ and test/ in it. Small pictures are made by bicubic interpolation
with antialiasing and rounded to 8 bits; whole test pictures are measured by PSNR and
SSIM of their brightness without a border of as many pixels as the scale, beside bicubic
enlargement, as the papers do. `detail` is the power at frequencies that the small
picture does not hold, in dB above that of the true one: 0 is as sharp as the truth.

In the game the generator pays for the difference to the true picture and for being
found out. The difference is that of the pixels, or with --content vgg19 that of the
features of a net of the zoo, with --content-weights those that the paper means: a
VGG-19 trained on ImageNet. Without the file its weights are random, and the run says
so.

Measured with seed 0, 1 member, on a 2-core CPU, after 1,500 updates of the net of 4
blocks and 16 features, without normalisation and with VDSR's skip; SRGAN after 1,000 by
the pixels and 300 of the game, whose difference is that of the pixels (--game --steps
1000 --game-steps 300); means over the two test parts:

| | PSNR | SSIM | detail |
|---|---|---|---|
| bicubic | 36.39 dB | 0.8255 | -13.5 dB |
| SRResNet | 36.47 dB | 0.8381 | -9.7 dB |
| SRGAN | 36.22 dB | 0.8337 | -8.1 dB |

The part of the temple gains 0.23 dB (22.91), that of the flower, a blurred
background, loses 0.08 (50.03); on the middles of the validation parts SRResNet has
36.4 dB, bicubic 34.4. The protocol is that of the literature: bicubic enlargement by 4
of the 100 test photographs of BSDS300 ("B100") gives 25.96 dB and 0.667.
On the 200 training photographs of the same set, with --features 32 --learning-rate
0.002, 600 updates come to 26.49 dB and 0.697 on those 100.
Cost: about 230 s of processor time; 1,612 s on a machine that many others used.
Command: python experiments/restoration/super_resolution.py
"""

from pathlib import Path
from typing import Any, Literal

from dljax.cli import command

import optax
from flax import linen as nn

from dljax import create_model, losses, zoo
from dljax import data as sources
from dljax.experiment import Experiment
from dljax.measures.restoration import picture_quality, restored
from dljax.models.restoration.srgan import SRGAN
from dljax.models.standardised import Standardised
from dljax.objectives import (
    feature_difference,
    restore,
    score_restoration,
    within,
)
from dljax.pictures.restoration import zoomed
from dljax.recipes.players import restoring_players
from dljax.training import Player, clipped
from dljax.types import Array, PyTree, Spec
from dljax.weights import from_torchvision, read, without
from dljax.weights import restore as read_kept

TINY = {'steps': 2, 'blocks': 1, 'features': 4, 'patch': 8, 'batch_size': 2}
LOSSES = {
    'absolute': losses.pixel_absolute_error,
    'squared': losses.pixel_squared_error,
    'charbonnier': losses.charbonnier,
}


def experiment(
    *,
    data: Path | None = None,
    scale: int = 4,
    channels: int = 3,
    blocks: int = 4,
    features: int = 16,
    normalise: bool = False,
    bicubic_skip: bool = True,
    smooth_init: bool = True,
    loss: Literal['absolute', 'squared', 'charbonnier'] = 'absolute',
    patch: int = 24,
    steps: int = 1500,
    batch_size: int = 8,
    learning_rate: float = 1e-3,
    game: bool = False,
    game_steps: int = 500,
    game_rate: float = 1e-4,
    adversarial: float = 1e-3,
    width: int = 16,
    content: str | None = None,
    content_layer: str = 'conv5_4',
    content_scale: float = 1 / 12.75,
    content_weights: Path | None = None,
) -> Experiment:
    """Train SRResNet on patches of photographs, and then as a player if asked to.

    Args:
        data: a folder of the user's photographs; by default scikit-learn's two.
        scale: by which the sides grow: 2, 3, 4, 6 or 8.
        channels: 3, or 1 for grey pictures.
        blocks: residual blocks; 16 in the paper.
        features: channels of the layers; 64 in the paper.
        normalise: whether there is batch normalisation, as in the paper.
        bicubic_skip: whether the net learns what bicubic enlargement lacks, as VDSR
            does; not in the paper.
        smooth_init: whether sub-pixel convolutions start without a checkerboard.
        loss: of the pixels, as a mean; squared in the paper.
        patch: side of what is learned from, in pixels of the small picture.
        steps: updates by the pixels alone.
        batch_size: patches in an update.
        learning_rate: of Adam at its highest, by the pixels alone; it rises over the
            first twentieth of the updates, then falls to 0 along a cosine.
        game: whether the game of SRGAN follows.
        game_steps: updates of the game.
        game_rate: of Adam in the game, for both players.
        adversarial: weight of being found out, beside the difference to the truth.
        width: channels of the discriminator's first layer; 64 in the paper.
        content: a model of the zoo whose features the difference is taken of; by
            default it is that of the pixels.
        content_layer: path of its layer.
        content_scale: of the features.
        content_weights: of that model, a file of torchvision or of `dljax convert`;
            without, they are random.
    """
    if content_weights is not None and content is None:
        raise ValueError(
            f'content_weights is {content_weights} and content None, wanted the name '
            'of the model whose weights they are, such as --content vgg19'
        )
    if content is not None and not game:
        raise ValueError(
            f'content is {content} without a game, wanted --game: only there the '
            'difference is taken of features'
        )
    judge, start, said = None, None, ''
    if content is not None:  # what is wrong with it is told before pictures are read
        judge, start, said = _judge(content, content_weights)
    smallest = scale * max(patch, 11)
    photographs = (
        sources.sample_photographs(channels)
        if data is None
        else sources.photograph_folder(data, channels=channels, smallest=smallest)
    )
    pairs = {
        split: sources.picture_pairs(pictures, scale)
        for split, pictures in photographs.splits.items()
    }
    settings: dict[str, Any] = {
        'scale': scale,
        'blocks': blocks,
        'features': features,
        'channels': channels,
        'smooth_init': smooth_init,
        'bicubic_skip': bicubic_skip,
    }
    if not normalise:
        settings['normalise'] = None
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, max(steps // 20, 1), max(steps, 2)
    )
    adam = clipped(optax.adam(schedule), 1.0)
    score, made = score_restoration(border=scale), restored(pairs['test'])
    if game:
        net = create_model('srgan', width=width, judge=judge, **settings)
        players = restoring_players(
            losses.non_saturating_game(),
            optax.adam(game_rate),
            difference=(
                None
                if judge is None
                else feature_difference(content_layer, content_scale)
            ),
            weight=adversarial,
            pretraining=steps,
            pretrainer=adam,
            loss=LOSSES[loss],
        )
        score, made = within('generator', score), restored(pairs['test'], generated)
    else:
        net = create_model('srresnet', **settings)
        players = {'enlarger': Player(adam, loss=restore(loss=LOSSES[loss]))}
    spec = Spec((None, None, channels), 'float32', 0, 1)
    validated = min(2 * patch, *(min(p.low.shape[:2]) for p in pairs['validation']))
    return Experiment(
        net=net,
        players=players,
        source=sources.procedural(
            sources.random_patches(pairs['train'], patch), batch_size
        ),
        steps=steps + game_steps * game,
        data_summary=f'{photographs.summary}; {scale} times smaller by bicubic{said}',
        score=score,
        evaluation={
            'validation': sources.middle_patches(pairs['validation'], validated)
        },
        inputs={'image': spec, 'target': spec},
        evaluation_batch=8,
        start=start,
        best=None if game else 'validation/psnr',
        measures={
            'pictures': picture_quality(pairs['test'], {'net': made}, scale),
        },
        pictures={
            'Test pictures': zoomed(
                pairs['test'], {'SRGAN' if game else 'SRResNet': made}, scale
            )
        },
    )


def generated(net: SRGAN, image: Array) -> Array:
    """Let the generator enlarge pictures."""
    return net.generator(image, train=False)


def _judge(model: str, weights: Path | None) -> tuple[nn.Module, PyTree, str]:
    """Make the net whose features compare pictures, and read its weights."""
    small = {'classes': 2, 'hidden': 1, 'pooled': 1}  # its head is not asked
    chosen = {k: v for k, v in small.items() if k in zoo.settings(model)}
    net = create_model(model, **chosen)
    judge = Standardised(net, sources.IMAGENET.offset, sources.IMAGENET.scale)
    if weights is None:
        return judge, None, f'; content by {model} with RANDOM weights'
    arrays = read(weights)
    kept = any(name.startswith('params/') for name in arrays)
    variables = read_kept(weights) if kept else from_torchvision(model, arrays)
    heads = ('output', 'hidden_0', 'hidden_1')
    body = without(variables, *(h for h in heads if h in variables['params']))
    start = {name: {'judge': tree} for name, tree in body.items()}
    return judge, start, f'; content by {model} of {weights.name}'


if __name__ == '__main__':
    command(experiment)
