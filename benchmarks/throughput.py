"""How fast models train: step time, examples and operations a second, compile time.

Each configuration is measured in a process of its own, twice: with an empty folder of
compiled programs, and with what the first has left there.
"""

import itertools
import tempfile

from benchmarks import apart, results


def main() -> None:
    """Read the command line and measure."""
    from dljax import zoo

    parser = apart.parser('throughput', __doc__)
    parser.add_argument('--models', nargs='+', required=True, help="as in 'resnet*'")
    parser.add_argument('--batch', nargs='+', type=int, default=[None])
    parser.add_argument('--chunk', nargs='+', type=int, default=[1])
    parser.add_argument('--devices', nargs='+', type=int, default=[1])
    kinds = ['float32', 'bfloat16']
    parser.add_argument('--precision', nargs='+', default=kinds[:1], choices=kinds)
    parser.add_argument('--sizes', nargs='+', default=[], help='image=64,64,3')
    parser.add_argument('--settings', nargs='+', default=[], help='width=32')
    asked = parser.parse_args()
    names = [name for word in asked.models for name in zoo.list_models(word)]
    if not names:
        parser.error(f'no model is called {" or ".join(asked.models)}')
    options = (asked.batch, asked.chunk, asked.devices, asked.precision)
    for name, (batch, chunk, devices, precision) in itertools.product(
        names, itertools.product(*options)
    ):
        chosen = {
            'model': name,
            'batch': batch,
            'chunk': chunk,
            'devices': devices,
            'precision': precision,
            'sizes': apart.sizes(asked.sizes),
            'settings': apart.settings(asked.settings),
        }
        with tempfile.TemporaryDirectory() as cache:
            row = apart.recorded(asked, chosen, cache=cache)
            short = {**chosen, 'repeats': 1, 'seconds': 0.0}
            row['warm_compile_seconds'] = apart.measured(short, cache=cache)[
                'compile_seconds'
            ]
        results.append(asked.results, row)
        print(
            f'{name}, batch {row["batch"]}, {precision}, {devices} x {row["device"]}: '
            f'{row["milliseconds"][0]:.4g} ms, '
            f'{row["examples_per_second"]:.4g} examples/s, '
            f'{row["flops_per_second"] / 1e9:.4g} GFLOP/s, '
            f'{100 * row["share"]:.0f} % of a matrix product, '
            f'compiled in {row["compile_seconds"]:.2g} s '
            f'({row["warm_compile_seconds"]:.2g} s warm)',
            flush=True,
        )


if __name__ == '__main__':
    main()
