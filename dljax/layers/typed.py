"""Parts of a net that take over the types of the whole."""

from typing import Any

from flax import linen as nn
from jax.typing import DTypeLike


def typed(
    part: nn.Module, dtype: DTypeLike | None, param_dtype: DTypeLike | None
) -> nn.Module:
    """Give a part the types of its whole, for the `__post_init__` of a container.

    Args:
        part: a module with fields `dtype` and `param_dtype`.
        dtype: of the computation; None leaves the part its own.
        param_dtype: of the parameters; None leaves the part its own.

    Returns:
        The part itself where it has the types already, else a copy.

    Example:
        >>> import jax.numpy as jnp
        >>> typed(nn.Dense(3), jnp.bfloat16, None).dtype.__name__
        'bfloat16'
    """
    types: dict[str, Any] = {'dtype': dtype, 'param_dtype': param_dtype}
    wanted = {name: value for name, value in types.items() if value is not None}
    if all(getattr(part, name) == value for name, value in wanted.items()):
        return part
    return part.clone(**wanted)
