"""The page of a run: one self-contained HTML file, and its pictures as PNG files."""

import base64
import dataclasses
import html
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import linen as nn

from dljax.configuration import device
from dljax.training.record import Records
from dljax.types import Batch, PyTree, State
from dljax.workdir import Workdir

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
img { max-width: 100%; } details { margin: .5rem 0; } summary { cursor: pointer; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f7f7f7;
padding: .6rem .8rem; }
code { background: #f3f3f3; padding: 0 .2rem; overflow-wrap: anywhere; }
"""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the pictures of a run are drawn from.

    Attributes:
        net: as it was trained.
        state: its last state; of an ensemble, the first member's.
        members: the state of the whole ensemble, or the state itself.
        evaluation: the sets that it was evaluated on, by name.
        rows: the records, as in metrics.jsonl.
    """

    net: nn.Module
    state: State
    members: State
    evaluation: Mapping[str, Batch]
    rows: list[dict[str, float]]

    def apply(self, function: Callable[..., PyTree], *arguments: PyTree) -> PyTree:
        """Call `function(net, *arguments)` on the bound net, compiled."""
        variables = {'params': self.state.params, **self.state.collections}
        return jax.jit(nn.apply(function, self.net))(variables, *arguments)

    def each(self, function: Callable[..., PyTree], *arguments: PyTree) -> PyTree:
        """Call it on every member; all leaves have a first axis of [members].

        A run without an ensemble is one member.
        """
        state = self.members
        if np.ndim(state.step) == 0:
            state = jax.tree.map(lambda leaf: leaf[None], state)
        call = nn.apply(function, self.net)
        mapped = jax.vmap(lambda variables: call(variables, *arguments))
        return jax.jit(mapped)({'params': state.params, **state.collections})


# What is shown of an outcome, a figure or a text; and figures of it as a whole, such as
# a distance between distributions, which no mean over examples gives.
Picture = Callable[[Outcome], 'Figure | str']
Measure = Callable[[Outcome], Mapping[str, float | np.ndarray]]


def measured(
    outcome: Outcome, measures: Mapping[str, Measure]
) -> dict[str, float | np.ndarray]:
    """Take the figures of a whole outcome: 'name/figure' of each measure."""
    return {
        f'{name}/{figure}': value
        for name, measure in measures.items()
        for figure, value in measure(outcome).items()
    }


def write(
    outcome: Outcome,
    pictures: Mapping[str, Picture],
    folder: Workdir,
    result: Mapping[str, Any],
    records: Records,
) -> Path:
    """Draw the curves and all pictures, and write the page.

    Args:
        outcome: of the run.
        pictures: by title, figures or texts.
        folder: of the run; 'pictures/' and 'report.html' are written there.
        result: 'step', 'ended', 'seconds', 'metrics' and 'members'.
        records: whose TensorBoard events the pictures join.

    Returns:
        Where the page lies.
    """
    from dljax.pictures import curves

    place = folder.path / 'pictures'
    place.mkdir(exist_ok=True)
    shown = {}
    for title, draw in {'Curves': curves, **pictures}.items():
        made = draw(outcome)
        path = place / title.lower().replace(' ', '_')
        if isinstance(made, str):
            path.with_suffix('.txt').write_text(made, encoding='utf-8')
            records.text(title, made, result['step'])
            shown[title] = f'<pre>{html.escape(made)}</pre>'
        else:
            pixels, encoded = _saved(made, path.with_suffix('.png'))
            records.image(title, pixels, result['step'])
            source = f'data:image/png;base64,{encoded}'
            shown[title] = f'<img alt="{html.escape(title)}" src="{source}">'
    page = folder.path / 'report.html'
    page.write_text(_page(folder.config, result, shown), encoding='utf-8')
    return page


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
        '<h2>Figures</h2>' + _table(result['metrics']),
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


def _saved(figure: 'Figure', path: Path) -> tuple[np.ndarray, str]:
    """Write a figure as PNG; its pixels [height, width, 3], and the file in base64."""
    from PIL import Image

    figure.savefig(path, dpi=120, bbox_inches='tight')
    with Image.open(path) as image:
        pixels = np.asarray(image.convert('RGB'))
    return pixels, base64.b64encode(path.read_bytes()).decode()
