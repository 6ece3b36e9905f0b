"""What a compiled program computes and sends: operations and collectives."""

import dataclasses
import functools

from dljax.aot.hlo import Computation, Instruction, read_module
from dljax.aot.loops import trip_count
from dljax.aot.products import product_flops

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
    body counts as often as it turns, of a condition the dearest branch. Of calls out of
    the program those of cuDNN's convolutions and cuBLAS's products are counted, not
    factorisations and the like.

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
    kind = made.opcode.removesuffix('-start')
    if kind not in COLLECTIVES:
        return Cost(product_flops(made, [each[0] for each in shapes if each]))
    taken = sum(shape.bytes for each in shapes for shape in each)
    given = sum(shape.bytes for shape in made.shapes)
    if kind == 'all-gather' and made.opcode != kind:
        given -= taken  # what a start makes holds what it takes as well
    size = given if kind == 'all-gather' else taken
    return Cost(collectives={kind: Traffic(1, size)})
