"""Break the package on purpose, one way at a time, and see that the tests notice.

`python -m tests.breakages` breaks a copy in every way of the table, runs the tests that
should fail, and tells which did not; with words, only the ways whose names hold one of
them. Some minutes on two cores. It is run by hand: a test that cannot fail is no test.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.breakages.table import BREAKAGES, Breakage

ROOT = Path(__file__).parents[2]
FAILED = 1  # what pytest exits with where tests have run and failed


def broken(way: Breakage, copy: Path) -> str:
    """Break a copy in one way, and tell what the tests make of it.

    Args:
        way: what is put in place of what, and the tests that should fail.
        copy: a copy of the repository; it is mended afterwards.

    Returns:
        'caught by' and the first test that failed, 'NOT CAUGHT', or why nothing was
        tried.
    """
    path = copy / way.file
    text = path.read_text()
    if text.count(way.now) != 1:
        return (
            f'STALE: {way.file} holds what is to be broken {text.count(way.now)} times'
        )
    path.write_text(text.replace(way.now, way.then))
    try:
        done = subprocess.run(
            [sys.executable, '-m', 'pytest', '-x', '-q', '-n', '0', '-m', '']
            + way.tests.split(),
            cwd=copy,
            capture_output=True,
            text=True,
        )
    finally:
        path.write_text(text)
    if done.returncode == FAILED:
        failed = re.search(r'^FAILED (\S+)', done.stdout, re.M)
        return f'caught by {failed[1] if failed else done.stdout[-500:]}'
    if done.returncode:
        return f'STALE: pytest ended with {done.returncode}: {done.stdout[-500:]}'
    return 'NOT CAUGHT'


def _not_copied(folder: str, names: Sequence[str]) -> set[str]:
    """Leave out what is hidden, and the runs that lie at the root."""
    hidden = {name for name in names if name.startswith('.')}
    return hidden | ({'runs'} if Path(folder) == ROOT else set())


def main(words: Sequence[str]) -> int:
    """Try what the words choose, and print a line for each.

    Returns:
        0 where all was caught.
    """
    chosen = [
        way for way in BREAKAGES if not words or any(word in way.name for word in words)
    ]
    missed = 0
    with tempfile.TemporaryDirectory(prefix='dljax-breakages-') as folder:
        copy = Path(folder) / 'copy'
        shutil.copytree(ROOT, copy, ignore=_not_copied)
        for way in chosen:
            begun = time.monotonic()
            answer = broken(way, copy)
            missed += not answer.startswith('caught')
            seconds = time.monotonic() - begun
            print(f'{seconds:4.0f} s  {way.name}\n        {answer}', flush=True)
    print(f'{len(chosen) - missed} of {len(chosen)} were caught')
    return int(missed > 0)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
