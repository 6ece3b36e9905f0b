"""Reading a compiled program: the text of XLA's modules, as `as_text()` writes it."""

import dataclasses
import re
from collections.abc import Iterator

Dimensions = tuple[int, ...]

_BITS = re.compile(r'[a-z]+?(\d+)')
_ARRAY = re.compile(r'\b([a-z]+\d*(?:e\d+m\d+\w*)?)\[([\d,<=]*)\]')
_NAME = re.compile(r'%([\w.\-]+)')
_HEAD = re.compile(r'^(ENTRY )?%?([\w.\-]+) \(.*\{$')
_MADE = re.compile(r'^\s+(ROOT )?%?([\w.\-]+) = (.*)$')


@dataclasses.dataclass(frozen=True)
class Shape:
    """An array's type and sizes.

    Attributes:
        dtype: as XLA calls it, such as 'bf16'.
        dimensions: its sizes.
    """

    dtype: str
    dimensions: Dimensions

    @property
    def bytes(self) -> int:
        """What it takes without any padding."""
        many = 1
        for size in self.dimensions:
            many *= size
        bits = _BITS.match(self.dtype)
        return (many * (int(bits[1]) if bits else 8) + 7) // 8  # pred takes a byte


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        name: of it, in its computation.
        opcode: what it does, such as 'dot'.
        shapes: of what it makes, one array or those of a tuple.
        operands: names of what it takes; of a constant, nothing.
        text: what stands between its parentheses.
        attributes: the rest of its line.
    """

    name: str
    opcode: str
    shapes: tuple[Shape, ...]
    operands: tuple[str, ...]
    text: str
    attributes: str

    def called(self, *attributes: str) -> list[str]:
        """Give the computations that these attributes name."""
        found = []
        for attribute in attributes:
            pattern = rf'\b{attribute}=(?:\{{([^}}]*)\}}|%?([\w.\-]+))'
            for many, one in re.findall(pattern, self.attributes):
                found += [one] if one else re.findall(r'[\w.\-]+', many)
        return found


@dataclasses.dataclass(frozen=True)
class Computation:
    """Instructions in the order of their text, by name; `root` is what it gives."""

    instructions: dict[str, Instruction]
    root: str


@dataclasses.dataclass(frozen=True)
class Module:
    """The computations of a program by name; `entry` is where it begins."""

    computations: dict[str, Computation]
    entry: str


def read_module(text: str) -> Module:
    """Read a program.

    Args:
        text: of a module, as `compiled.as_text()` gives it.

    Returns:
        Its computations.

    Raises:
        ValueError: for a text without an entry.

    Example:
        >>> module = read_module('''HloModule twice
        ... ENTRY %main (x: f32[3]) -> f32[3] {
        ...   %x = f32[3]{0} parameter(0)
        ...   ROOT %sum = f32[3]{0} add(%x, %x)
        ... }
        ... ''')
        >>> module.computations['main'].instructions['sum'].operands
        ('x', 'x')
    """
    computations: dict[str, Computation] = {}
    entry = None
    lines = iter(text.splitlines())
    for line in lines:
        head = _HEAD.match(line)
        if head is None:
            continue
        computations[head[2]] = _read_body(lines)
        entry = head[2] if head[1] else entry
    if entry is None:
        raise ValueError('the text holds no ENTRY, wanted that of a compiled module')
    return Module(computations, entry)


def read_shapes(text: str) -> tuple[Shape, ...]:
    """Read the arrays of a type, which may be a tuple.

    Example:
        >>> read_shapes('(f32[2,3]{1,0:T(8,128)}, pred[])')[0].bytes
        24
    """
    return tuple(
        Shape(dtype, tuple(int(n.lstrip('<=')) for n in sizes.split(',') if n))
        for dtype, sizes in _ARRAY.findall(text)
    )


def _read_body(lines: Iterator[str]) -> Computation:
    instructions: dict[str, Instruction] = {}
    root = ''
    for line in lines:
        if line.startswith('}'):
            break
        made = _MADE.match(line)
        if made is None:
            continue
        instructions[made[2]] = _read_instruction(made[2], made[3])
        root = made[2] if made[1] else root
    return Computation(instructions, root)


def _read_instruction(name: str, text: str) -> Instruction:
    """Read `type opcode(operands), attributes`."""
    end = _closing(text, 0) + 1 if text.startswith('(') else text.index(' ')
    kind, rest = text[:end], text[end:].lstrip()
    start = rest.index('(')
    stop = _closing(rest, start)
    inside = rest[start + 1 : stop]
    operands = tuple(_NAME.findall(inside))
    return Instruction(
        name, rest[:start], read_shapes(kind), operands, inside, rest[stop + 1 :]
    )


def _closing(text: str, start: int) -> int:
    """Find the parenthesis that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError(f'a parenthesis is not closed in {text[:80]!r}')
