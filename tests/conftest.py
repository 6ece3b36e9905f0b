"""Strictness for every test: two devices, no silent broadcasting, warnings raise."""

import os
import tempfile
from collections.abc import Iterator

# Before anything starts a backend or reads a folder. The workers of pytest-xdist are
# children of the process that has set all this, and share its folder.
if 'PYTEST_XDIST_WORKER' not in os.environ:
    _FOLDER = tempfile.TemporaryDirectory(prefix='dljax-tests-')
    os.environ['TFDS_DATA_DIR'] = f'{_FOLDER.name}/data'
    # Many tests compile the same small programs; once is enough, also of the tiniest.
    # Whoever runs several suites names a folder of his own for all of them.
    os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', f'{_FOLDER.name}/programs')
    os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'
    # Nearly all the time goes into compiling programs that run once.
    os.environ.setdefault('JAX_DISABLE_MOST_OPTIMIZATIONS', 'true')
    os.environ['JAX_NUM_CPU_DEVICES'] = '2'
    os.environ.setdefault('JAX_PLATFORMS', 'cpu')

import jax  # noqa: E402  (the settings above have to come first)
import pytest  # noqa: E402

jax.config.update('jax_numpy_rank_promotion', 'raise')


@pytest.fixture(autouse=True, scope='module')
def _programs_are_let_go() -> Iterator[None]:
    """Free what a file has compiled; kept to the end it comes to gigabytes."""
    yield
    jax.clear_caches()


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave all but the first case of a test to the suite that `others` names."""
    begun: set[str] = set()
    for item in items:
        for mark in item.iter_markers('others'):
            name = item.nodeid.partition('[')[0]
            if name in begun:
                item.add_marker(mark.args[0])
            begun.add(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have noted, by whichever worker."""
    lines = [
        f'{report.nodeid.split("::")[-1]}: {name}: {value}'
        for report in terminalreporter.getreports('passed')
        for name, value in report.user_properties
    ]
    if lines:
        terminalreporter.section('figures')
        for line in lines:
            terminalreporter.write_line(line)
