"""Generators and discriminators that learn against each other."""

from collections.abc import Callable
from typing import Any

from flax import linen as nn

from dljax.models import adversarial
from dljax.models.adversaries import Adversaries
from dljax.types import Batch, PyTree, Spec
from dljax.zoo.rows import Part, Row, Specs, label


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


def _with_labels(net: Adversaries) -> Specs:
    return {**_images_and_noise(net), 'label': label(net.generator.classes)}


def _signed_with_labels(net: Adversaries) -> Specs:
    return {**_signed_images_and_noise(net), 'label': label(net.generator.classes)}


def _given_and_shown(net: nn.Module, batch: Batch) -> PyTree:
    """Both players are conditioned on the label."""
    return net(batch['image'], batch['noise'], batch['label'])


def _given(net: nn.Module, batch: Batch) -> PyTree:
    """Only the generator is conditioned on the label."""
    made = net.generator(batch['noise'], batch['label'])
    return net.discriminator(batch['image']), net.discriminator(made)


def _parts(inputs: Callable[[Any], Specs], *, told: bool, shown: bool) -> dict:
    """Samples of noise, and what the discriminator says of images.

    Args:
        inputs: of the whole net.
        told: whether the generator takes the label.
        shown: whether the discriminator does.
    """

    def of(*features: str) -> Callable[[Any], Specs]:
        return lambda net: {name: inputs(net)[name] for name in features}

    def make(net: Adversaries, batch: Batch) -> PyTree:
        return net.generator(batch['noise'], *((batch['label'],) if told else ()))

    def judge(net: Adversaries, batch: Batch) -> PyTree:
        return net.discriminator(batch['image'], *((batch['label'],) if shown else ()))

    return {
        'generator': Part(
            of('noise', *(('label',) if told else ())), make, target=('image',)
        ),
        'discriminator': Part(of('image', *(('label',) if shown else ())), judge),
    }


ROWS = (
    Row(
        name='gan',
        constructor=adversarial.gan,
        inputs=_images_and_noise,
        parts=_parts(_images_and_noise, told=False, shown=False),
        use='generator',
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
        parts=_parts(_signed_images_and_noise, told=False, shown=False),
        use='generator',
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
        parts=_parts(_signed_images_and_noise, told=False, shown=False),
        use='generator',
        parameters=75_328,
        paper='Radford et al., 2016, https://arxiv.org/abs/1511.06434',
        reference='generator 32·64·2²+2·64, 64·32·4²+2·32, 32·4²; discriminator 32·4², '
        '32·64·4²+2·64, 64·2²',
    ),
    Row(
        name='cgan',
        constructor=adversarial.cgan,
        inputs=_with_labels,
        parts=_parts(_with_labels, told=True, shown=True),
        use='generator',
        parameters=3_638_335,
        paper='Mirza and Osindero, 2014, Conditional Generative Adversarial Nets, '
        'https://arxiv.org/abs/1411.1784',
        reference='generator 100·200+200, 10·1000+1000, 1200·1200+1200, 1200·784+784; '
        'discriminator 784·1200+1200, 10·250+250, 290·960+960, 240+1',
        call=_given_and_shown,
    ),
    Row(
        name='lsgan',
        constructor=adversarial.lsgan,
        inputs=_signed_images_and_noise,
        parts=_parts(_signed_images_and_noise, told=False, shown=False),
        use='generator',
        parameters=19_910_212,
        paper='Mao et al., 2017, Least Squares Generative Adversarial Networks, '
        'https://arxiv.org/abs/1611.04076',
        reference='figure 2; generator 1024·12544+512, 4 of 256·256·9+512, '
        '256·128·9+256, 128·64·9+128, 64·3·9+3; discriminator 3·64·25+64, '
        '64·128·25+256, 128·256·25+512, 256·512·25+1024, 25088+1',
    ),
    Row(
        name='wgan_gp',
        constructor=adversarial.wgan_gp,
        inputs=_signed_images_and_noise,
        parts=_parts(_signed_images_and_noise, told=False, shown=False),
        use='generator',
        parameters=2_258_308,
        paper='Gulrajani et al., 2017, Improved Training of Wasserstein GANs, '
        'https://arxiv.org/abs/1704.00028',
        reference='appendix F; generator 128·2048+2048, 3 blocks of 312,192, 256, '
        '128·3·9+3; critic blocks of 151,680, 311,680 and twice 295,168, 128+1',
    ),
    Row(
        name='acgan',
        constructor=adversarial.acgan,
        inputs=_signed_with_labels,
        parts=_parts(_signed_with_labels, told=True, shown=False),
        use='generator',
        parameters=4_657_646,
        paper='Odena et al., 2017, Conditional Image Synthesis with Auxiliary '
        'Classifier GANs, https://arxiv.org/abs/1610.09585',
        reference='table 2; generator 110·6144+6144, 384·192·25+384, 192·96·25+192, '
        '96·3·25+3; discriminator 3·16·9+16, 16·32·9+64, 32·64·9+128, 64·128·9+256, '
        '128·256·9+512, 256·512·9+1024, 8192·11+11',
        call=_given,
    ),
    Row(
        name='biggan',
        constructor=adversarial.biggan,
        inputs=_signed_with_labels,
        parts=_parts(_signed_with_labels, told=True, shown=True),
        use='generator',
        parameters=158_416_358,
        paper='Brock et al., 2019, Large Scale GAN Training for High Fidelity Natural '
        'Image Synthesis, https://arxiv.org/abs/1809.11096',
        reference='appendix B, table 4, for 128x128: 158.3 million in table 1; '
        'generator 70,433,988, discriminator 87,982,370; the layers against torch in '
        'tests/parity/test_large_adversaries.py',
        call=_given_and_shown,
    ),
    Row(
        name='biggan_small',
        constructor=adversarial.biggan_small,
        inputs=_signed_with_labels,
        parts=_parts(_signed_with_labels, told=True, shown=True),
        use='generator',
        parameters=124_692,
        paper='Brock et al., 2019, https://arxiv.org/abs/1809.11096',
        reference='generator 49,186: 10·16, 10·256+256, blocks of 34,656 and 9,936 '
        'with an attention of 1,281 between them, 2·16, 16·9+1; discriminator 75,506',
        call=_given_and_shown,
    ),
    Row(
        name='stylegan_small',
        constructor=adversarial.stylegan_small,
        inputs=_signed_images_and_noise,
        parts=_parts(_signed_images_and_noise, told=False, shown=False),
        use='generator',
        parameters=178_057,
        paper='Karras et al., 2020, Analyzing and Improving the Image Quality of '
        'StyleGAN, https://arxiv.org/abs/1912.04958',
        reference='tests/parity/test_stylegan.py against torch; generator 86,744 (4 '
        'dense layers of 32·32+32, the rest modulated), discriminator 91,313',
    ),
    Row(
        name='infogan',
        constructor=adversarial.infogan,
        inputs=_images_and_noise,
        parts=_parts(_images_and_noise, told=False, shown=False),
        use='generator',
        parameters=13_336_272,
        paper='Chen et al., 2016, InfoGAN: Interpretable Representation Learning by '
        'Information Maximizing Generative Adversarial Nets, '
        'https://arxiv.org/abs/1606.03657',
        reference='appendix C.1; generator 74·1024+2048, 1024·6272+12544, '
        '128·64·16+128, 64·16+1; discriminator 64·16+64, 64·128·16+256, '
        '6272·1024+2048, 1024+1, 1024·128+256, 128·14+14',
    ),
)
