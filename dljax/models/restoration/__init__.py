"""Networks that make a better picture of a picture."""

from dljax.models.restoration.dncnn import DnCNN
from dljax.models.restoration.edsr import EDSR
from dljax.models.restoration.hourglass import Hourglass
from dljax.models.restoration.srgan import srgan
from dljax.models.restoration.srresnet import SRResNet

__all__ = ['DnCNN', 'EDSR', 'Hourglass', 'SRResNet', 'srgan']
