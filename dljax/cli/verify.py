"""`dljax verify`: whether the folder of a run is whole."""

from pathlib import Path

from tyro.conf import Positional


def verify(run: Positional[Path]) -> None:
    """Check the folder of a run: configuration, result, records, checkpoints, pictures.

    Prints a line for each thing, and exits with 1 where one is damaged or missing.
    Nothing is changed. A run that has not ended yet may be looked at as well.

    Args:
        run: the folder.
    """
    from dljax.runs.verify import verify as verified

    findings = verified(run)
    for what, state, why in findings:
        print(f'{what:30} {state}{": " * bool(why)}{why}')
    bad = sum(finding.bad for finding in findings)
    print(
        f'{run}: {f"{bad} of {len(findings)} damaged or missing" if bad else "whole"}'
    )
    if bad:
        raise SystemExit(1)
