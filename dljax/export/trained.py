"""What is exported of a run: its net between its preprocessing and its units."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import numpy as np

from dljax import zoo
from dljax.data import Normalizer
from dljax.export.assignment import Assignment, assign, data_of
from dljax.export.inference import Program, evaluated, shapes_of
from dljax.export.matching import bare, kin_of
from dljax.export.preprocessing import of_normalizer, of_standardised, require_float32
from dljax.export.selection import Selected
from dljax.models.adversaries import Adversaries
from dljax.models.standardised import Standardised
from dljax.recipes.plan import Specs, draw
from dljax.types import AnyBatch, Array, Batch, Key, PyTree, Spec
from dljax.weights.restored import Restored, normalise
from dljax.zoo.rows import evaluate_inputs


def of_run(
    chosen: Selected,
    *,
    sizes: Mapping[str, tuple[int, ...]] | None = None,
    raw: bool = True,
) -> Program:
    """Evaluate what a run has trained, on what its data were before preprocessing.

    Args:
        chosen: the net.
        sizes: the shape of one example of a feature, where not that of the run's data.
        raw: whether normalizers of the run are applied inside, in float32; if not, the
            program takes normalised features, and gives normalised outputs.

    Returns:
        The program.

    Raises:
        ValueError: where it is not clear which feature of the run the net takes, or a
            normalizer cannot be applied inside.
    """
    found = chosen.restored
    name = chosen.model or type(found.net).__name__
    used, made = _fitting(name, chosen, dict(sizes or {}))
    target = _target(used, made, found)
    inside = _inside(made, target, found) if raw else {}
    variables = {k: v for k, v in found.variables.items() if k in made.variables}
    apply = evaluated(used.call, found.net, variables)

    def whole(batch: AnyBatch, back: Callable[[PyTree], PyTree]) -> PyTree:
        given = {
            row: normalise(inside[feature], batch[feature])
            if feature in inside
            else batch[feature]
            for row, feature in made.names.items()
        }
        return back(apply(given))

    def inverse(outputs: PyTree) -> PyTree:
        if target not in inside:
            return outputs
        if not hasattr(outputs, 'shape'):
            raise ValueError(
                f'{name} gives several outputs, and which are in the units of '
                f'{target!r} is not known: raw=False (--no-raw) leaves them '
                'normalised, or choose a part with one output'
            )
        return normalise(inside[target], outputs, inverse=True)

    def reference(batch: AnyBatch) -> PyTree:
        held = {feature: np.asarray(values) for feature, values in batch.items()}
        return whole(held, lambda outputs: inverse(jax.tree.map(np.asarray, outputs)))

    taken = {
        feature: _ranged(made.specs[row], row, feature, used, found)
        for row, feature in made.names.items()
    }

    def drawn(key: Key, count: int) -> AnyBatch:
        batch: dict[str, Array | np.ndarray] = {}
        batch |= draw(key, shapes_of(taken, count), taken)
        for feature in inside.keys() & batch.keys():
            back = normalise(inside[feature], np.asarray(batch[feature]), inverse=True)
            batch[feature] = back.astype(np.float32)
        return batch

    return Program(
        name=name,
        specs={
            feature: Spec(spec.shape) if feature in inside else spec
            for feature, spec in taken.items()
        },
        run=jax.jit(lambda batch: whole(batch, inverse)),
        reference=reference,
        compared='the net of the run, rebuilt from its configuration'
        + (', with its normalizers in float64 on the host' * bool(inside))
        + '; the data of the run were not at hand',
        told={
            'model': chosen.model,
            'part': chosen.use or (zoo.row(chosen.model).use if chosen.model else None),
            'settings': {},
            'weights': {'source': found.origin['run'], **found.origin},
            'class_names': list(found.class_names),
            'vocabularies': found.vocabularies,
            'outputs_in': _units(target, inside, found),
            'preprocessing': tell_of(
                made.names, made.specs, found, inside=inside, target=target
            ),
        },
        drawn=drawn,
        checked=bool(found.declared),
    )


def _fitting(
    name: str, chosen: Selected, sizes: dict[str, tuple[int, ...]]
) -> tuple[zoo.Part, Assignment]:
    """Find what the net is used for, and on which features."""
    reason = ValueError(f'{name} has no part {chosen.use!r}')
    for used in _uses(chosen):
        try:
            return used, assign(name, used, chosen.restored, sizes)
        except (ValueError, AttributeError) as error:  # a model's cousin lacks fields
            reason = error
    raise ValueError(str(reason)) from reason


def _uses(chosen: Selected) -> list[zoo.Part]:
    """List what a net out of a run may be used for.

    A net that is no model of the zoo, but of the class of some, is used as they are;
    any other gets the features of the run in their order.
    """
    net, use = chosen.restored.net, chosen.use
    if isinstance(net, Standardised):
        if use not in (None, zoo.WHOLE):
            raise ValueError(
                f'part {use!r} of a net behind a normalisation would be in other '
                f'units: take the whole, {zoo.WHOLE!r}'
            )
        use = zoo.WHOLE
    if chosen.model is not None:
        return [zoo.row(chosen.model).part(use)]
    rows = [zoo.row(name) for name in kin_of(bare(net))]
    uses = [row.part(use) for row in rows if use in (None, zoo.WHOLE, *row.parts)]
    if isinstance(net, Adversaries):
        uses.append(zoo.Part(_noise, _drawn, target=('image',)))
    if uses:
        return uses
    found = chosen.restored
    data = {k: v for k, v in data_of(found).items() if k not in zoo.TARGETS}
    seen = {k: v for k, v in data.items() if k in found.evaluated}
    given = data if found.declared else seen or data
    forecast = {'history', 'target'} <= found.features.keys()
    target = ('target', 'history') if forecast else ('target',)
    return [zoo.Part(lambda net: given, evaluate_inputs, target)]


def _noise(net: Adversaries) -> Specs:
    return {'noise': Spec((net.latent,))}


def _drawn(net: Adversaries, batch: Batch) -> PyTree:
    return net.generator(batch['noise'])


def _target(used: zoo.Part, made: Assignment, found: Restored) -> str | None:
    """Find the normalizer in whose units the outputs are, if any."""
    names = [made.names.get(name, name) for name in used.target]
    others = [name for name in data_of(found) if name not in zoo.TARGETS]
    if not {*used.target} & {*zoo.TARGETS, *made.names} and len(others) == 1:
        names += others  # what a generator makes is what it was shown
    return next((name for name in names if name in found.normalizers), None)


def _units(target: str | None, inside: Collection[str], found: Restored) -> str:
    """Say in which units the outputs are."""
    if target in inside:
        return f'the units of {target} before its normalizer'
    if target is not None:
        return f'the units of {target} after its normalizer'
    if 'target' in found.features:
        return (
            'the units of the target that the run was trained on, of which it has no '
            'normalizer'
        )
    return 'those of the net'


def _inside(
    made: Assignment, target: str | None, found: Restored
) -> dict[str, Normalizer]:
    """Take the normalizers of what goes in and comes out; refuse to lose one."""
    names = {*made.names.values(), *([target] if target else [])}
    lost = found.normalizers.keys() - names - found.features.keys()
    if lost and found.features:
        raise ValueError(
            f'the run has a normalizer of {", ".join(sorted(lost))}, which is none of '
            f'its features {", ".join(found.features)}: to what it belongs is not '
            'known. raw=False (--no-raw) leaves normalising to you'
        )
    inside = {n: found.normalizers[n] for n in sorted(names & found.normalizers.keys())}
    for feature, normalizer in inside.items():
        require_float32(feature, normalizer)
    return inside


def _ranged(
    spec: Spec, row: str, feature: str, used: zoo.Part, found: Restored
) -> Spec:
    """Say between which bounds an input lies, as the net takes it."""
    if spec.dtype.startswith('uint'):
        if isinstance(found.net, Standardised):
            return Spec(spec.shape, 'float32', 0, 1)  # as it brings such pictures there
        return dataclasses.replace(spec, low=0, high=int(np.iinfo(spec.dtype).max))
    bounds, seen = used.inputs(bare(found.net))[row], found.seen.get(feature)
    declared = spec.low is not None or spec.high is not None
    same = np.dtype(bounds.dtype).kind == np.dtype(spec.dtype).kind
    if declared or not same or feature in found.normalizers:
        return spec
    if seen is not None:
        low, high = seen
        if isinstance(found.net, Standardised) and 0 <= low <= high <= 1:
            return dataclasses.replace(spec, low=0, high=1)
        if bounds.low is not None and low < bounds.low - 1e-3:
            return spec  # the data were brought elsewhere than the row has it
        if bounds.high is not None and high > bounds.high + 1e-3:
            return spec
    return dataclasses.replace(spec, low=bounds.low, high=bounds.high)


def tell_of(
    names: Mapping[str, str],
    specs: Specs,
    found: Restored,
    *,
    inside: Collection[str] = (),
    target: str | None = None,
    net_inside: bool = True,
) -> list[dict[str, Any]]:
    """Tell what stands before and behind a net, in the order in which it acts.

    Args:
        names: the feature of the data, by the name that the row has for it.
        specs: of each, by the row's name.
        found: the net out of the run.
        inside: the features whose normalizers a program applies.
        target: the feature in whose units the outputs are.
        net_inside: whether the normalisation that belongs to the net is applied.

    Returns:
        Entries of a certificate.
    """
    told = [
        of_normalizer(
            feature,
            found.normalizers[feature],
            specs[row].shape,
            inside=feature in inside,
        )
        for row, feature in names.items()
        if feature in found.normalizers
    ]
    if names and isinstance(found.net, Standardised):
        first = next(iter(names.values()))
        standardised = of_standardised(first, found.net, inside=net_inside)
        told += [] if standardised is None else [standardised]
    if target is not None:
        told.append(
            of_normalizer(
                target,
                found.normalizers[target],
                specs[target].shape if target in specs else (),
                inside=target in inside,
                inverse=True,
            )
        )
    return told
