"""What a run is told: its options, its net's settings, and whether a resume fits."""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dljax.facts import facts
from dljax.host.machine import commit, device, versions
from dljax.training.start import fresh
from dljax.types import State

if TYPE_CHECKING:
    from dljax.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Options:
    """What every experiment can be told, besides its own arguments.

    Attributes:
        workdir: folder of the run; by default runs/FAMILY/EXPERIMENT here, or where a
            run of other settings lies there EXPERIMENT-2 and so on.
        seed: of the run's root key; all else follows from it.
        members: independent runs trained side by side, for a mean and a deviation.
        devices: how many devices share each batch.
        parallel: compile over a device mesh (jit), or map over devices (pmap).
        batch_statistics: batch norms normalise by the whole batch (global), or on
            several devices each by its own share, which sends less (device).
        chunk: updates in one compiled call; chosen by the backend if left out.
        precision: of the computation; parameters and statistics stay float32.
        resume: go on from the last checkpoint in the workdir, if there is one.
        keep: how many of the last checkpoints stay, besides the best.
        results: a file to which one line about the run is appended when it ends.
        compilation_cache: keep compiled programs in the user's cache for the next run.
        on_nan: where a loss, a gradient or the state is not finite: raise and end, skip
            that update as a whole, or rollback to the last checkpoint and go on with
            other batches.
        nan_limit: how many updates in a row may be skipped, or how many rollbacks.
    """

    workdir: Path | None = None
    seed: int = 0
    members: int = 1
    devices: int = 1
    parallel: Literal['jit', 'pmap'] = 'jit'
    batch_statistics: Literal['global', 'device'] = 'global'
    chunk: int | None = None
    precision: Literal['float32', 'bfloat16'] = 'float32'
    resume: bool = True
    keep: int = 3
    results: Path | None = None
    compilation_cache: bool = True
    on_nan: Literal['raise', 'skip', 'rollback'] = 'raise'
    nan_limit: int = 10

    def __post_init__(self) -> None:
        for name in ('members', 'devices', 'chunk', 'keep', 'nan_limit'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name}={value}, wanted 1 or more')
        if self.on_nan not in ('raise', 'skip', 'rollback'):
            raise ValueError(f'on_nan={self.on_nan!r}, wanted raise, skip or rollback')
        # Of a larger one JAX drops bits in silence, or overflows.
        bits = 63 if jax.config.jax_enable_x64 else 32
        if not 0 <= self.seed < 2**bits:
            raise ValueError(f'seed={self.seed}, wanted 0 or more, below 2**{bits}')
        if self.members > 1 and self.devices > 1:
            raise ValueError(
                f'members={self.members} with devices={self.devices}: an ensemble '
                'trains on one device; leave one of the two at 1'
            )


def reconfigured(net: nn.Module, **settings: Any) -> nn.Module:
    """Change a setting in a net and in every module that it holds as a field.

    Example:
        >>> import jax.numpy as jnp
        >>> from flax import linen as nn
        >>> half = reconfigured(nn.Sequential([nn.Dense(2)]), dtype=jnp.bfloat16)
        >>> half.layers[0].dtype.__name__
        'bfloat16'

    Args:
        net: a module, not bound.
        **settings: fields to set wherever a module has them.

    Returns:
        A changed copy.
    """

    def changed(value: Any) -> Any:
        if isinstance(value, nn.Module):
            return reconfigured(value, **settings)
        if isinstance(value, tuple | list):
            return tuple(changed(part) for part in value)  # hashable, as a list is not
        if isinstance(value, Mapping):
            return {name: changed(part) for name, part in value.items()}
        return value

    fields = {f.name for f in dataclasses.fields(net) if f.init}
    fields -= {'parent', 'name'}
    changes = {name: changed(getattr(net, name)) for name in fields}
    changes |= {name: value for name, value in settings.items() if name in fields}
    return net.clone(**changes)


def prepared(net: nn.Module, options: Options, axis: str) -> nn.Module:
    """Set a net's precision and, under pmap, the axis of its batch statistics.

    Args:
        net: as the experiment made it.
        options: of the run.
        axis: the name of the mapped axis.

    Returns:
        The net to train.
    """
    settings = {}
    if options.precision == 'bfloat16':
        settings['dtype'] = jnp.bfloat16
    if options.parallel == 'pmap' and options.batch_statistics == 'global':
        settings['axis_name'] = axis
    return reconfigured(net, **settings)


def described(net: nn.Module) -> dict[str, str]:
    """Write a net's settings as text, by the path of each field."""
    rows = {'': type(net).__name__}
    for field in dataclasses.fields(net):
        if field.name in ('parent', 'name', 'axis_name') or not field.init:
            continue
        value = getattr(net, field.name)
        parts = value if isinstance(value, tuple | list) else [value]
        if any(isinstance(part, nn.Module) for part in parts):
            for index, part in enumerate(parts):
                inner = described(part) if isinstance(part, nn.Module) else {'': part}
                prefix = field.name + (f'[{index}]' if part is not value else '')
                rows |= {
                    f'{prefix}.{name}'.rstrip('.'): str(text)
                    for name, text in inner.items()
                }
        else:
            name = getattr(value, '__qualname__', None)
            rows[field.name] = name or re.sub(r' at 0x[0-9a-f]+', '', repr(value))
    return rows


def configuration(
    name: str,
    experiment: 'Experiment',
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


def introduction(
    experiment: 'Experiment', net: nn.Module, options: Options, state: State
) -> str:
    """Say in three lines what is trained: on what data, which net, on which devices."""
    members = options.members
    count = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // members
    many = f', {members} members' if members > 1 else ''
    begin = ''
    if experiment.start is not None:
        left = fresh({'params': state.params, **state.collections}, experiment.start)
        shown = ', '.join(left[:6]) + f' and {len(left) - 6} more' * (len(left) > 6)
        begin = f'start     given; drawn afresh: {shown or "nothing"}\n'
    return (
        f'data      {experiment.data}\n'
        f'model     {type(net).__name__}, {count:,} parameters{many}\n'
        f'{begin}'
        f'device    {options.devices} x {device()}, {options.precision}'
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value if isinstance(value, int | float | None) else str(value)
