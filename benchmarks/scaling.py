"""How training scales over devices: a batch for each, or one batch for all.

Weak scaling gives each device as many examples, strong scaling all of them together.
The devices of a CPU are virtual and share its cores: there the times show what the
division costs, not what it gains, and the collectives are what counts.
"""

from benchmarks import apart, results


def main() -> None:
    """Read the command line and measure."""
    parser = apart.parser('scaling', __doc__)
    parser.add_argument('--models', nargs='+', default=['resnet20_cifar'])
    parser.add_argument('--devices', nargs='+', type=int, default=[1, 2, 4, 8])
    parser.add_argument('--batch', type=int, default=64, help='on the first number')
    parser.add_argument('--sizes', nargs='+', default=[], help='image=64,64,3')
    parser.add_argument(
        '--batch-statistics', choices=('global', 'device'), default='global'
    )
    asked = parser.parse_args()
    for model in asked.models:
        for kind in ('weak', 'strong'):
            first = None
            for devices in asked.devices:
                parts = devices // asked.devices[0] if kind == 'weak' else 1
                chosen = {
                    'model': model,
                    'batch': asked.batch * parts,
                    'devices': devices,
                    'batch_statistics': asked.batch_statistics,
                    'sizes': apart.sizes(asked.sizes),
                }
                row = {'kind': kind, **apart.recorded(asked, chosen)}
                speed = row['examples_per_second']
                first = first or speed
                row['speedup'] = speed / first
                results.append(asked.results, row)
                sent = ', '.join(
                    f'{t["count"]} {name} of {t["bytes"] / 2**20:.3g} MiB'
                    for name, t in row['collectives'].items()
                )
                print(
                    f'{model}, {kind}, {devices} devices, batch {row["batch"]}: '
                    f'{row["milliseconds"][0]:.4g} ms, {row["speedup"]:.2f} of the '
                    f'speed of {asked.devices[0]}; {sent or "nothing sent"}',
                    flush=True,
                )


if __name__ == '__main__':
    main()
