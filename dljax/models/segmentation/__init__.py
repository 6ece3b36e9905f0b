"""Networks that give each pixel of an image a class."""

from dljax.models.segmentation.unet import UNet, output_side, unet_2015

__all__ = ['UNet', 'output_side', 'unet_2015']
