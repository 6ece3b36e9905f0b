"""Images whose channels come first are refused by every net that sees images."""

import jax
import numpy as np
import pytest
from flax import linen as nn

from dljax import create_model, zoo
from dljax.layers import check_layout

SEEN = {
    name: feature
    for name in zoo.list_models()
    for feature, form in zoo.shapes(name, batch=2).items()
    if len(form.shape) == 4 and feature not in zoo.TARGETS
}
QUICK = ('resnet18', 'vgg11', 'lenet5', 'unet', 'dcgan', 'gan', 'vae', 'autoencoder')


@pytest.mark.parametrize(
    'name',
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.heavy)
        for name in SEEN
    ],
)
def test_a_net_of_images_refuses_channels_that_come_first(name):
    batch, net = zoo.shapes(name, batch=2), zoo.create_model(name)
    form = batch[SEEN[name]]
    count, height, width, channels = form.shape
    turned = jax.ShapeDtypeStruct((count, channels, height, width), form.dtype)
    with pytest.raises(ValueError, match=r'image.transpose\(0, 2, 3, 1\)'):
        jax.eval_shape(
            nn.init(zoo.row(name).call, net),
            jax.random.key(0),
            {**batch, SEEN[name]: turned},
        )


def test_there_are_nets_of_images_of_every_family():
    assert {'resnet18', 'vgg11', 'lenet5', 'unet', 'dcgan', 'gan', 'vae'} <= set(SEEN)


@pytest.mark.parametrize(
    'shape', [(3, 32, 32, 3), (2, 4, 4, 64), (2, 1, 1, 512), (2, 5, 40, 12), (2, 7)]
)
def test_maps_of_many_channels_and_other_ranks_pass(shape):
    check_layout(np.ones(shape))


def test_a_sample_of_the_shape_that_was_declared_is_no_mistake():
    net = create_model('autoencoder', code=2, shape=(3, 6, 6))
    assert jax.eval_shape(net.init, jax.random.key(0), np.ones((2, 3, 6, 6)))
