"""Strictness for every test: two devices, no silent broadcasting, warnings raise."""

import collections
import os
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata

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
    # Where the compiler still has its former way to write kernels it takes a third of
    # the time; later versions, which CI tries as well, end over a flag unknown to them.
    if metadata.version('jaxlib') == '0.10.2':
        flags = os.environ.get('XLA_FLAGS', '')
        os.environ['XLA_FLAGS'] = f'{flags} --xla_cpu_use_fusion_emitters=false'
    os.environ['JAX_NUM_CPU_DEVICES'] = '2'
    os.environ.setdefault('JAX_PLATFORMS', 'cpu')

import jax  # noqa: E402  (the settings above have to come first)
import pytest  # noqa: E402

jax.config.update('jax_numpy_rank_promotion', 'raise')

BEGUN = time.monotonic()
SUITES = {'heavy', 'faults', 'exhaustive'}
# What takes long begins first, or one worker waits for the other at the end.
LONG = {'tests/test_readme.py', 'tests/test_learning.py', 'tests/test_benchmarks.py'}


@pytest.fixture(autouse=True, scope='module')
def _programs_are_let_go() -> Iterator[None]:
    """Free what a file has compiled; kept to the end it comes to gigabytes."""
    yield
    jax.clear_caches()


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave all but the first case of a test to the suite that `others` names.

    The first one is quick, or of the suite that `others(suite, first=...)` names.
    Then bring what takes long to the front.
    """
    begun: set[str] = set()
    for item in items:
        suites = {mark.name for mark in item.iter_markers()} & SUITES
        mark = item.get_closest_marker('others')
        if mark and not suites:  # a case that has one of its own stays there
            name = item.nodeid.partition('[')[0]
            suite = mark.args[0] if name in begun else mark.kwargs.get('first')
            if suite:
                item.add_marker(suite)
            begun.add(name)
    items.sort(key=lambda item: item.nodeid.partition('::')[0] not in LONG)


# Seconds that a run of the suite, a row of the zoo and an experiment should take.
WHOLE, ROW, EXPERIMENT = 300, 1.0, 5.0


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have noted, and what took longer than it should."""
    reports = terminalreporter.getreports('passed')
    lines = [
        f'{report.nodeid.split("::")[-1]}: {name}: {value}'
        for report in reports
        for name, value in report.user_properties
    ]
    if lines:
        terminalreporter.section('measurements')
        for line in lines:
            terminalreporter.write_line(line)
    terminalreporter.section('budgets')
    for line in _budgets(reports, time.monotonic() - BEGUN):
        terminalreporter.write_line(line)


def _budgets(reports: list[pytest.TestReport], seconds: float) -> Iterator[str]:
    """Tell seconds beside their budgets; a busy machine takes longer."""
    spent: dict[tuple[str, str], float] = collections.Counter()
    for report in reports:
        path, _, test = report.nodeid.partition('::')
        case = test.partition('[')[2].rstrip(']')
        spent[path, case] += report.duration
    yield f'the suite took {seconds:.0f} s; the quick one should take {WHOLE} s alone'
    for path, what, budget in (
        ('tests/test_zoo.py', 'a row of the zoo', ROW),
        ('tests/test_experiments.py', 'an experiment', EXPERIMENT),
    ):
        slow = {
            case: found
            for (file, case), found in spent.items()
            if file == path and case and found > budget
        }
        if slow:
            listed = ', '.join(f'{case} {found:.1f}' for case, found in slow.items())
            yield f'{what} should take {budget:g} s; above it: {listed}'
