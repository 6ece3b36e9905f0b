"""How often a loop of a compiled program turns."""

import re

from dljax.aot.hlo import Computation, Instruction, Module

_KNOWN = re.compile(r'known_trip_count":\{"n":"(\d+)"')
_SAME = ('copy', 'bitcast', 'convert', 'copy-start', 'copy-done', 'reshape')


def trip_count(module: Module, around: Computation, loop: Instruction) -> int | None:
    """Tell how often a `while` turns.

    XLA notes it on the CPU. On the TPU it is read from the loop itself: a condition
    that compares a counter with a bound, the counter's first value where the loop is
    called, and the constant that its body adds to it.

    Args:
        module: the program.
        around: the computation that holds the loop.
        loop: its instruction.

    Returns:
        The number, or None where it does not stand in the program.
    """
    known = _KNOWN.search(loop.attributes)
    if known:
        return int(known[1])
    condition = module.computations[loop.called('condition')[0]]
    found = _comparison(module, condition)
    if found is None:
        return None
    counter, bound, inclusive = found
    place = _place(condition, counter)
    limit = _value(condition, bound)
    if limit is None and (passed := _place(condition, bound)) is not None:
        limit = _passed(around, loop, passed)
    if place is None or limit is None:
        return None
    first = _passed(around, loop, place) or 0
    step = _step(module.computations[loop.called('body')[0]], place) or 1
    return max(0, -(-(limit + inclusive - first) // step))


def _comparison(module: Module, condition: Computation) -> tuple[str, str, bool] | None:
    """Find the counter and the bound: names in the condition."""
    root = condition.instructions[condition.root]
    names = root.operands
    if root.opcode == 'fusion':
        inner = module.computations[root.called('calls')[0]]
        root = inner.instructions[inner.root]
        places = [inner.instructions[name] for name in root.operands]
        if any(place.opcode != 'parameter' for place in places):
            return None
        names = tuple(names[int(place.text)] for place in places)
    direction = re.search(r'direction=(\w+)', root.attributes)
    if root.opcode != 'compare' or direction is None:
        return None
    left, right = names
    if direction[1] in ('LT', 'LE'):
        return left, right, direction[1] == 'LE'
    if direction[1] in ('GT', 'GE'):
        return right, left, direction[1] == 'GE'
    return None


def _place(computation: Computation, name: str) -> int | None:
    """Tell which part of the loop's tuple a name is."""
    made = _origin(computation, name)
    if made.opcode != 'get-tuple-element':
        return None
    index = re.search(r'index=(\d+)', made.attributes)
    assert index is not None  # every instruction of this kind has one
    return int(index[1])


def _origin(computation: Computation, name: str) -> Instruction:
    made = computation.instructions[name]
    while made.opcode in _SAME and made.operands:
        made = computation.instructions[made.operands[0]]
    return made


def _value(computation: Computation, name: str) -> int | None:
    made = _origin(computation, name)
    constant = made.opcode == 'constant' and re.fullmatch(r'-?\d+', made.text)
    return int(made.text) if constant else None


def _passed(around: Computation, loop: Instruction, place: int) -> int | None:
    """Find the number that is passed to a loop as one part of its tuple."""
    made = _origin(around, loop.operands[0])
    if made.opcode != 'tuple' or place >= len(made.operands):
        return None
    return _value(around, made.operands[place])


def _step(body: Computation, place: int) -> int | None:
    """Find the constant that a body adds to the counter."""
    root = body.instructions[body.root]
    if root.opcode != 'tuple':
        return None
    made = _origin(body, root.operands[place])
    if made.opcode != 'add':
        return None
    return next((v for n in made.operands if (v := _value(body, n)) is not None), None)
