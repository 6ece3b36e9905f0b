"""Measurements in processes of their own, and the arguments that they share."""

import argparse
import ast
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, results


def measured(
    settings: Mapping[str, Any], *, cache: str | Path | None = None
) -> dict[str, Any]:
    """Measure a step by `benchmarks.step` in a process of its own.

    Args:
        settings: of its `measure`.
        cache: a folder of compiled programs to use and to fill; none by default.

    Returns:
        Its answer.

    Raises:
        RuntimeError: where it failed, with the end of what it said.
    """
    environment = {**os.environ}
    environment.pop('JAX_COMPILATION_CACHE_DIR', None)
    if cache is not None:
        environment['JAX_COMPILATION_CACHE_DIR'] = str(cache)
        environment['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'
    done = subprocess.run(
        [sys.executable, '-m', 'benchmarks.step', json.dumps(settings)],
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        raise RuntimeError(f'{settings} failed: {done.stderr[-2000:]}')
    return json.loads(done.stdout.splitlines()[-1])


def parser(module: str, words: str) -> argparse.ArgumentParser:
    """Begin a command line: where results go, and whether load is allowed."""
    made = argparse.ArgumentParser(prog=f'python -m benchmarks.{module}')
    made.description = words.splitlines()[0]
    made.add_argument('--results', type=Path, default=results.path(module))
    made.add_argument('--allow-load', action='store_true')
    made.add_argument('--seconds', type=float, default=1.0, help='of one measurement')
    made.add_argument('--repeats', type=int, default=5)
    return made


def sizes(words: Sequence[str]) -> dict[str, list[int]]:
    """Read sizes of features, such as image=64,64,3."""
    found = {}
    for word in words:
        name, equals, value = word.partition('=')
        if not equals:
            raise SystemExit(f"'{word}' is no size, wanted NAME=64,64,3")
        found[name] = [int(n) for n in value.split(',')]
    return found


def settings(words: Sequence[str]) -> dict[str, Any]:
    """Read settings of a model, such as width=32."""
    found = {}
    for word in words:
        name, equals, value = word.partition('=')
        if not equals:
            raise SystemExit(f"'{word}' is no setting, wanted NAME=VALUE")
        found[name] = ast.literal_eval(value)
    return found


def recorded(
    asked: argparse.Namespace,
    chosen: Mapping[str, Any],
    *,
    cache: str | Path | None = None,
) -> dict[str, Any]:
    """Wait for quiet, measure, and give the line: settings, answer, and load."""
    loaded = machine.require_quiet(allow=asked.allow_load)
    chosen = {**chosen, 'seconds': asked.seconds, 'repeats': asked.repeats}
    answer = measured(chosen, cache=cache)
    command = machine.describe()['command']
    return {**chosen, **answer, 'loaded': loaded, 'command': command}
