"""What goes along with weights that leave a run, and comes back with them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flax import linen as nn

from dljax import weights, zoo
from dljax.data import normalise_caffe, normalise_imagenet
from dljax.export.assignment import assign, data_of
from dljax.export.matching import bare
from dljax.export.selection import select
from dljax.export.trained import tell_of
from dljax.host.hashing import hash_files
from dljax.models.fields import describe, reconfigured
from dljax.models.rebuilding import structure
from dljax.types import PyTree
from dljax.weights.restored import Restored
from dljax.weights.runs import Taken

_KEPT = (
    'experiment',
    'features',
    'class_names',
    'vocabularies',
    'normalizers',
    'commit',
    'arguments',
)


class Leaving(NamedTuple):
    """What is written, and what is told of it.

    Attributes:
        net: without its normalisation.
        variables: its arrays by collection.
        told: entries of the certificate.
    """

    net: nn.Module
    variables: dict[str, PyTree]
    told: dict[str, Any]


def leaving(
    workdir: Path,
    found: Taken,
    model: str,
    part: str | None,
    settings: Mapping[str, Any],
) -> Leaving:
    """Take a net out of a run, and tell what weights alone do not hold.

    Args:
        workdir: the folder of the run.
        found: what `runs.taken` gave.
        model: the name of the net in the zoo.
        part: of several nets side by side, the name of one.
        settings: that it is said to have.

    Returns:
        The net with its weights and its preprocessing.

    Raises:
        ValueError: see `selection.select`.
    """
    chosen = select(workdir, found, model=model, part=part, settings=settings)
    restored, net = chosen.restored, bare(chosen.restored.net)
    preprocessing = _preprocessing(model, restored)
    config = {name: found.config[name] for name in _KEPT if name in found.config}
    seed = {'seed': restored.origin['seed']}
    told = {
        'input': 'the data of the run'
        + (' after what preprocessing holds' if preprocessing else ' as they were'),
        'run': restored.origin,
        'class_names': list(restored.class_names),
        'vocabularies': restored.vocabularies,
        'preprocessing': preprocessing,
        'configuration': {
            **config,
            'options': seed,
            'model': describe(restored.net),
            'net': structure(restored.net),
        },
    }
    # Weights have no precision of the computation; they are compared in float32.
    return Leaving(reconfigured(net, dtype=None), restored.variables, told)


def _preprocessing(model: str, found: Restored) -> list[dict[str, Any]]:
    used = zoo.row(model).part(zoo.WHOLE)
    try:
        made = assign(model, used, found, {})
        names, specs = made.names, made.specs
    except ValueError:  # which weights can do without; all that there is is told
        data = {k: v for k, v in data_of(found).items() if k not in zoo.TARGETS}
        names, specs = {name: name for name in data}, data
    target = next(
        (
            name
            for name in (names.get(name, name) for name in used.target)
            if name in found.normalizers
        ),
        None,
    )
    return tell_of(names, specs, found, target=target, net_inside=False)


def certificate_of(path: Path) -> dict[str, Any] | None:
    """Read the certificate beside weights, if there is one.

    Args:
        path: of the weights.

    Returns:
        The certificate of `convert`.

    Raises:
        ValueError: for one of other weights.
    """
    beside = path.with_name(f'{path.name}.json')
    if not beside.exists() or not path.exists():
        return None
    try:
        made = json.loads(beside.read_text(encoding='utf-8'))
        wanted = made['target']['sha256']
    except (ValueError, KeyError, TypeError):
        return None  # not of ours
    if fingerprint(path)['sha256'] != wanted:
        raise ValueError(
            f'{path} is not the file that {beside.name} certifies: convert it again, '
            'or move the certificate away if it is of another one'
        )
    return made


def come_back(path: Path, certificate: Mapping[str, Any]) -> Taken | None:
    """Read weights that came out of a run, with what the certificate tells of it.

    Args:
        path: of the weights.
        certificate: of them.

    Returns:
        What `runs.taken` gives of the run itself; None for weights of elsewhere.
    """
    if 'configuration' not in certificate:
        return None
    origin = certificate['run']
    return Taken(
        variables=weights.restore(path),
        config=certificate['configuration'],
        step=origin['step'],
        metrics=origin['metrics'],
        averages=origin['averages'],
        member=origin['member'],
    )


def expected_images(certificate: Mapping[str, Any]) -> tuple[str, float, float] | None:
    """Tell what images weights of another framework want.

    Args:
        certificate: of `convert`.

    Returns:
        A sentence, and the bounds of the numbers; None where nothing is known.
    """
    framework = certificate.get('source', {}).get('framework')
    normalise = {'torchvision': normalise_imagenet, 'keras': normalise_caffe}
    if framework not in normalise:
        return None
    black, white = (
        normalise[framework](np.full((1, 1, 3), value, np.float32)) for value in (0, 1)
    )
    return certificate['input'], float(black.min()), float(white.max())


def fingerprint(path: Path) -> dict[str, Any]:
    """Hash a file, or all files of a folder with their names.

    Args:
        path: of weights.

    Returns:
        Format, SHA-256 and size in bytes.
    """
    form = 'Orbax folder' if path.is_dir() else path.suffix.removeprefix('.')
    return {'format': form, **hash_files(path)._asdict()}
