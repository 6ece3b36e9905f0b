"""Generators and discriminators that learn against each other."""

from dljax.models import adversarial
from dljax.models.adversaries import Adversaries
from dljax.types import Spec
from dljax.zoo.rows import Row, Specs


def _images_and_noise(net: Adversaries) -> Specs:
    return {
        'image': Spec(net.generator.shape, 'float32', 0, 1),
        'noise': Spec((net.latent,)),
    }


def _signed_images_and_noise(net: Adversaries) -> Specs:
    return {
        'image': Spec(net.generator.shape, 'float32', -1, 1),
        'noise': Spec((net.latent,)),
    }


ROWS = (
    Row(
        name='gan',
        constructor=adversarial.gan,
        inputs=_images_and_noise,
        parameters=3_735_425,
        paper='Goodfellow et al., 2014, Generative Adversarial Nets, '
        'https://arxiv.org/abs/1406.2661',
        reference='generator 100·1200+1200, 1200·1200+1200, 1200·784+784; '
        'discriminator of 5 pieces, 784·1200+1200, 240·1200+1200, 240+1',
    ),
    Row(
        name='dcgan',
        constructor=adversarial.dcgan,
        inputs=_signed_images_and_noise,
        parameters=6_342_272,
        paper='Radford et al., 2016, Unsupervised Representation Learning with Deep '
        'Convolutional Generative Adversarial Networks, '
        'https://arxiv.org/abs/1511.06434',
        reference='tests/parity/test_adversarial.py against torch; generator '
        '3,576,704, discriminator 2,765,568',
    ),
    Row(
        name='dcgan_small',
        constructor=adversarial.dcgan_small,
        inputs=_signed_images_and_noise,
        parameters=75_328,
        paper='Radford et al., 2016, https://arxiv.org/abs/1511.06434',
        reference='generator 32·64·2²+2·64, 64·32·4²+2·32, 32·4²; discriminator 32·4², '
        '32·64·4²+2·64, 64·2²',
    ),
)
