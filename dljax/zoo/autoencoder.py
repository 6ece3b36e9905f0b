"""Networks that compress their input to a code and rebuild it."""

from dljax.models import autoencoder
from dljax.types import Spec
from dljax.zoo.rows import Row, Specs


def _pixels(net: autoencoder.Autoencoder) -> Specs:
    return {'image': Spec(net.shape, 'float32', 0, 1)}


ROWS = (
    Row(
        name='autoencoder',
        constructor=autoencoder.autoencoder,
        inputs=_pixels,
        parameters=209_968,
        paper='Rumelhart, Hinton and Williams, 1986, Learning Internal Representations '
        'by Error Propagation, Parallel Distributed Processing, volume 1, chapter 8',
        reference='784·128+128 + 128·32+32, and back 32·128+128 + 128·784+784',
    ),
    Row(
        name='linear_autoencoder',
        constructor=autoencoder.linear_autoencoder,
        inputs=_pixels,
        parameters=50_992,
        paper='Baldi and Hornik, 1989, Neural Networks and Principal Component '
        'Analysis, https://doi.org/10.1016/0893-6080(89)90014-2',
        reference='784·32+32 + 32·784+784',
    ),
    Row(
        name='deep_autoencoder',
        constructor=autoencoder.deep_autoencoder,
        inputs=_pixels,
        parameters=2_837_314,
        paper='Hinton and Salakhutdinov, 2006, Reducing the Dimensionality of Data '
        'with Neural Networks, https://doi.org/10.1126/science.1127647',
        reference='1,418,280 of 784-1000-500-250-30, 1,419,034 of the way back',
    ),
    Row(
        name='convolutional_autoencoder',
        constructor=autoencoder.convolutional_autoencoder,
        inputs=_pixels,
        parameters=256_001,
        paper='Masci, Meier, Cireşan and Schmidhuber, 2011, Stacked Convolutional '
        'Auto-Encoders, https://doi.org/10.1007/978-3-642-21735-7_7',
        reference='320 + 18,496 + 3,136·32+32, and back 32·3,136+3,136 + 32,800 + 513',
    ),
    Row(
        name='sparse_autoencoder',
        constructor=autoencoder.sparse_autoencoder,
        inputs=_pixels,
        parameters=1_607_440,
        paper='Ng, 2011, Sparse Autoencoder, CS294A lecture notes, '
        'https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf',
        reference='784·1024+1024 + 1024·784+784',
    ),
)
