"""The command `dljax`, a file for each of its subcommands.

Nothing heavy is imported at the top of any of them, so that `--help` answers at once.
"""

import sys

from dljax.commands.aot import aot
from dljax.commands.catalogue import describe, zoo
from dljax.commands.convert import convert
from dljax.commands.export import export
from dljax.commands.launch import launch
from dljax.commands.results import results


def main() -> None:
    """Answer `dljax`."""
    import tyro

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
            },
            prog='dljax',
            description='The models of a deep-learning course, trained by one engine. '
            'Experiments run by themselves: python experiments/FAMILY/NAME.py --help',
        )
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f'dljax: {error}', file=sys.stderr)
        raise SystemExit(1) from None
