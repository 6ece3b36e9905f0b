"""Every experiment leaves as a file that gives what its net did, or is refused."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import linen as nn
from rich.console import Console

from dljax import run, zoo
from dljax.experiment import Experiment, Options, of_averages
from dljax.export import export, load
from dljax.export.selection import outer
from dljax.models.rebuilding import pieces
from dljax.training import with_averages
from dljax.weights.restored import normalise
from dljax.weights.runs import take
from tests.test_experiments import FILES, named
from tests.test_experiments import load as module_of

SEVERAL = {  # one example is read in two lengths
    'adding_problem': {'sizes': {'sequence': (4, 2)}},
}
# With a normaliser inside and outside, averages, parts and units that come back.
OFTEN = {
    'convolutional/finetune_folder',
    'feedforward/mlp_breast_cancer',
    'recurrent/forecasting',
}
assert {named(path) for path in FILES} >= OFTEN
EACH = [
    pytest.param(
        path,
        id=named(path),
        marks=pytest.mark.heavy if named(path) in OFTEN else pytest.mark.exhaustive,
    )
    for path in FILES
]
REFUSED = {
    'examples_20': 'Examples, which is not of dljax, Linen or JAX',
    # Their tokens are codes that no feature of the run holds.
    'prior': 'reads tokens, target, and the features of the run',
    'coder_0/prior': 'reads tokens, target, and the features of the run',
}


def undecorated(experiment: Experiment) -> Experiment:
    """Leave out what is drawn and measured, but not whether it was of averages."""
    looks = [*experiment.measures.values(), *experiment.along.values()]
    averages = any(getattr(look, 'of_averages', False) for look in looks)
    return dataclasses.replace(
        experiment,
        pictures={},
        alarms={},
        measures={},
        along={'seen': of_averages(lambda outcome: 'seen')} if averages else {},
    )


def raw_inputs(made: dict[str, Any], told: dict[str, Any]) -> dict[str, np.ndarray]:
    """Take the run's own examples, in their own units; noise is drawn."""
    experiment, random = made['experiment'], np.random.default_rng(0)
    data: dict[str, Any] = {}
    batch = experiment.source.init(jax.random.key(0))[1]
    for part in (*batch.values(), batch, *experiment.evaluation.values()):
        if isinstance(part, dict):
            data |= {k: v for k, v in part.items() if not isinstance(v, dict)}
    found = {}
    for name, spec in told['inputs'].items():
        shape = tuple(spec['shape'][1:])
        if name in data and np.shape(data[name])[1:] == shape:
            values = np.asarray(data[name][:3])
            if name in experiment.normalizers:
                normalizer = experiment.normalizers[name]
                values = normalise(normalizer, values, inverse=True).astype('float32')
            found[name] = values
        else:
            found[name] = random.normal(size=(3, *shape)).astype(spec['dtype'])
    return found


def answered(
    made: dict[str, Any], part: str | None, told: dict[str, Any], batch: dict[str, Any]
) -> Any:
    """Let the net of the experiment itself answer, with its own preprocessing."""
    experiment: Experiment = made['experiment']
    used = zoo.row(told['model']).part(told['part'])
    normalizers = experiment.normalizers
    given = {
        name: normalise(normalizers[name], np.asarray(values))
        if name in normalizers
        else values
        for name, values in batch.items()
    }
    names = [n for n in used.inputs(made['inner']) if n in given] or [
        n for n in used.inputs(made['inner']) if n not in zoo.TARGETS
    ][: len(given)]

    def call(net: nn.Module, batch: dict[str, Any]) -> Any:
        path = part.split('/') if part else []
        return used.call(functools.reduce(getattr, path, net), batch)

    renamed = dict(zip(names, given.values(), strict=True))
    outputs = nn.apply(call, experiment.net)(made['variables'], renamed)
    for entry in told['preprocessing']:
        if entry['feature'] == 'outputs':
            normalizer = normalizers[entry['kind'].split()[-1]]
            outputs = normalise(normalizer, np.asarray(outputs), inverse=True)
    return outputs


@pytest.mark.parametrize('path', EACH)
def test_an_experiment_answers_through_its_file_as_it_did(
    path: Path, tmp_path: Path
) -> None:
    module = module_of(path)
    experiment = undecorated(module.experiment(**module.TINY))
    report = run(experiment, tmp_path / 'run', Options(), console=Console(quiet=True))
    found = take(tmp_path / 'run')
    there = dict(pieces(found.config['net']))
    parts = outer(there) if 'container' in there[''] else [None]
    state = with_averages(report.state) if found.averages else report.state
    # The states of the sequences of the last batch are none of others.
    lasting = {k: v for k, v in state.collections.items() if k != 'carry'}
    made = {
        'experiment': experiment,
        'variables': {'params': state.params, **lasting},
    }
    for number, part in enumerate(parts[:4]):
        source = {'weights': tmp_path / 'run', 'part': part, 'platforms': ('cpu',)}
        target = tmp_path / f'{number}'
        if part in REFUSED:
            with pytest.raises(ValueError, match=REFUSED[part]):
                export(None, target, **source)
            continue
        sizes = SEVERAL.get(path.stem, {}) if part and part.endswith('4') else {}
        if path.stem in SEVERAL and not sizes:
            with pytest.raises(ValueError, match='could read .* by the shape'):
                export(None, target, **source)
            continue
        told = export(None, target, **source, **sizes)
        batch = raw_inputs(made, told)
        outputs = load(target)(batch)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(outputs))
        if told['model'] is None:
            continue
        made['inner'] = functools.reduce(
            getattr, part.split('/') if part else [], experiment.net
        )
        made['inner'] = getattr(made['inner'], 'net', made['inner'])
        wanted = answered(made, part, told, batch)
        wanted = wanted._asdict() if hasattr(wanted, '_asdict') else wanted
        assert jax.tree.structure(outputs) == jax.tree.structure(wanted)
        for ours, theirs in zip(
            jax.tree.leaves(outputs), jax.tree.leaves(wanted), strict=True
        ):
            theirs = np.asarray(theirs, np.float32)
            scale = float(np.abs(theirs).max()) or 1.0
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 * scale)
