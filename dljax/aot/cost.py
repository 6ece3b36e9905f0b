"""What a compiled program computes and sends: operations and collectives."""

import dataclasses
import functools
import math
import re
from collections.abc import Iterator

from dljax.aot.hlo import Computation, Instruction, Shape, read_module
from dljax.aot.loops import trip_count

COLLECTIVES = (
    'all-reduce',
    'all-gather',
    'reduce-scatter',
    'all-to-all',
    'collective-permute',
    'collective-broadcast',
)


@dataclasses.dataclass
class Traffic:
    """Collectives of one kind: how many, and the bytes of the whole arrays."""

    count: int = 0
    bytes: int = 0


@dataclasses.dataclass
class Cost:
    """What one device does in one call of a program.

    Attributes:
        flops: of products: two for each number that is multiplied and added.
        collectives: by kind.
        unknown_loops: names of loops with products or collectives whose number of turns
            does not stand in the program; they are counted once.
    """

    flops: int = 0
    collectives: dict[str, Traffic] = dataclasses.field(default_factory=dict)
    unknown_loops: tuple[str, ...] = ()

    def add(self, other: 'Cost', times: int = 1) -> None:
        """Add what something inside costs, so many times."""
        self.flops += times * other.flops
        for kind, traffic in other.collectives.items():
            mine = self.collectives.setdefault(kind, Traffic())
            mine.count += times * traffic.count
            mine.bytes += times * traffic.bytes
        self.unknown_loops += other.unknown_loops

    @property
    def weight(self) -> tuple[int, int]:
        """By what the dearest of several branches is chosen."""
        return self.flops, sum(each.bytes for each in self.collectives.values())


def cost_of(text: str) -> Cost:
    """Count the operations and collectives of a compiled program.

    Products are all that counts: convolutions without those that meet padding or the
    gaps of a dilation, and matrix products; in whatever fusions they stand. A loop's
    body counts as often as it turns, of a condition the dearest branch. What is done
    by calls out of the program (factorisations, sorting) is not counted.

    Args:
        text: of the program, see `read_module`.

    Returns:
        The cost for each device.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> def repeated(x):
        ...     return jax.lax.scan(lambda x, _: (x @ x, None), x, length=7)[0]
        >>> program = jax.jit(repeated).lower(jnp.ones((4, 4))).compile()
        >>> cost_of(program.as_text()).flops == 7 * 2 * 4 * 4 * 4
        True
    """
    module = read_module(text)

    @functools.cache
    def cost(name: str) -> Cost:
        total = Cost()
        computation = module.computations[name]
        for made in computation.instructions.values():
            total.add(_own(computation, made))
            if made.opcode == 'while':
                body = cost(made.called('body')[0])
                turns = trip_count(module, computation, made)
                total.add(body, 1 if turns is None else turns)
                if turns is None and any(body.weight):
                    total.unknown_loops += (made.name,)
            elif made.opcode == 'conditional':
                names = made.called(
                    'branch_computations', 'true_computation', 'false_computation'
                )
                branches = (cost(branch) for branch in names)
                total.add(max(branches, key=lambda branch: branch.weight))
            elif made.opcode in ('fusion', 'call', 'async-start', 'custom-call'):
                for inner in made.called('calls', 'to_apply', 'called_computations'):
                    total.add(cost(inner))
        return total

    return cost(module.entry)


def _own(computation: Computation, made: Instruction) -> Cost:
    """Count what an instruction does by itself."""
    shapes = [
        computation.instructions[name].shapes
        for name in made.operands
        if name in computation.instructions
    ]
    if made.opcode == 'dot':
        return Cost(_dot(made, shapes[0][0]))
    if made.opcode == 'convolution':
        return Cost(_convolution(made, shapes[0][0], shapes[1][0]))
    kind = made.opcode.removesuffix('-start')
    if kind not in COLLECTIVES:
        return Cost()
    taken = sum(shape.bytes for each in shapes for shape in each)
    given = sum(shape.bytes for shape in made.shapes)
    if kind == 'all-gather' and made.opcode != kind:
        given -= taken  # what a start makes holds what it takes as well
    size = given if kind == 'all-gather' else taken
    return Cost(collectives={kind: Traffic(1, size)})


def _dot(made: Instruction, left: Shape) -> int:
    axes = re.search(r'lhs_contracting_dims=\{([\d,]*)\}', made.attributes)
    inner = [left.dimensions[int(axis)] for axis in axes[1].split(',') if axis]
    return 2 * math.prod(made.shapes[0].dimensions) * math.prod(inner)


def _convolution(made: Instruction, images: Shape, kernel: Shape) -> int:
    labels = re.search(r'dim_labels=(\w+)_(\w+)->(\w+)', made.attributes).groups()
    sizes = [
        dict(zip(letters, shape.dimensions, strict=True))
        for letters, shape in zip(labels, (images, kernel, made.shapes[0]), strict=True)
    ]
    seen, weights, result = sizes
    many = 2 * result['b'] * result['f'] * weights['i']
    spatial = sorted(letter for letter in result if letter.isdigit())
    for axis, window in zip(spatial, _windows(made, len(spatial)), strict=True):
        many *= _meetings(seen[axis], result[axis], **window)
    return many


def _windows(made: Instruction, axes: int) -> Iterator[dict[str, int]]:
    found = re.search(r'window=\{([^}]*)\}', made.attributes)
    given = dict(part.split('=') for part in found[1].split()) if found else {}

    def each(name: str, default: str) -> list[str]:
        return given[name].split('x') if name in given else [default] * axes

    for size, stride, pad, spread, dilation in zip(
        *(
            each(name, default)
            for name, default in (
                ('size', '1'),
                ('stride', '1'),
                ('pad', '0_0'),
                ('lhs_dilate', '1'),
                ('rhs_dilate', '1'),
            )
        ),
        strict=True,
    ):
        yield {
            'window': int(size),
            'stride': int(stride),
            'low': int(pad.split('_')[0]),
            'spread': int(spread),
            'dilation': int(dilation),
        }


@functools.cache
def _meetings(
    places: int,
    windows: int,
    *,
    window: int,
    stride: int,
    low: int,
    spread: int,
    dilation: int,
) -> int:
    """Count, along one axis, the pairs of a window and an entry that meet a number.

    Entry j of window i meets place i · stride + j · dilation - low of the images, whose
    numbers lie `spread` apart and have zeros between and around them.
    """
    last = (places - 1) * spread
    return sum(
        0 <= (at := i * stride + j * dilation - low) <= last and at % spread == 0
        for i in range(windows)
        for j in range(window)
    )
