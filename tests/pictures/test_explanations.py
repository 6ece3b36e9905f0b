"""Pictures of explanations: each map stands beside its image, on an honest scale."""

import functools
import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dljax.experiment import Outcome
from dljax.models.container import container
from dljax.models.standardised import Standardised
from dljax.pictures.explanations import explanations, feature_maps
from dljax.types import Array, PyTree, State

RNG = np.random.default_rng(0)
SET = {
    'image': RNG.uniform(size=(6, 4, 5, 1)).astype(np.float32),
    'label': np.array([1, 0, 1, 0, 1, 0], np.int32),
}


class Small(nn.Module):
    """A convolution without an activation and a dense layer."""

    @nn.compact
    def __call__(self, image: Array, *, train: bool = False) -> Array:
        """Compute the logits."""
        x = nn.Conv(3, (1, 1), name='conv')(image)
        return nn.Dense(2, name='output')(x.reshape(len(x), -1))


@functools.cache
def drawn() -> PyTree:
    return jax.jit(Small().init)(jax.random.key(0), SET['image'])['params']


def outcome(net: nn.Module | None = None) -> Outcome:
    params = dict(drawn())
    if net is None:
        net = Small()
    else:
        params = {'judge': params}
    state = State(jnp.int32(0), params, {}, {})
    return Outcome(net, state, state, {'test': SET}, [])


def shown(axes: object) -> np.ndarray:
    return np.asarray(axes.images[-1].get_array())


def signed(net: nn.Module, image: Array) -> Array:
    return image * jnp.array([1.0, -1.0, 1.0, 1.0, 1.0])[None, None, :, None]


def positive(net: nn.Module, image: Array) -> Array:
    return image + 1.0


@pytest.mark.others('heavy', first='heavy')
@pytest.mark.parametrize('part', ['judge', None])
def test_maps_stand_beside_their_images(part: str | None) -> None:
    done = outcome(container(judge=Small()) if part else None)
    methods = {'both': signed, 'laid over': positive}
    draw = explanations('ab', count=2, methods=methods, part=part)
    figure = draw(done)
    panels = np.array(figure.axes).reshape(2, 3)
    assert [axes.get_title() for axes in panels[0]] == ['image', *methods]
    variables = {'params': outcome().state.params}
    said = np.asarray(Small().apply(variables, jnp.asarray(SET['image']))).argmax(1)
    for row, example in zip(panels, (1, 0), strict=True):  # the classes take turns
        image = SET['image'][example, ..., 0]
        np.testing.assert_array_equal(shown(row[0]), image)
        np.testing.assert_allclose(shown(row[1]), image * [1, -1, 1, 1, 1])
        low, high = row[1].images[-1].get_clim()
        assert low == -high and row[1].images[-1].get_cmap().name == 'RdBu_r'
        under, over = row[2].images
        np.testing.assert_array_equal(under.get_array(), image)
        np.testing.assert_allclose(over.get_array(), image + 1)
        assert over.get_clim()[0] == 0 and over.get_alpha() < 1
        right = said[example] == SET['label'][example]
        words = f'true {"ab"[SET["label"][example]]}\nsaid {"ab"[said[example]]}'
        assert row[0].get_ylabel() == words
        assert row[0].yaxis.label.get_color() == ('black' if right else 'red')


@pytest.mark.heavy
def test_the_usual_methods_are_drawn_of_a_real_net() -> None:
    figure = explanations('ab', count=1)(outcome())
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        'image',
        'gradient',
        'SmoothGrad',
        'integrated\ngradients',
        'Grad-CAM',
    ]


def test_feature_maps_are_those_of_the_layer_on_one_scale() -> None:
    figure = feature_maps('conv', example=2)(outcome())
    image, *tiles, _ = figure.axes  # the last is the colour bar
    np.testing.assert_array_equal(shown(image), SET['image'][2, ..., 0])
    params = outcome().state.params['conv']
    for channel, axes in enumerate(tiles):
        weight, bias = params['kernel'][0, 0, 0, channel], params['bias'][channel]
        wanted = weight * SET['image'][2, ..., 0] + bias
        np.testing.assert_allclose(shown(axes), wanted, rtol=1e-4, atol=1e-6)
    assert len(tiles) == 3
    assert len({axes.images[0].get_clim() for axes in tiles}) == 1
    few = feature_maps('conv', most=2)(outcome())
    assert few.get_suptitle().startswith('2 of 3 channels of conv')


def test_a_layer_without_places_or_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'output' gives \(1, 2\), wanted"):
        feature_maps('output')(outcome())
    with pytest.raises(ValueError, match="no module 'conv_0', wanted one of .*'conv'"):
        feature_maps('conv_0')(outcome())


@pytest.mark.heavy
def test_integers_are_shown_and_given_as_floats_and_names_as_they_are() -> None:
    """Of a net that normalises its images, whose layers keep their paths."""
    params = outcome().state.params
    state = State(jnp.int32(0), params, {}, {})
    net = Standardised(Small(), (0.5,), (0.25,))
    integers = (255 * SET['image']).round().astype(np.uint8)
    sets = {'test': {**SET, 'image': integers}}
    done = Outcome(net, state, state, sets, [])
    figure = explanations(['$a', 'b'], count=1)(done)
    figure.savefig(io.BytesIO())  # a formula that is none would raise here
    np.testing.assert_allclose(shown(figure.axes[0]), integers[1, ..., 0] / 255)
    tiles = feature_maps('conv', example=1)(done).axes[1:-1]
    conv = nn.Conv(3, (1, 1)).apply(
        {'params': params['conv']}, (jnp.asarray(integers[1:2]) / 255 - 0.5) / 0.25
    )
    for channel, axes in enumerate(tiles):
        np.testing.assert_allclose(shown(axes), conv[0, ..., channel], rtol=1e-4)
