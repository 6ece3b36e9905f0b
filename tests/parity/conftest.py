"""Parity tests need the reference implementations: `pip install -e '.[parity]'`."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec('torch') else ['test_*.py']
