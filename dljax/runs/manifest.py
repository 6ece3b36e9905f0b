"""What a run is told: its options, its net's settings, and whether a resume fits."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from flax import linen as nn

from dljax.experiment import Experiment, Options
from dljax.host.machine import commit, versions
from dljax.models.fields import described
from dljax.runs.facts import facts


def configuration(
    name: str,
    experiment: Experiment,
    net: nn.Module,
    options: Options,
    arguments: Mapping[str, Any] | None,
    batch: Mapping[str, Any],
) -> dict[str, Any]:
    """Collect what a run is made from, as config.json holds it."""
    return {
        'experiment': name,
        'arguments': arguments and {k: _plain(v) for k, v in arguments.items()},
        'options': {k: _plain(v) for k, v in dataclasses.asdict(options).items()},
        'model': described(net),
        **facts(experiment, net, batch),
        'data': experiment.data,
        'plateau': experiment.plateau and dataclasses.asdict(experiment.plateau),
        'best': {'metric': experiment.best, 'higher': experiment.higher},
        'normalizers': {
            feature: json.loads(normalizer.to_json())
            for feature, normalizer in experiment.normalizers.items()
        },
        'commit': commit(),
        'versions': versions('jax', 'flax', 'optax', 'orbax-checkpoint'),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value if isinstance(value, int | float | None) else str(value)
