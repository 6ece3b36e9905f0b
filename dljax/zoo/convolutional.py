"""Convolutional networks."""

from flax import linen as nn

from dljax.models import convolutional
from dljax.types import Batch, PyTree, Spec
from dljax.zoo.rows import Row, Specs, images, label

_LENET = (
    'LeCun, Bottou, Bengio and Haffner, 1998, Gradient-Based Learning Applied to '
    'Document Recognition, https://doi.org/10.1109/5.726791'
)
_VGG = (
    'Simonyan and Zisserman, 2015, Very Deep Convolutional Networks for Large-Scale '
    'Image Recognition, https://arxiv.org/abs/1409.1556'
)
_GOOGLENET = (
    'Szegedy et al., 2015, Going Deeper with Convolutions, '
    'https://arxiv.org/abs/1409.4842'
)


def _photographs(net: nn.Module) -> Specs:
    """Images of any size, three channels, normalised or not."""
    return {'image': Spec((None, None, 3)), 'label': label(net.classes)}


def _all_heads(net: convolutional.GoogLeNet, batch: Batch) -> PyTree:
    """So that the gradient reaches the auxiliary heads where there are any."""
    image = batch['image']
    return net.with_auxiliaries(image) if net.auxiliary else net(image)


def _vgg(name: str, parameters: int) -> Row:
    return Row(
        name=name,
        constructor=getattr(convolutional, name),
        inputs=_photographs,
        example={'image': (224, 224, 3)},
        parameters=parameters,
        paper=_VGG,
        reference=f'torchvision: {name}',
    )


ROWS = (
    Row(
        name='lenet5',
        constructor=convolutional.LeNet5,
        inputs=lambda net: images(28 if net.padding == 'SAME' else 32, 1, net.classes),
        parameters=61_706,
        paper=_LENET,
        reference='the LeNet of the PyTorch tutorial "Neural Networks"',
    ),
    Row(
        name='lenet5_1998',
        constructor=convolutional.LeNet1998,
        inputs=lambda net: images(32, 1, 10),
        parameters=60_000,
        paper=_LENET,
        reference='the paper, section II.B: 156+12+1,516+32+48,120+10,164',
    ),
    Row(
        name='tutorial_cnn',
        constructor=convolutional.TutorialCNN,
        inputs=lambda net: images(28, 1, net.classes),
        parameters=3_144_110,
        paper='Row U2.3 of the course',
        reference='364 + 12,636 + 3,113,460 + 17,650',
    ),
    Row(
        name='alexnet',
        constructor=convolutional.AlexNet,
        inputs=_photographs,
        example={'image': (224, 224, 3)},
        parameters=61_100_840,
        paper='Krizhevsky, 2014, One Weird Trick for Parallelizing Convolutional '
        'Neural Networks, https://arxiv.org/abs/1404.5997',
        reference='torchvision: alexnet',
    ),
    Row(
        name='alexnet_2012',
        constructor=convolutional.AlexNet2012,
        inputs=_photographs,
        example={'image': (227, 227, 3)},
        parameters=60_965_224,
        paper='Krizhevsky, Sutskever and Hinton, 2012, ImageNet Classification with '
        'Deep Convolutional Neural Networks, https://papers.nips.cc/paper/'
        '4824-imagenet-classification-with-deep-convolutional-neural-networks',
        reference='34,944 + 307,456 + 885,120 + 663,936 + 442,624 + 37,752,832 + '
        '16,781,312 + 4,097,000; the paper says 60 million',
    ),
    _vgg('vgg11', 132_863_336),
    _vgg('vgg13', 133_047_848),
    _vgg('vgg16', 138_357_544),
    _vgg('vgg19', 143_667_240),
    _vgg('vgg11_bn', 132_868_840),
    _vgg('vgg13_bn', 133_053_736),
    _vgg('vgg16_bn', 138_365_992),
    _vgg('vgg19_bn', 143_678_248),
    Row(
        name='googlenet',
        constructor=convolutional.GoogLeNet,
        inputs=_photographs,
        example={'image': (224, 224, 3)},
        parameters=6_624_904,
        paper=_GOOGLENET,
        reference='torchvision: googlenet; with auxiliary heads 13,004,888',
        call=_all_heads,
    ),
    Row(
        name='googlenet_2014',
        constructor=convolutional.googlenet_2014,
        inputs=_photographs,
        example={'image': (224, 224, 3)},
        parameters=13_378_280,
        paper=_GOOGLENET,
        reference='table 1 of the paper, with biases; without auxiliary heads '
        '6,998,552',
        call=_all_heads,
    ),
)
