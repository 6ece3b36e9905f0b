"""Weights from one framework to another, with a certificate beside them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from flax import linen as nn

from dljax import weights, zoo
from dljax.export import hub
from dljax.export.converted import fingerprint, leaving
from dljax.host.machine import versions
from dljax.host.version import __version__
from dljax.runs.workdir import write_json
from dljax.types import PyTree, named_leaves
from dljax.weights import hugging_face, keras, torchvision
from dljax.weights.logits import (
    hugging_face_outputs,
    keras_logits,
    torchvision_logits,
)
from dljax.weights.runs import take

Framework = Literal['torchvision', 'keras', 'hugging_face', 'dljax']
TOLERANCE = 1e-3
_EXPECTS = {
    'torchvision': (
        'red, green, blue in [0, 1], less the mean of each channel over ImageNet and '
        'divided by its standard deviation: dljax.data.normalise_imagenet'
    ),
    'keras': (
        'blue, green, red in 0 to 255, less the mean of each channel over ImageNet: '
        'dljax.data.normalise_caffe'
    ),
    'hugging_face': 'tokens, by the numbers of the vocabulary that came with the file',
    'dljax': 'not known: the file tells nothing of what it was trained on',
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
    which: str | int = 'last',
    averages: bool | None = None,
    member: int | None = None,
    part: str | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Convert a file of weights, and certify in TARGET.json what was done.

    Where the reference implementation is installed it computes logits with these
    weights too; where ours are not the same, nothing is written.

    The net of a run is rebuilt from the run's configuration. Weights alone hold neither
    its normalisation nor its class names: the certificate does, with the two lines of
    Python that apply each normalisation, and `export` takes them from there.

    Args:
        source: the file; from dljax also a folder of Orbax or of a run; from Hugging
            Face also the folder of a model. The config.json beside such a file says its
            settings, and one is written beside a target for Hugging Face.
        target: the file; its suffix says the format, no suffix is a folder of Orbax.
        model: its name in the zoo.
        came_from: whose names and layouts the source has.
        goes_to: whose the target gets.
        which: of a run, 'last', 'best' by the metric that it chose it by, or a step.
        averages: of a run, whether averages of the parameters take their place; None
            for what the run measured, see `runs.from_run`.
        member: of a run that was an ensemble, which member.
        part: of a run of several nets side by side, the name of one.
        settings: of the model, such as its classes, where not the defaults; a run knows
            its own, and so does a config.json: those that contradict it are refused.
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
    chosen, told = dict(settings or {}), {'input': _EXPECTS[came_from]}
    if came_from == 'hugging_face':
        source, chosen = hub.settled(source, model, chosen)
    if came_from == 'dljax' and (source / 'checkpoints').is_dir():
        found = take(source, which, averages=averages, member=member)
        net, variables, told = leaving(source, found, model, part, chosen)
        part_read = {}
    elif (which, averages, member, part) != ('last', None, None, None):
        raise ValueError(
            f'{source} is no folder of a run, out of which a checkpoint, averages, a '
            'member or a part could be chosen'
        )
    else:
        net = zoo.create_model(model, **chosen)
        like = jax.eval_shape(
            nn.init(zoo.row(model).call, net),
            jax.random.key(0),
            _shapes(model, net, chosen),
        )
        variables, part_read = _read(source, model, came_from, like)
    made = _FORMS[goes_to].write(model, variables)
    judge = goes_to if came_from == 'dljax' else came_from
    difference, reason = _difference(model, net, variables, judge)
    if difference and not difference['relative'] <= TOLERANCE:
        raise ValueError(
            f'{model} with the weights of {source} gives other logits than {judge}, '
            f'which differ by {difference["relative"]:.3g} of the largest, allowed is '
            f'{TOLERANCE:g}: nothing was written. Are the numbers finite?'
        )
    beside = (
        [hub.config_beside(target, model, net, overwrite=overwrite)]
        if goes_to == 'hugging_face'
        else []
    )
    if goes_to == 'dljax':
        weights.save(target, variables)
    else:
        weights.write(target, made)
    for path, content in beside:
        write_json(path, content)
    leaves = named_leaves(variables)
    keys = _FORMS[came_from].keys(model, variables)
    result = {
        'source': {
            'framework': came_from,
            'file': source.name,
            **fingerprint(source),
            **part_read,
        },
        'target': {'framework': goes_to, 'file': target.name, **fingerprint(target)},
        'model': model,
        'settings': {name: repr(value) for name, value in chosen.items()},
        'parameters': sum(x.size for x in jax.tree.leaves(variables['params'])),
        **told,
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


def _shapes(
    model: str, net: nn.Module, settings: Mapping[str, Any]
) -> dict[str, jax.ShapeDtypeStruct]:
    """Give what the net takes, of no more tokens than it has positions for."""
    most = getattr(net, 'context', None)
    return {
        name: jax.ShapeDtypeStruct((x.shape[0], min(x.shape[1], most)), x.dtype)
        if most and len(x.shape) == 2
        else x
        for name, x in zoo.shapes(model, **settings).items()
    }


def _read(
    source: Path, model: str, came_from: Framework, like: PyTree
) -> tuple[PyTree, dict[str, Any]]:
    """Read the variables, and tell which part of the source they are."""
    if came_from == 'dljax':
        variables = weights.restore(source)
        weights.check(variables, like, f'our {model}')
        return variables, {}
    arrays = weights.read(source)
    if came_from == 'keras':
        return weights.from_keras(model, arrays, like), {}
    if came_from == 'hugging_face':
        return weights.from_hugging_face(hub.known(model), arrays, like), {}
    found = weights.unwrap_arrays(model, arrays)
    part = {
        'entry': getattr(arrays, 'entry', ''),
        'entries_beside': list(getattr(arrays, 'beside', ())),
        'prefix': found.prefix,
        'left_out': list(found.left_out),
    }
    said = {name: value for name, value in part.items() if value}
    return weights.from_torchvision(model, arrays, like), said


class _Form(NamedTuple):
    write: Callable[[str, PyTree], dict[str, Any]]  # (model, variables) to its arrays
    keys: Callable[[str, PyTree], dict[str, str]]  # likewise, to its names by ours


_FORMS = {
    'torchvision': _Form(torchvision.to_torchvision, torchvision.theirs_by_ours),
    'keras': _Form(keras.to_keras, keras.theirs_by_ours),
    'hugging_face': _Form(
        lambda name, variables: weights.to_hugging_face(hub.known(name), variables),
        lambda name, variables: hugging_face.theirs_by_ours(hub.known(name), variables),
    ),
    'dljax': _Form(
        lambda _, variables: variables,
        lambda _, variables: {name: name for name in named_leaves(variables)},
    ),
}


def _difference(
    model: str, net: nn.Module, variables: PyTree, judge: Framework
) -> tuple[dict[str, Any] | None, str | None]:
    """Compare our logits with the reference's on fixed random images or tokens."""
    if judge == 'dljax':
        return None, 'nothing but dljax has a part in it'
    random, arrays = np.random.default_rng(0), _FORMS[judge].write(model, variables)
    if judge == 'hugging_face':
        given = random.integers(0, net.vocabulary, (2, min(net.context, 32)))
        told = f'{list(given.shape)} tokens by NumPy, seed 0'
    else:
        shape = zoo.shapes(model, batch=2)['image'].shape
        given = random.normal(size=shape).astype(np.float32)
        told = f'{list(shape)} standard normal numbers of NumPy, seed 0'
    try:
        if judge == 'torchvision':
            transforms = getattr(net, 'transform_input', False)
            theirs = torchvision_logits(model, arrays, given, transforms)
        elif judge == 'keras':
            theirs = keras_logits(model, arrays, given)
        else:
            config = weights.config_of(hub.known(model), net)
            theirs = hugging_face_outputs(model, arrays, config, given)
    except (ImportError, ValueError) as error:
        return None, ' '.join(str(error).split())[:300]
    single = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), variables)
    apply = jax.jit(nn.apply(lambda module, x: module(x), net))
    with jax.default_matmul_precision('highest'):
        ours = jax.tree.leaves(apply(single, given))[0]
    absolute = float(np.abs(np.asarray(ours, np.float32) - theirs).max())
    return {
        'absolute': absolute,
        'relative': absolute / float(np.abs(theirs).max()),
        'inputs': told,
    }, None


def _versions(judge: Framework | None) -> dict[str, str]:
    packages = ['jax', 'flax', 'numpy']
    packages += {
        'torchvision': ['torch', 'torchvision'],
        'keras': ['keras'],
        'hugging_face': ['torch', 'transformers'],
    }.get(judge or '', [])
    return {'dljax': __version__, **versions(*packages)}
