"""Weights of Keras become our variables and come back, or say why not."""

from pathlib import Path

import numpy as np
import pytest

from dljax import weights
from dljax.types import named_leaves
from dljax.weights.keras import _entries, from_keras, names, to_keras

LENGTHS = {'vgg16': 32, 'vgg19': 38, 'resnet50_keras': 53 * 2 + 53 * 4 + 2}


def arrays(name: str, dtype: str = 'float32') -> dict[str, np.ndarray]:
    """Random numbers in tiny arrays, named as Keras does."""
    random = np.random.default_rng(0)
    return {
        entry.theirs: random.normal(size=(1, 2, 3, 4)[-entry.form.rank :]).astype(dtype)
        for entry in _entries(name)
    }


def assert_same(left: dict, right: dict) -> None:
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        np.testing.assert_array_equal(left[name], right[name])


@pytest.mark.parametrize(
    ('name', 'suffix'),
    [
        (name, suffix)
        if suffix == '.npz' or (name, suffix) == ('vgg16', '.weights.h5')
        else pytest.param(name, suffix, marks=pytest.mark.heavy)
        for name in names()
        for suffix in ('.h5', '.weights.h5', '.npz', '.safetensors')
    ],
)
def test_weights_come_back_bit_for_bit_through_files(
    tmp_path: Path, name: str, suffix: str
) -> None:
    there = arrays(name)
    assert len(there) == LENGTHS[name]
    variables = from_keras(name, there)
    path = tmp_path / f'a{suffix}'
    weights.write(path, to_keras(name, variables))
    assert_same(weights.read(path), there)
    again = from_keras(name, weights.read(path), variables)
    assert_same(named_leaves(again), named_leaves(variables))


def test_blocks_shortcuts_and_statistics_go_where_they_belong() -> None:
    there = arrays('resnet50_keras')
    variables = from_keras('resnet50_keras', there)
    for theirs, ours in {
        'conv1_conv/bias': 'params/stem/conv/bias',
        'conv4_block6_3_conv/kernel': 'params/layer3_5/conv3/conv/kernel',
        'conv3_block1_0_conv/kernel': 'params/layer2_0/downsample/conv/kernel',
        'conv5_block2_1_bn/gamma': 'params/layer4_1/conv1/norm/scale',
        'conv5_block2_1_bn/moving_variance': 'batch_stats/layer4_1/conv1/norm/var',
        'predictions/kernel': 'params/output/kernel',
    }.items():
        np.testing.assert_array_equal(named_leaves(variables)[ours], there[theirs])


def test_layers_counted_by_class_are_known_by_their_order() -> None:
    there = arrays('vgg16')
    counted = {}
    for index, layer in enumerate(dict.fromkeys(key.split('/')[0] for key in there)):
        kind = 'conv2d' if index < 13 else 'dense'
        number = index if index < 13 else index - 13
        for weight in ('kernel', 'bias'):
            name = f'{kind}_{number}' if number else kind
            counted[f'{name}/{weight}'] = there[f'{layer}/{weight}']
    assert counted.keys() > {'conv2d/kernel', 'conv2d_12/bias', 'dense_2/kernel'}
    assert_same(
        named_leaves(from_keras('vgg16', counted)),
        named_leaves(from_keras('vgg16', there)),
    )


def test_weights_without_the_top_give_a_body() -> None:
    there = arrays('vgg16')
    whole = from_keras('vgg16', there)
    body = {k: v for k, v in there.items() if not k.startswith(('fc', 'predictions'))}
    variables = from_keras('vgg16', body, whole)
    assert whole['params'].keys() - variables['params'].keys() == {
        'hidden_0',
        'hidden_1',
        'output',
    }
    del there['fc1/bias']
    with pytest.raises(ValueError, match=r'missing \(1\): fc1/bias \[4\]'):
        from_keras('vgg16', there, whole)


def test_all_that_does_not_fit_is_named_at_once() -> None:
    there = arrays('resnet50_keras')
    like = from_keras('resnet50_keras', there)
    del there['conv1_bn/beta']
    there |= {'extra/kernel': np.ones((2, 2)), 'predictions/bias': np.ones(9)}
    with pytest.raises(ValueError) as caught:
        from_keras('resnet50_keras', there, like)
    text = ' '.join(str(caught.value).split())
    assert "not those of Keras' ResNet50" in text
    assert 'missing (1): conv1_bn/beta [4]' in text
    assert 'not wanted (1): extra/kernel [2, 2]' in text
    assert 'shape mismatch (1): predictions/bias [9], wanted [4]' in text
    with pytest.raises(ValueError, match="Keras weights of 'resnet50' are not known"):
        from_keras('resnet50', there)
