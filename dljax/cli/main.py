"""The command `dljax`, a file for each of its subcommands.

Nothing heavy is imported at the top of any of them, so that `--help` answers at once.
"""

import sys

from dljax.host import interrupt
from dljax.host.refusal import refusal


def main() -> None:
    """Answer `dljax`."""
    with interrupt.ending_the_process('dljax', 'ended before it was done'):
        _answer()


def _answer() -> None:
    import tyro

    from dljax.cli.aot import aot
    from dljax.cli.catalogue import describe, zoo
    from dljax.cli.convert import convert
    from dljax.cli.export import export
    from dljax.cli.launch import launch
    from dljax.cli.results import results
    from dljax.cli.verify import verify

    try:
        tyro.extras.subcommand_cli_from_dict(
            {
                'zoo': zoo,
                'describe': describe,
                'convert': convert,
                'results': results,
                'aot': aot,
                'export': export,
                'launch': launch,
                'verify': verify,
            },
            prog='dljax',
            description='The models of a deep-learning course, trained by one engine. '
            'Experiments run by themselves: python experiments/FAMILY/NAME.py --help',
        )
    except Exception as error:
        if (words := refusal(error)) is None:
            raise
        print(f'dljax: {words}', file=sys.stderr)
        raise SystemExit(1) from None
