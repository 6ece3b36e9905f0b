"""What a run is told: its options, its net's settings, and whether a resume fits."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from dljax.host.machine import commit, versions
from dljax.models.fields import describe
from dljax.runs.assembly import Assembly
from dljax.runs.facts import facts


def configuration(
    name: str, made: Assembly, arguments: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Collect what a run is made from, as config.json holds it."""
    experiment, net, options = made.experiment, made.net, made.options
    return {
        'experiment': name,
        'arguments': arguments and {k: _plain(v) for k, v in arguments.items()},
        'options': {k: _plain(v) for k, v in dataclasses.asdict(options).items()},
        'model': describe(net),
        **facts(experiment, net, made.sample),
        'data': experiment.data_summary,
        'plateau': experiment.plateau and dataclasses.asdict(experiment.plateau),
        'best': {'metric': experiment.best, 'maximize': experiment.maximize},
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
