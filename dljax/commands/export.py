"""`dljax export`: a model's inference as a file that only JAX reads."""

from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from dljax.commands.settings import read_settings


def export(
    model: Positional[str],
    target: Positional[Path],
    *,
    weights: Path | None = None,
    classes: int | None = None,
    settings: tuple[str, ...] = (),
    sizes: tuple[str, ...] = (),
    batch: int | Literal['symbolic'] = 'symbolic',
    platforms: tuple[Literal['cpu', 'cuda', 'rocm', 'tpu'], ...] = (
        'cpu',
        'cuda',
        'tpu',
    ),
    overwrite: bool = False,
) -> None:
    """Write the inference of a model as StableHLO, and TARGET.json, which describes it.

    The weights are inside. Evaluation mode takes no random numbers; noise that a
    generator turns into something is an input.

    Args:
        model: as `dljax zoo` lists it.
        target: the file to write.
        weights: what `dljax convert` wrote, or the folder of a run; random without.
        classes: of the model, where not its default.
        settings: others, such as hidden=(64,32).
        sizes: of one example of a feature, such as image=(64,64,3).
        batch: examples in a call; symbolic stands for any number.
        platforms: on which it is to run.
        overwrite: replace a target that is there.
    """
    from dljax.export import export as exported

    chosen = read_settings(settings)
    if classes is not None:
        chosen['classes'] = classes
    made = exported(
        model,
        target,
        weights=weights,
        batch=None if batch == 'symbolic' else batch,
        platforms=platforms,
        sizes=read_settings(sizes),
        settings=chosen,
        overwrite=overwrite,
    )
    inside = 'RANDOM weights: give --weights' if weights is None else str(weights)
    found = made['difference']
    said = (
        f'read back and run, it differs from the net by {found["absolute"]:.2g}'
        if found
        else f'not run: {made["difference_is_null_because"]}'
    )
    print(
        f'wrote {target}, {made["bytes"]:,} bytes for {", ".join(platforms)}, and '
        f'{target}.json\nweights: {inside}\n{said}'
    )
