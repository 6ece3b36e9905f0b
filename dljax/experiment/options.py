"""What every run can be told."""

import dataclasses
from pathlib import Path
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Options:
    """What every experiment can be told, besides its own arguments.

    Attributes:
        workdir: folder of the run; by default runs/FAMILY/EXPERIMENT here, or where a
            run of other settings lies there EXPERIMENT-2 and so on.
        seed: of the run's root key; all else follows from it.
        members: independent runs trained side by side, for a mean and a standard
            deviation.
        devices: how many devices share each batch.
        parallel: compile over a device mesh (jit), or map over devices (pmap).
        batch_statistics: batch norms normalise by the whole batch (global), or on
            several devices each by its own part, which sends less (device).
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
        import jax  # not before: flags are shown without it

        for name in ('members', 'devices', 'chunk', 'keep', 'nan_limit'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name}={value}, wanted 1 or more')
        if self.on_nan not in ('raise', 'skip', 'rollback'):
            raise ValueError(f'on_nan={self.on_nan!r}, wanted raise, skip or rollback')
        # Of a larger one JAX drops bits in silence, or overflows. (It makes attributes
        # of its options as it runs.)
        wide = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
        bits = 63 if wide else 32
        if not 0 <= self.seed < 2**bits:
            raise ValueError(f'seed={self.seed}, wanted 0 or more, below 2**{bits}')
        if self.members > 1 and self.devices > 1:
            raise ValueError(
                f'members={self.members} with devices={self.devices}: an ensemble '
                'trains on one device; leave one of the two at 1'
            )
