"""How many updates one compiled call should make."""

import jax

from dljax.kernels.tracing import LAX_CONVOLUTION, convolves_on_cpu, flops
from dljax.training.learner import Learner
from dljax.types import Key, Source, State

LOOP = 100  # updates in one compiled call, where nothing speaks against a loop
# Operations in one call on a CPU: a second or less, for which an interrupt may wait.
CPU_BUDGET = 1e11


def default_chunk(
    learner: Learner, source: Source, key: Key, state: State, most: int
) -> int:
    """Choose how many updates one compiled call should make.

    Args:
        learner: what is trained.
        source: of its batches.
        key: the root key.
        state: the first state.
        most: updates between two looks at the metrics.

    Returns:
        1 for a host source, and where a convolution of JAX's own would run inside the
        scan on a CPU; else up to 100, on a CPU as many as take a second or less, and a
        divisor of `most`.
    """
    if source.host:
        return 1
    example = key, state, jax.eval_shape(source.init, key)[1]
    if convolves_on_cpu(learner.update, *example, kinds={LAX_CONVOLUTION}):
        return 1
    limit = min(LOOP, most)
    if jax.default_backend() == 'cpu':
        count = flops(learner.update, *example)
        limit = min(limit, int(CPU_BUDGET // max(count, 1)))
    return next(n for n in range(max(limit, 1), 0, -1) if most % n == 0)
