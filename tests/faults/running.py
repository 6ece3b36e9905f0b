"""What the tests of faults share: small runs as processes, and what they left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dljax.types import named_leaves
from dljax.weights.runs import from_run

ROOT = Path(__file__).parent.parent.parent
SCRIPT = '''"""Three small runs that differ in what has to go on where it was left."""

from dljax.cli import command

import os
import time
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from dljax import create_model, data
from dljax.experiment import Experiment
from dljax.objectives import classify, score_classes
from dljax.training import Player, averaged


class Game(nn.Module):
    generator: nn.Module
    discriminator: nn.Module


def tell_apart(net, batch, step):
    noise = jax.random.normal(net.make_rng('noise'), (16, 2))
    fake = net.discriminator(net.generator(noise))
    real = net.discriminator(batch['features'])
    return (nn.softplus(fake) + nn.softplus(-real)).mean(), {}


def fool(net, batch, step):
    noise = jax.random.normal(net.make_rng('noise'), (16, 2))
    return nn.softplus(-net.discriminator(net.generator(noise))).mean(), {}


def real_score(net, batch, step):
    return {'answer': net.discriminator(batch['features'])[:, 0]}


class Rows:
    """Examples that are read one by one."""

    def __init__(self, table):
        self.table = table

    def __len__(self):
        return len(self.table['label'])

    def __getitem__(self, index):
        return {name: values[index] for name, values in self.table.items()}


def slowly(outcome):
    """Let a run of a second last longer, so that a signal finds it at work."""
    time.sleep(float(os.environ.get('SLOW', 0)))


def curve(outcome):
    from matplotlib.figure import Figure

    figure = Figure()
    losses = [row.get('main/loss', np.nan) for row in outcome.rows]
    figure.subplots().plot(losses)
    return figure


def experiment(
    *, kind: Literal['table', 'game', 'stream'] = 'table', steps: int = 120
) -> Experiment:
    """Train something small.

    Args:
        kind: shuffled rows on the device, two players with an average of one, or rows
            read one by one.
        steps: updates in all.
    """
    random = np.random.default_rng(0)
    features = random.normal(size=(96, 4)).astype(np.float32)
    table = {'features': features, 'label': (features.sum(1) > 0).astype(np.int32)}
    streamed = kind == 'stream'
    source = data.stream(Rows(table), 16) if streamed else data.resident(table, 16)
    if kind == 'game':
        net = Game(
            create_model('mlp', hidden=(8,), outputs=4),
            create_model('mlp', hidden=(8,), outputs=1),
        )
        players = {
            'main': Player(
                optax.adam(1e-3), loss=tell_apart, trains=('discriminator',)
            ),
            'generator': Player(
                averaged(optax.adam(1e-3), 0.9),
                loss=fool,
                trains=('generator',),
                every=2,
            ),
        }
        score = real_score
    else:
        net = create_model('mlp', hidden=(8,), outputs=2)
        optimizer = optax.adam(optax.cosine_decay_schedule(1e-2, 200))
        players = {'main': Player(optimizer, loss=classify('features'))}
        score = score_classes('features')
    return Experiment(
        net=net,
        players=players,
        source=source,
        steps=steps,
        data_summary='numbers (synthetic)',
        score=score,
        evaluation={'validation': table, 'test': table},
        evaluate_every=6,
        record_every=2,
        best=None if kind == 'game' else 'validation/loss',
        maximize=False,
        alarms={'slowly': slowly},
        pictures={'curve': curve},
    )


if __name__ == '__main__':
    command(experiment)
'''
KINDS = ('table', 'game', 'stream')
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(('JAX_NUM', 'PYTEST', 'SLURM'))
} | {'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu', 'JAX_NUM_CPU_DEVICES': '1'}

Note = Callable[[str, object], None]


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    output: str
    seconds: float


def write_script(folder: Path) -> Path:
    """Write the script of the three runs into a folder."""
    path = folder / 'small_runs.py'
    path.write_text(SCRIPT)
    return path


def start(
    script: Path, workdir: Path, *words: str, slow: float = 0.0, **environment: str
) -> subprocess.Popen:
    """Start a run as a process of its own."""
    # A shell lets what it starts in the background ignore Ctrl-C, and children inherit.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, str(script), '--workdir', str(workdir), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT | {'SLOW': str(slow)} | environment,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def ended(process: subprocess.Popen, timeout: float = 120) -> Ended:
    """Wait for a process, and kill one that does not end."""
    begun = time.monotonic()
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        output += '\n(did not end and was killed by the test)'
    return Ended(process.returncode, output, time.monotonic() - begun)


def to_the_end(script: Path, workdir: Path, *words: str, **environment: str) -> Ended:
    """Run to the end, and insist on it."""
    done = ended(start(script, workdir, *words, **environment))
    assert done.code == 0, done.output
    return done


def interrupted(
    process: subprocess.Popen, after: float, number: signal.Signals
) -> Ended:
    """Send a signal after so many seconds, if the process still runs, and wait."""
    time.sleep(after)
    process.send_signal(number)
    return ended(process)


def left_by(workdir: Path) -> dict[str, object]:
    """Collect all that a finished run leaves, less what depends on the clock."""
    result = json.loads((workdir / 'result.json').read_text())
    rows = [
        {k: v for k, v in json.loads(line).items() if k not in ('seconds', 'crc')}
        for line in (workdir / 'metrics.jsonl').read_text().splitlines()
    ]
    arrays = {
        name: np.asarray(leaf).tobytes()
        for name, leaf in named_leaves(from_run(workdir)).items()
    }
    return {
        'step': result['step'],
        'metrics': result['metrics'],
        'rows': rows,
        'arrays': arrays,
    }


def assert_same(got: Path, wanted: Path) -> None:
    """Insist that two runs have left the same, bit for bit."""
    left, right = left_by(got), left_by(wanted)
    for what in right:
        assert left[what] == right[what], f'{what} of {got.name} differ'


def assert_polite(done: Ended, allowed: Sequence[int]) -> None:
    """Insist on one of these codes and on words instead of a stack trace."""
    assert done.code in allowed, f'code {done.code}\n{done.output}'
    assert 'Traceback' not in done.output, done.output


def listens(process: subprocess.Popen) -> bool:
    """Tell whether a process has a handler of its own for SIGTERM (on Linux).

    Python sets none, and takes back those of a program when it comes to its end.
    """
    try:
        status = Path(f'/proc/{process.pid}/status').read_text()
    except FileNotFoundError:
        return False
    caught = next(line for line in status.splitlines() if line.startswith('SigCgt'))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def rows_in(workdir: Path) -> int:
    """Count the rows that a run has recorded so far."""
    path = workdir / 'metrics.jsonl'
    return len(path.read_text().splitlines()) if path.exists() else 0


def interrupted_at(process: subprocess.Popen, workdir: Path, rows: int) -> Ended:
    """Send SIGTERM once a run has recorded so many rows, and wait."""
    until = time.monotonic() + 120
    while rows_in(workdir) < rows and process.poll() is None:
        assert time.monotonic() < until, f'{workdir} has no {rows} rows'
        time.sleep(0.02)
    return interrupted(process, 0.0, signal.SIGTERM)
