"""Networks that turn an image of one domain into one of another."""

from dljax.models.image_translation.cyclegan import cyclegan, cyclegan_small
from dljax.models.image_translation.pix2pix import pix2pix, pix2pix_small

__all__ = ['cyclegan', 'cyclegan_small', 'pix2pix', 'pix2pix_small']
