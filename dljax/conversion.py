"""Weights from one framework to another, with a certificate beside them."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from flax import linen as nn

import dljax
from dljax import weights, zoo
from dljax.runs import from_run
from dljax.types import PyTree, named_leaves
from dljax.weights import keras, torchvision
from dljax.weights.logits import keras_logits, torchvision_logits
from dljax.workdir import write_json

Framework = Literal['torchvision', 'keras', 'dljax']
TOLERANCE = 1e-3
_EXPECTS = {
    'torchvision': (
        'red, green, blue in [0, 1], less the mean of each channel over ImageNet and '
        'divided by its deviation: dljax.data.normalise_imagenet'
    ),
    'keras': (
        'blue, green, red in 0 to 255, less the mean of each channel over ImageNet: '
        'dljax.data.normalise_caffe'
    ),
    'dljax': 'what it was trained on',
}
_GOOGLENET = (
    'the weights that torchvision offers want transform_input=True and auxiliary=True'
)


def convert(
    source: Path,
    target: Path,
    *,
    model: str,
    came_from: Framework,
    goes_to: Framework = 'dljax',
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Convert a file of weights, and certify in TARGET.json what was done.

    Where the reference implementation is installed it computes logits with these
    weights too; where ours are not the same, nothing is written.

    Args:
        source: the file; from dljax also a folder of Orbax or of a run.
        target: the file; its suffix says the format, no suffix is a folder of Orbax.
        model: its name in the zoo.
        came_from: whose names and layouts the source has.
        goes_to: whose the target gets.
        settings: of the model, such as its classes, where not the defaults.
        overwrite: whether a target that is there may be replaced.

    Returns:
        The certificate.

    Raises:
        ValueError: for a damaged file, weights of another model (all that does not fit
            is named), or logits that differ.
        TypeError: for an unknown setting.
        OSError: where there is no source, or already a target.
    """
    certificate = target.with_name(f'{target.name}.json')
    for path in (target, certificate):
        if path.exists() and not overwrite:
            raise FileExistsError(f'{path} is there already: --overwrite replaces it')
    if source.resolve() == target.resolve():
        raise ValueError(f'{target} is the source itself, wanted another name')
    chosen = dict(settings or {})
    net = zoo.create_model(model, **chosen)
    like = jax.eval_shape(
        nn.init(zoo.row(model).call, net),
        jax.random.key(0),
        zoo.shapes(model, **chosen),
    )
    variables = _read(source, model, came_from, like)
    made = _FORMS[goes_to].write(model, variables)
    judge = goes_to if came_from == 'dljax' else came_from
    difference, reason = _difference(model, net, variables, judge)
    if difference and not difference['relative'] <= TOLERANCE:
        raise ValueError(
            f'{model} with the weights of {source} gives other logits than {judge}, '
            f'which differ by {difference["relative"]:.3g} of the largest, allowed is '
            f'{TOLERANCE:g}: nothing was written. Are the numbers finite?'
        )
    if goes_to == 'dljax':
        weights.save(target, variables)
    else:
        weights.write(target, made)
    leaves = named_leaves(variables)
    keys = _FORMS[came_from].keys(model, variables)
    result = {
        'source': {'framework': came_from, 'file': source.name, **_described(source)},
        'target': {'framework': goes_to, 'file': target.name, **_described(target)},
        'model': model,
        'settings': {name: repr(value) for name, value in chosen.items()},
        'parameters': sum(x.size for x in jax.tree.leaves(variables['params'])),
        'input': _EXPECTS[came_from],
        **({'note': _GOOGLENET} if model == 'googlenet' else {}),
        'logits_difference': difference,
        'logits_difference_is_null_because': reason,
        'arrays': {
            name: {
                'shape': list(leaf.shape),
                'dtype': leaf.dtype.name,
                'source': keys[name],
            }
            for name, leaf in leaves.items()
        },
        'versions': _versions(judge if difference else None),
    }
    write_json(certificate, result)
    return result


def _read(source: Path, model: str, came_from: Framework, like: PyTree) -> PyTree:
    if came_from == 'dljax':
        run = (source / 'checkpoints').is_dir()
        variables = from_run(source) if run else weights.restore(source)
        weights.check(variables, like, f'our {model}')
        return variables
    taken = {'torchvision': weights.from_torchvision, 'keras': weights.from_keras}
    return taken[came_from](model, weights.read(source), like)


class _Form(NamedTuple):
    write: Callable[[str, PyTree], dict[str, Any]]  # (model, variables) to its arrays
    keys: Callable[[str, PyTree], dict[str, str]]  # likewise, to its names by ours


_FORMS = {
    'torchvision': _Form(torchvision.to_torchvision, torchvision.theirs_by_ours),
    'keras': _Form(keras.to_keras, keras.theirs_by_ours),
    'dljax': _Form(
        lambda _, variables: variables,
        lambda _, variables: {name: name for name in named_leaves(variables)},
    ),
}


def _difference(
    model: str, net: nn.Module, variables: PyTree, judge: Framework
) -> tuple[dict[str, Any] | None, str | None]:
    """Compare our logits with the reference's on fixed random images."""
    if judge == 'dljax':
        return None, 'nothing but dljax has a part in it'
    shape = zoo.shapes(model, batch=2)['image'].shape
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    arrays = _FORMS[judge].write(model, variables)
    try:
        if judge == 'torchvision':
            transforms = getattr(net, 'transform_input', False)
            theirs = torchvision_logits(model, arrays, images, transforms)
        else:
            theirs = keras_logits(model, arrays, images)
    except (ImportError, ValueError) as error:
        return None, ' '.join(str(error).split())[:300]
    single = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), variables)
    apply = jax.jit(nn.apply(lambda module, x: module(x), net))
    with jax.default_matmul_precision('highest'):
        ours = apply(single, images)
    absolute = float(np.abs(np.asarray(ours, np.float32) - theirs).max())
    return {
        'absolute': absolute,
        'relative': absolute / float(np.abs(theirs).max()),
        'images': f'{list(shape)} standard normal numbers of NumPy, seed 0',
    }, None


def _described(path: Path) -> dict[str, Any]:
    """Hash a file, or all files of a folder with their names."""
    files = (
        sorted(p for p in path.rglob('*') if p.is_file()) if path.is_dir() else [path]
    )
    hashed, size = hashlib.sha256(), 0
    for file in files:
        if path.is_dir():
            hashed.update(f'{file.relative_to(path).as_posix()}\0'.encode())
        with file.open('rb') as content:
            while block := content.read(2**20):
                hashed.update(block)
                size += len(block)
    form = 'Orbax folder' if path.is_dir() else path.suffix.removeprefix('.')
    return {'format': form, 'sha256': hashed.hexdigest(), 'bytes': size}


def _versions(judge: Framework | None) -> dict[str, str]:
    packages = ['jax', 'flax', 'numpy']
    packages += {'torchvision': ['torch', 'torchvision'], 'keras': ['keras']}.get(
        judge or '', []
    )
    found = {name: importlib.metadata.version(name) for name in packages}
    return {'python': platform.python_version(), 'dljax': dljax.__version__, **found}
