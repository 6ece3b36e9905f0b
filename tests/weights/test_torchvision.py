"""State dicts of torchvision become our variables and come back, or say why not."""

import numpy as np
import pytest

from dljax.types import PyTree, named_leaves
from dljax.weights.entries import nest
from dljax.weights.torchvision import _entries, from_torchvision, names, to_torchvision

# Entries of the state dict, counts of batches among them, as torchvision has them.
LENGTHS = {
    'alexnet': 16,
    'vgg11': 22,
    'vgg16_bn': 97,
    'resnet18': 122,
    'resnet50': 320,
    'resnet152': 932,
    'vit_b_16': 152,
}
# Of arrays whose sizes are not free.
_SHAPES = {
    '[1, 1, width]': [1, 1, 2],
    '[1, places, width]': [1, 3, 2],
    **{f'[width, channel, {side}, {side}]': [2, 3, side, side] for side in (16, 32)},
}


def state(name: str, heads: bool = False, dtype: str = 'float32') -> dict:
    """A state dict of random numbers in tiny arrays, as torch would name them."""
    random, arrays = np.random.default_rng(0), {}
    for entry in _entries(name, heads):
        shape = [2, 3 * entry.form.divisor, 1, 2][: entry.form.rank]
        shape = _SHAPES.get(entry.form.words, shape)
        if entry.part:
            shape[entry.part.axis] = 2 * entry.part.count
        arrays[entry.theirs] = random.normal(size=shape).astype(dtype)
        if entry.theirs.endswith('running_var'):
            count = entry.theirs.replace('running_var', 'num_batches_tracked')
            arrays[count] = np.zeros((), np.int64)
    return arrays


def assert_same(left: dict, right: dict) -> None:
    assert list(left) == list(right)
    for name in left:
        assert left[name].dtype == right[name].dtype
        np.testing.assert_array_equal(left[name], right[name])


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
@pytest.mark.parametrize('name', names())
def test_a_state_dict_comes_back_bit_for_bit(name: str, dtype: str) -> None:
    arrays = state(name, dtype=dtype)
    assert_same(to_torchvision(name, from_torchvision(name, arrays)), arrays)


def test_googlenet_has_auxiliary_heads_or_not() -> None:
    assert len(state('googlenet')) == 344 and len(state('googlenet', heads=True)) == 364
    arrays = state('googlenet', heads=True)
    variables = from_torchvision('googlenet', arrays)
    assert {'aux1', 'aux2', 'output', 'inception4e'} < variables['params'].keys()
    assert_same(to_torchvision('googlenet', variables), arrays)


@pytest.mark.parametrize(('name', 'length'), LENGTHS.items())
def test_the_tables_are_as_long_as_the_state_dicts(name: str, length: int) -> None:
    assert len(state(name)) == length


def test_kernels_have_the_channels_last() -> None:
    arrays = state('resnet18')
    theirs = arrays['layer2.0.downsample.0.weight']
    params = from_torchvision('resnet18', arrays)['params']
    ours = params['layer2_0']['downsample']['conv']['kernel']
    for out, channel, row, column in np.ndindex(theirs.shape):
        assert ours[row, column, channel, out] == theirs[out, channel, row, column]
    np.testing.assert_array_equal(params['output']['kernel'].T, arrays['fc.weight'])


@pytest.mark.parametrize(
    ('name', 'matrix', 'path', 'side'),
    [
        ('alexnet', 'classifier.1', ('hidden_0',), 6),
        ('vgg13', 'classifier.0', ('hidden_0',), 7),
        ('googlenet', 'aux2.fc1', ('aux2', 'hidden'), 4),
    ],
)
def test_a_matrix_after_maps_takes_them_with_the_channels_last(
    name: str, matrix: str, path: tuple[str, ...], side: int
) -> None:
    arrays = state(name, heads=name == 'googlenet')
    part = from_torchvision(name, arrays)['params']
    for step in path:
        part = part[step]
    maps = np.random.default_rng(1).normal(size=(3, side, side))  # as torch has them
    there = arrays[f'{matrix}.weight'] @ maps.reshape(-1)
    here = maps.transpose(1, 2, 0).reshape(-1) @ part['kernel']
    np.testing.assert_allclose(here, there, rtol=1e-5)


def test_the_statistics_are_a_collection_of_their_own() -> None:
    arrays = state('vgg11_bn')
    variables = from_torchvision('vgg11_bn', arrays)
    assert variables.keys() == {'params', 'batch_stats'}
    norm = variables['batch_stats']['conv3_2']['norm']
    np.testing.assert_array_equal(norm['mean'], arrays['features.12.running_mean'])
    np.testing.assert_array_equal(norm['var'], arrays['features.12.running_var'])
    assert from_torchvision('vgg11', state('vgg11')).keys() == {'params'}


