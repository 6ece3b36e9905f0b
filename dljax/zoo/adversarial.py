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
)
