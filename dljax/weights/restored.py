"""The net of a run with all that belongs to it, out of the run's folder."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.data import Normalizer, Tokens, tokens_from_json
from dljax.models.fields import describe, reconfigured
from dljax.models.rebuilding import pieces, rebuilt
from dljax.types import Batch, PyTree, Spec
from dljax.weights.features import features_of
from dljax.weights.runs import Taken, take


@dataclasses.dataclass(frozen=True)
class Restored:
    """A net as a run trained it, and what it takes to use it.

    Attributes:
        net: the module, with the normalisation that it was trained behind.
        variables: its parameters and every other collection, NumPy arrays.
        normalizers: of features that the net takes normalised, and of the target.
        class_names: of the labels, in their order; () where the run did not know them.
        vocabularies: of features that are tokens, as JSON; see `tokens`.
        declared: specs of the features that the run declared, as the net takes them.
        features: specs of all its features, likewise.
        seen: between which bounds the first examples of each lay, likewise.
        evaluated: the features of the sets that the run was evaluated on.
        origin: run, step, its metrics, averages, member, seed and commit.
    """

    net: nn.Module
    variables: dict[str, PyTree]
    normalizers: dict[str, Normalizer]
    class_names: tuple[str, ...]
    vocabularies: dict[str, Any]
    declared: dict[str, Spec]
    features: dict[str, Spec]
    seen: dict[str, tuple[float, float]]
    evaluated: tuple[str, ...]
    origin: dict[str, Any]

    def apply(self, function: Callable[..., PyTree], *arguments: PyTree) -> PyTree:
        """Call `function(net, *arguments)` on the bound net, with its variables.

        Args:
            function: such as `dljax.objectives.predict('features')`.
            *arguments: such as a batch that `normalised` gave.
        """
        return nn.apply(function, self.net)(self.variables, *arguments)

    def tokens(self, feature: str) -> Tokens:
        """Give the vocabulary of a feature, which encodes texts and decodes answers.

        Args:
            feature: such as 'tokens', 'source' or 'target'.

        Returns:
            The vocabulary that the run was trained with.

        Raises:
            ImportError: of byte pairs, where the library `tokenizers` is not installed.
            KeyError: where the run kept none of that feature.
        """
        if feature not in self.vocabularies:
            raise KeyError(
                f'the run {self.origin["run"]} keeps vocabularies of '
                f'{sorted(self.vocabularies)}, wanted one of these, got {feature!r}'
            )
        return tokens_from_json(json.dumps(self.vocabularies[feature]))

    def normalised(self, batch: Batch) -> dict[str, Any]:
        """Bring a batch of raw features to what the net takes.

        Args:
            batch: arrays by feature, in their own units.

        Returns:
            The same, normalised in float64 where there is a normalizer; where that is
            none of a single column or of the last axis, it is one of whole examples.

        Raises:
            ValueError: for other columns than those of the fit.
        """
        return {
            name: normalise(self.normalizers[name], np.asarray(values))
            if name in self.normalizers
            else values
            for name, values in batch.items()
        }


def normalise(normalizer: Normalizer, values: Any, *, inverse: bool = False) -> Any:
    """Apply a normalizer to values whose columns are an axis, or whole examples.

    Args:
        normalizer: of one column, of those of the last axis, or of every number of an
            example.
        values: [batch, ...], NumPy or JAX.
        inverse: whether to return to the original units.

    Returns:
        [batch, ...].

    Raises:
        ValueError: for other columns than those of the fit.

    Example:
        >>> centre = Normalizer((1.0, 2.0, 3.0, 4.0), (1.0,) * 4, 'mean')
        >>> normalise(centre, np.ones((5, 2, 2))).shape
        (5, 2, 2)
    """
    function = normalizer.inverse if inverse else normalizer
    columns, shape = len(normalizer.offset), values.shape
    if shape and shape[-1] == columns:
        return function(values)
    if columns == 1:
        return function(values[..., None])[..., 0]
    if len(shape) > 1 and int(np.prod(shape[1:])) == columns:
        return function(values.reshape(shape[0], columns)).reshape(shape)
    raise ValueError(
        f'examples of shape {shape[1:]} cannot have the normalizer of {columns} columns'
    )


def restore(
    workdir: str | Path,
    which: str | int = 'last',
    *,
    averages: bool | None = None,
    member: int | None = None,
    part: str = '',
    net: nn.Module | None = None,
) -> Restored:
    """Take up what a run has learnt: its net, its variables and its preprocessing.

    The net is rebuilt from what config.json says, of classes and functions of dljax,
    Linen and JAX only; nothing that a file names is imported.

    Args:
        workdir: the folder of the run.
        which: 'last', 'best' by the metric that the run chose it by, or a step.
        averages: whether averages take the place of the parameters; None for what the
            run measured, see `runs.from_run`.
        member: the member to take, where the run was an ensemble.
        part: of a net of several, the field to take, such as 'net' or 'small/encoder'.
        net: the net itself, where it is made of code of your own; with `part`, that
            part.

    Returns:
        The net with all that belongs to it.

    Raises:
        ValueError: for a checkpoint that cannot be had, see `runs.from_run`; a net that
            cannot be rebuilt, or another one than was trained; an unknown part.
    """
    found = take(workdir, which, averages=averages, member=member)
    return unpack(workdir, found, part=part, net=net)


def unpack(
    workdir: str | Path, found: Taken, *, part: str = '', net: nn.Module | None = None
) -> Restored:
    """Make of what was read what `restore` gives.

    Args:
        workdir: the folder of the run.
        found: what `runs.taken` gave.
        part: see `restore`.
        net: likewise.

    Returns:
        The net with all that belongs to it.

    Raises:
        ValueError: see `restore`.
    """
    config = found.config
    if net is not None:
        net = _precise(net, config)
        _require_same(workdir, net, config, part)
    else:
        net = _rebuilt(workdir, config, part)
    data = features_of(config)
    return Restored(
        net=net,
        variables={name: _part(tree, part) for name, tree in found.variables.items()},
        normalizers={
            feature: Normalizer.from_json(json.dumps(fields))
            for feature, fields in config.get('normalizers', {}).items()
        },
        class_names=tuple(map(str, config.get('class_names', ()))),
        vocabularies=dict(config.get('vocabularies', {})),
        declared=data.declared,
        features=data.all,
        seen=data.seen,
        evaluated=data.evaluated,
        origin={
            'run': str(config.get('experiment', Path(workdir).name)),
            'step': found.step,
            'metrics': found.metrics,
            'averages': found.averages,
            'member': found.member,
            'part': part or None,
            'seed': config.get('options', {}).get('seed'),
            'commit': config.get('commit'),
            'arguments': config.get('arguments'),
        },
    )


def _precise(net: nn.Module, config: Mapping[str, Any]) -> nn.Module:
    half = config.get('options', {}).get('precision') == 'bfloat16'
    return reconfigured(net, dtype=jnp.bfloat16) if half else net


def _rebuilt(workdir: str | Path, config: Mapping[str, Any], part: str) -> nn.Module:
    made = config.get('net')
    if made is None:
        raise ValueError(
            f'{workdir} is of a version that did not keep how its net is made: give '
            'the net itself, net=... in Python, or a model of the zoo with settings '
            'that are exactly those of the run'
        )
    try:
        there = dict(pieces(made))
    except (AttributeError, TypeError) as error:
        raise ValueError(f'{workdir}: the description of the net is damaged') from error
    if part not in there:
        raise ValueError(
            f'the net of {workdir} has no part {part!r}, only '
            + (', '.join(filter(None, there)) or 'itself')
        )
    try:
        return rebuilt(there[part])
    except ValueError as error:
        raise ValueError(f'{workdir}: {error}') from error


def _require_same(
    workdir: str | Path, net: nn.Module, config: Mapping[str, Any], part: str
) -> None:
    """Refuse a net that is not described as the one that was trained."""
    dotted, given = part.replace('/', '.'), describe(net)
    told = {}
    for name, text in config.get('model', {}).items():
        if not part or name == dotted:
            told[name if not part else ''] = text
        elif name.startswith(f'{dotted}.'):
            told[name[len(dotted) + 1 :]] = text
    differ = [
        f'{name or "class"}: there {told.get(name)}, given {given.get(name)}'
        for name in {**told, **given}
        if told.get(name) != given.get(name)
    ]
    if differ:
        lines = '\n'.join(f'  {line}' for line in differ[:8])
        raise ValueError(f'{workdir} trained another net than that given:\n{lines}')


def _part(tree: PyTree, part: str) -> PyTree:
    for name in filter(None, part.split('/')):
        tree = tree.get(name, {}) if isinstance(tree, Mapping) else {}
    return tree
