"""The command lines: of every experiment, and `dljax` with its subcommands.

Nothing heavy is imported at the top, so that `--help` answers at once, and an
experiment that imports this first ends in one line if it is interrupted while it
imports the rest.
"""

from dljax.cli.experiments import command as command
from dljax.cli.script import answer_help
from dljax.host import interrupt

interrupt.guard_imports()
answer_help()
