"""`python -m dljax`: the same as the command `dljax`."""

from dljax.cli.main import main

main()
