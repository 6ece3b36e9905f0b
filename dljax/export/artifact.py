"""Writing the inference of a model as StableHLO, and reading it back."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from dljax.export.converted import certificate_of, come_back, expected_images
from dljax.export.inference import Program, of_zoo, shapes_of
from dljax.export.reading import call_of
from dljax.export.selection import select
from dljax.export.trained import of_run
from dljax.host.machine import versions
from dljax.host.version import __version__
from dljax.recipes.plan import draw
from dljax.runs.workdir import write_json
from dljax.types import AnyBatch, named_leaves
from dljax.weights.runs import take

PLATFORMS = ('cpu', 'cuda', 'tpu')
_USE = 'jax.export.deserialize(open(FILE, "rb").read()).call({NAME: ARRAY, ...})'


def export(
    model: str | None,
    target: Path,
    *,
    weights: Path | None = None,
    which: str | int = 'last',
    averages: bool | None = None,
    member: int | None = None,
    part: str | None = None,
    raw: bool = True,
    net: nn.Module | None = None,
    batch: int | None = None,
    platforms: Sequence[str] = PLATFORMS,
    sizes: Mapping[str, tuple[int, ...]] | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write the inference of a model, with its weights, as a file that only JAX reads.

    The program evaluates a part of `zoo.row(model)`, as a rule the whole net, and takes
    no random numbers: noise is an input where a net turns noise into something, and of
    two adversaries it is the generator that is exported. It maps a dictionary of arrays
    by feature to what the net gives.

    Of a run it is the net as it was trained, rebuilt from the run's configuration, with
    the weights that the run measured. It takes what the data of the run were before
    preprocessing: a normalisation of images that belongs to the net, and normalizers
    fitted to features, are inside, in float32; a forecast comes out in the units of the
    series. Pictures of whole numbers, such as uint8, are taken as numbers in [0, 1].

    Args:
        model: one of `list_models()`; of a run it may be None, and must be what the run
            trained, or one of several nets that it trained side by side.
        target: the file; TARGET.json beside it tells what it is.
        weights: a file or a folder that `dljax.weights` wrote, or the folder of a run;
            None for random ones.
        which: of a run, 'last', 'best' by the metric that it chose it by, or a step.
        averages: of a run, whether averages of the parameters take their place; None
            for what the run measured, see `runs.from_run`.
        member: of a run that was an ensemble, which member.
        part: what a net is used for, such as 'generator', 'discriminator' or 'whole' of
            two adversaries, 'encoder' or 'decoder' of an autoencoder; of several nets
            side by side, the name of one; or both, as in 'gan/discriminator'.
        raw: of a run, whether its normalizers are inside; if not, the file beside the
            target holds the two lines of Python that apply each.
        net: of a run, the net itself, where it is made of code of your own.
        batch: examples in a call; None for any number.
        platforms: on which it is to run, of 'cpu', 'cuda', 'rocm' and 'tpu'.
        sizes: the shape of one example of a feature whose size the model leaves open.
        settings: of the model, where not the defaults; a run knows its own, and those
            that contradict it are refused.
        overwrite: whether a target that is there may be replaced.

    Returns:
        What the JSON file holds. Its 'difference' is the largest from what the net
        gives of a batch that was drawn, when the file was read back and run; with what
        it was compared it says too.

    Raises:
        ValueError: for an unknown model, weights of another one, a platform or size
            that cannot be, a net that takes no symbol for its batch, a program that
            gives other numbers than the net, or a run whose net cannot be rebuilt, of
            which it is not clear what is meant, or which float32 cannot normalise.
        TypeError: for an unknown setting.
        OSError: where the target is there already, or the weights are not.

    Example:
        >>> import pathlib, tempfile
        >>> from dljax.export import load
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / 'xor.stablehlo'
        ...     made = export('xor_2_2_1', path)
        ...     run = load(path)
        >>> made['inputs']['features']['shape'], made['weights']['source']
        (['batch', 2], 'random')
        >>> run({'features': np.zeros((5, 2), np.float32)}).shape
        (5, 1)
    """
    beside = target.with_name(f'{target.name}.json')
    for path in (target, beside):
        if path.exists() and not overwrite:
            raise FileExistsError(f'{path} is there already: --overwrite replaces it')
    if batch is not None and batch < 1:
        raise ValueError(f'batch is {batch}, wanted at least 1, or None for any number')
    unknown = set(platforms) - {*PLATFORMS, 'rocm'}
    if unknown or not platforms:
        raise ValueError(
            f'platforms are {", ".join(platforms) or "none"}, wanted some of cpu, '
            'cuda, rocm, tpu'
        )
    program = _program(
        model, weights, which, averages, member, part, raw, net, sizes, settings
    )
    exported = _exported(program, batch, platforms)
    content = exported.serialize()
    drawn = program.drawn(jax.random.key(1), batch or 3)
    difference, reason = _difference(program, bytes(content), drawn, platforms)
    if difference is not None and not difference['relative'] <= 1e-3:
        raise ValueError(
            f'{program.name} read back gives other numbers, which differ by '
            f'{difference["relative"]:.3g} of the largest: nothing was written. Are '
            'the weights finite?'
        )
    made = {
        **program.told,
        'inputs': {
            name: {
                'shape': [batch or 'batch', *spec.shape],
                'dtype': spec.dtype,
                'low': spec.low,
                'high': spec.high,
                'checked': program.checked,
            }
            for name, spec in program.specs.items()
        },
        'outputs': _outputs(exported),
        'platforms': list(platforms),
        'use': _USE,
        'bytes': len(content),
        'sha256': hashlib.sha256(content).hexdigest(),
        'difference': difference,
        'difference_is_null_because': reason,
        'compared_with': program.compared,
        'calling_convention': exported.calling_convention_version,
        'versions': {
            'dljax': __version__,
            **versions('jax', 'flax'),
        },
    }
    target.write_bytes(content)
    write_json(beside, made)
    return made


