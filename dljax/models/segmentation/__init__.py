"""Networks that give each pixel of an image a class."""

from dljax.models.segmentation.unet import UNet, unet_2015

__all__ = ['UNet', 'unet_2015']
