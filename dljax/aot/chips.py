"""Chips that programs are compiled for: their memory, and the fastest that they can be.

The figures are the vendor's, of whole chips: the peak of bfloat16 products, the
bandwidth of the memory, and its size. What a program reaches is less.
"""

import dataclasses

_PAGES = 'https://cloud.google.com/tpu/docs'


@dataclasses.dataclass(frozen=True)
class Chip:
    """One kind of chip.

    Attributes:
        name: as topologies have it, such as 'v5e'.
        flops: operations a second in bfloat16 at the most; None where unknown. Products
            of float32 arrays take as long, for the compiler rounds their factors to
            bfloat16 unless a precision is asked for.
        bandwidth: of the memory, bytes a second; None where unknown.
        memory: bytes; None where unknown.
        source: where the figures stand.
        form: an example of a topology.
        configuration: what the compiler has to be told for a device to be a chip.
    """

    name: str
    flops: float | None = None
    bandwidth: float | None = None
    memory: int | None = None
    source: str = ''
    form: str = ''
    configuration: str | None = None


CHIPS = {
    chip.name: chip
    for chip in (
        Chip('v5e', 197e12, 819e9, 16 * 2**30, f'{_PAGES}/v5e', 'v5e:2x2'),
        Chip('v5p', 459e12, 2765e9, 95 * 2**30, f'{_PAGES}/v5p', 'v5p:2x2x1'),
        Chip('v6e', 918e12, 1640e9, 32 * 2**30, f'{_PAGES}/v6e', 'v6e:2x2'),
        # Two cores that share a memory are one device, as JAX has them on the chip.
        Chip('v4', 275e12, 1200e9, 32 * 2**30, f'{_PAGES}/v4', 'v4:2x2x1', 'megacore'),
        Chip('cpu', form='cpu:4'),
    )
}
