"""State dicts of torchvision to our variables and back, by tables; without torch."""

import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from dljax.types import PyTree
from dljax.weights.entries import Entry, Form, as_it_is, read, write
from dljax.weights.prefixes import Unwrapped, unwrap
from dljax.weights.torch_attention import vision_transformer

_CONV = Form(
    4,
    '[out, in, height, width]',
    lambda x: x.transpose(2, 3, 1, 0),
    lambda x: x.transpose(3, 2, 0, 1),
)
_DENSE = Form(2, '[out, in]', lambda x: x.T, lambda x: x.T)
_CHANNELS = as_it_is(1, '[channel]')
_COUNT = 'num_batches_tracked'
_STAGES = {
    'vgg11': (1, 1, 2, 2, 2),
    'vgg13': (2, 2, 2, 2, 2),
    'vgg16': (2, 2, 3, 3, 3),
    'vgg19': (2, 2, 4, 4, 4),
}
_BLOCKS = {
    'resnet18': (2, 2, 2, 2),
    'resnet34': (3, 4, 6, 3),
    'resnet50': (3, 4, 6, 3),
    'resnet101': (3, 4, 23, 3),
    'resnet152': (3, 8, 36, 3),
}
_BRANCHES = ('branch1', 'branch2.0', 'branch2.1', 'branch3.0', 'branch3.1', 'branch4.1')
_MODULES = ('3a', '3b', '4a', '4b', '4c', '4d', '4e', '5a', '5b')


def names() -> list[str]:
    """List the models whose state dicts are known.

    Example:
        >>> names()[:3]
        ['alexnet', 'googlenet', 'resnet101']
    """
    return sorted(_TABLES)


def from_torchvision(
    name: str, arrays: Mapping[str, np.ndarray], like: PyTree = None
) -> dict[str, PyTree]:
    """Make our variables from a state dict of torchvision.

    Kernels become [height, width, in, out] and matrices [in, out]; the inputs of the
    first matrix after the feature maps are sorted from [channel, height, width] to
    [height, width, channel]. torch's count of batches is left out. What stands before
    the names of a net that was part of another is taken off, see `unwrap_arrays`.

    Args:
        name: one of `names()`, as torchvision and our zoo call it.
        arrays: the state dict in NumPy arrays. With any number of classes; GoogLeNet's
            with or without its auxiliary heads.
        like: the variables of our net or their shapes, from `jax.eval_shape` of its
            `init`, to compare with; without, only the ranks are.

    Returns:
        `{'params': ..., 'batch_stats': ...}`, the latter where the net has any; copies.

    Raises:
        ValueError: for an unknown name; or arrays that are missing, unexpected or
            shape mismatch, all of which are named with the shapes got and wanted.

    Reference:
        TorchVision contributors (2016), TorchVision: PyTorch's Computer Vision Library,
        https://docs.pytorch.org/vision/stable/models.html

    Example:
        >>> try:
        ...     from_torchvision('vgg11', {'head.weight': np.ones((10, 4))})
        ... except ValueError as error:
        ...     print(str(error).splitlines()[0])
        these weights are not those of torchvision's vgg11:
    """
    arrays, prefix, _ = unwrap_arrays(name, arrays)
    heads = there = any(key.startswith(('aux1.', 'aux2.')) for key in arrays)
    if like is not None:
        heads = 'aux1' in like['params']
    mend = f'Make the net with auxiliary={there}.' if heads != there else None
    entries = _entries(name, heads)
    counted = {
        f'{entry.theirs.removesuffix("running_mean")}{_COUNT}'
        for entry in entries
        if entry.theirs.endswith('running_mean')
    }
    kept = {key: value for key, value in arrays.items() if key not in counted}
    behind = f", behind the prefix '{prefix}'" if prefix else ''
    if behind and mend is None and kept.keys() > {entry.theirs for entry in entries}:
        mend = 'All of it is there: leave the others out where they are another part.'
    return read(f"torchvision's {name}{behind}", entries, kept, like, mend)


