"""`python -m dljax`: the same as the command `dljax`."""

from dljax.cli import main

main()
