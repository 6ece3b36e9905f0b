"""Writes the README's tables of measurements: `python -m benchmarks.table`."""

import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import results
from dljax.aot.records import read_records
from dljax.aot.tables import markdown
from dljax.host.markdown import plain

README = Path(__file__).parent.parent / 'README.md'
Row = Mapping[str, Any]


def tables() -> dict[str, str]:
    """Make every table from the newest lines, by the name of its benchmark."""
    return {name: make() for name, make in _TABLES.items()}


def written(text: str) -> str:
    """Put the tables between their marks.

    Args:
        text: of the README.

    Returns:
        The text with new tables.

    Raises:
        ValueError: where a mark is missing.
    """
    for name, table in tables().items():
        begin, end = f'<!-- benchmark: {name} -->\n', f'<!-- /benchmark: {name} -->\n'
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f'the README lacks {begin.strip()} or {end.strip()}')
        text = f'{before}{begin}{table}{end}{after}'
    return text


def peers() -> str:
    """Compare with the peers: a ratio above 1 says that dljax is faster."""
    keys = ('case', 'precision', 'device', 'versions.jax')
    rows = results.newest(results.path('peers'), keys)
    every = ('flax', 'torch', 'torch.compile', 'keras')
    body = [
        [
            row['title'],
            f'{row["batch"]}, {row["precision"]}',
            _time(row['milliseconds']['dljax']),
            *(_ratio(row['ratios'].get(peer)) for peer in every),
            row['versions']['jax'],
            _device(row),
        ]
        for row in rows
    ]
    heads = [
        'train step',
        'batch, precision',
        'dljax',
        'against plain Flax',
        'torch',
        'torch.compile',
        'Keras 3 on JAX',
        'jax',
        'measured on',
    ]
    return _table(heads, body)


def throughput() -> str:
    """List what models do in a second."""
    keys = ('model', 'batch', 'chunk', 'devices', 'precision', 'device', 'versions.jax')
    body = [
        [
            row['model'],
            row['batch'],
            row['precision'],
            row['chunk'],
            _time(row['milliseconds'][0]),
            f'{row["examples_per_second"]:,.0f}',
            f'{row["flops_per_second"] / 1e9:,.0f}',
            f'{100 * row["share"]:.0f} %',
            f'{row["compile_seconds"]:.1f} / {row["warm_compile_seconds"]:.1f} s',
            _device(row),
        ]
        for row in results.newest(results.path('throughput'), keys)
    ]
    heads = [
        'model',
        'batch',
        'precision',
        'updates a call',
        'step',
        'examples/s',
        'GFLOP/s',
        'of a matrix product',
        'compiled cold / warm',
        'measured on',
    ]
    return _table(heads, body)


def scaling() -> str:
    """List what many devices do, and send."""
    keys = ('model', 'kind', 'devices', 'batch_statistics', 'device', 'versions.jax')
    body = [
        [
            row['model'],
            row['kind'],
            row['devices'],
            row['batch'],
            row['batch_statistics'],
            _time(row['milliseconds'][0]),
            f'{row["speedup"]:.2f}',
            ', '.join(
                f'{t["count"]} {kind}, {t["bytes"] / 2**20:.3g} MiB'
                for kind, t in row['collectives'].items()
            )
            or 'none',
            _device(row),
        ]
        for row in results.newest(results.path('scaling'), keys)
    ]
    heads = [
        'model',
        'scaling',
        'devices',
        'batch',
        'batch statistics',
        'step',
        'speed, of one',
        'collectives',
        'measured on',
    ]
    return _table(heads, body)


def memory() -> str:
    """List what recomputing, half precision and parts save, and cost."""
    keys = ('model', 'form', 'batch', 'device', 'versions.jax')
    body = [
        [
            row['model'],
            row['batch'],
            row['form'],
            f'{row["temporary_bytes"] / 2**20:,.0f} MiB',
            _time(row['milliseconds'][0]),
            row['versions']['jax'],
            _device(row),
        ]
        for row in results.newest(results.path('memory'), keys)
    ]
    heads = ['model', 'batch', 'form', 'temporary memory', 'update', 'jax', 'device']
    return _table(heads, body)


def cold_start() -> str:
    """List the seconds to the end of the first step."""
    rows = results.newest(
        results.path('cold_start'), ('case', 'device', 'versions.jax')
    )
    body = [
        [
            row['title'],
            way,
            f'{seconds:.2f} s',
            f'{seconds / row["seconds"]["dljax, warm"]:.2f}',
            row['versions']['jax'],
            _device(row),
        ]
        for row in rows
        for way, seconds in row['seconds'].items()
    ]
    heads = ['first step of', 'by', 'time', 'of dljax, warm', 'jax', 'measured on']
    return _table(heads, body)


def data() -> str:
    """List how fast sources are."""
    keys = ('source', 'batch', 'device', 'versions.jax')
    body = [
        [
            row['source'],
            row['batch'],
            f'{row["examples_per_second"]:,.0f}',
            _device(row),
        ]
        for row in results.newest(results.path('data'), keys)
    ]
    return _table(['source', 'batch', 'examples/s', 'measured on'], body)


def ahead(name: str) -> str:
    """List what every model takes on chips that are not here."""
    lines = read_records(results.path(name))
    return markdown(lines) if lines else 'Not compiled yet.\n'


_TABLES: dict[str, Callable[[], str]] = {
    'peers': peers,
    'throughput': throughput,
    'scaling': scaling,
    'memory': memory,
    'cold_start': cold_start,
    'data': data,
    'aot_v5e_2x2': functools.partial(ahead, 'aot_v5e_2x2'),
    'aot_h100_4': functools.partial(ahead, 'aot_h100_4'),
}


def _time(milliseconds: float) -> str:
    if milliseconds < 0.1:
        return f'{1e3 * milliseconds:.3g} µs'
    return f'{milliseconds:.3g} ms' if milliseconds < 1e3 else f'{milliseconds:,.0f} ms'


def _ratio(found: list[float] | None) -> str:
    if found is None:
        return ''
    middle, low, high = found
    return f'{middle:.2f} ({low:.2f} to {high:.2f})'


def _device(row: Row) -> str:
    return row['device'] + (' (loaded)' if row['loaded'] else '')


def _table(heads: list[str], body: list[list[Any]]) -> str:
    if not body:
        return 'Not measured yet.\n'
    cells = [[plain(str(cell)) for cell in line] for line in body]
    lines = [heads, ['---'] * len(heads), *cells]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def main() -> None:
    """Rewrite the README; `--check` only tells whether it would change."""
    text = README.read_text(encoding='utf-8')
    new = written(text)
    if '--check' in sys.argv[1:]:
        sys.exit(new != text)
    README.write_text(new, encoding='utf-8')


if __name__ == '__main__':
    main()