def unwrap_arrays(name: str, arrays: Mapping[str, np.ndarray]) -> Unwrapped:
    """Tell a net's own arrays in a state dict that holds it, maybe as a part.

    Args:
        name: one of `names()`.
        arrays: the state dict in NumPy arrays.

    Returns:
        They, the prefix that stood before their names ('' for none), and the names of
        what was left out; `from_torchvision` does the same.

    Raises:
        ValueError: for an unknown name, or two such nets.

    Example:
        >>> names = [entry.theirs for entry in _entries('resnet18', heads=False)]
        >>> unwrap_arrays('resnet18', {f'model.{n}': np.ones(1) for n in names}).prefix
        'model.'
    """
    there = {key: np.asarray(value) for key, value in arrays.items()}
    return unwrap(there, [entry.theirs for entry in _entries(name, heads=False)])


def to_torchvision(name: str, variables: Mapping[str, PyTree]) -> dict[str, np.ndarray]:
    """Make a state dict of torchvision from our variables: the way back.

    Args:
        name: one of `names()`.
        variables: `{'params': ..., 'batch_stats': ...}`.

    Returns:
        NumPy arrays, copies, in torch's order; torch's counts of batches are 0 (they
        matter only for `BatchNorm2d(momentum=None)`), so that
        `load_state_dict(strict=True)` takes it.

    Raises:
        ValueError: for an unknown name, or variables of another model; all that is
            missing, unexpected or shape mismatch is named.

    Example:
        >>> try:
        ...     to_torchvision('vgg11', {'params': {}})
        ... except ValueError as error:
        ...     print(str(error).splitlines()[0])
        these weights are not those of our vgg11:
    """
    entries = _entries(name, 'aux1' in variables.get('params', {}))
    state = {}
    for key, value in write(f'our {name}', entries, variables).items():
        state[key] = np.array(value, order='C')
        if key.endswith('running_var'):
            state[key.removesuffix('running_var') + _COUNT] = np.zeros((), np.int64)
    return state


def theirs_by_ours(name: str, variables: Mapping[str, PyTree]) -> dict[str, str]:
    """Tell which array of the state dict each of our variables is.

    Args:
        name: one of `names()`.
        variables: of the model.

    Returns:
        Names such as 'fc.weight' by paths such as 'params/output/kernel'.
    """
    entries = _entries(name, 'aux1' in variables['params'])
    return {entry.ours: entry.theirs for entry in entries}


def _entries(name: str, heads: bool) -> list[Entry]:
    if name not in _TABLES:
        raise ValueError(
            f"the state dict of '{name}' is not known, only those of "
            + ', '.join(names())
        )
    return list(_TABLES[name](name, heads))


def _conv(theirs: str, ours: str, bias: bool) -> Iterator[Entry]:
    yield Entry(f'{theirs}.weight', f'params/{ours}/conv/kernel', _CONV)
    if bias:
        yield Entry(f'{theirs}.bias', f'params/{ours}/conv/bias', _CHANNELS)


def _norm(theirs: str, ours: str) -> Iterator[Entry]:
    for there, here in (
        ('weight', 'params/{}/norm/scale'),
        ('bias', 'params/{}/norm/bias'),
        ('running_mean', 'batch_stats/{}/norm/mean'),
        ('running_var', 'batch_stats/{}/norm/var'),
    ):
        yield Entry(f'{theirs}.{there}', here.format(ours), _CHANNELS)


def _dense(theirs: str, ours: str, side: int = 1) -> Iterator[Entry]:
    """Map a matrix, whose inputs are feature maps of the given side, flattened."""
    form = _DENSE if side == 1 else _after_maps(side)
    yield Entry(f'{theirs}.weight', f'params/{ours}/kernel', form)
    yield Entry(f'{theirs}.bias', f'params/{ours}/bias', _CHANNELS)


