"""Operations of the products in a compiled program."""

import functools
import math
import re
from collections.abc import Iterator, Sequence

from dljax.aot.hlo import Instruction, Shape

# As XLA writes it of its own products, and of those that it leaves to cuBLAS.
_CONTRACTED = re.compile(
    r'lhs_contracting_dims=\{([\d,]*)\}|"lhs_contracting_dimensions":\[([^\]]*)\]'
)
_TARGET = re.compile(r'custom_call_target="__(cudnn\$conv|cublas\$)(\w*)')


def product_flops(made: Instruction, taken: Sequence[Shape]) -> int:
    """Count two operations for each term of a product; of all else, none.

    Args:
        made: an instruction.
        taken: the shapes of its operands.

    Returns:
        The number, without terms that are padding or the gaps of a dilation.
    """
    if made.opcode == 'dot':
        return _dot(made, taken[0])
    if made.opcode == 'convolution':
        return _convolution(made, taken[0], taken[1], made.shapes[0])
    library = made.opcode == 'custom-call' and _TARGET.search(made.attributes)
    if not library:
        return 0
    if library[1] == 'cublas$':
        return _dot(made, taken[0]) if _CONTRACTED.search(made.attributes) else 0
    # The labels are those of the convolution whose gradient it may be.
    (first, second), result = taken[:2], made.shapes[0]
    if library[2] == 'BackwardInput':
        return _convolution(made, result, second, first)
    if library[2] == 'BackwardFilter':
        return _convolution(made, first, result, second)
    return _convolution(made, first, second, result)


def _dot(made: Instruction, left: Shape) -> int:
    axes = _CONTRACTED.search(made.attributes)
    assert axes is not None  # of every product
    inner = [left.dimensions[int(n)] for n in re.findall(r'\d+', axes[1] or axes[2])]
    return 2 * math.prod(made.shapes[0].dimensions) * math.prod(inner)


def _convolution(made: Instruction, images: Shape, kernel: Shape, result: Shape) -> int:
    found = re.search(r'dim_labels=(\w+)_(\w+)->(\w+)', made.attributes)
    assert found is not None  # of every convolution
    seen, weights, given = (
        dict(zip(letters, shape.dimensions, strict=True))
        for letters, shape in zip(found.groups(), (images, kernel, result), strict=True)
    )
    many = 2 * given['b'] * given['f'] * weights['i']
    spatial = sorted(letter for letter in given if letter.isdigit())
    for axis, window in zip(spatial, _windows(made, len(spatial)), strict=True):
        many *= _meetings(seen[axis], given[axis], **window)
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
