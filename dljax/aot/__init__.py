"""Ahead of time: what a train step will take on chips that are not here."""

from dljax.aot.chips import CHIPS, Chip
from dljax.aot.compile import compile_ahead, measure
from dljax.aot.cost import Cost, Traffic, cost_of
from dljax.aot.records import append, changes, read_records
from dljax.aot.tables import markdown
from dljax.aot.topology import Topology, devices, prepare, read_topology

__all__ = [
    'CHIPS',
    'Chip',
    'Cost',
    'Topology',
    'Traffic',
    'append',
    'changes',
    'compile_ahead',
    'cost_of',
    'devices',
    'markdown',
    'measure',
    'prepare',
    'read_records',
    'read_topology',
]
