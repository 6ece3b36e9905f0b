"""`dljax aot`: what a train step takes on chips that are not here."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from dljax.cli.settings import read_settings

Line = Mapping[str, Any]
CHANGED = 3  # the exit code of a comparison that has found a change


def aot(
    *,
    model: str | None = None,
    topology: str = 'v5e:2x2',
    batch: int | None = None,
    precision: Literal['float32', 'bfloat16'] = 'float32',
    fsdp: int = 1,
    remat: bool = False,
    settings: tuple[str, ...] = (),
    sizes: tuple[str, ...] = (),
    results: Path | None = None,
    compare: Path | None = None,
    every: Annotated[bool, arg(name='all')] = False,
    family_members: bool = False,
    timeout: float = 3600.0,
    table: Path | None = None,
) -> None:
    """Compile train steps for chips that are not here, and tell what they take there.

    Exits with 3 where a comparison has found a change. TPUs need the extra `tpu`, GPUs
    the extra `cuda`.

    Args:
        model: whose train step is compiled; see `dljax zoo`.
        topology: chips and their arrangement: v5e:2x2, v5p:2x2x1, v6e:4x4, v4:2x2x1,
            h100:8; or cpu:4 for virtual devices of this processor.
        batch: examples in an update, on all chips together; by default what the recipe
            of the model takes, on each chip.
        precision: of the computation; parameters and statistics stay float32.
        fsdp: over how many chips each large parameter is split.
        remat: rematerialise blocks in the backward pass, which saves memory.
        settings: of the model, such as classes=3 or hidden=(64,32).
        sizes: of one example of a feature, such as image=(64,64,3).
        results: a file to which a line of JSON about each program is appended.
        compare: a file of such lines; memory or FLOPs that have changed by more than
            5 % are shown.
        every: compile every model, each in a process of its own; goes on where the
            results already hold a model at this commit. A failure is a line as well.
        family_members: the same with one small model of each family.
        timeout: seconds for each of several models.
        table: only print such lines as a table in Markdown.
    """
    asked = [model is not None, every, family_members, table is not None]
    if sum(asked) != 1:
        raise ValueError(
            'wanted exactly one of --model NAME, --all, --family-members, --table FILE'
        )
    if table is not None:
        print(_written(_recorded(table)), end='')
        return
    before = None if compare is None else _recorded(compare)
    words = [f'--topology={topology}', f'--precision={precision}', f'--fsdp={fsdp}']
    words += [] if batch is None else [f'--batch={batch}']
    words += ['--remat'] * remat
    for name, values in (('settings', settings), ('sizes', sizes)):
        words += [f'--{name}', *values] if values else []
    if model is not None:
        command = shlex.join(['dljax', 'aot', f'--model={model}', *words])
        figures = _compiled(
            model,
            topology,
            batch=batch,
            precision=precision,
            fsdp=fsdp,
            remat=remat,
            sizes=read_settings(sizes),
            **read_settings(settings),
        )
        _show(figures)
        if results is not None:
            from dljax.aot import append

            append(results, figures, command)
        found = [figures]
    else:
        if settings or sizes:
            raise ValueError('settings and sizes are of one model: give --model NAME')
        if every and results is None:
            raise ValueError('--all takes hours: give --results FILE for what it finds')
        asked = {'precision': precision, 'fsdp': fsdp, 'remat': remat}
        asked |= {'settings': {}, 'sizes': {}}
        asked |= {} if batch is None else {'batch': batch}
        from dljax.aot.several import MEMBERS, compile_each

        found = list(
            compile_each(
                None if every else MEMBERS, topology, words, asked, results, timeout
            )
        )
        print(_written(found), end='')
    if before is not None and _changed(found, before):
        raise SystemExit(CHANGED)
    if any('flops' not in line for line in found):
        raise SystemExit(1)


def _compiled(model: str, topology: str, **options: Any) -> Line:
    from dljax.aot import compile_ahead, prepare, read_topology

    chips = read_topology(topology)
    prepare(chips)
    return compile_ahead(model, chips, **options)


def _show(figures: Line) -> None:
    from rich.console import Console
    from rich.table import Table

    from dljax.aot.tables import collectives, flops, fraction, memory, milliseconds

    table = Table(box=None, show_header=False, pad_edge=False)
    rows = {
        'model': figures['model'],
        'chips': f'{figures["chips"]} ({figures["topology"]})',
        'batch': f'{figures["batch"]:,}, {figures["precision"]}',
        'parameters': f'{figures["parameters"]:,}',
        'peak memory a chip': memory(figures),
    }
    if figures['flops'] is None:
        rows['error'] = figures['error']
    else:
        rows |= {
            'FLOPs a chip and update': flops(figures['flops']),
            'collectives': collectives(figures) or 'none',
            'roofline time': milliseconds(figures['roofline_seconds']),
            'arithmetic fraction of it': fraction(figures['arithmetic_share']),
        }
    if figures.get('unknown_loops'):
        rows['counted once'] = ', '.join(figures['unknown_loops'])
    rows['compiled in'] = f'{figures["compile_seconds"]:.1f} s'
    for name, value in rows.items():
        table.add_row(name, str(value))
    Console().print(table)


def _changed(found: list[Line], before: list[Line]) -> bool:
    from dljax.aot import changes

    changed = False
    for figures in found:
        if 'flops' not in figures:
            continue  # an error, which is shown
        for name, (then, now) in changes(figures, before).items():
            changed, part = True, (now or 0) / then - 1
            print(
                f'{figures["model"]}: {name} {then:,} is now {now or 0:,} ({part:+.1%})'
            )
    if not changed:
        print('no memory and no FLOPs differ by more than 5 % from what is recorded')
    return changed


def _recorded(path: Path) -> list[Line]:
    from dljax.aot import read_records

    if not path.exists():
        raise ValueError(f'there is no {path}: make it with --results')
    return list(read_records(path))


def _written(lines: list[Line]) -> str:
    from dljax.aot import markdown

    return markdown(lines)
