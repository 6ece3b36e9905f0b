"""Generators and discriminators that learn against each other."""

from dljax.models.adversarial.dcgan import dcgan, dcgan_small
from dljax.models.adversarial.gan import gan

__all__ = ['dcgan', 'dcgan_small', 'gan']
