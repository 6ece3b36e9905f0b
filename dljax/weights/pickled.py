"""Tensors in PyTorch's files, by its loader that runs no code."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from dljax.weights import reference
from dljax.weights.refusal import Refusal, require_room


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a dictionary of tensors, or the only such dictionary of a checkpoint."""
    torch = reference.torch()
    with path.open('rb') as file:
        if not file.read(2).startswith((b'PK', b'\x80')):
            raise ValueError('it does not begin as those files do')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of old protocols; they load or do not
            content = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise Refusal(
            'it holds Python objects besides tensors, which could run code and are '
            'never loaded; where you trust it, load it in PyTorch and write '
            f'torch.save(model.state_dict(), ...) ({_blamed(error)})'
        ) from error
    tensors = _tensors(torch, content)
    require_room(path, sum(t.numel() * t.element_size() for t in tensors.values()))
    return {name: _array(torch, name, tensor) for name, tensor in tensors.items()}


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a dictionary of tensors."""
    torch = reference.torch()
    tensors = {}
    for name, array in arrays.items():
        if array.dtype == jnp.bfloat16:
            bits = torch.from_numpy(array.view(np.int16).copy())
            tensors[name] = bits.view(torch.bfloat16)
        else:
            tensors[name] = torch.from_numpy(array.copy())
    torch.save(tensors, path)


def _tensors(torch: Any, content: Any) -> dict[str, Any]:
    """Find the tensors by name in what was loaded."""

    def named(part: Any) -> bool:
        return (
            isinstance(part, Mapping)
            and len(part) > 0
            and all(isinstance(name, str) for name in part)
            and all(isinstance(tensor, torch.Tensor) for tensor in part.values())
        )

    if named(content):
        return dict(content)
    parts = content if isinstance(content, Mapping) else {}
    inside = [name for name, part in parts.items() if named(part)]
    if len(inside) == 1:
        return dict(parts[inside[0]])
    held = ', '.join(f'{name!r}: {type(part).__name__}' for name, part in parts.items())
    raise Refusal(
        f'it holds {held or type(content).__name__}, wanted tensors by name, by '
        f'themselves or in one entry (here {inside or "none"}): write '
        'torch.save(model.state_dict(), ...)'
    )


def _array(torch: Any, name: str, tensor: Any) -> np.ndarray:
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise Refusal(f'{name} is sparse or quantised, wanted a dense tensor')
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(jnp.bfloat16)
    return tensor.numpy()


def _blamed(error: Exception) -> str:
    """Find the line of torch's long message that names the object."""
    lines = [line.strip() for line in str(error).splitlines() if 'GLOBAL' in line]
    return lines[0] if lines else type(error).__name__
