"""Denoising one photograph by a net that has seen no other (U5.4).

Paper: Ulyanov et al. (2018), Deep Image Prior, https://arxiv.org/abs/1711.10925: an
hourglass of random weights learns to make one noisy picture out of fixed noise. It has
learned the picture before it has learned its noise, so that it is stopped between. The
defaults are a smaller net than the paper's, and the middle of one of scikit-learn's two
photographs; --data takes a picture of the user's own.

The true picture is not used in training; along it PSNR is measured, whose curve rises
and, with many more updates, falls. The updates are set beforehand, so what is reported
is not the best point of that curve.

Measured with one member, seed 0, on a 2-core CPU, after 1,200 updates: 23.73 dB (SSIM
0.813) of a picture with noise of 25 that has 20.61 dB (0.523) itself, whose values are
cut off at black and white. The curve has just ceased to rise; the noise is not learned
yet (19.6 dB to the noisy picture).
Cost: 1,200 updates at 2 to 3 a second on a very crowded machine. Command:
python experiments/restoration/deep_image_prior.py
"""

from pathlib import Path

from dljax.cli import command

import numpy as np
import optax

from dljax import create_model
from dljax import data as sources
from dljax.experiment import Experiment, Outcome, once
from dljax.measures.repairing import Damaged, likeness, repair_quality, with_noise
from dljax.measures.segmentation import each_member
from dljax.objectives import damaged, restore, score_repair
from dljax.pictures.repairing import repairs
from dljax.training import Player
from dljax.types import Figures, HostBatch, Spec

TINY = {'steps': 2, 'side': 16, 'scales': 2, 'features': 4, 'inputs': 2}


def experiment(
    *,
    data: Path | None = None,
    photograph: int = 0,
    side: int = 128,
    sigma: float = 25.0,
    scales: int = 4,
    features: int = 32,
    skips: int = 4,
    inputs: int = 16,
    jitter: float = 1 / 30,
    steps: int = 1200,
    learning_rate: float = 1e-2,
) -> Experiment:
    """Let a net make one noisy picture out of noise, and stop in time.

    Args:
        data: a picture of the user's own, without noise, or a folder of pictures; by
            default scikit-learn's two.
        photograph: which of these, from 0 on.
        side: of the square in its middle that is taken, in pixels; a multiple of 2 to
            the scales.
        sigma: standard deviation of the noise that is added, where white is 255.
        scales: of the hourglass; 5 in the paper.
        features: channels of each scale; 128 in the paper.
        skips: channels that are handed across at each scale.
        inputs: channels of the noise that the picture is made of; 32 in the paper.
        jitter: standard deviation of what is added to that noise in each update.
        steps: updates; 1,800 in the paper.
        learning_rate: of Adam.
    """
    pictures = _pictures(data)
    if not 0 <= photograph < len(pictures):
        raise ValueError(
            f'photograph is {photograph}, wanted 0 to {len(pictures) - 1}: there are '
            f'{len(pictures)} pictures'
        )
    picture = pictures[photograph]
    if side % 2**scales or side > min(picture.shape[:2]):
        raise ValueError(
            f'side is {side}, wanted a multiple of {2**scales} that is at most '
            f'{min(picture.shape[:2])}, the shorter side of the picture'
        )
    top, left = ((n - side) // 2 for n in picture.shape[:2])
    truth = sources.as_float(picture[top : top + side, left : left + side])
    noisy = with_noise([truth], sigma / 255)[0].seen.clip(0, 1)
    random = np.random.default_rng(0)
    noise = random.uniform(0, 0.1, (1, side, side, inputs)).astype(np.float32)
    whole = [Damaged(noise[0], truth, noisy)]
    net = create_model(
        'deep_image_prior', features=(features,) * scales, skips=skips, inputs=inputs
    )

    def make(outcome: Outcome) -> list[list[np.ndarray]]:
        return [
            [np.asarray(one.apply(lambda net, z: net(z), noise))[0]]
            for one in each_member(outcome)
        ]

    made = once(make)

    def noise_kept(outcome: Outcome) -> Figures:
        likenesses = [likeness(one[0], noisy)['psnr'] for one in made(outcome)]
        return {'psnr_to_noisy': np.array(likenesses)}

    loss = damaged(restore('noise'), sources.gaussian_noise(jitter), feature='noise')
    train: HostBatch = {'noise': noise, 'target': noisy[None]}
    return Experiment(
        net=net,
        players={'prior': Player(optax.adam(learning_rate), loss=loss)},
        source=sources.resident(train, 1),
        steps=steps,
        data_summary=f'one photograph, {side}x{side} pixels of it, noise of {sigma:g}',
        score=score_repair('noise'),
        evaluation={'true': {'noise': noise, 'target': truth[None]}},
        evaluate_every=max(steps // 30, 1),
        evaluation_batch=1,
        inputs={
            'noise': Spec((None, None, inputs), 'float32', 0, 0.1),
            'target': Spec((None, None, 3), 'float32', 0, 1),
        },
        measures={
            'picture': repair_quality(whole, {'net': made}),
            'kept': noise_kept,
        },
        pictures={'The picture': repairs(whole, {'deep image prior': made}, side=side)},
    )


def _pictures(data: Path | None) -> list[np.ndarray]:
    if data is None:
        parts = sources.sample_photographs().splits
        return [
            np.concatenate([parts[s][n] for s in ('train', 'validation', 'test')], 1)
            for n in range(2)
        ]
    if not data.is_dir():
        # Not before: whoever imports the experiment need not have Pillow.
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(data) as image:
                return [np.asarray(image.convert('RGB'))]
        except UnidentifiedImageError:
            raise ValueError(
                f"'{data}' is no picture that Pillow can read, wanted one such as a "
                'PNG or JPEG, or a folder of pictures'
            ) from None
    splits = sources.photograph_folder(data).splits
    return [picture for split in splits.values() for picture in split]


if __name__ == '__main__':
    command(experiment)
