"""`dljax export`: a model's inference as a file that only JAX reads."""

from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from dljax.cli.settings import read_settings


def export(
    model: Positional[str],
    target: Positional[Path],
    *,
    weights: Path | None = None,
    which: int | Literal['last', 'best'] = 'last',
    averages: bool | None = None,
    member: int | None = None,
    part: str | None = None,
    raw: bool = True,
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
        model: as `dljax zoo` lists it; of a run what it trained, or `run` for whatever
            that is.
        target: the file to write.
        weights: what `dljax convert` wrote, or the folder of a run; random without.
        which: of a run, its last checkpoint, its best, or a step.
        averages: of a run, take the averages of its parameters, or not; by default
            what it measured.
        member: of a run that was an ensemble, which member.
        part: what a net is used for, such as generator, discriminator or whole; of
            several nets side by side the name of one.
        raw: of a run, take features as they were before its normalizers; with --no-raw
            TARGET.json holds the two lines of Python that apply each.
        classes: of the model, where not its default.
        settings: others, such as hidden=(64,32).
        sizes: of one example of a feature, such as image=(64,64,3).
        batch: examples in a call; symbolic stands for any number.
        platforms: on which it is to run.
        overwrite: replace a target that is there.
    """
    from dljax.export import export as exported
    from dljax.export.preprocessing import origin, say

    chosen = read_settings(settings)
    if classes is not None:
        chosen['classes'] = classes
    made = exported(
        None if model == 'run' else model,
        target,
        weights=weights,
        which=which,
        averages=averages,
        member=member,
        part=part,
        raw=raw,
        batch=None if batch == 'symbolic' else batch,
        platforms=platforms,
        sizes=read_settings(sizes),
        settings=chosen,
        overwrite=overwrite,
    )
    found, source = made['difference'], made['weights']
    inside = 'RANDOM weights: give --weights' if weights is None else str(weights)
    if 'step' in source:
        inside += f', {origin(source)}\npreprocessing {say(made["preprocessing"])}'
    compared = f'not run: {made["difference_is_null_because"]}'
    if found:
        compared = (
            'read back and run on inputs drawn at random, it differs from the net by '
            f'{found["absolute"]:.2g}\n(compared with {made["compared_with"]})'
        )
    print(
        f'wrote {target}, {made["bytes"]:,} bytes for {", ".join(platforms)}, and '
        f'{target}.json\nweights: {inside}\n{compared}'
    )
