"""Networks of convolutions."""

from dljax.models.convolutional.alexnet import AlexNet
from dljax.models.convolutional.alexnet_2012 import AlexNet2012
from dljax.models.convolutional.googlenet import GoogLeNet
from dljax.models.convolutional.googlenet_2014 import googlenet_2014
from dljax.models.convolutional.lenet import LeNet5
from dljax.models.convolutional.lenet_1998 import LeNet1998
from dljax.models.convolutional.tutorial_cnn import TutorialCNN
from dljax.models.convolutional.vgg import (
    vgg11,
    vgg11_bn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg19,
    vgg19_bn,
)

__all__ = [
    'AlexNet',
    'AlexNet2012',
    'GoogLeNet',
    'LeNet1998',
    'LeNet5',
    'TutorialCNN',
    'googlenet_2014',
    'vgg11',
    'vgg11_bn',
    'vgg13',
    'vgg13_bn',
    'vgg16',
    'vgg16_bn',
    'vgg19',
    'vgg19_bn',
]
