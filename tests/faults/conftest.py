"""The measurements that the tests of faults note, for docs/reliability.md."""

from collections.abc import Callable

import pytest


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable:
    """Note a measurement: `note('signals', '20 of 20 ...')`."""
    return record_property
