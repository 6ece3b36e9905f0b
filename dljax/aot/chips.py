"""Chips that programs are compiled for: their memory, and the fastest that they can be.

The numbers are the vendor's, of whole chips: the peak of bfloat16 products, the
bandwidth of the memory, and its size. What a program reaches is less.
"""

import dataclasses
from collections.abc import Mapping

_PAGES = 'https://cloud.google.com/tpu/docs'
_NVIDIA = 'https://www.nvidia.com/en-us/data-center/h100/'
# What the compiler asks of a GPU that is there, as an H100 of the SXM5 form answers.
_H100 = """
gpu_device_info {
  cuda_compute_capability { major: 9 }
  core_count: 132
  fpus_per_core: 128
  clock_rate_ghz: 1.98
  threads_per_warp: 32
  threads_per_block_limit: 1024
  threads_per_core_limit: 2048
  registers_per_block_limit: 65536
  registers_per_core_limit: 65536
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  shared_memory_per_core: 233472
  l2_cache_size: 52428800
  memory_bandwidth: 3352320000000
  device_memory_size: 84942979072
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 8 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""


@dataclasses.dataclass(frozen=True)
class Chip:
    """One kind of chip.

    Attributes:
        name: as topologies have it, such as 'v5e'.
        flops: operations a second at the most, by precision of the arrays, in the
            products that JAX takes by default: a TPU rounds the factors of float32 to
            bfloat16, an H100 to TF32. Empty where unknown.
        bandwidth: of the memory, bytes a second; None where unknown.
        memory: bytes; None where unknown.
        source: where the numbers stand.
        form: an example of a topology.
        configuration: what a TPU's compiler has to be told for a device to be a chip;
            the description of a GPU.
    """

    name: str
    flops: Mapping[str, float] = dataclasses.field(default_factory=dict)
    bandwidth: float | None = None
    memory: int | None = None
    source: str = ''
    form: str = ''
    configuration: str | None = None


def _tpu(flops: float) -> dict[str, float]:
    return {'bfloat16': flops, 'float32': flops}


CHIPS = {
    chip.name: chip
    for chip in (
        Chip('v5e', _tpu(197e12), 819e9, 16 * 2**30, f'{_PAGES}/v5e', 'v5e:2x2'),
        Chip('v5p', _tpu(459e12), 2765e9, 95 * 2**30, f'{_PAGES}/v5p', 'v5p:2x2x1'),
        Chip('v6e', _tpu(918e12), 1640e9, 32 * 2**30, f'{_PAGES}/v6e', 'v6e:2x2'),
        # Two cores that share a memory are one device, as JAX has them on the chip.
        Chip(
            'v4',
            _tpu(275e12),
            1200e9,
            32 * 2**30,
            f'{_PAGES}/v4',
            'v4:2x2x1',
            'megacore',
        ),
        Chip(
            'h100',
            {'bfloat16': 989e12, 'float32': 495e12},
            3350e9,
            84_942_979_072,
            _NVIDIA,
            'h100:8',
            _H100,
        ),
        Chip('cpu', form='cpu:4'),
    )
}
