"""What config.json says of a run for those who take it up without its code."""

import json
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dljax.experiment import Experiment
from dljax.models.rebuilding import structure
from dljax.types import Spec


def facts(
    experiment: Experiment, net: nn.Module, batch: Mapping[str, Any]
) -> dict[str, Any]:
    """Collect the net, the form of the data, its words, and what was measured.

    Args:
        experiment: that is run.
        net: as it is trained.
        batch: of its source.

    Returns:
        Values that JSON holds, by the name in config.json.
    """
    return {
        'net': structure(net),
        'features': _features(experiment, batch),
        'class_names': list(experiment.class_names),
        'vocabularies': {
            feature: json.loads(tokens.to_json())
            for feature, tokens in experiment.vocabularies.items()
        },
        'averages': _measured(experiment),
    }


def _features(
    experiment: Experiment, batch: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Describe one example of each feature: as evaluated, else as trained on."""
    flat: dict[str, Any] = {}
    for name, part in batch.items():  # nested where players have sources of their own
        flat |= part if isinstance(part, Mapping) else {name: part}
    for arrays in experiment.evaluation.values():
        flat |= arrays
    made = {}
    for name, array in flat.items():
        spec = experiment.inputs.get(name, Spec(()))
        made[name] = {
            'shape': list(np.shape(array)[1:]),
            'dtype': _dtype(array),
            'low': spec.low,
            'high': spec.high,
            'declared': name in experiment.inputs,
            'evaluated': any(name in s for s in experiment.evaluation.values()),
            'seen': _seen(array),
        }
    return made


def _dtype(array: Any) -> str:
    """Name the type that an array has once it is on a device."""
    dtype = jnp.asarray(array[:1]).dtype if np.ndim(array) else jnp.asarray(array).dtype
    return dtype.name


def _seen(array: Any) -> list[float] | None:
    """Look between which bounds the first examples lie."""
    few = np.asarray(array[:1024]) if np.ndim(array) else np.asarray(array)
    if few.dtype.kind not in 'fiu' or not few.size:
        return None
    return [float(few.min()), float(few.max())]


def _measured(experiment: Experiment) -> bool | None:
    """Whether averages of the parameters were measured; None if nothing was."""
    looks = [
        *experiment.measures.values(),
        *experiment.along.values(),
        *experiment.pictures.values(),
        *experiment.alarms.values(),
    ]
    if any(getattr(look, 'of_averages', False) for look in looks):
        return True
    seen = bool(experiment.measures or experiment.along or experiment.pictures)
    return False if seen or experiment.evaluation else None
