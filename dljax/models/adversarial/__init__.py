"""Generators and discriminators that learn against each other."""

from dljax.models.adversarial.acgan import acgan
from dljax.models.adversarial.biggan import biggan, biggan_small
from dljax.models.adversarial.cgan import cgan
from dljax.models.adversarial.coded_noise import CodedNoise
from dljax.models.adversarial.dcgan import dcgan, dcgan_small
from dljax.models.adversarial.gan import gan
from dljax.models.adversarial.infogan import infogan
from dljax.models.adversarial.lsgan import lsgan
from dljax.models.adversarial.stylegan import stylegan_small
from dljax.models.adversarial.truncated_noise import TruncatedNoise
from dljax.models.adversarial.wgan_gp import wgan_gp

__all__ = [
    'CodedNoise',
    'TruncatedNoise',
    'acgan',
    'biggan',
    'biggan_small',
    'cgan',
    'dcgan',
    'dcgan_small',
    'gan',
    'infogan',
    'lsgan',
    'stylegan_small',
    'wgan_gp',
]
