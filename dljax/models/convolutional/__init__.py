"""Networks of convolutions."""

from dljax.models.convolutional.lenet import LeNet5
from dljax.models.convolutional.tutorial_cnn import TutorialCNN

__all__ = ['LeNet5', 'TutorialCNN']