def _after_maps(side: int) -> Form:
    def here(x: np.ndarray) -> np.ndarray:
        out, inputs = x.shape
        maps = x.reshape(out, inputs // side**2, side, side)
        return maps.transpose(2, 3, 1, 0).reshape(inputs, out)

    def there(x: np.ndarray) -> np.ndarray:
        inputs, out = x.shape
        maps = x.reshape(side, side, inputs // side**2, out)
        return maps.transpose(3, 2, 0, 1).reshape(out, inputs)

    return Form(2, f'[out, channel x {side} x {side}]', here, there, side**2)


def _alexnet(name: str, heads: bool) -> Iterator[Entry]:
    del name, heads
    for index, place in enumerate((0, 3, 6, 8, 10)):
        yield from _conv(f'features.{place}', f'conv_{index}', bias=True)
    yield from _dense('classifier.1', 'hidden_0', side=6)
    yield from _dense('classifier.4', 'hidden_1')
    yield from _dense('classifier.6', 'output')


def _vgg(name: str, heads: bool) -> Iterator[Entry]:
    del heads
    place, normalised = 0, name.endswith('_bn')
    for stage, layers in enumerate(_STAGES[name.removesuffix('_bn')], 1):
        for layer in range(1, layers + 1):
            yield from _conv(f'features.{place}', f'conv{stage}_{layer}', bias=True)
            if normalised:
                yield from _norm(f'features.{place + 1}', f'conv{stage}_{layer}')
            place += 3 if normalised else 2  # the activation stands there too
        place += 1  # the pooling
    yield from _dense('classifier.0', 'hidden_0', side=7)
    yield from _dense('classifier.3', 'hidden_1')
    yield from _dense('classifier.6', 'output')


def _resnet(name: str, heads: bool) -> Iterator[Entry]:
    del heads
    deep = int(name.removeprefix('resnet')) >= 50
    yield from _conv('conv1', 'stem', bias=False)
    yield from _norm('bn1', 'stem')
    for stage, blocks in enumerate(_BLOCKS[name], 1):
        for block in range(blocks):
            there, here = f'layer{stage}.{block}', f'layer{stage}_{block}'
            for index in range(1, 4 if deep else 3):
                yield from _conv(f'{there}.conv{index}', f'{here}/conv{index}', False)
                yield from _norm(f'{there}.bn{index}', f'{here}/conv{index}')
            if block == 0 and (deep or stage > 1):  # where shape or stride changes
                yield from _conv(f'{there}.downsample.0', f'{here}/downsample', False)
                yield from _norm(f'{there}.downsample.1', f'{here}/downsample')
    yield from _dense('fc', 'output')


def _googlenet(name: str, heads: bool) -> Iterator[Entry]:
    del name
    places = ['conv1', 'conv2', 'conv3']
    places += [f'inception{m}.{branch}' for m in _MODULES for branch in _BRANCHES]
    for place in places:
        here = re.sub(r'\.(\d)', r'_\1', place).replace('.', '/')
        yield from _conv(f'{place}.conv', here, bias=False)
        yield from _norm(f'{place}.bn', here)
    for head in ('aux1', 'aux2') if heads else ():
        yield from _conv(f'{head}.conv.conv', f'{head}/conv', bias=False)
        yield from _norm(f'{head}.conv.bn', f'{head}/conv')
        yield from _dense(f'{head}.fc1', f'{head}/hidden', side=4)
        yield from _dense(f'{head}.fc2', f'{head}/output')
    yield from _dense('fc', 'output')


_TABLES: dict[str, Callable[[str, bool], Iterator[Entry]]] = {
    'alexnet': _alexnet,
    'googlenet': _googlenet,
    **dict.fromkeys(_STAGES, _vgg),
    **dict.fromkeys([f'{name}_bn' for name in _STAGES], _vgg),
    **dict.fromkeys(_BLOCKS, _resnet),
    'vit_b_16': lambda name, heads: vision_transformer(12, patch=16),
    'vit_b_32': lambda name, heads: vision_transformer(12, patch=32),
}
