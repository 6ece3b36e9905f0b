"""Networks that turn an image of one domain into one of another."""

from typing import Any

from flax import linen as nn

from dljax.models import image_translation
from dljax.models.image_translation.cyclegan import CycleTranslation
from dljax.models.image_translation.pix2pix import PairedTranslation
from dljax.types import Batch, PyTree, Spec
from dljax.zoo.rows import Part, Row, Specs

_PIX2PIX = (
    'Isola, Zhu, Zhou and Efros, 2017, Image-to-Image Translation with Conditional '
    'Adversarial Networks, https://arxiv.org/abs/1611.07004'
)
_CYCLEGAN = (
    'Zhu, Park, Isola and Efros, 2017, Unpaired Image-to-Image Translation using '
    'Cycle-Consistent Adversarial Networks, https://arxiv.org/abs/1703.10593'
)


def _image(channels: int | None = None) -> Spec:
    return Spec((None, None, channels), 'float32', -1, 1)


def _pairs(net: PairedTranslation) -> Specs:
    """Images of any channels, and those that they should become."""
    return {'a': _image(), 'b': _image(net.generator.channels)}


def _domains(net: CycleTranslation) -> Specs:
    """Images of A, and images of B that do not belong to them."""
    return {
        'a': _image(net.generator_ba.channels),
        'b': _image(net.generator_ab.channels),
    }


def _calls(field: str, *features: str) -> Any:
    def call(net: nn.Module, batch: Batch) -> PyTree:
        return getattr(net, field)(*(batch[name] for name in features))

    return call


def _only(inputs: Any, *features: str) -> Any:
    return lambda net: {name: inputs(net)[name] for name in features}


_PAIR_PARTS = {
    'generator': Part(_only(_pairs, 'a'), _calls('generator', 'a'), target=('b',)),
    'discriminator': Part(_pairs, _calls('discriminator', 'b', 'a')),
}
_CYCLE_PARTS = {
    'generator_ab': Part(
        _only(_domains, 'a'), _calls('generator_ab', 'a'), target=('b',)
    ),
    'generator_ba': Part(
        _only(_domains, 'b'), _calls('generator_ba', 'b'), target=('a',)
    ),
    'discriminator_a': Part(_only(_domains, 'a'), _calls('discriminator_a', 'a')),
    'discriminator_b': Part(_only(_domains, 'b'), _calls('discriminator_b', 'b')),
}

ROWS = (
    Row(
        name='pix2pix',
        constructor=image_translation.pix2pix,
        inputs=_pairs,
        parts=_PAIR_PARTS,
        use='generator',
        parameters=57_171_012,
        paper=_PIX2PIX,
        reference='section 6.1, without biases where instance norm follows; generator '
        '54,404,099 for 256x256x3, discriminator 2,766,913; '
        'tests/parity/test_image_translation.py against torch',
        example={'a': (256, 256, 3), 'b': (256, 256, 3)},
    ),
    Row(
        name='pix2pix_small',
        constructor=image_translation.pix2pix_small,
        inputs=_pairs,
        parts=_PAIR_PARTS,
        use='generator',
        parameters=430_868,
        paper=_PIX2PIX,
        reference='generator 16 times (3·16+16·32+32·64+64·128, and 128·64+128·32+64·16'
        '+32·3)+3, discriminator 16 times (6·16+16·32+32·64+64)+16+1',
        example={'a': (32, 32, 3), 'b': (32, 32, 3)},
    ),
    Row(
        name='cyclegan',
        constructor=image_translation.cyclegan,
        inputs=_domains,
        parts=_CYCLE_PARTS,
        use='generator_ab',
        parameters=28_285_832,
        paper=_CYCLEGAN,
        reference='section 7.2, of public torch nets of the paper; generators of '
        '11,378,179, discriminators of 2,764,737; '
        'tests/parity/test_image_translation.py against torch',
        example={'a': (256, 256, 3), 'b': (256, 256, 3)},
    ),
    Row(
        name='cyclegan_small',
        constructor=image_translation.cyclegan_small,
        inputs=_domains,
        parts=_CYCLE_PARTS,
        use='generator_ab',
        parameters=224_680,
        paper=_CYCLEGAN,
        reference='generators 49·48+16, 9·512+32, 6 of 9·32²+32, 9·512+16, 49·48+3; '
        'discriminators 16·48+16, 16·512+32, 16·2048+64, 16·64+1',
        example={'a': (32, 32, 3), 'b': (32, 32, 3)},
    ),
)
