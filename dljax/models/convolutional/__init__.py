"""Networks of convolutions."""

from dljax.models.convolutional.alexnet import AlexNet
from dljax.models.convolutional.lenet import LeNet5
from dljax.models.convolutional.lenet_1998 import LeNet1998
from dljax.models.convolutional.tutorial_cnn import TutorialCNN

__all__ = ['AlexNet', 'LeNet1998', 'LeNet5', 'TutorialCNN']
