"""Which feature of a run's data a net takes for which of its inputs."""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
from flax import linen as nn

from dljax import zoo
from dljax.export.inference import find_read, lasting
from dljax.export.matching import bare
from dljax.recipes.plan import Specs
from dljax.types import PyTree, Spec, named_leaves
from dljax.weights.restored import Restored

_TRIALS = 64


@dataclasses.dataclass(frozen=True)
class Assignment:
    """What a net reads, and what of it.

    Attributes:
        names: the feature of the data, by the name that the row has for it.
        specs: of each as the net takes it, without open sizes, by the row's name.
        variables: shapes of the variables that the net needs.
    """

    names: dict[str, str]
    specs: Specs
    variables: dict[str, PyTree]


def data_of(found: Restored) -> Specs:
    """Tell the features of a run that count: those that it declared, if any.

    Args:
        found: of the run.

    Returns:
        Specs by feature, targets among them.
    """
    declared = any(name not in zoo.TARGETS for name in found.declared)
    return found.declared if declared else found.features


def assign(
    what: str, used: zoo.Part, found: Restored, sizes: Mapping[str, tuple[int, ...]]
) -> Assignment:
    """Find the one way in which a run's data fit what a net reads.

    By name; what has another name there, as an image that an MLP reads as features, by
    the shapes of the net's parameters.

    Args:
        what: the model, for messages.
        used: what it is used for.
        found: the net out of the run.
        sizes: the shape of one example of a feature, where not that of the data.

    Returns:
        The assignment.

    Raises:
        ValueError: where none fits, or several do.
    """
    wanted, data = used.inputs(bare(found.net)), data_of(found)
    if unexpected := sorted(sizes.keys() - {*wanted, *data}):
        raise ValueError(
            f'{what} reads no {unexpected[0]!r} whose size could be set, only '
            + ', '.join(wanted)
        )
    spare = [n for n in data if n not in wanted and n not in zoo.TARGETS]
    options = [
        _options(name, spec, data, spare, sizes.get(name))
        for name, spec in wanted.items()
    ]
    fitting, reason = [], 'no feature is left for its inputs'
    for trial in itertools.islice(itertools.product(*options), _TRIALS):
        given = dict(zip(wanted, trial, strict=True))
        names = {name: feature for name, feature in given.items() if feature}
        if len(set(names.values())) < len(names):
            continue
        try:
            specs = {
                name: _filled(name, feature, wanted[name], data, sizes)
                for name, feature in names.items()
            }
            fitting.append(_read(used, found, names, specs))
        except Exception as error:  # a net raises whatever it likes of a wrong shape
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            if isinstance(error, KeyError):
                reason = f'{what} needs {error}'
    if not fitting:
        shown = ', '.join(f'{n} {list(s.shape)}' for n, s in data.items()) or 'unknown'
        raise ValueError(
            f'{what} reads {", ".join(wanted)}, and the features of the run ({shown}) '
            f'do not fit: {reason}. sizes (--sizes) gives the shape of an example'
        )
    most = max(len(made.names) for made in fitting)
    best = [made for made in fitting if len(made.names) == most]
    different = {tuple(made.names.items()): made for made in best}
    if len(different) > 1:
        ways = ' or '.join(
            ', '.join(f'{feature} as {name}' for name, feature in names)
            for names in different
        )
        raise ValueError(
            f'{what} could read {ways}: say which by the shape of an example, sizes '
            '(--sizes), or train with the features that are read declared (inputs)'
        )
    return best[0]


def _options(
    name: str,
    spec: Spec,
    data: Specs,
    spare: list[str],
    size: tuple[int, ...] | None,
) -> list[str | None]:
    """List the features that may be an input; None leaves it out."""
    if name in zoo.DRAWN or name in data:
        return [name]
    if name in zoo.TARGETS:
        return [name, None] if None not in spec.shape else [None]
    kind = np.dtype(spec.dtype).kind
    others = [n for n in spare if np.dtype(data[n].dtype).kind in (kind, 'u')]
    if not data or (size is not None and not others):
        return [name]
    if size is not None:  # it says which, where one has that size
        others = [n for n in others if data[n].shape == tuple(size)] or others
    return [*others, None]


def _filled(
    name: str,
    feature: str,
    spec: Spec,
    data: Specs,
    sizes: Mapping[str, tuple[int, ...]],
) -> Spec:
    """Give an input the form that it has in the data."""
    size = sizes.get(name, sizes.get(feature))
    there = data.get(feature)
    if there is None:
        return dataclasses.replace(spec, shape=tuple(size or spec.shape))
    if size is not None and len(size) != len(there.shape):
        raise ValueError(f'{feature} is of shape {there.shape}, not {size}')
    return dataclasses.replace(there, shape=tuple(size or there.shape))


def _read(
    used: zoo.Part, found: Restored, names: Mapping[str, str], specs: Specs
) -> Assignment:
    """Try it out on shapes; raises where it is not the net that was trained."""
    kept, _ = lasting(nn.init(used.call, found.net), specs)
    got = {name: np.shape(x) for name, x in named_leaves(found.variables).items()}
    for path, leaf in named_leaves(kept).items():
        if got.get(path) != leaf.shape:
            raise ValueError(
                f'{path} would be {list(leaf.shape)}, and is {list(got.get(path, ()))}'
            )
    read = find_read(used.call, found.net, specs, specs)
    return Assignment(
        {name: feature for name, feature in names.items() if name in read},
        {name: spec for name, spec in specs.items() if name in read},
        kept,
    )