def test_nothing_is_shared_with_what_came_in() -> None:
    arrays = state('resnet18')
    variables = from_torchvision('resnet18', arrays)
    again = to_torchvision('resnet18', variables)
    before = variables['params']['stem']['norm']['scale'].copy()
    for array in (*arrays.values(), *again.values()):
        array *= 0
    np.testing.assert_array_equal(variables['params']['stem']['norm']['scale'], before)


@pytest.mark.parametrize('prefix', ['module.', '_orig_mod.', 'module._orig_mod.'])
def test_the_prefixes_of_wrapped_modules_are_taken_off(prefix: str) -> None:
    arrays = state('resnet18')
    wrapped = {prefix + name: array for name, array in arrays.items()}
    variables = from_torchvision('resnet18', wrapped)
    assert_same(to_torchvision('resnet18', variables), arrays)
    wrapped['fc.bias'] = wrapped.pop(f'{prefix}fc.bias')
    with pytest.raises(ValueError, match='not wanted .*module|_orig_mod'):
        from_torchvision('resnet18', wrapped)


def test_all_that_is_missing_surplus_and_misshapen_is_named_at_once() -> None:
    arrays = state('resnet18')
    like = from_torchvision('resnet18', arrays)
    for name in ('conv1.weight', 'layer3.1.bn2.running_mean'):
        arrays.pop(name)
    arrays |= {'head.weight': np.ones((7, 2)), 'extra.num_batches_tracked': np.ones(())}
    arrays['fc.bias'] = np.ones(9, np.float32)
    arrays['bn1.weight'] = np.ones(2, np.int64)
    with pytest.raises(ValueError) as caught:
        from_torchvision('resnet18', arrays, like)
    text = ' '.join(str(caught.value).split())
    assert "not those of torchvision's resnet18" in text
    assert (
        'missing (2): conv1.weight [2, 3, 1, 2], layer3.1.bn2.running_mean [2]' in text
    )
    assert 'not wanted (2): head.weight [7, 2], extra.num_batches_tracked []' in text
    assert 'shape mismatch (2): ' in text and 'fc.bias [9], wanted [2]' in text
    assert 'bn1.weight of int64, wanted floating-point numbers' in text
    assert max(map(len, str(caught.value).splitlines())) <= 88


@pytest.mark.parametrize(
    ('array', 'message'),
    [
        (np.ones((2, 3)), r'\[2, 3\], wanted \[out, channel x 7 x 7\]'),
        (np.ones((2, 49, 1)), r'\[2, 49, 1\], wanted'),
        (np.ones((0, 49)), r'\[0, 49\], wanted'),
    ],
)
def test_without_a_net_the_ranks_are_compared(array: np.ndarray, message: str) -> None:
    arrays = {**state('vgg11'), 'classifier.0.weight': array}
    with pytest.raises(ValueError, match=message):
        from_torchvision('vgg11', arrays)


def test_variables_of_another_model_are_not_exported() -> None:
    variables = from_torchvision('resnet18', state('resnet18'))
    with pytest.raises(ValueError, match=r'our resnet34:\n  missing .*layer1_2'):
        to_torchvision('resnet34', variables)
    flat: dict[str, PyTree] = named_leaves(variables)
    flat['params/output/kernel'] = np.ones((2, 3, 4), np.float32)
    with pytest.raises(ValueError, match=r'params/output/kernel \[2, 3, 4\], wanted'):
        to_torchvision('resnet18', nest(flat))


def test_an_unknown_model_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="'resnet19' is not known.*resnet152"):
        from_torchvision('resnet19', {})


def test_queries_keys_and_values_are_parts_of_one_array() -> None:
    arrays = state('vit_b_16')
    variables = from_torchvision('vit_b_16', arrays)
    layer = variables['params']['encoder']['layer_3']['attention']
    there = 'encoder.layers.encoder_layer_3.self_attention.in_proj_'
    for index, name in enumerate(('query', 'key', 'value')):
        rows = slice(2 * index, 2 * index + 2)
        kernel, bias = arrays[f'{there}weight'][rows], arrays[f'{there}bias'][rows]
        np.testing.assert_array_equal(layer[name]['kernel'], kernel.T)
        np.testing.assert_array_equal(layer[name]['bias'], bias)
    arrays[f'{there}bias'] = np.ones(7, np.float32)
    with pytest.raises(ValueError, match=r'3.self_attention.in_proj_bias \[7\]'):
        from_torchvision('vit_b_16', arrays)


def test_a_matrix_takes_the_numbers_of_a_patch_with_the_channels_last() -> None:
    arrays = state('vit_b_16')
    kernel = from_torchvision('vit_b_16', arrays)['params']['patches']['kernel']
    patch = np.random.default_rng(1).normal(size=(16, 16, 3))
    wanted = np.einsum('hwc,ochw->o', patch, arrays['conv_proj.weight'])
    np.testing.assert_allclose(patch.reshape(-1) @ kernel, wanted, rtol=1e-5)
