"""`python -m dljax`: the same as the command `dljax`."""

from dljax.commands import main

main()
