"""What the compiler is told before it starts: to leave out what it does wrongly."""

import os
from importlib import metadata

_REDUCTIONS = '--xla_cpu_experimental_ynn_fusion_type'
# The versions of jaxlib that were seen to be wrong, from the first to below the last.
_WRONG = ((0, 10, 2), (0, 13))


def safe_flags(flags: str, version: str) -> str:
    """Add what keeps the CPU's compiler from fusing reductions wrongly.

    From jaxlib 0.10.2 on, a product and a sum over it may become one kernel that adds
    up wrongly under `jit`: by 1 % in a sum of squares over 32,769 rows, and to NaN in
    bfloat16 where rectified layers precede a mean. Without that kernel both are right,
    and all else stays. Versions that nobody has tried are given no flags, since XLA
    ends a process over a flag that it does not know.

    Args:
        flags: of XLA so far, separated by spaces; one that names the kernels wins.
        version: of jaxlib, such as '0.10.2'.

    Returns:
        The flags, with one more where it is needed.

    Reference:
        https://github.com/jax-ml/jax/issues/39103

    Example:
        >>> safe_flags('', '0.10.2')
        '--xla_cpu_experimental_ynn_fusion_type=-reduce'
        >>> safe_flags('', '0.10.1')
        ''
    """
    number = tuple(int(part) for part in version.split('.')[:3] if part.isdigit())
    if not _WRONG[0] <= number < _WRONG[1] or _REDUCTIONS in flags:
        return flags
    return f'{flags} {_REDUCTIONS}=-reduce'.strip()


def set_safe_flags() -> None:
    """Set the flags for this process and its children; too late once JAX has run."""
    flags = os.environ.get('XLA_FLAGS', '')
    safe = safe_flags(flags, metadata.version('jaxlib'))
    if safe != flags:
        os.environ['XLA_FLAGS'] = safe
