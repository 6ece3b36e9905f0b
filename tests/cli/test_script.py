"""What an experiment answers before it has imported anything heavy."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dljax.cli.script import signature_of

ROOT = Path(__file__).parents[2]


def test_help_of_an_experiment_is_answered_without_jax() -> None:
    script = ROOT / 'experiments/feedforward/xor_mlp.py'
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', str(script), '--help'],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'COLUMNS': '120'},
    )
    assert '--learning-rate FLOAT' in done.stdout and '--members INT' in done.stdout
    loaded = {line.split('|')[-1].strip() for line in done.stderr.splitlines()}
    assert 'dljax.cli.flags' in loaded
    assert not loaded & {'jax', 'flax', 'optax', 'orbax', 'numpy'}


@pytest.mark.skipif(os.name != 'posix', reason='no such signal')
def test_a_reader_of_help_that_leaves_early_sees_no_traceback() -> None:
    script = ROOT / 'experiments/feedforward/xor_mlp.py'
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, str(script), '--help'],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    os.close(writing)
    assert done.returncode and not done.stderr


def test_the_signature_stands_in_the_text() -> None:
    text = """
import jax
from typing import Literal
RATE = 0.5
OPTIMIZER = jax.nothing(RATE)
def experiment(*, rate: float = 2 * RATE, kind: Literal['a', 'b'] = 'a') -> Any:
    'Make it.'
    raise RuntimeError('it is not called')
command(experiment)
"""
    made = signature_of(ast.parse(text))
    assert made.__kwdefaults__ == {'rate': 1.0, 'kind': 'a'}
    assert made.__doc__ == 'Make it.'
    with pytest.raises(NameError):
        signature_of(ast.parse(text.replace('2 * RATE', 'OPTIMIZER')))
    assert signature_of(ast.parse(text.replace('command(', 'print('))) is None