def _program(
    model: str | None,
    weights: Path | None,
    which: str | int,
    averages: bool | None,
    member: int | None,
    part: str | None,
    raw: bool,
    net: nn.Module | None,
    sizes: Mapping[str, tuple[int, ...]] | None,
    settings: Mapping[str, Any] | None,
) -> Program:
    if weights is not None and (weights / 'checkpoints').is_dir():
        found = take(weights, which, averages=averages, member=member)
        chosen = select(
            weights, found, model=model, part=part, settings=settings, net=net
        )
        return of_run(chosen, sizes=sizes, raw=raw)
    certificate = None if weights is None else certificate_of(weights)
    back = come_back(weights, certificate) if weights and certificate else None
    as_it_is = (which, averages, member, net) == ('last', None, None, None)
    if weights is not None and back is not None and as_it_is:
        chosen = select(weights, back, model=model, part=part, settings=settings)
        return of_run(chosen, sizes=sizes, raw=raw)
    if (which, averages, member, raw, net) != ('last', None, None, True, None):
        raise ValueError(
            'which, averages, member, raw and net choose of the folder of a run: give '
            'one by weights (--weights), or leave them out'
        )
    if model is None:
        raise ValueError('model is None, wanted one of list_models(): there is no run')
    program = of_zoo(model, weights, part=part, settings=settings, sizes=sizes)
    if 'image' in program.specs and (
        wanted := certificate and expected_images(certificate)
    ):
        text, low, high = wanted
        image = dataclasses.replace(program.specs['image'], low=low, high=high)
        specs = {**program.specs, 'image': image}
        program = dataclasses.replace(
            program,
            specs=specs,
            told={**program.told, 'input': text},
            drawn=lambda key, count: draw(key, shapes_of(specs, count), specs),
        )
    return program


def _exported(program: Program, batch: int | None, platforms: Sequence[str]) -> Any:
    from jax.export import export as exported
    from jax.export import symbolic_shape

    size = symbolic_shape('batch')[0] if batch is None else batch
    try:
        return exported(program.run, platforms=tuple(platforms))(
            shapes_of(program.specs, size)
        )
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        if batch is not None:
            raise ValueError(
                f'{program.name} cannot be exported for {", ".join(platforms)}: {first}'
            ) from error
        raise ValueError(
            f'{program.name} cannot be exported for any number of examples: {first}; '
            'give the number, --batch N'
        ) from error


def _outputs(exported: Any) -> dict[str, Any]:
    """Describe what is given, by path; a single array has the path ''."""
    tree = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    return {
        name: {'shape': [_size(n) for n in aval.shape], 'dtype': aval.dtype.name}
        for name, aval in named_leaves(tree).items()
    }


def _size(size: Any) -> int | str:
    return size if isinstance(size, int) else str(size)


def _difference(
    program: Program, content: bytes, batch: AnyBatch, platforms: Sequence[str]
) -> tuple[dict[str, float] | None, str | None]:
    """Compare what is read back with the net itself, where it can be run here."""
    here = {'gpu': 'cuda'}.get(jax.default_backend(), jax.default_backend())
    if here not in platforms:
        return None, f'it was written on {here}, on which it is not to run'
    pairs = [
        (np.asarray(a, np.float32), np.asarray(b, np.float32))
        for a, b in zip(
            jax.tree.leaves(program.reference(batch)),
            jax.tree.leaves(call_of(content, 'the artifact')(batch)),
            strict=True,
        )
    ]
    absolute = max(float(np.abs(a - b).max()) for a, b in pairs)
    largest = max(float(np.abs(a).max()) for a, _ in pairs)
    return {'absolute': absolute, 'relative': absolute / (largest or 1.0)}, None
