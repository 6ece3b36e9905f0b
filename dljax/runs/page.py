"""The page of a run: one self-contained HTML file, and its pictures as PNG files."""

import base64
import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dljax.experiment import Experiment, Outcome
from dljax.host.machine import device
from dljax.runs.record import Records
from dljax.runs.workdir import Workdir, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
       padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
p.data { color: #666; margin-top: .2rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem 1rem
.15rem 0; vertical-align: top; } td.number { text-align: right;
font-variant-numeric: tabular-nums; } tr + tr { border-top: 1px solid #e4e4e4; }
img { max-width: 100%; } .frames { display: flex; flex-wrap: wrap; gap: .8rem; }
.frames figure { margin: 0; max-width: 19rem; } figcaption { color: #666;
font-size: .85rem; } details { margin: .5rem 0; } summary { cursor: pointer; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f7f7f7;
padding: .6rem .8rem; }
code { background: #f3f3f3; padding: 0 .2rem; overflow-wrap: anywhere; }
"""


def frame(folder: Workdir, title: str, step: int) -> Path:
    """Tell where a picture drawn along the training lies, but for its ending."""
    return _place(folder, title) / f'{step:09d}'


def _place(folder: Workdir, title: str) -> Path:
    name = re.sub(r'[^\w,()+-]', '_', title.lower())
    return folder.path / 'pictures' / (name or '_')


def draw(
    title: str, made: 'Figure | str', place: Path, records: Records, step: int
) -> str:
    """Write a picture down, and let the TensorBoard events have it.

    Args:
        title: of the picture.
        made: a figure or a text.
        place: the file, but for its ending; folders are made.
        records: whose events it joins.
        step: updates made.

    Returns:
        The element of the page.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(made, str):
        place.with_suffix('.txt').write_text(made, encoding='utf-8')
        records.text(title, made, step)
        return _text(made)
    path = place.with_suffix('.png')
    made.savefig(path, dpi=120, bbox_inches='tight')
    records.image(title, _pixels(path), step)
    return _image(title, path)


def write(
    outcome: Outcome,
    experiment: Experiment,
    folder: Workdir,
    result: Mapping[str, Any],
    records: Records,
) -> Path:
    """Draw the curves and all pictures, and write the page.

    Args:
        outcome: of the run.
        experiment: whose pictures are drawn; those along the training are there.
        folder: of the run; 'pictures/' and 'report.html' are written there.
        result: 'step', 'ended', 'seconds', 'metrics', 'members' and 'alarms'.
        records: whose TensorBoard events the pictures join.

    Returns:
        Where the page lies.
    """
    from dljax.pictures import curves

    step = result['step']
    shown = {
        title: draw(title, picture(outcome), _place(folder, title), records, step)
        for title, picture in {'Curves': curves, **experiment.pictures}.items()
    }
    for title in experiment.along:
        shown[f'{title} along the training'] = _frames(folder, title, step)
    page = folder.path / 'report.html'
    write_text(page, _page(folder.config, result, shown))
    return page


def _frames(folder: Workdir, title: str, last: int) -> str:
    """Show the frames of a picture side by side, each under its update."""
    parts = []
    for path in sorted(_place(folder, title).iterdir()):
        step = int(path.stem)
        if step <= last:  # a run that went back to a checkpoint may have left more
            element = (
                _text(path.read_text(encoding='utf-8'))
                if path.suffix == '.txt'
                else _image(f'{title}, update {step}', path)
            )
            parts.append(
                f'<figure>{element}<figcaption>update {step:,}</figcaption></figure>'
            )
    return f'<div class="frames">{"".join(parts)}</div>'


def _page(
    config: Mapping[str, Any],
    result: Mapping[str, Any],
    shown: Mapping[str, str],
) -> str:
    name = html.escape(config['experiment'])
    ending = (
        f'{result["step"]} updates in {result["seconds"]:.1f} s, on '
        f'{config["options"]["devices"]} × {device()}; ended: '
        f'{result["ended"]}.'
    )
    members = ''.join(
        f'<tr><td>{html.escape(name)}</td>'
        + ''.join(f'<td class="number">{value:.5g}</td>' for value in values)
        + '</tr>'
        for name, values in result['members'].items()
    )
    parts = [
        f'<h1>{name}</h1><p class="data">Data: {html.escape(config["data"])}</p>',
        f'<p>{html.escape(ending)}</p>',
        *_alarms(result['alarms']),
        '<h2>Metrics</h2>' + _table(result['metrics']),
        f'<h2>Members</h2><table>{members}</table>' if members else '',
        *(
            f'<h2>{html.escape(title)}</h2>{element}'
            for title, element in shown.items()
        ),
        '<h2>Configuration</h2>',
        *(
            f'<details open><summary>{part}</summary>{_table(config[part] or {})}'
            '</details>'
            for part in ('arguments', 'options', 'model', 'versions')
        ),
        f'<p>Commit <code>{html.escape(str(config["commit"]))}</code></p>',
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<title>{name}</title><style>{STYLE}</style></head><body>'
        + '\n'.join(parts)
        + '</body></html>\n'
    )


def _alarms(alarms: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say what was found wrong, and when; nothing where nothing was."""
    lines = []
    for name, alarm in alarms.items():
        when = ' and '.join(
            f'from update {first:,} to {"the end" if last is None else f"{last:,}"}'
            for first, last in alarm['spans']
        )
        line = html.escape(f'{name}, {when}: {alarm["says"]}')
        lines.append(f'<li>{line}</li>')
    return [f'<h2>Alarms</h2><ul>{"".join(lines)}</ul>'] if lines else []


def _table(rows: Mapping[str, Any]) -> str:
    def cell(value: Any) -> str:
        if isinstance(value, float):
            return f'<td class="number">{value:.5g}</td>'
        return f'<td><code>{html.escape(str(value))}</code></td>'

    lines = (
        f'<tr><td>{html.escape(name or "model")}</td>{cell(value)}</tr>'
        for name, value in rows.items()
    )
    return f'<table>{"".join(lines)}</table>'


def _text(words: str) -> str:
    return f'<pre>{html.escape(words)}</pre>'


def _image(title: str, path: Path) -> str:
    encoded = base64.b64encode(path.read_bytes()).decode()
    source = f'data:image/png;base64,{encoded}'
    return f'<img alt="{html.escape(title)}" src="{source}">'


def _pixels(path: Path) -> np.ndarray:
    """Read a picture back: [height, width, 3] uint8."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert('RGB'))
