"""Networks that give each pixel of an image a class."""

from dljax.models import segmentation
from dljax.types import Spec
from dljax.zoo.rows import Row, Specs

_UNET = (
    'Ronneberger, Fischer and Brox, 2015, U-Net: Convolutional Networks for Biomedical '
    'Image Segmentation, https://arxiv.org/abs/1505.04597'
)


def _pixels(net: segmentation.UNet) -> Specs:
    """Images of any size and channels, and the class of each of their pixels."""
    return {
        'image': Spec((None, None, None), 'float32', 0, 1),
        'label': Spec((None, None), 'int32', 0, net.classes - 1),
    }


ROWS = (
    Row(
        name='unet',
        constructor=segmentation.UNet,
        inputs=_pixels,
        parameters=31_030_658,
        paper=_UNET,
        reference='31,030,593 with a single logit, as public Keras and torch nets of '
        'the paper have it, and 64+1 of the second',
        example={'image': (32, 32, 1), 'label': (32, 32)},
    ),
    Row(
        name='unet_2015',
        constructor=segmentation.unet_2015,
        inputs=_pixels,
        parameters=31_030_658,
        paper=_UNET,
        reference='the paper, figure 1: 572x572 pixels give 388x388 logits; here the '
        'smallest image that goes through stands for it',
        example={'image': (188, 188, 1), 'label': (188, 188)},
    ),
)
