"""A library in a process of its own, which may fail without the others."""

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Seconds that a process may be silent: ResNet-50 takes minutes to be compiled.
PATIENCE = 900.0


class Failed(RuntimeError):
    """A library could not train; says why, in a line."""


class Worker:
    """A library in a process of its own."""

    def __init__(
        self,
        case: str,
        library: str,
        weights: Path,
        *,
        patience: float = PATIENCE,
        command: tuple[str, ...] = (sys.executable, '-m', 'benchmarks.peers.worker'),
        **options: Any,
    ) -> None:
        """Start it, and wait until it has trained for the first time.

        Args:
            case: by name.
            library: 'ours', 'flax', 'torch' or 'keras'.
            weights: the file of the initial weights.
            patience: seconds that it may be silent.
            command: what is started with the case, the library, the file and the
                options, as JSON.
            **options: of the library's `build`.

        Raises:
            Failed: where it ends, is silent for too long, or trains to no finite loss.
        """
        self.library, self.options, self.patience = library, options, patience
        self.process = subprocess.Popen(
            [*command, case, library, str(weights), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '3'},
        )
        self._rest, self._said = b'', b''
        self.first = self._answer()
        self.each: float | None = None

    def seconds(self, length: float) -> float:
        """Train for about so many seconds, and give those of one step.

        Raises:
            Failed: as on starting.
        """
        if self.each is None:
            self.each = self._train(1)
            self.each = self._train(round(0.2 / self.each) or 1)
        self.each = self._train(round(length / self.each) or 1)
        return self.each

    def close(self) -> None:
        """End it; by force where it does not answer."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
            self.process.wait(30)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def _train(self, steps: int) -> float:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f'{steps}\n'.encode())
            self.process.stdin.flush()
        except OSError:  # it has ended; its last words tell why
            pass
        found = self._answer()
        return found['seconds'] / found['steps']

    def _answer(self) -> Mapping[str, Any]:
        """Read one line, and what it says beside it, so that no pipe is ever full."""
        assert self.process.stdout is not None and self.process.stderr is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ, 'answer')
            waiting.register(self.process.stderr, selectors.EVENT_READ, 'words')
            while b'\n' not in self._rest and waiting.get_map():
                ready = waiting.select(self.patience)
                if not ready:
                    self._fail(f'was silent for {self.patience:g} s')
                for key, _ in ready:
                    found = os.read(key.fd, 2**16)
                    if not found:
                        waiting.unregister(key.fileobj)
                    elif key.data == 'answer':
                        self._rest += found
                    else:
                        self._said = (self._said + found)[-4000:]
        line, ended, self._rest = self._rest.partition(b'\n')
        if not ended:
            self._fail('ended')
        answer = json.loads(line)
        if not answer['finite']:
            self._fail('came to a loss that is not finite')
        return answer

    def _fail(self, what: str) -> None:
        """End it, and say so."""
        self.process.kill()
        self.close()
        words = self._said.decode(errors='replace').strip().splitlines()
        last = f': {words[-1].strip()[:300]}' if words else ''
        raise Failed(f'{self.library} {self.options} {what}{last}')
