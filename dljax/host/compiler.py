"""What the compiler is told: what not to do wrongly, and where to keep its programs."""

import os
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

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
        Gangan (2026), jax.jit Returns Wrong Results for Vmapped Matrix-Vector Product
        Followed by Reduction, https://github.com/jax-ml/jax/issues/39103

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


KEPT_BYTES = 2**31  # of compiled programs; those that were not used for longest go


def programs_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Tell where a user's compiled programs are kept.

    Args:
        environment: of the process; XDG_CACHE_HOME in it says where caches are.
        home: the user's folder, whose `.cache` is used otherwise.

    Returns:
        The folder, which need not exist.

    Example:
        >>> programs_folder({}, Path('/home/me')).as_posix()
        '/home/me/.cache/dljax/programs'
    """
    caches = environment.get('XDG_CACHE_HOME') or home / '.cache'
    return Path(caches) / 'dljax' / 'programs'


def keep_programs() -> Path | None:
    """Keep what is compiled for the next run of the same program.

    JAX tells programs apart by what they compute, the versions and the flags. A folder
    that was chosen already (JAX_COMPILATION_CACHE_DIR) stays as it is; where none can
    be written, a warning says so and programs are compiled anew each time.

    Returns:
        The folder that this has chosen, if any.
    """
    import jax

    # JAX makes attributes of its options as it runs.
    if jax.config.jax_compilation_cache_dir:  # pyright: ignore[reportAttributeAccessIssue]
        return None
    folder = programs_folder(os.environ, Path.home())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(f'{folder} is not writable')
    except OSError as error:
        warnings.warn(
            f'compiled programs are not kept: {error}; JAX_COMPILATION_CACHE_DIR '
            'chooses another folder, --no-compilation-cache none',
            stacklevel=2,
        )
        return None
    jax.config.update('jax_compilation_cache_dir', str(folder))
    jax.config.update('jax_compilation_cache_max_size', KEPT_BYTES)
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)
    return folder
