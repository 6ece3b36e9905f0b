"""Networks that compress their input to a code and rebuild it."""

import jax
from flax import linen as nn

from dljax.models import autoencoder
from dljax.types import Batch, Spec
from dljax.zoo.rows import Part, Row, Specs, label


def _pixels(
    net: autoencoder.Autoencoder | autoencoder.VariationalAutoencoder,
) -> Specs:
    return {'image': Spec(net.shape, 'float32', 0, 1)}


def _of_a_class(net: autoencoder.VariationalAutoencoder, batch: Batch) -> tuple:
    """Give the label to the net, which asks for it."""
    return net(batch['image'], batch['label'])


def _given(batch: Batch) -> tuple:
    return (batch['label'],) if 'label' in batch else ()


def _code(net: autoencoder.Autoencoder | autoencoder.VariationalAutoencoder) -> Specs:
    """Tell the width of the code; that of an autoencoder only its encoder knows."""
    if isinstance(net, autoencoder.VariationalAutoencoder):
        given = {'label': label(net.classes)} if net.classes else {}
        return {'code': Spec((net.code,)), **given}
    image = jax.ShapeDtypeStruct((1, *net.shape), 'float32')
    encode = nn.init_with_output(lambda net, image: net.encode(image), net)
    width = jax.eval_shape(encode, jax.random.key(0), image)[0].shape[-1]
    return {'code': Spec((width,))}


def _labelled(
    net: autoencoder.Autoencoder | autoencoder.VariationalAutoencoder,
) -> Specs:
    given = getattr(net, 'classes', 0)
    return {**_pixels(net), **({'label': label(given)} if given else {})}


def _of_any_size(net: autoencoder.QuantisedAutoencoder) -> Specs:
    """Images of any size that the codes divide."""
    return {'image': Spec((None, None, net.channels), 'float32', 0, 1)}


def _codes(net: autoencoder.QuantisedAutoencoder) -> Specs:
    return {'code': Spec((None, None), 'int32', 0, net.quantiser.codes - 1)}


# The decoder makes samples of a variational net out of normal numbers.
_PARTS = {
    'encoder': Part(
        _labelled, lambda net, batch: net.encode(batch['image'], *_given(batch))
    ),
    'decoder': Part(
        _code,
        lambda net, batch: net.images(batch['code'], *_given(batch)),
        target=('image',),
    ),
}

ROWS = (
    Row(
        name='autoencoder',
        constructor=autoencoder.autoencoder,
        inputs=_pixels,
        parameters=209_968,
        target=('image',),
        parts=_PARTS,
        paper='Rumelhart, Hinton and Williams, 1986, Learning Internal Representations '
        'by Error Propagation, Parallel Distributed Processing, volume 1, chapter 8',
        reference='784·128+128 + 128·32+32, and back 32·128+128 + 128·784+784',
    ),
    Row(
        name='linear_autoencoder',
        constructor=autoencoder.linear_autoencoder,
        inputs=_pixels,
        parameters=50_992,
        target=('image',),
        parts=_PARTS,
        paper='Baldi and Hornik, 1989, Neural Networks and Principal Component '
        'Analysis, https://doi.org/10.1016/0893-6080(89)90014-2',
        reference='784·32+32 + 32·784+784',
    ),
    Row(
        name='deep_autoencoder',
        constructor=autoencoder.deep_autoencoder,
        inputs=_pixels,
        parameters=2_837_314,
        target=('image',),
        parts=_PARTS,
        paper='Hinton and Salakhutdinov, 2006, Reducing the Dimensionality of Data '
        'with Neural Networks, https://doi.org/10.1126/science.1127647',
        reference='1,418,280 of 784-1000-500-250-30, 1,419,034 of the way back',
    ),
    Row(
        name='convolutional_autoencoder',
        constructor=autoencoder.convolutional_autoencoder,
        inputs=_pixels,
        parameters=256_001,
        target=('image',),
        parts=_PARTS,
        paper='Masci, Meier, Cireşan and Schmidhuber, 2011, Stacked Convolutional '
        'Auto-Encoders, https://doi.org/10.1007/978-3-642-21735-7_7',
        reference='320 + 18,496 + 3,136·32+32, and back 32·3,136+3,136 + 32,800 + 513',
    ),
    Row(
        name='sparse_autoencoder',
        constructor=autoencoder.sparse_autoencoder,
        inputs=_pixels,
        parameters=1_607_440,
        target=('image',),
        parts=_PARTS,
        paper='Ng, 2011, Sparse Autoencoder, CS294A lecture notes, '
        'https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf',
        reference='784·1024+1024 + 1024·784+784',
    ),
    Row(
        name='vae',
        constructor=autoencoder.vae,
        inputs=_pixels,
        parameters=652_824,
        target=('image',),
        parts=_PARTS,
        paper='Kingma and Welling, 2014, Auto-Encoding Variational Bayes, '
        'https://arxiv.org/abs/1312.6114',
        reference='784·400+400 + 2·(400·20+20), and back 20·400+400 + 400·784+784',
    ),
    Row(
        name='conditional_vae',
        constructor=autoencoder.conditional_vae,
        inputs=lambda net: {**_pixels(net), 'label': label(net.classes)},
        parameters=660_824,
        target=('image',),
        parts=_PARTS,
        paper='Sohn, Lee and Yan, 2015, Learning Structured Output Representation '
        'using Deep Conditional Generative Models, https://papers.nips.cc/paper/5775',
        reference='that of vae, and 10·400 weights of the label in either part',
        call=_of_a_class,
    ),
    Row(
        name='convolutional_vae',
        constructor=autoencoder.convolutional_vae,
        inputs=_pixels,
        parameters=243_465,
        target=('image',),
        parts=_PARTS,
        paper='Kingma and Welling, 2014, Auto-Encoding Variational Bayes, '
        'https://arxiv.org/abs/1312.6114',
        reference='320 + 18,496 + 3,136·40+40, and back 20·3,136+3,136 + 32,800 + 513',
    ),
    Row(
        name='vqvae',
        constructor=autoencoder.vqvae,
        inputs=_of_any_size,
        parameters=4_910_147,
        target=('image',),
        parts={
            'encoder': Part(
                _of_any_size, lambda net, batch: net.encode(batch['image'])
            ),
            'decoder': Part(
                _codes,
                lambda net, batch: net.images(batch['code']),
                target=('image',),
            ),
        },
        paper='van den Oord, Vinyals and Kavukcuoglu, 2017, Neural Discrete '
        'Representation Learning, https://arxiv.org/abs/1711.00937',
        reference='the paper, section 4: 12,544 + 1,048,832 + 1,311,744 + 16,448, and '
        'back 147,712 + 1,311,744 + 1,048,832 + 12,291; the codebook of 512·64 numbers '
        'is a moving average',
        example={'image': (32, 32, 3)},
    ),
)
