"""Networks that make a better picture of a picture."""

from typing import Any

from flax import linen as nn

from dljax.models import restoration
from dljax.models.restoration.srgan import SRGAN
from dljax.types import Batch, PyTree, Spec
from dljax.zoo.rows import Part, Row, Specs

_SRGAN = (
    'Ledig et al., 2017, Photo-Realistic Single Image Super-Resolution Using a '
    'Generative Adversarial Network, https://arxiv.org/abs/1609.04802'
)
_EXAMPLE = {'image': (24, 24, 3), 'target': (96, 96, 3)}


def _pictures(net: Any) -> Specs:
    """Pictures of any size, and what they are at a multiple of it."""
    spec = Spec((None, None, net.channels), 'float32', 0, 1)
    return {'image': spec, 'target': spec}


def _of_generator(net: SRGAN) -> Specs:
    return _pictures(net.generator)


def _target(net: SRGAN) -> Specs:
    return {'target': _of_generator(net)['target']}


def _played(net: nn.Module, batch: Batch) -> PyTree:
    return net(batch['image'], batch['target'])


def _made(net: SRGAN, batch: Batch) -> PyTree:
    return net.generator(batch['image'])


def _judged(net: SRGAN, batch: Batch) -> PyTree:
    return net.discriminator(batch['target'])


def _of_noise(net: restoration.Hourglass) -> Specs:
    """Noise of a picture's size, and the picture."""
    return {
        'noise': Spec((None, None, net.inputs), 'float32', 0, 0.1),
        'target': Spec((None, None, net.channels), 'float32', 0, 1),
    }


ROWS = (
    Row(
        name='srresnet',
        constructor=restoration.SRResNet,
        inputs=_pictures,
        parameters=1_549_462,
        paper=_SRGAN,
        reference='tests/parity/test_restoration.py against torch; 15,617 + '
        '16 · 74,113 + 37,056 + 2 · 147,713 + 15,555',
        example=_EXAMPLE,
    ),
    Row(
        name='srgan',
        constructor=restoration.srgan,
        inputs=_of_generator,
        parameters=25_114_967,
        paper=_SRGAN,
        reference='tests/parity/test_restoration.py against torch; generator '
        '1,549,462, discriminator 23,565,505 for 96x96 pixels',
        example=_EXAMPLE,
        call=_played,
        parts={
            'generator': Part(_of_generator, _made),
            'discriminator': Part(_target, _judged),
        },
        use='generator',
    ),
    Row(
        name='edsr_baseline',
        constructor=restoration.EDSR,
        inputs=_pictures,
        parameters=1_517_571,
        paper='Lim et al., 2017, Enhanced Deep Residual Networks for Single Image '
        'Super-Resolution, https://arxiv.org/abs/1707.02921',
        reference='tests/parity/test_restoration.py against torch; 1,792 + 16 · 73,856 '
        '+ 36,928 + 2 · 147,712 + 1,731; the paper says 1.5 million',
        example=_EXAMPLE,
    ),
    Row(
        name='dncnn',
        constructor=restoration.DnCNN,
        inputs=_pictures,
        parameters=556_097,
        paper='Zhang et al., 2017, Beyond a Gaussian Denoiser: Residual Learning of '
        'Deep CNN for Image Denoising, https://arxiv.org/abs/1608.03981',
        reference='tests/parity/test_denoising.py against torch; 640 + 15 · (36,864 + '
        '128) + 577, without the 15 · 64 biases that public torch nets have besides',
        example={'image': (40, 40, 1), 'target': (40, 40, 1)},
    ),
    Row(
        name='deep_image_prior',
        constructor=restoration.Hourglass,
        inputs=_of_noise,
        parameters=2_215_251,
        paper='Ulyanov et al., 2018, Deep Image Prior, '
        'https://arxiv.org/abs/1711.10925',
        reference='tests/parity/test_denoising.py against torch, whose public net has '
        '2,580 biases before normalisations besides',
        example={'noise': (64, 64, 32), 'target': (64, 64, 3)},
    ),
)
