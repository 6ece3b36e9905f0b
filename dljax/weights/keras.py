"""Weights of keras.applications to our variables and back, by tables; without Keras."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from dljax.types import PyTree
from dljax.weights.entries import Entry, as_it_is, read, write
from dljax.weights.keras_layers import class_names, sort_by_layer

_KERNEL = as_it_is(4, '[height, width, in, out]')
_MATRIX = as_it_is(2, '[in, out]')
_CHANNELS = as_it_is(1, '[channel]')
_STAGES = {'vgg16': (2, 2, 3, 3, 3), 'vgg19': (2, 2, 4, 4, 4)}
_HEADS = ('hidden_0', 'hidden_1', 'output')


def names() -> list[str]:
    """List the models of ours whose weights in keras.applications are known.

    Example:
        >>> names()
        ['resnet50_keras', 'vgg16', 'vgg19']
    """
    return sorted(_TABLES)


def from_keras(
    name: str, arrays: Mapping[str, np.ndarray], like: PyTree = None
) -> dict[str, PyTree]:
    """Make our variables from the weights of VGG-16, VGG-19 or ResNet-50 of Keras.

    Layouts are the same there and here; only names change.

    Args:
        name: one of `names()`, as our zoo calls it.
        arrays: named LAYER/kernel and so on, as `files.read` names them; or with the
            layers counted by class (`conv2d_1`), as early Keras 3 did. With any
            number of classes; without the top layers where no array of them is there.
        like: the variables of our net or their shapes, from `jax.eval_shape` of its
            `init`, to compare with; without, only the ranks are.

    Returns:
        `{'params': ..., 'batch_stats': ...}`, the latter where the net has any; copies.

    Raises:
        ValueError: for an unknown name; or arrays that are missing, unexpected or
            shape mismatch, all of which are named with the shapes got and wanted.

    Reference:
        Chollet et al. (2015), Keras, https://keras.io/api/applications/

    Example:
        >>> try:
        ...     from_keras('vgg16', {'fc/kernel': np.ones((4, 2))})
        ... except ValueError as error:
        ...     print(str(error).splitlines()[0])
        these weights are not those of Keras' VGG16:
    """
    entries, arrays = _entries(name), dict(arrays)
    heads = {entry.theirs for entry in entries if _of_head(entry)}
    counted = _counted(entries)
    if arrays and arrays.keys() <= counted.keys():
        arrays = {counted[key]: value for key, value in arrays.items()}
    if arrays.keys() == {entry.theirs for entry in entries} - heads:
        entries = [entry for entry in entries if not _of_head(entry)]
        if like is not None:
            params = {k: v for k, v in like['params'].items() if k not in _HEADS}
            like = {**like, 'params': params}
    return read(f"Keras' {_TITLES[name]}", entries, arrays, like)


def to_keras(name: str, variables: Mapping[str, PyTree]) -> dict[str, np.ndarray]:
    """Make the weights of keras.applications from our variables: the way back.

    Args:
        name: one of `names()`.
        variables: `{'params': ..., 'batch_stats': ...}`.

    Returns:
        NumPy arrays, copies, named LAYER/kernel and so on in the model's order, which
        `files.write` lays out for `model.load_weights` in .h5 and .weights.h5 files.

    Raises:
        ValueError: for an unknown name, or variables of another model; all that is
            missing, unexpected or shape mismatch is named.

    Example:
        >>> try:
        ...     to_keras('vgg16', {'params': {}})
        ... except ValueError as error:
        ...     print(str(error).splitlines()[0])
        these weights are not those of our vgg16:
    """
    made = write(f'our {name}', _entries(name), variables)
    return {key: np.array(value, order='C') for key, value in made.items()}


def theirs_by_ours(name: str, variables: Mapping[str, PyTree]) -> dict[str, str]:
    """Tell which array of Keras each of our variables is.

    Args:
        name: one of `names()`.
        variables: of the model; not used, its table is always the same.

    Returns:
        Names such as 'predictions/kernel' by paths such as 'params/output/kernel'.
    """
    del variables
    return {entry.ours: entry.theirs for entry in _entries(name)}


def _entries(name: str) -> list[Entry]:
    if name not in _TABLES:
        raise ValueError(
            f"the Keras weights of '{name}' are not known, only those of "
            + ', '.join(names())
        )
    return list(_TABLES[name](name))


def _of_head(entry: Entry) -> bool:
    return entry.ours.split('/')[1] in _HEADS


def _counted(entries: list[Entry]) -> dict[str, str]:
    """Tell what is meant where the layers are counted by class, in order."""
    empty = {e.theirs: np.zeros((1,) * e.form.rank) for e in entries}
    layers = sort_by_layer(empty)
    assert layers is not None, 'a table names a weight that no layer of Keras has'
    return {
        f'{counted}/{weight}': f'{layer}/{weight}'
        for layer, counted in class_names(layers).items()
        for weight in layers[layer]
    }


def _conv(theirs: str, ours: str) -> Iterator[Entry]:
    yield Entry(f'{theirs}/kernel', f'params/{ours}/conv/kernel', _KERNEL)
    yield Entry(f'{theirs}/bias', f'params/{ours}/conv/bias', _CHANNELS)


def _norm(theirs: str, ours: str) -> Iterator[Entry]:
    for there, here in (
        ('gamma', 'params/{}/norm/scale'),
        ('beta', 'params/{}/norm/bias'),
        ('moving_mean', 'batch_stats/{}/norm/mean'),
        ('moving_variance', 'batch_stats/{}/norm/var'),
    ):
        yield Entry(f'{theirs}/{there}', here.format(ours), _CHANNELS)


def _dense(theirs: str, ours: str) -> Iterator[Entry]:
    yield Entry(f'{theirs}/kernel', f'params/{ours}/kernel', _MATRIX)
    yield Entry(f'{theirs}/bias', f'params/{ours}/bias', _CHANNELS)


def _vgg(name: str) -> Iterator[Entry]:
    for stage, layers in enumerate(_STAGES[name], 1):
        for layer in range(1, layers + 1):
            yield from _conv(f'block{stage}_conv{layer}', f'conv{stage}_{layer}')
    for theirs, ours in zip(('fc1', 'fc2', 'predictions'), _HEADS, strict=True):
        yield from _dense(theirs, ours)


def _resnet(name: str) -> Iterator[Entry]:
    """List the layers in the model's order, which mixes in those of the shortcut."""
    del name
    yield from _conv('conv1_conv', 'stem')
    yield from _norm('conv1_bn', 'stem')
    for stage, blocks in enumerate((3, 4, 6, 3), 1):
        for block in range(blocks):
            there, here = f'conv{stage + 1}_block{block + 1}', f'layer{stage}_{block}'
            for index in (1, 2):
                yield from _conv(f'{there}_{index}_conv', f'{here}/conv{index}')
                yield from _norm(f'{there}_{index}_bn', f'{here}/conv{index}')
            last = (('0', 'downsample'), ('3', 'conv3'))[1 if block else 0 :]
            for index, ours in last:
                yield from _conv(f'{there}_{index}_conv', f'{here}/{ours}')
            for index, ours in last:
                yield from _norm(f'{there}_{index}_bn', f'{here}/{ours}')
    yield from _dense('predictions', 'output')


_TABLES: dict[str, Callable[[str], Iterator[Entry]]] = {
    **dict.fromkeys(_STAGES, _vgg),
    'resnet50_keras': _resnet,
}
_TITLES = {'vgg16': 'VGG16', 'vgg19': 'VGG19', 'resnet50_keras': 'ResNet50'}
