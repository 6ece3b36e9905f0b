"""What recomputing, half precision and accumulation save in a deep net, and cost.

The temporary memory is that of the compiled update, as XLA tells it; where a batch
passes in parts, that of one part.
"""

from benchmarks import apart, results


def main() -> None:
    """Read the command line and measure."""
    parser = apart.parser('memory', __doc__)
    parser.add_argument('--model', default='resnet110_cifar')
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--parts', type=int, default=4, help='of an accumulated batch')
    asked = parser.parse_args()
    forms = {
        'plain': {},
        'recomputed': {'remat': True},
        'bfloat16': {'precision': 'bfloat16'},
        'bfloat16, recomputed': {'precision': 'bfloat16', 'remat': True},
        f'in {asked.parts} parts': {'accumulate': asked.parts},
        f'in {asked.parts} parts, recomputed': {
            'accumulate': asked.parts,
            'remat': True,
        },
    }
    for form, options in forms.items():
        chosen = {'model': asked.model, 'batch': asked.batch, **options}
        row = {'form': form, **apart.recorded(asked, chosen)}
        results.append(asked.results, row)
        print(
            f'{asked.model}, batch {asked.batch}, {form}: '
            f'{row["temporary_bytes"] / 2**20:.4g} MiB, '
            f'{row["milliseconds"][0]:.4g} ms an update',
            flush=True,
        )


if __name__ == '__main__':
    main()
